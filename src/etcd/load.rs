//! A backup as etcd would start on it: the db, and the entries of its log that the db does not hold.

use super::{
    Load, Replayed, Snapshot,
    log_of_another::{earlier_life, log_of_stranger},
    replay::{read_log, replay},
    stored::missing_buckets,
};
use crate::{
    Code, Error, Finding, Findings, Result,
    error::{Call, Severity},
    source::{BackupKind, Part, Source},
    wal::Log,
};

impl<'a> Snapshot<'a> {
    /// Opens the backup in `source`, with its log as `load` asks for.
    ///
    /// # Errors
    /// When the db cannot be opened, or the log does not reach the revision or entry of `load`. All other findings are
    /// in [`Snapshot::findings`].
    pub fn load(source: &'a Source, load: &Load) -> Result<Self> {
        Ok(Self::load_with_log(source, load)?.0)
    }

    /// As [`Snapshot::load`]; returns the log, too.
    ///
    /// # Errors
    /// As [`Snapshot::load`].
    pub(crate) fn load_with_log(source: &'a Source, load: &Load) -> Result<(Self, Option<Log<'a>>)> {
        let damaged = |finding| source.damaged(finding);
        let open = |part: &'a Part| {
            let mut snapshot = Self::open(part.image()).map_err(damaged)?;
            if !snapshot.findings.damaged() {
                let missing = missing_buckets(snapshot.bucket_names());
                snapshot.findings.push_all(missing);
            }
            Ok::<_, Error>(snapshot)
        };
        let (mut snapshot, mut read) = (open(source.db())?, None);
        if !source.wal().is_empty() {
            let mut findings = Findings::default();
            let log = read_log(source, &mut findings);
            let mut stranger = None;
            if load.wal {
                if source.kind() == BackupKind::DataDir
                    && let Some(received) = snapshot.received(source, &log, &mut findings)
                {
                    snapshot = open(received)?;
                    snapshot.received = Some(received);
                }
                stranger = log_of_stranger(&snapshot, source, &log);
                snapshot.findings.append(findings);
                if source.log_name().is_some() {
                    snapshot.check_log_match(source, &log)?;
                }
            }
            snapshot.log = Some(match stranger {
                Some(stranger) if stranger.severity == Severity::Error => {
                    let finding = earlier_life(&snapshot, source, &log).unwrap_or(stranger);
                    snapshot.without_log(source, finding, load)?
                }
                doubt => {
                    let replayed = replay(&mut snapshot, source, &log, load)?;
                    if snapshot.findings.list().iter().all(|finding| finding.code != Code::LogOfAnother) {
                        snapshot.findings.push_all(doubt);
                    }
                    replayed
                }
            });
            read = Some(log);
        } else if load.to_index.is_some() {
            let what = format!("{}: there is no log to read up to an entry", source.name());
            let hint = Some("name the data directory, which has one; `restore` also takes a log with --wal".to_owned());
            return Err(Error::usage(what).hinted_if(hint));
        }
        if let Some(to) = load.to_revision {
            let head = snapshot.head().map_err(damaged)?;
            if to > head || (to < head && !load.may_be_past) {
                let what =
                    format!("{}: it cannot be read up to revision {to}: its last revision is {head}", source.name());
                let is_kept = to < head && to >= snapshot.keyspace.compacted();
                let hint = is_kept.then(|| {
                    let get = Call::new("etcdsnap get").arg(source.path()).args(["--rev", &to.to_string()]);
                    get.that("shows the keys at that revision").to_string()
                });
                return Err(Error::not_found(what).hinted_if(hint));
            }
        }
        Ok((snapshot, read))
    }

    /// The result of a replay that applies nothing, because of `finding`.
    fn without_log(&mut self, source: &Source, finding: Finding, load: &Load) -> Result<Replayed> {
        // An entry that is asked for by its index would be one of that log.
        if load.to_index.is_some() {
            return Err(source.damaged(finding));
        }
        self.findings.push(finding);
        let from = self.state.meta.consistent_index.unwrap_or(0);
        Ok(Replayed { from, index: from, ..Replayed::default() })
    }

    /// The db that replaces this one when etcd starts: where a snapshot from the leader is ahead of it, the one that
    /// came with that snapshot (`recoverSnapshotBackend`).
    fn received<'s>(&self, source: &'s Source, log: &Log<'_>, findings: &mut Findings) -> Option<&'s Part> {
        let index = self.state.meta.consistent_index.unwrap_or(0);
        let ahead = log.newest_snapshot().map(|snapshot| snapshot.index).filter(|ahead| *ahead > index)?;
        let what = format!("the db holds the entries up to {index}, but a snapshot goes up to {ahead}");
        let received = source.snap_db(ahead);
        findings.push(match received {
            Some(part) => Finding::info(Code::SnapDb, format!("{what}: etcd uses {} instead", part.name())),
            None => Finding::error(Code::SnapAhead, format!("{what}, and {ahead:016x}.snap.db is missing"))
                .hint("etcd does not start on it: the entries between them are lost"),
        });
        received
    }
}
