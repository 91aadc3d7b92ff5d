//! The last member of a dead cluster continues alone, with its id: its log removes all other members.
//!
//! This does to a stopped member's log what etcd's `--force-new-cluster` does when it starts: entries that are not
//! committed are dropped (or kept, and committed), and entries that change the members are appended. etcd commits these
//! in memory; here a hard state commits them, so that any etcd starts on the result without a flag.
//!
//! etcd refuses to remove a member that the db does not list, and 3.6 panics where its v2store does not. Where raft
//! knows other members than the db, the log therefore starts after a snapshot with the members of the db
//! ([`LogStart`]).
//!
//! Mirrors `bootstrapWALFromSnapshot` of `server/etcdserver/bootstrap.go` and `CreateConfigChangeEnts` of
//! `server/storage/util.go` (`restartAsStandaloneNode` of `etcdserver/raft.go` before 3.6).

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::{
    change::PlannedChange,
    directory::Directory,
    log::{self, unusable},
    log_start::LogStart,
    members::Members,
    requests::{Alarmed, Besides, Requests},
    voters::{known, voting},
};
use crate::{
    Code, Error, Finding, Result,
    bytes::{counted_are, size},
    document::Id,
    error::{Call, Next},
    etcd::{
        Bootstrap, Load, Snapshot, Uncommitted,
        boot::{Minor, Role, Startup, by_version, starting, starts_on},
        peer_urls,
        state::{Member, State},
    },
    publish::{Watch, fault, start_command},
    source::{Part, Source},
    wal::{ConfChange, ConfChangeKind, HardState, Log, Tail},
};

/// The plan to continue with one member.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alone {
    /// The directory, as the user named it.
    pub source: String,
    /// The member after the change.
    #[serde(serialize_with = "listed")]
    pub member: Member,
    /// The id of its cluster, which is kept.
    pub cluster_id: Id,
    /// The members that are removed.
    #[serde(serialize_with = "all_listed")]
    pub removed: Vec<Member>,
    /// The last revision in the member's directory.
    pub revision: i64,
    /// The db's length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// The storage version of the db.
    pub version: Option<String>,
    /// The alarms that its members raised.
    pub alarms: Vec<Alarmed>,
    /// Whether the alarms are disarmed.
    pub disarm_alarms: bool,
    /// The revision that etcd compacts at when it starts.
    pub compact_to: Option<i64>,
    /// The end of the log, and the entries that are appended.
    pub log: LogEnd,
    /// Which etcd versions start on the result.
    #[serde(serialize_with = "by_version")]
    pub starts_on: Vec<(Minor, Startup)>,
    #[serde(skip)]
    changes: Vec<(ConfChangeKind, Id, Vec<u8>)>,
    #[serde(skip)]
    requests: Requests,
    #[serde(skip)]
    state: HardState,
    #[serde(skip)]
    tail: Tail,
    #[serde(skip)]
    log_start: Option<LogStart>,
    #[serde(skip)]
    after: State,
    #[serde(skip)]
    load: Load,
}

/// The end of the log, and the entries that are appended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEnd {
    /// The segment that is replaced.
    pub segment: String,
    /// The last entry that is committed by the hard state on disk.
    pub committed: u64,
    /// The last entry that is kept.
    pub kept: u64,
    /// The number of kept entries that were not known to be committed.
    pub committed_now: u64,
    /// The number of entries after it, which are dropped.
    pub dropped: u64,
    /// The last entry that is appended.
    pub last: u64,
    /// The entry that the log starts after, where raft knew other members than the db.
    pub snapshot_at: Option<u64>,
}

/// A member in a plan's JSON, with its id in hex.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: Id,
    name: &'a str,
    #[serde(rename = "peerURLs")]
    peer_urls: &'a [String],
    is_learner: bool,
}

impl<'a> From<&'a Member> for Listed<'a> {
    fn from(member: &'a Member) -> Self {
        let Member { id, name, peer_urls, is_learner, .. } = member;
        Self { id: *id, name, peer_urls, is_learner: *is_learner }
    }
}

fn listed<S: Serializer>(member: &Member, serializer: S) -> Result<S::Ok, S::Error> {
    Listed::from(member).serialize(serializer)
}

fn all_listed<S: Serializer>(members: &[Member], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(members.iter().map(Listed::from))
}

impl Alone {
    /// Makes the plan. `uncommitted` decides about entries that are not known to be committed; `urls` are new peer URLs
    /// of this member, separated by commas; `besides` is what else etcd is to do when it starts.
    ///
    /// # Errors
    /// When the log cannot be continued, the member was removed or is the only one, or `uncommitted` is missing.
    pub fn plan(
        directory: &Directory<'_>,
        uncommitted: Option<Uncommitted>,
        urls: Option<&str>,
        besides: Besides,
    ) -> Result<Self> {
        let source = directory.source;
        let urls = urls.map(|urls| peer_urls(urls.split(','))).transpose()?;
        let log = log::read(source, None)?;
        directory.check_log(&log)?;
        let missing = |what: &str| unusable(source, Finding::error(Code::WalMetadata, what));
        let metadata = log.metadata().ok_or_else(|| missing("the log has no metadata: its member is not known"))?;
        let state =
            log.hard_state().ok_or_else(|| missing("the log has no hard state: its member was never in a cluster"))?;
        let (load, snapshot) = load(directory, &log, uncommitted)?;
        let applied = snapshot.log.map(|log| log.index).unwrap_or_default();
        let kept = applied.max(state.commit);
        let end = log.entries().last().map_or(0, |last| last.index).max(log.newest_snapshot().map_or(0, |s| s.index));
        if kept > end {
            let what = format!("the db holds the entries up to {kept}, but the log ends at {end}");
            return Err(unusable(source, Finding::error(Code::WalCommit, what)));
        }
        let members = Members::of(source, &log, &snapshot, metadata.node_id, kept, urls)?;
        let revision = snapshot.head().map_err(|finding| source.damaged(finding))?;
        let requests = Requests::of(&snapshot, besides, revision)?;
        if members.unchanged() && requests.len() == 0 {
            let what = format!("{}: member {:x} is the only member already", source.name(), metadata.node_id);
            let hint = "etcd starts on it without a change; --peer-urls changes its peer URLs, --compact removes history, --disarm-alarms disarms alarms";
            return Err(Error::usage(what).hinted(hint));
        }
        let added = requests.len().saturating_add(members.changes.len() as u64);
        let last = kept.checked_add(added).ok_or_else(|| {
            let what = format!("entry {kept} is the last that a log can number");
            unusable(source, Finding::error(Code::WalCommit, what))
        })?;
        let after = members.after(&snapshot.state);
        let log_start = members.differ.then(|| log_start(source, &log)).transpose()?;
        let mut bootstrap = match &log_start {
            Some(log_start) => log_start.bootstrap(&log, &after, kept),
            None => Bootstrap::of(source, &log, &after, kept),
        };
        bootstrap.v2 = bootstrap.v2.map(|v2| members.v2_after(v2));
        let segment = directory.path_of(log::last(source)?);
        Ok(Self {
            source: source.name().to_owned(),
            member: members.itself,
            cluster_id: metadata.cluster_id,
            removed: members.others,
            revision,
            total_size: snapshot.db().size(),
            version: snapshot.state.meta.storage_version.clone(),
            alarms: snapshot.state.alarms.iter().map(Alarmed::from).collect(),
            disarm_alarms: besides.disarm_alarms,
            compact_to: requests.compact_to,
            log: LogEnd {
                segment: segment.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                committed: state.commit,
                kept,
                committed_now: kept.saturating_sub(state.commit),
                dropped: end.saturating_sub(kept),
                last,
                snapshot_at: log_start.as_ref().map(LogStart::index),
            },
            starts_on: starts_on(&after, Role::Member(&bootstrap)),
            changes: members.changes,
            requests,
            state: HardState { commit: last, ..state },
            tail: log.tail(),
            log_start,
            after,
            load,
        })
    }
}

/// The start of the log with the members of the db.
fn log_start(source: &Source, log: &Log<'_>) -> Result<LogStart> {
    let db = Snapshot::open(source.db().image()).map_err(|finding| source.damaged(finding))?.state;
    let raft = known(source, log, db.meta.consistent_index.unwrap_or(0), &db);
    LogStart::plan(source, log, &db, &voting(&db, &raft))
}

/// The directory's state at the last entry that counts.
fn load<'s>(
    directory: &Directory<'s>,
    log: &Log<'_>,
    uncommitted: Option<Uncommitted>,
) -> Result<(Load, Snapshot<'s>)> {
    let source = directory.source;
    let mut load = Load { uncommitted, ..Load::default() };
    let mut snapshot = Snapshot::load(source, &load)?;
    let replayed = snapshot.log.unwrap_or_default();
    // etcd cuts off what follows a torn record, even if that is intact.
    let last = log.entries().last().map_or(0, |last| last.index);
    if replayed.index > last && replayed.applied > 0 {
        load.to_index = Some(last);
        snapshot = Snapshot::load(source, &load)?;
    }
    let unsure = replayed.unapplied.past_commit;
    if unsure > 0 && uncommitted.is_none() {
        let entries = counted_are(unsure, "entry", " of the log");
        let what = format!("{}: {entries} past the last commit on disk", source.name());
        let hint = "etcd may have acknowledged these writes to clients; only the disks of the other members show whether they were committed: --uncommitted keep commits them, --uncommitted drop leaves them out, as etcd's --force-new-cluster does";
        return Err(Error::refused(what).hinted(hint));
    }
    let stops = |finding: &&Finding| [Code::LogGap, Code::LogEntry, Code::SnapAhead].contains(&finding.code);
    match snapshot.findings.list().iter().find(stops) {
        Some(finding) => Err(unusable(source, finding.clone())),
        None => Ok((load, snapshot)),
    }
}

impl PlannedChange for Alone {
    fn load(&self) -> Load {
        self.load
    }

    fn stopped(&self) -> Option<String> {
        let newest =
            self.starts_on.last().filter(|_| self.starts_on.iter().all(|(_, startup)| startup.ok == Some(false)));
        newest.map(|(etcd, startup)| format!("no etcd would start on the result: etcd {etcd} {}", startup.why))
    }

    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>> {
        match &self.log_start {
            Some(log_start) => Ok(log_start.files(directory)?.to_vec()),
            None => Ok(vec![directory.path_of(log::last(directory.source)?)]),
        }
    }

    fn write(&self, source: &Source, file: &Path, path: &Path, _: Watch<'_>) -> Result<()> {
        if let Some(log_start) = self.log_start.as_ref().filter(|log_start| log_start.is_snap(file)) {
            return log_start.write(source, file, path);
        }
        log::write_on(source, self.tail, path, |writer| {
            if let Some(log_start) = &self.log_start {
                log_start.record(writer);
            }
            for (index, (kind, node_id, context)) in
                (self.log.kept.saturating_add(1)..=self.log.last).zip(&self.changes)
            {
                writer.conf_change(self.state.term, index, &ConfChange { kind: *kind, node_id: *node_id, context });
            }
            let first = self.log.kept.saturating_add(self.changes.len() as u64).saturating_add(1);
            for (index, request) in self.requests.encoded(first) {
                writer.request(self.state.term, index, &request);
            }
            writer.state(&self.state);
        })
    }

    fn lines(&self, source: &Source) -> (&'static str, Vec<(&'static str, String)>) {
        let version = self.version.as_ref().map_or(String::new(), |version| format!("storage version {version}, "));
        let (kind, revision, total) = (source.kind(), self.revision, size(self.total_size));
        let listed = |member: &Member| {
            let name = if member.name.is_empty() { "-" } else { &member.name };
            format!("{} {name} {}", member.id, member.peer_urls.join(","))
        };
        let mut lines = vec![
            ("from", format!("{kind}, {version}revision {revision}, {total}")),
            ("member", format!("{}, keeps its id", listed(&self.member))),
            ("cluster", format!("{}, keeps its id", self.cluster_id)),
        ];
        let removed = self.removed.iter().enumerate();
        lines.extend(removed.map(|(n, member)| (if n == 0 { "removed" } else { "" }, listed(member))));
        lines.extend(self.alarms.iter().map(|alarm| {
            let kept = match (alarm.alarm.as_str(), self.disarm_alarms) {
                (_, true) => "disarmed",
                ("CORRUPT", _) => {
                    "kept: etcd refuses requests, because the data of this member may be wrong; --disarm-alarms trusts these data"
                }
                _ => "kept: etcd refuses writes; use --disarm-alarms --compact latest, then run etcdctl defrag",
            };
            ("alarm", format!("{} of member {}, {kept}", alarm.alarm, alarm.member))
        }));
        let compacted = |revision| ("compacted", format!("at revision {revision}, when etcd starts"));
        lines.extend(self.compact_to.map(compacted));
        let log = &self.log;
        lines.push(("log", format!("kept up to entry {}, committed on disk up to {}", log.kept, log.committed)));
        if log.dropped > 0 {
            lines.push(("", format!("{} dropped", counted_are(log.dropped, "entry", " after it"))));
        }
        let raft = "the last entry in the db: raft had other members than the db";
        lines.extend(log.snapshot_at.map(|at| ("", format!("starts after entry {at}, {raft}"))));
        let added = log.last.saturating_sub(log.kept);
        lines.push(("", format!("{} added, up to entry {}", counted_are(added, "entry", ""), log.last)));
        lines.push(("starts on", starting(&self.starts_on)));
        ("force-new-cluster", lines)
    }

    fn next(&self, data_dir: &Path, wal_dir: Option<&Path>) -> Next {
        let member = &self.member;
        let named = |name: &'_ str| if name.is_empty() { "NAME".to_owned() } else { name.to_owned() };
        let start = start_command(&named(&member.name), data_dir, wal_dir, &member.peer_urls);
        // A member without peer URLs was none for the others.
        let known = self.removed.iter().filter(|member| !member.peer_urls.is_empty());
        let again = known.map(|member| {
            let call = Call::new("etcdctl member add").arg(named(&member.name));
            let call = call.args(member.is_learner.then_some("--learner")).arg("--peer-urls");
            call.arg(member.peer_urls.join(",")).remark("with an empty data directory there")
        });
        let defrag = self.compact_to.map(|_| Call::new("etcdctl defrag").remark("makes the file smaller"));
        [start].into_iter().chain(defrag).chain(again).collect()
    }

    fn check(&self, source: &Source, file: &Path, path: &Path) -> Result<()> {
        if let Some(log_start) = self.log_start.as_ref().filter(|log_start| log_start.is_snap(file)) {
            return log_start.check(source, file, path);
        }
        let wrong = |what: &str| fault(path, "read back")(std::io::Error::other(what.to_owned()));
        let part = Part::open(path)?;
        let log = log::read(source, Some(part.bytes())).map_err(|error| wrong(&error.to_string()))?;
        if log.hard_state() != Some(self.state) || log.entries().last().map(|last| last.index) != Some(self.log.last) {
            return Err(wrong("it does not end as planned"));
        }
        if self.log_start.as_ref().is_some_and(|log_start| !log_start.is_in(&log)) {
            return Err(wrong("it does not start as planned"));
        }
        let left: Vec<_> = known(source, &log, self.log.last, &self.after).into_iter().collect();
        if left == [(self.member.id, false)] { Ok(()) } else { Err(wrong("its members are not those of the plan")) }
    }
}
