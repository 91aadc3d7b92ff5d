mod backups;
mod told;

use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    diff::{Chain, Diff, Ignore, Side},
    etcd::{Range, Record},
    k8s::{Gap, Map, Mask, Value, json},
};

use self::backups::{Backup, Stored, find, select};
pub(super) use self::told::Told;
use super::{diff::document, get::etcd_prefix};
use crate::{
    args::{Keys, LogArgs, Masking},
    failure::{Exit, Failure},
    render::printable,
    session::Session,
};

/// Every stored revision of an object, deletions too, and what changed at each
///
/// A backup holds every change since its last compaction, and of what is older the newest state of each key only.
/// Kubernetes compacts every 5 minutes: a normal backup goes back 5 to 10 of them. The first line tells the window. More
/// backups of the same cluster, with --also, make it longer; writes that are in none of them are counted.
///
/// The time of a revision is told from the Leases that nodes and components renew every few seconds. `by` is the program
/// that wrote it (metadata.managedFields[].manager), a name that it gave itself: not a person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap history backup.db deploy/web -n shop
  etcdsnap history tuesday.db configmap/settings -n pay --also monday.db
  etcdsnap history backup.db pod/db-0 -n shop --status
  etcdsnap history backup.db --key /my/key
  etcdsnap history backup.db deploy/web -n shop -o json | jq '.revisions[] | [.revision, .verb, .manager]'

Exit status: 1 when no revision of it is there")]
pub(crate) struct History {
    /// The backup
    snapshot: PathBuf,
    /// KIND/NAME, or KIND NAME...
    #[arg(value_name = "KIND/NAME", required_unless_present = "key")]
    what: Vec<String>,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// What is stored under this key of etcd
    #[arg(long, conflicts_with_all = ["what", "namespace"])]
    key: Option<String>,
    /// Only what is stored below PREFIX, the API server's --etcd-prefix
    #[arg(long, value_name = "PREFIX", value_parser = etcd_prefix)]
    prefix: Option<Range<'static>>,
    /// More backups of the same cluster
    #[arg(long, value_name = "SNAPSHOT")]
    also: Vec<PathBuf>,
    /// Tell all fields: managedFields, resourceVersion, generation and the status too
    #[arg(long)]
    all: bool,
    /// Tell the status too
    #[arg(long)]
    status: bool,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON document
    Json,
}

impl History {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let names: Vec<_> = std::iter::once(&self.snapshot).chain(&self.also).collect();
        let sources = names.iter().map(|name| session.open(name)).collect::<Result<Vec<_>, _>>()?;
        let mut opened = Vec::new();
        for source in &sources {
            opened.push(Backup::new(source, session.load(source, &self.log.load())?, &self.keys)?);
        }
        let found = match &self.key {
            Some(one) => find(&opened, |key| one.as_bytes() == key)?,
            None => {
                let selection = select(&self.what, self.namespace.as_deref(), &opened)?;
                let below = self.prefix.as_ref().unwrap_or(&Range::ALL);
                find(&opened, |key| selection.matches(key) && below.contains(key))?
            }
        };
        if found.is_empty() {
            let what = self.key.clone().unwrap_or_else(|| self.what.join(" "));
            let what = format!("no revision of {} is there", printable(what));
            return Err(Error::not_found(what).into());
        }
        let mask = self.masking.mask()?;
        let mut exit = Exit::Good;
        match self.output {
            Output::Text => self.text(session, &opened, &found, &mask)?,
            Output::Json => self.json(session, &opened, &found, &mask)?,
        }
        for side in &opened {
            exit = exit.max(session.close(side.source, &side.view.findings)?);
        }
        Ok(exit)
    }

    /// Shows `each` what the records of one key tell, in order.
    fn each<'s>(
        &self,
        backups: &[Backup<'s>],
        records: &[Stored<'s>],
        mask: &Mask,
        mut each: impl FnMut(&Line<'s, '_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let ignore = Ignore { all: self.all, status: self.status, events: true, paths: Vec::new() };
        let (mut chain, mut last): (_, Option<Record<'_>>) = (Chain::default(), None);
        for stored in records {
            let (record, Some(backup)) = (stored.record, backups.get(stored.backup)) else { continue };
            let this = Side { view: &backup.view, resources: &backup.resources, ring: &backup.ring };
            let diff = Diff { old: this, new: this, ignore: &ignore, mask, raw: false };
            let (change, main) = (chain.link(record), record.revision.main);
            let compacted = backups.iter().all(|backup| main < backup.window().0);
            if let Some(last) = last.filter(|last| change.is_another(last)) {
                each(&Line::Gone(last.revision.main, record.kv.create_revision))?;
            }
            each(&Line::Change(Box::new(Told::new(change, &diff, backups::gap(backups, main), compacted))))?;
            last = Some(record);
        }
        let newest = backups.iter().max_by_key(|backup| backup.view.head);
        if let (Some(last), Some(newest)) = (last.filter(|last| !last.tombstone), newest)
            && newest.view.get(last.kv.key).is_none()
        {
            each(&Line::Gone(last.revision.main, newest.window().0))?;
        }
        Ok(())
    }

    fn text(
        &self,
        session: &mut Session,
        opened: &[Backup<'_>],
        found: &BTreeMap<&[u8], Vec<Stored<'_>>>,
        mask: &Mask,
    ) -> Result<(), Failure> {
        for side in opened {
            let ((first, last), name) = (side.window(), printable(side.source.name().to_owned()));
            let time = |revision| {
                let Gap { after, before } = side.clock.gap(revision);
                after.or(before).map_or(String::new(), |at| format!(" ({at})"))
            };
            let (from, to) = (time(first), time(last));
            writeln!(
                session.out,
                "{name} holds the revisions {first}{from} to {last}{to}, and of older ones the last of each key"
            )?;
        }
        for (key, records) in found {
            writeln!(session.out, "\n{}", printable(String::from_utf8_lossy(&mask.key(key)).into_owned()))?;
            self.each(opened, records, mask, |line| match line {
                Line::Change(told) => told.text(session),
                Line::Gone(after, before) => Ok(writeln!(
                    session.out,
                    "- deleted between the revisions {after} and {before}, which is compacted"
                )?),
            })?;
        }
        Ok(())
    }

    fn json(
        &self,
        session: &mut Session,
        opened: &[Backup<'_>],
        found: &BTreeMap<&[u8], Vec<Stored<'_>>>,
        mask: &Mask,
    ) -> Result<(), Failure> {
        let windows = opened.iter().map(|side| {
            let (first, last) = side.window();
            let path = Value::Str(side.source.name().to_owned().into());
            object(vec![("path", path), ("first", Value::Int(first)), ("last", Value::Int(last))])
        });
        let windows = Value::List(windows.collect());
        let mut revisions = Vec::new();
        for records in found.values() {
            self.each(opened, records, mask, |line| {
                revisions.push(match line {
                    Line::Change(told) => Value::Object(Map::from_unsorted(told.members())),
                    Line::Gone(after, before) => object(vec![
                        ("verb", Value::str("delete")),
                        ("afterRevision", Value::Int(*after)),
                        ("beforeRevision", Value::Int(*before)),
                    ]),
                });
                Ok(())
            })?;
        }
        let members = vec![("windows".into(), windows), ("revisions".into(), Value::List(revisions))];
        let mut text = Vec::new();
        json::pretty(&mut text, &document::stamped(members), 0);
        text.push(b'\n');
        Ok(session.out.write_all(&text)?)
    }
}

/// What is told of a key.
enum Line<'s, 'm> {
    /// A record.
    Change(Box<Told<'s, 'm>>),
    /// It went between these two revisions; its deletion is in none of the backups.
    Gone(i64, i64),
}

fn object(members: Vec<(&'static str, Value<'static>)>) -> Value<'static> {
    Value::Object(Map::from_unsorted(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}
