//! A backup as etcd would have it: the db, and what its log holds besides.

use super::{
    Snapshot,
    replay::{read_log, replay},
};
use crate::{
    Code, Error, Finding, Findings, Result,
    source::{Kind, Part, Source},
    wal::Log,
};

/// How a backup is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Whether a data directory's log is applied to its db.
    pub wal: bool,
    /// What becomes of the log's entries past the last commit on disk; without a decision they are left out.
    pub uncommitted: Option<Uncommitted>,
    /// No entry behind this one is applied.
    pub to_index: Option<u64>,
    /// Nothing is applied once this revision is reached; it has to be reached.
    pub to_revision: Option<i64>,
    /// Whether the db may be past that: then the caller leaves out what is behind it.
    pub may_be_past: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { wal: true, uncommitted: None, to_index: None, to_revision: None, may_be_past: false }
    }
}

/// What becomes of entries that a member of several has in its log but does not know to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncommitted {
    /// They are applied, as if they had been agreed on.
    Keep,
    /// They are left out.
    Drop,
}

impl<'a> Snapshot<'a> {
    /// Opens the backup in `source`, with its log as `load` says.
    ///
    /// # Errors
    /// When the db cannot be opened, or the log does not lead to where it should. Everything less is in
    /// [`Snapshot::findings`].
    pub fn load(source: &'a Source, load: &Load) -> Result<Self> {
        Ok(Self::load_with_log(source, load)?.0)
    }

    /// As [`Snapshot::load`]; with the log, for who wants to know more of it.
    ///
    /// # Errors
    /// The same.
    pub fn load_with_log(source: &'a Source, load: &Load) -> Result<(Self, Option<Log<'a>>)> {
        let damaged = |finding| source.damaged(finding);
        let (mut snapshot, mut read) = (Self::open(source.db().image()).map_err(damaged)?, None);
        if !source.wal().is_empty() {
            let mut findings = Findings::default();
            let log = read_log(source, &mut findings);
            if load.wal {
                if source.kind() == Kind::DataDir
                    && let Some(received) = snapshot.received(source, &log, &mut findings)
                {
                    snapshot = Self::open(received.image()).map_err(damaged)?;
                    snapshot.received = Some(received);
                }
                snapshot.findings.append(findings);
                if source.log_name().is_some() {
                    snapshot.check_log_match(source, &log)?;
                }
            }
            snapshot.log = Some(replay(&mut snapshot, source, &log, load)?);
            read = Some(log);
        } else if load.to_index.is_some() {
            let what = format!("{}: there is no log to read up to an entry", source.name());
            let hint = Some("only a data directory has one".to_owned());
            return Err(Error::usage(what).hinted_if(hint));
        }
        if let Some(to) = load.to_revision {
            let head = snapshot.head().map_err(damaged)?;
            if to > head || (to < head && !load.may_be_past) {
                let what = format!("{}: it cannot be read up to revision {to}: its last is {head}", source.name());
                let hint = (to < head).then(|| format!("--rev {to} shows the keys as they were then"));
                return Err(Error::not_found(what).hinted_if(hint));
            }
        }
        Ok((snapshot, read))
    }

    /// The db that etcd puts in the place of this one: where a snapshot from the leader is ahead of it, the one that came
    /// with that (`recoverSnapshotBackend`).
    fn received<'s>(&self, source: &'s Source, log: &Log<'_>, findings: &mut Findings) -> Option<&'s Part> {
        let index = self.state.meta.consistent_index.unwrap_or(0);
        let ahead = log.newest_snapshot().map(|snapshot| snapshot.index).filter(|ahead| *ahead > index)?;
        let what = format!("the db holds the entries up to {index}, but a snapshot goes up to {ahead}");
        let received = source.snap_db(ahead);
        findings.push(match received {
            Some(part) => Finding::info(Code::SnapDb, format!("{what}: etcd takes {} in its place", part.name())),
            None => Finding::error(Code::SnapAhead, format!("{what}, and {ahead:016x}.snap.db is not there"))
                .hint("etcd does not start on it: what lies between them is lost"),
        });
        received
    }
}
