use std::{io::Write as _, path::PathBuf};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::counted,
    etcd::{KeyValue, Range},
    k8s::{Key, ManagedFields, Object, Value, yaml},
    objects::{Cluster, Event, Events, Family, Query, Relative},
};

use super::{
    node,
    object::{decode, missing, near, note_namespace, some_unreadable, unreadable},
    unknown::UnknownFields,
};
use crate::{
    args::{InNamespace, Keys, LogArgs, Masking, When, etcd_prefix},
    failure::{Exit, Failure},
    render,
    session::Session,
};

/// Show objects in full, with their owners, what they own, and their Events
///
/// Every field in sections, the owners of the object, the objects that it owns, and the Events about it. For a Node it
/// also prints the pods on it and what they request. Without -n, it prints objects of all namespaces. KIND is as for
/// `get`. Secrets are masked: equal secrets have equal masks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap describe backup.db deploy web -n shop
  etcdsnap describe backup.db node/worker-1

Exit status: 1 when an object that was named is not there, or one cannot be read")]
pub(crate) struct Describe {
    /// The backup
    snapshot: PathBuf,
    /// KIND[,KIND...] [NAME...], or KIND/NAME...
    #[arg(value_name = "KIND[/NAME]", required = true)]
    what: Vec<String>,
    #[command(flatten)]
    within: InNamespace,
    /// Only keys below PREFIX, the API server's --etcd-prefix; without this flag, all prefixes are read
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    #[command(flatten)]
    when: When,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

/// It repeats the whole object, Secrets in the clear.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Describe {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = session.open(&self.snapshot, &self.log.dir)?;
        let snapshot = session.load(&source, &self.log.load())?;
        let (ring, mask) = (self.keys.ring()?, self.masking.mask()?);
        let at = self.when.at(&snapshot, &ring)?;
        let cluster = Cluster::open(&snapshot, ring, at)?;
        let query = Query { what: self.what, namespace: self.within.only(), range: self.prefix };
        let found = cluster.find(&query)?;
        let (family, mut about) = (Family::of(&cluster, &mask), Events::of(&cluster));
        // Where nothing is there, the run fails below.
        let mut exit = if found.objects.is_empty() { Exit::Good } else { missing(&query, &found, &cluster) };
        let (mut first, mut unknown) = (true, UnknownFields::default());
        for kv in &found.objects {
            match decode(&cluster, kv, ManagedFields::Hide, &mut unknown) {
                Ok(mut object) => {
                    let sizes = object.data_sizes();
                    mask.object(&Key::new(kv.key), &mut object);
                    write!(session.out, "{}", if first { "" } else { "\n\n" })?;
                    exit = exit.max(describe(session, &cluster, kv, &object, &sizes, &family, &mut about)?);
                    first = false;
                }
                Err(why) => exit = unreadable(kv.key, &why),
            }
        }
        if found.objects.is_empty() {
            note_namespace(&[&cluster], query.namespace.as_deref());
            let what = format!("there is no such object at revision {}", cluster.view.revision);
            let near = found.missing.first().and_then(|(kind, name)| near(&query, kind, name, &cluster));
            return Err(session.without(&source, cluster.findings(), Error::not_found(what).hinted_if(near)));
        }
        note_unopened(family.unopened);
        Ok(exit.max(session.close(&source, cluster.findings())?))
    }
}

/// Reports that relatives may be missing: an object that cannot be opened does not show its owners.
fn note_unopened(count: usize) {
    match count {
        0 => {}
        1 => say!("note: 1 object cannot be opened, and may be missing under \"Owned by\" and \"Owns\""),
        n => say!("note: {n} objects cannot be opened, and may be missing under \"Owned by\" and \"Owns\""),
    }
}

fn describe(
    session: &mut Session,
    cluster: &Cluster<'_>,
    kv: &KeyValue<'_>,
    object: &Object<'_>,
    sizes: &[(String, usize)],
    family: &Family,
    about: &mut Events<'_, '_>,
) -> Result<Exit, Failure> {
    let text = |path: &[&str]| object.value.at(path).and_then(Value::as_str).unwrap_or_default();
    let uid = text(&["metadata", "uid"]);
    field(session, "Name", object.name())?;
    field(session, "Namespace", object.namespace())?;
    field(session, "Kind", &format!("{} ({})", object.kind(), object.api_version()))?;
    field(session, "UID", uid)?;
    field(session, "Created", text(&["metadata", "creationTimestamp"]))?;
    field(session, "Deleted", text(&["metadata", "deletionTimestamp"]))?;
    let lease = if kv.lease == 0 { String::new() } else { format!(", lease {:x}", kv.lease) };
    let (created, changed, version) = (kv.create_revision, kv.mod_revision, kv.version);
    field(session, "Revision", &format!("{changed}, created at {created}, version {version}{lease}"))?;
    for (name, title) in [("labels", "Labels"), ("annotations", "Annotations")] {
        let map = object.value.at(&["metadata", name]).and_then(Value::as_object);
        let shown = map.into_iter().flat_map(etcdsnap::k8s::Map::iter).filter(|(key, _)| key.as_ref() != LAST_APPLIED);
        for (n, (key, value)) in shown.enumerate() {
            let value = value.as_str().unwrap_or_default();
            field(session, if n == 0 { title } else { " " }, &format!("{key}={value}"))?;
        }
    }
    let finalizers = object.value.at(&["metadata", "finalizers"]).and_then(Value::as_list).unwrap_or_default();
    let finalizers: Vec<_> = finalizers.iter().filter_map(Value::as_str).collect();
    field(session, "Finalizers", &finalizers.join(", "))?;
    relatives(session, "Owned by", &family.owners(uid), family)?;
    for (name, value) in object.value.as_object().into_iter().flat_map(etcdsnap::k8s::Map::iter) {
        match name.as_ref() {
            "apiVersion" | "kind" | "metadata" => {}
            "data" if object.kind() == "Secret" => secret_data(session, sizes, value)?,
            _ => section(session, name, value)?,
        }
    }
    let is_node = object.kind() == "Node" && object.api_version() == "v1";
    let exit = if is_node { node::describe(session, cluster, object)? } else { Exit::Good };
    relatives(session, "Owns", &family.owned(uid), family)?;
    let (found, unreadable) = about.about(object);
    events(session, &found)?;
    Ok(exit.max(some_unreadable(unreadable, "Event")))
}

fn events(session: &mut Session, events: &[Event]) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(writeln!(session.out, "Events:       <none>")?);
    }
    writeln!(session.out, "Events:")?;
    let mut lines = render::Columns::new(&["  LAST SEEN", "TYPE", "REASON", "COUNT", "FROM", "MESSAGE"]);
    for event in events {
        let message = event.message.trim().replace('\n', " ");
        lines.row(
            &mut session.out,
            [
                format!("  {}", event.last),
                event.severity.clone(),
                event.reason.clone(),
                event.count.to_string(),
                event.from.clone(),
                message,
            ],
        )?;
    }
    Ok(lines.finish(&mut session.out)?)
}

/// A line, when its value is not empty.
fn field(session: &mut Session, name: &str, value: &str) -> Result<(), Failure> {
    if value.is_empty() {
        return Ok(());
    }
    let title = if name.trim().is_empty() { String::new() } else { format!("{name}:") };
    writeln!(session.out, "{title:<13} {}", render::readable(value.as_bytes()))?;
    Ok(())
}

fn relatives(session: &mut Session, title: &str, relatives: &[Relative], family: &Family) -> Result<(), Failure> {
    let absent =
        if family.unopened == 0 { " (not in this snapshot)" } else { " (not in this snapshot, or not opened)" };
    for (n, relative) in relatives.iter().enumerate() {
        let gone = if relative.gone { absent } else { "" };
        let indent = "  ".repeat(relative.depth.saturating_sub(1));
        let title = if n == 0 { format!("{title}:") } else { String::new() };
        let name = render::printable(format!("{}/{}", relative.kind, relative.name));
        writeln!(session.out, "{title:<13} {indent}{name}{gone}")?;
    }
    Ok(())
}

/// The content of a Secret: how many bytes each value has, and what is shown of it.
fn secret_data(session: &mut Session, sizes: &[(String, usize)], data: &Value<'_>) -> Result<(), Failure> {
    writeln!(session.out, "Data:")?;
    let mut lines = render::Columns::bare();
    for (name, size) in sizes {
        let mut shown = Vec::new();
        yaml::write(&mut shown, data.get(name).unwrap_or(&Value::Null));
        let row = [
            format!("  {}:", render::printable(name.clone())),
            counted(size, "byte"),
            render::readable(shown.trim_ascii_end()),
        ];
        lines.row(&mut session.out, row)?;
    }
    Ok(lines.finish(&mut session.out)?)
}

/// One field of the object as YAML, under a title in the manner of `kubectl describe`.
fn section(session: &mut Session, name: &str, value: &Value<'_>) -> Result<(), Failure> {
    let mut chars = name.chars();
    let title: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
    let title = render::printable(title);
    let mut text = Vec::new();
    match value {
        Value::Object(_) | Value::List(_) => yaml::write(&mut text, value),
        other => {
            yaml::write(&mut text, other);
            write!(session.out, "{:<13} ", format!("{title}:"))?;
            session.out.write_all(text.trim_ascii_end())?;
            return Ok(writeln!(session.out)?);
        }
    }
    writeln!(session.out, "{title}:")?;
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        write!(session.out, "  ")?;
        session.out.write_all(line)?;
        writeln!(session.out)?;
    }
    Ok(())
}
