//! How far a restore reaches: the log that continues from the backup, and where to stop.

use std::path::{Path, PathBuf};

use clap::Args;
use etcdsnap::{
    Result,
    etcd::{Load, Snapshot},
    k8s::Ring,
    objects::Time,
    source::{RaftKind, Source},
};

use crate::{
    args::{LogDir, LogLimits, revision_at, time},
    session::{Session, print_notes},
};

#[derive(Debug, Args)]
#[command(next_help_heading = "How far it goes")]
pub(super) struct Reach {
    /// Apply a log that goes further: a member's member/wal or data directory
    #[arg(long, value_name = "DIR", conflicts_with = "no_wal")]
    wal: Option<PathBuf>,
    /// Restore what is known to be written by this time, such as 2026-11-21T02:04:00Z (UTC) or -10m, as `get --at` finds it
    #[arg(long, value_name = "TIME", conflicts_with_all = ["to_index", "to_revision"], value_parser = time,
          allow_hyphen_values = true)]
    at: Option<Time>,
    // last, for its heading is that of what follows it
    #[command(flatten)]
    log: LogLimits,
}

impl Reach {
    /// Opens the backup, and its log where that was named.
    pub(super) fn open(&self, session: &mut Session, snapshot: &Path) -> Result<Source> {
        let Some(wal) = &self.wal else { return session.open(snapshot, &LogDir::default()) };
        let options = session.options_with(None);
        let source = session.open_quietly(snapshot, &options)?;
        let source = source.with_log(session.open_raft(wal, RaftKind::Log, &options)?);
        print_notes(&source);
        Ok(source)
    }

    /// How the backup is read: a db that is past what is wanted will do.
    pub(super) fn load(&self, source: &Source) -> Result<Load> {
        let load = Load { may_be_past: true, ..self.log.load() };
        let Some(at) = self.at else { return Ok(load) };
        let to_revision = revision_at(at, &Snapshot::load(source, &load)?, &Ring::default())?;
        Ok(Load { to_revision, ..load })
    }
}
