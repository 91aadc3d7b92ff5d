use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use etcdsnap::{
    Error,
    bytes::escape,
    diff::{Chain, Change, Diff, Difference, Entry, Ignore, Side, Verb, manager},
    etcd::{KeyValue, Range, Record, Snapshot, View},
    k8s::{Clock, Gap, Map, Mask, Resources, Ring, Value, json},
    select::{Selection, resources},
    source::Source,
};

use super::{
    diff::{
        document::{self, Members},
        text,
    },
    get::etcd_prefix,
};
use crate::{
    args::{Keys, Masking},
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
    prefix: Option<Range>,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// One backup.
struct Opened<'s> {
    source: &'s Source,
    snapshot: Snapshot<'s>,
    view: View<'s>,
    ring: Ring,
    resources: Resources,
    clock: Clock,
}

impl<'s> Opened<'s> {
    /// The revisions that it holds whole.
    fn window(&self) -> (i64, i64) {
        (self.snapshot.keyspace.compacted().saturating_add(1).max(1), self.view.head)
    }
}

/// A record, and which backup it is from.
type From<'s> = (Record<'s>, usize);

impl History {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let names: Vec<_> = std::iter::once(&self.snapshot).chain(&self.also).collect();
        let sources = names.iter().map(|name| session.open(name)).collect::<Result<Vec<_>, _>>()?;
        let mut opened = Vec::new();
        for source in &sources {
            let mut snapshot = session.load(source)?;
            let view = snapshot.view(None, &Range::All)?;
            let mut ring = self.keys.ring()?;
            ring.learn(view.iter());
            let (clock, resources) = (Clock::of(&snapshot, &ring), resources(&view, &ring));
            opened.push(Opened { source, snapshot, view, ring, resources, clock });
        }
        self.same_cluster(&opened)?;
        let found = self.find(&opened)?;
        if found.is_empty() {
            let what = self.key.clone().unwrap_or_else(|| self.what.join(" "));
            let what = format!("no revision of {} is there", printable(what));
            return Err(Error::NotFound { what, hint: None }.into());
        }
        let mask = self.masking.mask()?;
        let mut exit = Exit::Good;
        match self.output {
            Output::Text => self.text(session, &opened, &found, &mask)?,
            Output::Json => self.json(session, &opened, &found, &mask)?,
        }
        for side in &opened {
            exit = exit.max(session.close(side.source, &side.snapshot.findings)?);
        }
        Ok(exit)
    }

    /// Backups of different clusters have nothing to do with each other.
    fn same_cluster(&self, opened: &[Opened<'_>]) -> Result<(), Failure> {
        let identity = |side: &Opened<'_>| etcdsnap::k8s::identity(&side.view, &side.ring);
        let Some((first, rest)) = opened.split_first() else { return Ok(()) };
        let this = identity(first);
        match rest.iter().find(|side| identity(side) != this) {
            None => Ok(()),
            Some(other) => {
                let what = format!("{} and {} are not of the same cluster", first.source.name(), other.source.name());
                Err(Error::NotFound { what, hint: Some("kube-system has another uid there".to_owned()) }.into())
            }
        }
    }

    /// The records of the keys that are meant, by key, in order of their revisions.
    fn find<'s>(&self, opened: &[Opened<'s>]) -> Result<BTreeMap<&'s [u8], Vec<From<'s>>>, Failure> {
        let mut found: BTreeMap<&[u8], BTreeMap<_, From<'s>>> = BTreeMap::new();
        let below = self.prefix.as_ref().unwrap_or(&Range::All);
        for (at, side) in opened.iter().enumerate() {
            let selection = match &self.key {
                None => {
                    let selection = Selection::new(&self.what, self.namespace.as_deref(), &side.resources)?;
                    if selection.names().is_empty() {
                        let what = "history takes an object: KIND/NAME".to_owned();
                        let hint = Some("`timeline` shows what was done to all".to_owned());
                        return Err(Error::Usage { what, hint }.into());
                    }
                    Some(selection)
                }
                Some(_) => None,
            };
            let wanted = |key: &[u8]| match (&selection, &self.key) {
                (Some(selection), _) => selection.matches(key) && below.contains(key),
                (None, one) => one.as_ref().is_some_and(|one| one.as_bytes() == key),
            };
            for record in side.snapshot.records(wanted) {
                let same = found.entry(record.kv.key).or_default().entry(record.revision).or_insert((record, at));
                if same.0.message != record.message {
                    let what = format!(
                        "{} and {} hold different things at revision {}: the cluster was restored in between",
                        opened.get(same.1).map_or("", |side| side.source.name()),
                        side.source.name(),
                        record.revision
                    );
                    return Err(Error::NotFound { what, hint: Some("ask each for its own history".to_owned()) }.into());
                }
            }
        }
        Ok(found.into_iter().map(|(key, records)| (key, records.into_values().collect())).collect())
    }

    fn each<'s>(
        &self,
        opened: &[Opened<'s>],
        records: &[From<'s>],
        mask: &Mask,
        mut each: impl FnMut(&Told<'s, '_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let ignore = Ignore { all: self.all, status: self.status, events: true, paths: Vec::new() };
        let mut chain = Chain::default();
        for (record, at) in records {
            let Some(side) = opened.get(*at) else { continue };
            let this = Side { view: &side.view, resources: &side.resources, ring: &side.ring };
            let diff = Diff { old: this, new: this, ignore: &ignore, mask, raw: false };
            let change = chain.link(*record);
            let compacted = opened.iter().all(|side| record.revision.main < side.window().0);
            // the clock that knows best
            let gaps = opened.iter().map(|side| side.clock.gap(record.revision.main));
            let gap =
                gaps.min_by_key(|gap| (gap.after.is_none(), gap.width().unwrap_or(i128::MAX))).unwrap_or_default();
            each(&Told::new(change, &diff, gap, compacted))?;
        }
        Ok(())
    }

    fn text(
        &self,
        session: &mut Session,
        opened: &[Opened<'_>],
        found: &BTreeMap<&[u8], Vec<From<'_>>>,
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
            self.each(opened, records, mask, |told| told.text(session))?;
        }
        Ok(())
    }

    fn json(
        &self,
        session: &mut Session,
        opened: &[Opened<'_>],
        found: &BTreeMap<&[u8], Vec<From<'_>>>,
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
            self.each(opened, records, mask, |told| {
                revisions.push(Value::Object(Map::from_unsorted(told.members())));
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

fn object(members: Vec<(&'static str, Value<'static>)>) -> Value<'static> {
    Value::Object(Map::from_unsorted(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}

/// A change, as `history` and `timeline` tell it.
pub(super) struct Told<'s, 'm> {
    pub(super) change: Change<'s>,
    pub(super) entry: Option<Entry<'s>>,
    pub(super) gap: Gap,
    pub(super) manager: Option<String>,
    /// It is the last of its key before the compaction.
    compacted: bool,
    mask: &'m Mask,
}

impl<'s, 'm> Told<'s, 'm> {
    pub(super) fn new(change: Change<'s>, diff: &Diff<'m, 's>, gap: Gap, compacted: bool) -> Self {
        let object = |kv: Option<KeyValue<'s>>| kv.and_then(|kv| diff.new.ring.object(kv.key, kv.value).ok());
        let (old, new) = (object(change.old), object(change.pair().new));
        let manager = new.as_ref().and_then(|new| manager(old.as_ref(), new)).map(str::to_owned);
        Self { change, entry: diff.entry(&change.pair()), gap, manager, compacted, mask: diff.mask }
    }

    /// Its revision: that of the transaction, and which of its changes it is where it is not the first.
    pub(super) fn revision(&self) -> String {
        let revision = self.change.record.revision;
        if revision.sub == 0 { revision.main.to_string() } else { revision.to_string() }
    }

    /// `deployment.apps/web`, or the key of what is no object.
    pub(super) fn name(&self) -> String {
        match self.entry.as_ref().and_then(Entry::newest) {
            Some(of) if !of.resource.is_empty() => format!("{}/{}", of.resource, of.name),
            _ => escape(&self.mask.key(self.change.key())),
        }
    }

    /// Whether nothing changed that counts.
    pub(super) fn is_quiet(&self) -> bool {
        self.entry.as_ref().is_none_or(|entry| entry.difference == Difference::Ignored)
    }

    /// `2026-11-21T02:04:31.532Z +8.4s`.
    pub(super) fn time(&self) -> [String; 2] {
        let tenths = |width: i128| width.saturating_add(99_999_999) / 100_000_000;
        let width = self.gap.width().map(tenths).map_or(String::new(), |n| format!("+{}.{}s", n / 10, n % 10));
        [self.gap.after.map_or_else(|| "-".to_owned(), |at| at.millis()), width]
    }

    /// `create`, or what is known of it when it is all that a compaction has left.
    fn verb(&self) -> &'static str {
        if self.compacted { "compacted" } else { self.change.verb().name() }
    }

    fn text(&self, session: &mut Session) -> Result<(), Failure> {
        let sign = match (self.compacted, self.change.verb()) {
            (true, _) => '=',
            (_, Verb::Create) => '+',
            (_, Verb::Update) => '~',
            (_, Verb::Delete) => '-',
        };
        let [after, width] = self.time();
        let by = self.manager.as_ref().map_or(String::new(), |manager| printable(format!(" by {manager}")));
        let verb = if self.compacted { "the last before the compaction" } else { self.verb() };
        writeln!(session.out, "{sign} revision {}   {after} {width}   {verb}{by}", self.revision())?;
        if self.change.missing > 0 && !self.compacted {
            writeln!(session.out, "    {} writes before it were compacted", self.change.missing)?;
        }
        match &self.entry {
            Some(entry) => text::details(session, entry),
            None => Ok(()),
        }
    }

    /// It as JSON.
    pub(super) fn members(&self) -> Members {
        let revision = self.change.record.revision;
        let mut members = match &self.entry {
            Some(entry) => entry.newest().map(document::reference).unwrap_or_default(),
            None => Vec::new(),
        };
        if members.is_empty() {
            let key = String::from_utf8_lossy(&self.mask.key(self.change.key())).into_owned();
            members.push(("key".into(), Value::Str(key.into())));
        }
        // that of the record before, where it deletes
        members.retain(|(name, _)| name != "modRevision");
        members.push(("revision".into(), Value::Int(revision.main)));
        members.push(("sub".into(), Value::Int(revision.sub)));
        members.push(("verb".into(), Value::str(self.verb())));
        members.push(("version".into(), Value::Int(self.change.record.kv.version)));
        if self.change.missing > 0 {
            members.push(("missing".into(), Value::Int(self.change.missing)));
        }
        for (name, moment) in [("after", self.gap.after), ("before", self.gap.before)] {
            members.extend(moment.map(|moment| (name.into(), Value::Str(moment.millis().into()))));
        }
        members.extend(self.manager.clone().map(|manager| ("manager".into(), Value::Str(manager.into()))));
        if let Some(Entry { difference: Difference::Changed(fields) | Difference::Replaced(fields), .. }) = &self.entry
        {
            let fields = fields.iter().map(|field| document::field(field).into_owned()).collect();
            members.push(("fields".into(), Value::List(fields)));
        }
        members
    }
}
