//! The last member of a dead cluster goes on alone, with the id that it has: its log says that all others were removed.
//!
//! What etcd's `--force-new-cluster` does to the log when it starts, done to a stopped member: entries that are not
//! committed are dropped (or kept, and committed), and entries that change the members are put behind the last one. etcd
//! commits these in its memory; here a hard state says that they are, so that any etcd starts on the result, with no flag.
//!
//! Mirrors `bootstrapWALFromSnapshot` of `server/etcdserver/bootstrap.go` and `CreateConfigChangeEnts` of
//! `server/storage/util.go` (`restartAsStandaloneNode` of `etcdserver/raft.go` before 3.6).

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::{
    Directory, Rewrite,
    log::{self, unusable},
};
use crate::{
    Error, Finding, Result,
    etcd::{
        Bootstrap, Load, Revision, Snapshot, Uncommitted,
        boot::{Minor, Role, Startup, starts_on},
        state::Member,
    },
    restore::{Id, NewMember, cluster::peer_urls, copy::Watch, disk::fault, plan::by_version},
    source::{Part, Source},
    wal::{ConfChange, ConfChangeKind, HardState, Log, Tail},
};

/// What is going to be done to leave a member alone.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alone {
    /// The directory, as the user named it.
    pub source: String,
    /// The member, as it is then.
    #[serde(serialize_with = "listed")]
    pub member: Member,
    /// Its cluster, whose id stays.
    pub cluster_id: Id,
    /// The members that are removed.
    #[serde(serialize_with = "all_listed")]
    pub removed: Vec<Member>,
    /// The last revision.
    pub revision: i64,
    /// The db's length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// Its storage version.
    pub version: Option<String>,
    /// Where the log ends, and how it goes on.
    pub log: LogEnd,
    /// Which etcd versions start on the result.
    #[serde(serialize_with = "by_version")]
    pub starts_on: Vec<(Minor, Startup)>,
    #[serde(skip)]
    changes: Vec<(ConfChangeKind, u64, Vec<u8>)>,
    #[serde(skip)]
    state: HardState,
    #[serde(skip)]
    tail: Tail,
    #[serde(skip)]
    load: Load,
}

/// Where the log ends, and how it goes on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEnd {
    /// The segment that is written anew.
    pub segment: String,
    /// The last entry that its hard state on disk calls committed.
    pub committed: u64,
    /// The last entry that is kept.
    pub kept: u64,
    /// How many of those up to it were not known to be committed.
    pub committed_now: u64,
    /// How many entries behind it are dropped.
    pub dropped: u64,
    /// The last entry that is written behind them.
    pub last: u64,
}

fn listed<S: Serializer>(member: &Member, serializer: S) -> Result<S::Ok, S::Error> {
    NewMember::from(member).serialize(serializer)
}

fn all_listed<S: Serializer>(members: &[Member], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(members.iter().map(NewMember::from))
}

impl Alone {
    /// Decides. `uncommitted` says what becomes of entries that are not known to be committed, `urls` is where the other
    /// members are to reach this one when it is not where they do now, with commas between.
    ///
    /// # Errors
    /// When the log cannot be gone on from, the member was removed or is the only one, or nobody has decided.
    pub fn plan(directory: &Directory<'_>, uncommitted: Option<Uncommitted>, urls: Option<&str>) -> Result<Self> {
        let source = directory.source;
        let urls = urls.map(|urls| peer_urls(urls.split(','))).transpose()?;
        let log = log::read(source, None)?;
        let missing = |what: &str| unusable(source, Finding::error("wal-metadata", what));
        let metadata = log.metadata().ok_or_else(|| missing("the log does not say whose it is"))?;
        let state = log.hard_state().ok_or_else(|| missing("the log was never in a cluster"))?;
        let (load, snapshot) = load(directory, &log, uncommitted)?;
        let applied = snapshot.log.map(|log| log.index).unwrap_or_default();
        let kept = applied.max(state.commit);
        let end = log.entries().last().map_or(0, |last| last.index).max(log.newest_snapshot().map_or(0, |s| s.index));
        if kept > end {
            let what = format!("the db holds the entries up to {kept}, but the log ends at {end}");
            return Err(unusable(source, Finding::error("wal-commit", what)));
        }
        let members = Members::of(source, &log, &snapshot, metadata.node_id, kept, urls)?;
        let last = kept.checked_add(members.changes.len() as u64).ok_or_else(|| {
            let what = format!("behind entry {kept} the log has no numbers left");
            unusable(source, Finding::error("wal-commit", what))
        })?;
        let head = snapshot.newest_records().map_err(|finding| damaged(source, finding))?;
        let head = head.last().map_or(Revision::default(), |record| record.revision);
        let segment = directory.path_of(log::last(source)?);
        Ok(Self {
            source: source.name().to_owned(),
            member: members.itself,
            cluster_id: Id(metadata.cluster_id),
            removed: members.others,
            revision: snapshot.keyspace.head(head),
            total_size: snapshot.db().size(),
            version: snapshot.state.meta.storage_version.clone(),
            log: LogEnd {
                segment: segment.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                committed: state.commit,
                kept,
                committed_now: kept.saturating_sub(state.commit),
                dropped: end.saturating_sub(kept),
                last,
            },
            starts_on: starts_on(&snapshot.state, Role::Member(&Bootstrap::of(source, &log, &snapshot.state, kept)))
                .to_vec(),
            changes: members.changes,
            state: HardState { commit: last, ..state },
            tail: log.tail(),
            load,
        })
    }
}

fn damaged(source: &Source, finding: Finding) -> Error {
    Error::Damaged { file: source.name().to_owned(), finding: Box::new(finding) }
}

/// The directory as etcd has it at the last entry that counts.
fn load<'s>(
    directory: &Directory<'s>,
    log: &Log<'_>,
    uncommitted: Option<Uncommitted>,
) -> Result<(Load, Snapshot<'s>)> {
    let source = directory.source;
    let mut load = Load { uncommitted, ..Load::default() };
    let mut snapshot = Snapshot::load(source, &load)?;
    let replayed = snapshot.log.unwrap_or_default();
    // What stands behind a torn record is cut off by etcd, however intact it is.
    let last = log.entries().last().map_or(0, |last| last.index);
    if replayed.index > last && replayed.applied > 0 {
        load.to_index = Some(last);
        snapshot = Snapshot::load(source, &load)?;
    }
    let behind = replayed.unapplied.past_commit;
    if behind > 0 && uncommitted.is_none() {
        let what = format!("{}: {behind} entries of the log are past the last commit on disk", source.name());
        let hint = "a client may have been told that they are in, and only the other members knew: \
            --uncommitted keep commits them, --uncommitted drop leaves them out, as etcd's --force-new-cluster does";
        return Err(Error::Usage { what, hint: Some(hint.to_owned()) });
    }
    let stops = |finding: &&Finding| ["log-gap", "log-entry", "snap-ahead"].contains(&finding.code);
    match snapshot.findings.list().iter().find(stops) {
        Some(finding) => Err(unusable(source, finding.clone())),
        None => Ok((load, snapshot)),
    }
}

/// Who is who, and what makes of them one.
struct Members {
    itself: Member,
    others: Vec<Member>,
    changes: Vec<(ConfChangeKind, u64, Vec<u8>)>,
}

impl Members {
    /// Those that raft or the backend knows at the entry `index`, and the changes after which only `id` is left.
    fn of(
        source: &Source,
        log: &Log<'_>,
        snapshot: &Snapshot<'_>,
        id: u64,
        index: u64,
        urls: Option<Vec<String>>,
    ) -> Result<Self> {
        let (state, mut known) = (&snapshot.state, log::known(source, log, index));
        let usage = |what: String, hint: &str| Error::Usage {
            what: format!("{}: {what}", source.name()),
            hint: Some(hint.to_owned()),
        };
        if state.removed.binary_search(&id).is_ok() {
            let what = format!("{}: member {id:x} was removed from its cluster, and no id comes back", source.name());
            let hint = Some("`etcdsnap restore` makes a new cluster of what it holds".to_owned());
            return Err(Error::Refused { what, hint });
        }
        let mut changes = Vec::new();
        let before = state.member(id).cloned().unwrap_or(Member { id, ..Member::default() });
        let mut itself = Member { is_learner: false, ..before };
        match (known.remove(&id), &urls) {
            (Some(false), _) => {}
            // Alone, a learner would wait for a leader for ever.
            (Some(true), _) => {
                let promotion = format!(r#"{{"id":{id},"peerURLs":null,"isPromote":true}}"#);
                changes.push((ConfChangeKind::AddNode, id, promotion.into_bytes()));
            }
            (None, Some(urls)) => {
                itself.peer_urls.clone_from(urls);
                let added = Member { id, peer_urls: urls.clone(), ..Member::default() };
                changes.push((ConfChangeKind::AddNode, id, added.json()));
            }
            (None, None) => {
                let what = format!("member {id:x} had not heard yet that it is one");
                return Err(usage(what, "--peer-urls says where the others are to reach it"));
            }
        }
        known
            .extend(state.members.iter().filter(|member| member.id != id).map(|member| (member.id, member.is_learner)));
        let other = |(other, is_learner): (&u64, &bool)| {
            let unknown = || Member { id: *other, is_learner: *is_learner, ..Member::default() };
            state.member(*other).cloned().unwrap_or_else(unknown)
        };
        let others: Vec<_> = known.iter().map(other).collect();
        changes.extend(known.keys().map(|other| (ConfChangeKind::RemoveNode, *other, Vec::new())));
        if let Some(urls) = urls.filter(|urls| *urls != itself.peer_urls) {
            itself.peer_urls.clone_from(&urls);
            let moved = Member { id, peer_urls: urls, ..Member::default() };
            changes.push((ConfChangeKind::UpdateNode, id, moved.json()));
        }
        if changes.is_empty() {
            let what = format!("member {id:x} is the only one already");
            return Err(usage(what, "etcd starts on it as it is; --peer-urls changes where the others reach it"));
        }
        Ok(Self { itself, others, changes })
    }
}

impl Rewrite for Alone {
    fn load(&self) -> Load {
        self.load
    }

    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>> {
        Ok(vec![directory.path_of(log::last(directory.source)?)])
    }

    fn write(&self, source: &Source, _: &Path, path: &Path, _: Watch<'_>) -> Result<()> {
        log::write_on(source, self.tail, path, |writer| {
            for (index, (kind, node_id, context)) in
                (self.log.kept.saturating_add(1)..=self.log.last).zip(&self.changes)
            {
                writer.conf_change(self.state.term, index, &ConfChange { kind: *kind, node_id: *node_id, context });
            }
            writer.state(&self.state);
        })
    }

    fn check(&self, source: &Source, _: &Path, path: &Path) -> Result<()> {
        let wrong = |what: &str| fault(path, "read back")(std::io::Error::other(what.to_owned()));
        let part = Part::open(path)?;
        let log = log::read(source, Some(part.bytes())).map_err(|error| wrong(&error.to_string()))?;
        if log.hard_state() != Some(self.state) || log.entries().last().map(|last| last.index) != Some(self.log.last) {
            return Err(wrong("it does not end as planned"));
        }
        let left: Vec<_> = log::known(source, &log, self.log.last).into_iter().collect();
        if left == [(self.member.id, false)] { Ok(()) } else { Err(wrong("its members are others")) }
    }
}
