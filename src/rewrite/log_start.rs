//! The start of a log: its last snapshot. With a new one at the last entry that the db holds, etcd starts there and
//! does not read what another etcd wrote before it.
//!
//! A member does the same now and then (`EtcdServer.snapshot`): first the `.snap`, then the record in the log. etcd 3.4
//! and 3.5 take the members and the cluster's version from the v2store in it. Here that has only the members, as in a
//! restored member.

use std::path::{Path, PathBuf};

use super::{
    directory::Directory,
    log::{self, unusable},
};
use crate::{
    Code, Error, Finding, Result,
    etcd::{Bootstrap, Request, State, boot::Minor, request::Op, state::Member},
    publish::fault,
    snap::{Snap, StoreMember, store},
    source::{Part, Source},
    wal::{ConfState, HardState, Log, Tail, Writer},
};

/// The first etcd that does not read requests of the v2 API in its log.
const NO_V2: Minor = Minor { major: 3, minor: 7 };

/// A new snapshot of a stopped member.
#[derive(Debug, Clone)]
pub(super) struct LogStart {
    snap: Snap,
    state: HardState,
    tail: Tail,
}

impl LogStart {
    /// The snapshot of a db with the state `db`; `members` holds the voters.
    ///
    /// # Errors
    /// When the log does not continue from there, or there is no voter.
    pub(super) fn plan(source: &Source, log: &Log<'_>, db: &State, members: &[Member]) -> Result<Self> {
        let index = db.meta.consistent_index.unwrap_or(0);
        log::reaches(source, log, index)?;
        let missing = |what: String| unusable(source, Finding::error(Code::WalCommit, what));
        let entry = log.entries().iter().find(|entry| entry.index == index).map(|entry| entry.term);
        let term = entry.or_else(|| log.snapshots().iter().find(|s| s.index == index).map(|snapshot| snapshot.term));
        let term =
            term.ok_or_else(|| missing(format!("the db holds the entries up to {index}, but the log does not")))?;
        let state = log
            .hard_state()
            .ok_or_else(|| missing("the log has no hard state: its member was never in a cluster".to_owned()))?;
        let of_kind = |learner| members.iter().filter(move |m| m.is_learner == learner).map(|m| m.id).collect();
        let conf_state = ConfState { voters: of_kind(false), learners: of_kind(true), ..ConfState::default() };
        if conf_state.voters.is_empty() {
            let what = format!("{}: at entry {index}, the last that the db holds, there is no voter", source.name());
            let hint = "no etcd starts on such a log; `etcdsnap restore` makes a new cluster with its data";
            return Err(Error::refused(what).hinted(hint));
        }
        let members: Vec<_> = members
            .iter()
            .map(|m| StoreMember { id: m.id, peer_urls: &m.peer_urls, is_learner: m.is_learner })
            .collect();
        let snap = Snap { index, term, conf_state, store: store(&members) };
        Ok(Self { snap, state: HardState { commit: state.commit.max(index), ..state }, tail: log.tail() })
    }

    /// The entry that the log starts after.
    pub(super) fn index(&self) -> u64 {
        self.snap.index
    }

    /// State that etcd reads at its start from this snapshot and from the log up to the entry `index`, with the db's
    /// `state`.
    pub(super) fn bootstrap(&self, log: &Log<'_>, state: &State, index: u64) -> Bootstrap {
        let record = (self.snap.index, self.snap.term);
        Bootstrap::from(Some((&self.snap.file_name(), &self.snap)), Some(record), log, state, index)
    }

    /// Paths of the `.snap` file and of the log's last segment.
    pub(super) fn files(&self, directory: &Directory<'_>) -> Result<[PathBuf; 2]> {
        let snap = directory.member.join("snap").join(self.snap.file_name());
        Ok([snap, directory.path_of(log::last(directory.source)?)])
    }

    /// Writes the new content of `file`, one of the two, to `path`.
    pub(super) fn write(&self, source: &Source, file: &Path, path: &Path) -> Result<()> {
        if self.is_snap(file) {
            return self.snap.write(path);
        }
        log::write_on(source, self.tail, path, |writer| self.record(writer))
    }

    /// Writes the records that make the log start after this snapshot.
    pub(super) fn record(&self, writer: &mut Writer) {
        writer.state(&self.state);
        writer.snapshot(self.snap.term, self.snap.index, Some(&self.snap.conf_state));
    }

    /// Whether `log` starts after this snapshot.
    pub(super) fn is_in(&self, log: &Log<'_>) -> bool {
        let newest = log.newest_snapshot().map(|newest| (newest.index, newest.term, newest.voters()));
        newest == Some((self.snap.index, self.snap.term, Some(self.snap.conf_state.clone())))
    }

    /// Reads back what was written to `path` for `file`.
    pub(super) fn check(&self, source: &Source, file: &Path, path: &Path) -> Result<()> {
        let part = Part::open(path)?;
        let as_planned = if self.is_snap(file) {
            Snap::decode(part.bytes()).as_ref() == Ok(&self.snap)
        } else {
            let log = log::read(source, Some(part.bytes()))?;
            self.is_in(&log) && log.hard_state() == Some(self.state)
        };
        let wrong = || fault(path, "read back")(std::io::Error::other("it is not what was planned"));
        as_planned.then_some(()).ok_or_else(wrong)
    }

    /// Whether `file` is the `.snap` file.
    pub(super) fn is_snap(&self, file: &Path) -> bool {
        file.extension().is_some_and(|ending| ending == "snap")
    }
}

/// Checks that an etcd `to` can apply the entries after `index`, which the db does not hold.
///
/// # Errors
/// When it cannot apply them.
pub(super) fn check_applicable(source: &Source, log: &Log<'_>, index: u64, to: Minor) -> Result<()> {
    let Some((at, what)) = beyond(log, index, to) else { return Ok(()) };
    let what = format!("{}: entry {at} of the log, which the db does not hold yet, {what}", source.name());
    let hint = Some("start the etcd that wrote the log on it and stop it once: then the db holds the entry".to_owned());
    Err(Error::refused(what).hinted_if(hint))
}

/// The first entry after `index` that an etcd `to` cannot apply when it starts, and why.
pub(super) fn beyond(log: &Log<'_>, index: u64, to: Minor) -> Option<(u64, String)> {
    let entries = log.entries().iter().filter(|entry| entry.index > index);
    let why = |op: &Op<'_>| match op {
        Op::ClusterVersionSet { version } => {
            let version =
                std::str::from_utf8(version).ok().filter(|text| Minor::parse(text).is_some_and(|v| v > to))?;
            Some(format!("brings the cluster to {version}"))
        }
        Op::V2(_) if to >= NO_V2 => Some(format!("is a request of the v2 API, which etcd {to} does not read")),
        _ => None,
    };
    entries.filter_map(|entry| Some((entry.index, why(&Request::of(entry).ok()??.op)?))).next()
}
