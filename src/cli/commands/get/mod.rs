mod lines;
mod pick;
mod tables;
mod template;

pub(super) use self::pick::{Found, Which, etcd_prefix};
use self::{
    lines::names,
    template::{Format, FormatParser, Template},
};
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use etcdsnap::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{self, Object, Ring, Unknown, Value, json, yaml},
    select::{Selection, SortBy},
};

use crate::{
    args::{Keys, LogArgs},
    failure::{Exit, Failure},
    render::{ListForm, ObjectList},
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
        let mut ring = self.keys.ring()?;
        let source = session.open(&self.snapshot)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let Found { view, resources, selection, objects, mut exit } = self.which.find(&snapshot, &mut ring, key)?;
        let (found, picked) = picker.pick(objects, &ring)?;
        exit = exit.max(picked);
        match (self.output(), template) {
            (_, Some(template)) => exit = exit.max(self.template(session, &selection, &found, &ring, &template)?),
            (Output::Summary, _) => exit = exit.max(self.summaries(session, &found, &resources, &ring)?),
            (Output::Table | Output::Wide, _) => {
                exit = exit.max(self.tables(session, &view, &selection, &found, &resources, &ring)?);
            }
            (Output::Name, _) => names(session, &found, &resources)?,
            (Output::Json | Output::Ndjson | Output::Yaml, _) => {
                exit = exit.max(self.objects(session, &selection, &found, &ring)?);
            }
        }
        Ok(exit.max(session.close(&source, &view.findings)?))
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

    /// Whether one object was asked for, which then is in no list.
    fn is_alone(&self, selection: &Selection, found: &[KeyValue<'_>]) -> bool {
        (self.key.is_some() || selection.names().len() == 1) && found.len() == 1
    }

    fn objects(
        &self,
        session: &mut Session,
        selection: &Selection,
        found: &[KeyValue<'_>],
        ring: &Ring,
    ) -> Result<Exit, Failure> {
        let one = self.is_alone(selection, found);
        let form = match self.output() {
            Output::Yaml => ListForm::Yaml,
            Output::Ndjson => ListForm::Lines,
            _ => ListForm::Json,
        };
        let mut list = ObjectList::new(form, one);
        let mut exit = Exit::Good;
        for kv in found {
            match decode(kv, ring, self.show_managed_fields) {
                Ok(object) => list.object(&mut session.out, &object.value)?,
                Err(why) => exit = unreadable(kv.key, &why),
            }
        }
        if found.is_empty() && (one || self.key.is_some() || !selection.names().is_empty()) {
            return Ok(Exit::Content);
        }
        list.finish(&mut session.out)?;
        Ok(exit)
    }

    fn template(
        &self,
        session: &mut Session,
        selection: &Selection,
        found: &[KeyValue<'_>],
        ring: &Ring,
        template: &Template,
    ) -> Result<Exit, Failure> {
        if found.is_empty() && (self.key.is_some() || !selection.names().is_empty()) {
            return Ok(Exit::Content);
        }
        let mut exit = Exit::Good;
        let objects = found.iter().filter_map(|kv| match decode(kv, ring, self.show_managed_fields) {
            Ok(object) => Some(object.value),
            Err(why) => {
                exit = unreadable(kv.key, &why);
                None
            }
        });
        template.print(session, objects, self.is_alone(selection, found), self.no_headers)?;
        Ok(exit)
    }
}

/// The object under a key, as an API server would answer and kubectl would print it.
pub(super) fn decode<'a>(kv: &KeyValue<'a>, ring: &Ring, managed_fields: bool) -> Result<Object<'a>, k8s::Undecodable> {
    let mut object = served(kv, ring)?;
    if !managed_fields {
        object.hide_managed_fields();
    }
    tell_unknown(&escape(kv.key), &object.unknown);
    Ok(object)
}

/// Tells of the fields of an object, called `name`, that are not known.
pub(super) fn tell_unknown(name: &str, unknown: &[Unknown]) {
    for unknown in unknown {
        let path = escape(unknown.path.as_bytes());
        eprintln!("warning: {name}: {path} has a field {} that this version does not know", unknown.number);
    }
}

/// The object under a key, as an API server would answer.
fn served<'a>(kv: &KeyValue<'a>, ring: &Ring) -> Result<Object<'a>, k8s::Undecodable> {
    let mut object = ring.object(kv.key, kv.value)?;
    object.as_served(kv.mod_revision);
    Ok(object)
}

/// Tells why a value is not shown.
fn unreadable(key: &[u8], why: &k8s::Undecodable) -> Exit {
    eprintln!("error: {}: {why}", escape(key));
    Exit::Content
}

/// Writes one object as YAML or JSON.
pub(super) fn write(out: &mut Vec<u8>, value: &Value<'_>, as_yaml: bool) {
    if as_yaml {
        yaml::write(out, value);
    } else {
        json::pretty(out, value, 0);
        out.push(b'\n');
    }
}
