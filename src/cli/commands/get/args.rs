use std::path::PathBuf;

use clap::{ArgAction, Args};
use etcdsnap::{Error, k8s::ManagedFields, objects::Found};

use super::{
    format::{Format, FormatParser, Output},
    server_flags::ServerFlags,
};
use crate::{
    args::{Keys, LogArgs, Masking},
    commands::which::Which,
};

/// Print objects as kubectl does; without a KIND a list of everything
///
/// With a KIND it prints the same table as kubectl, column for column. A backup has no "now": AGE counts from the
/// newest time in it. Without -n, objects of all namespaces are shown. KIND is a plural, singular or short name, or
/// RESOURCE.GROUP, also of the CustomResourceDefinitions in the snapshot. `all` means the same kinds as for kubectl.
/// The formats `yaml`, `kyaml`, `json`, `ndjson` and templates mask nothing: they show Secrets as they are stored, or
/// decrypted if the key is given. All other outputs mask the names of OAuth tokens, because the name is the token.
///
/// Large backups: `jsonpath` and `go-template` need memory for the whole list, and `custom-columns` for the text of all
/// lines. All other formats need memory for one object at a time.
#[derive(Debug, Args)]
#[command(mut_arg("reveal", |arg| arg.help("Show the names of OAuth tokens, which are secret, instead of a mask")))]
#[command(after_help = "\
Examples:
  etcdsnap get backup.db -n shop
  etcdsnap get backup.db pods -n shop -o wide
  etcdsnap get backup.db deploy/web -n shop -o yaml --at 2026-11-21T02:00:00Z
  etcdsnap get backup.db pods -l app=web --field-selector spec.nodeName=node-a
  etcdsnap get backup.db secrets -n shop -o yaml --encryption-config encryption.yaml
  etcdsnap get backup.db secret/db -n shop -o go-template='{{.data.password | base64decode}}'
  etcdsnap get backup.db pods -o jsonpath='{range .items[*].spec.containers[*]}{.image}{\"\\n\"}{end}'
  etcdsnap get backup.db nodes -o custom-columns=NAME:.metadata.name,CPU:.status.capacity.cpu

Exit status: 1 when an object or namespace that was named is not there, an object cannot be read, or
a template does not fit")]
pub(crate) struct Get {
    /// The backup
    pub(super) snapshot: PathBuf,
    #[command(flatten)]
    pub(super) which: Which,
    /// The field to sort by, such as .metadata.creationTimestamp; objects without it come first
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub(super) sort_by: String,
    /// The object at this key of etcd
    #[arg(long, conflicts_with_all = ["what", "namespace", "prefix"], hide_short_help = true)]
    pub(super) key: Option<String>,
    /// The format: a table with a KIND, a summary without one
    #[arg(short, long, value_parser = FormatParser)]
    pub(super) output: Option<Format>,
    /// The template of --output, or its file; without --output a go-template
    #[arg(long, value_name = "TEMPLATE", hide_short_help = true)]
    pub(super) template: Option<String>,
    /// Whether a template may name fields that no object has
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", hide_short_help = true)]
    pub(super) allow_missing_template_keys: bool,
    /// Print no header line
    #[arg(long)]
    pub(super) no_headers: bool,
    /// Labels that are columns too: a,b
    #[arg(short = 'L', long, value_name = "LABELS", value_delimiter = ',')]
    pub(super) label_columns: Vec<String>,
    /// Print all labels as the last column of a table
    #[arg(long)]
    pub(super) show_labels: bool,
    /// Print the kind before each name in a table, as if several kinds were listed
    #[arg(long, hide_short_help = true)]
    pub(super) show_kind: bool,
    /// Print nothing, and exit with 0, when no object that was asked for exists
    #[arg(long, hide_short_help = true)]
    pub(super) ignore_not_found: bool,
    /// Print metadata.managedFields too
    #[arg(long, hide_short_help = true)]
    pub(super) show_managed_fields: bool,
    #[command(flatten)]
    pub(super) keys: Keys,
    #[command(flatten)]
    pub(super) masking: Masking,
    #[command(flatten)]
    pub(super) log: LogArgs,
    #[command(flatten)]
    pub(super) server_flags: ServerFlags,
}

impl Get {
    /// Refuses what kubectl refuses, and what a backup cannot answer.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.server_flags.check(&self.snapshot, &self.which.what)?;
        match &self.output {
            Some(format) if self.show_labels && !format.is_table() => {
                Err(Error::usage("--show-labels needs a table: leave out --output, or use -o wide")
                    .hinted("-o json prints the labels of each object with the rest of it"))
            }
            _ => Ok(()),
        }
    }

    /// The format that was asked for, or else the one that fits.
    pub(super) fn output(&self) -> Output {
        match self.output {
            Some(Format::Plain(output)) => output,
            _ if self.template.is_some() => Output::Json,
            _ if self.which.what.is_empty() => Output::Summary,
            _ => Output::Table,
        }
    }

    /// Whether a person chose the order.
    pub(super) fn sorts(&self) -> bool {
        !self.sort_by.is_empty()
    }

    /// Whether metadata.managedFields are shown.
    pub(super) fn managed_fields(&self) -> ManagedFields {
        if self.show_managed_fields { ManagedFields::Keep } else { ManagedFields::Hide }
    }

    /// Whether one object was asked for, which then is in no list.
    pub(super) fn asks_for_one(&self, found: &Found<'_>) -> bool {
        self.key.is_some() || found.selection.names().len() == 1
    }

    /// Whether one object was asked for, and one is there.
    pub(super) fn is_alone(&self, found: &Found<'_>) -> bool {
        self.asks_for_one(found) && found.objects.len() == 1
    }
}
