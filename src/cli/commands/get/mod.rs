mod lines;
mod tables;
mod template;
mod which;

pub(super) use self::which::{Which, etcd_prefix};
use self::{
    lines::names,
    template::{Format, FormatParser, Template},
};
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use etcdsnap::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{Object, Undecodable, Unknown},
    objects::{Cluster, Form, Found, List},
    ordered::ordered_items,
    select::SortBy,
};

use crate::{
    args::{Keys, LogArgs},
    failure::{Exit, Failure},
    session::Session,
};

/// Objects as kubectl prints them; without a KIND one line for everything that is there
///
/// With a KIND it is the table that kubectl prints, column for column. What it tells as an age counts from the newest
/// time in the snapshot, for a backup has no now. Without -n it is all namespaces. KIND is a plural, singular or short
/// name, or RESOURCE.GROUP; kinds that the snapshot's own CustomResourceDefinitions define count too; `all` is kubectl's.
/// What `yaml`, `json`, `ndjson` and templates print is not masked: Secrets are shown as they are stored, or, where that is
/// encrypted and there is a key, as they were before.
///
/// One object is in memory at a time, also while it is selected and sorted by; but `jsonpath` needs the list it is applied
/// to, and `custom-columns` the text of all lines.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap get backup.db
  etcdsnap get backup.db pods -n shop -o wide
  etcdsnap get backup.db deploy/web -n shop -o yaml
  etcdsnap get backup.db --key /registry/pods/shop/db-0 -o json
  etcdsnap get backup.db pods -o ndjson | jq -r .spec.nodeName | sort | uniq -c
  etcdsnap get backup.db secrets -n shop -o yaml --encryption-config encryption.yaml
  etcdsnap get backup.db pods -l app=web --field-selector spec.nodeName=node-a --sort-by .metadata.creationTimestamp
  etcdsnap get backup.db pods -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.podIP}{\"\\n\"}{end}'
  etcdsnap get backup.db nodes -o custom-columns=NAME:.metadata.name,CPU:.status.capacity.cpu

Exit status: 1 when an object that was named is not there, one cannot be read, or a template does not fit")]
pub(crate) struct Get {
    /// The backup
    snapshot: PathBuf,
    #[command(flatten)]
    which: Which,
    /// By this field, such as .metadata.creationTimestamp; objects without it first
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    sort_by: String,
    /// The object under this key of etcd
    #[arg(long, conflicts_with_all = ["what", "namespace", "prefix"])]
    key: Option<String>,
    /// The format: a table with a KIND, a summary without one
    #[arg(short, long, value_parser = FormatParser)]
    output: Option<Format>,
    /// Whether a template may name fields that no object has
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    allow_missing_template_keys: bool,
    /// Without the line of headers
    #[arg(long)]
    no_headers: bool,
    /// With a column of labels behind the table
    #[arg(long)]
    show_labels: bool,
    /// With metadata.managedFields
    #[arg(long)]
    show_managed_fields: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One line an object
    Summary,
    /// As kubectl's table
    Table,
    /// As `kubectl -o wide`
    Wide,
    /// As `kubectl -o json`
    Json,
    /// The same objects, one a line
    Ndjson,
    /// As `kubectl -o yaml`
    Yaml,
    /// As `kubectl -o name`
    Name,
}

impl Get {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let template = Template::read(self.output.as_ref(), self.allow_missing_template_keys)?;
        let key = self.key.as_deref();
        let sort = self.sorts().then(|| SortBy::parse(&self.sort_by)).transpose()?;
        let picker = self.which.picker(key, sort)?;
        let ring = self.keys.ring()?;
        let source = session.open(&self.snapshot)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let (cluster, found, mut exit) = self.which.find(&snapshot, ring, key, picker)?;
        exit = exit.max(match (self.output(), template) {
            (_, Some(template)) => self.template(session, &cluster, &found, &template)?,
            (Output::Summary, _) => self.summaries(session, &cluster, &found.objects)?,
            (Output::Table | Output::Wide, _) => self.tables(session, &cluster, &found)?,
            (Output::Name, _) => names(session, &cluster, &found.objects)?,
            (Output::Json | Output::Ndjson | Output::Yaml, _) => self.objects(session, &cluster, &found)?,
        });
        Ok(exit.max(session.close(&source, cluster.findings())?))
    }

    fn output(&self) -> Output {
        match self.output {
            Some(Format::Plain(output)) => output,
            _ if self.which.what.is_empty() => Output::Summary,
            _ => Output::Table,
        }
    }

    /// Whether a person chose the order.
    fn sorts(&self) -> bool {
        !self.sort_by.is_empty()
    }

    /// Whether single objects were asked for, and not a list.
    fn names(&self, found: &Found<'_>) -> bool {
        self.key.is_some() || !found.selection.names().is_empty()
    }

    /// Whether one object was asked for, which then is in no list.
    fn is_alone(&self, found: &Found<'_>) -> bool {
        (self.key.is_some() || found.selection.names().len() == 1) && found.objects.len() == 1
    }

    fn objects<'a>(&self, session: &mut Session, cluster: &Cluster<'a>, found: &Found<'a>) -> Result<Exit, Failure> {
        if found.objects.is_empty() && self.names(found) {
            return Ok(Exit::Content);
        }
        let form = match (self.output(), self.is_alone(found)) {
            (Output::Yaml, true) => Form::Yaml,
            (Output::Yaml, false) => Form::YamlList,
            (Output::Ndjson, _) => Form::Lines,
            (_, true) => Form::Json,
            (_, false) => Form::JsonList,
        };
        let (mut list, mut exit) = (List::new(form), Exit::Good);
        let make = |window: Vec<&KeyValue<'a>>| {
            let (mut text, mut wrong) = (Vec::new(), Vec::new());
            for kv in window {
                match cluster.object(kv) {
                    Ok(mut object) => {
                        if !self.show_managed_fields {
                            object.hide_managed_fields();
                        }
                        form.item(&mut text, &object.value);
                        if !object.unknown.is_empty() {
                            wrong.push((kv.key, Ok(object.unknown)));
                        }
                    }
                    Err(why) => wrong.push((kv.key, Err(why))),
                }
            }
            (text, wrong)
        };
        ordered_items(
            found.objects.iter(),
            |kv| kv.value.len(),
            make,
            |(text, wrong)| {
                for (key, wrong) in wrong {
                    match wrong {
                        Ok(unknown) => warn_unknown(&escape(key), &unknown),
                        Err(why) => exit = unreadable(key, &why),
                    }
                }
                list.write(&mut session.out, &text)
            },
        )?;
        list.finish(&mut session.out)?;
        Ok(exit)
    }

    fn template(
        &self,
        session: &mut Session,
        cluster: &Cluster<'_>,
        found: &Found<'_>,
        template: &Template,
    ) -> Result<Exit, Failure> {
        if found.objects.is_empty() && self.names(found) {
            return Ok(Exit::Content);
        }
        let mut exit = Exit::Good;
        let objects = found.objects.iter().filter_map(|kv| match decode(cluster, kv, self.show_managed_fields) {
            Ok(object) => Some(object.value),
            Err(why) => {
                exit = unreadable(kv.key, &why);
                None
            }
        });
        template.print(session, objects, self.is_alone(found), self.no_headers)?;
        Ok(exit)
    }
}

/// Decodes an object as kubectl prints it, and warns of what is not known in it.
pub(super) fn decode<'a>(
    cluster: &Cluster<'a>,
    kv: &KeyValue<'a>,
    managed_fields: bool,
) -> Result<Object<'a>, Undecodable> {
    let mut object = cluster.object(kv)?;
    if !managed_fields {
        object.hide_managed_fields();
    }
    warn_unknown(&escape(kv.key), &object.unknown);
    Ok(object)
}

/// Warns of the fields of an object, called `name`, that are not known.
pub(super) fn warn_unknown(name: &str, unknown: &[Unknown]) {
    for unknown in unknown {
        let path = escape(unknown.path.as_bytes());
        eprintln!("warning: {name}: {path} has a field {} that this version does not know", unknown.number);
    }
}

/// Reports why a value is not shown.
pub(super) fn unreadable(key: &[u8], why: &Undecodable) -> Exit {
    eprintln!("error: {}: {why}", escape(key));
    Exit::Content
}
