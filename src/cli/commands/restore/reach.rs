//! How far what is restored reaches: the log that goes on from the backup, and where to stop.

use std::path::{Path, PathBuf};

use clap::Args;
use etcdsnap::{
    Result,
    etcd::{Load, Snapshot, Uncommitted},
    k8s::{Moment, Ring},
    restore::{Carry, Facts},
    source::{RaftKind, Source},
};

use crate::{
    args::{LogArgs, moment, revision_at},
    session::Session,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "How far it reaches")]
pub(super) struct Reach {
    #[command(flatten)]
    log: LogArgs,
    /// Apply the log in DIR: a member's member/wal or data directory, that reaches further than the backup
    #[arg(long, value_name = "DIR", conflicts_with = "no_wal")]
    wal: Option<PathBuf>,
    /// Restore what was there at this time, such as 2026-11-21T02:04:00Z: told from Leases, as `get --at` does
    #[arg(long, value_name = "TIME", conflicts_with_all = ["to_index", "to_revision"], value_parser = moment)]
    at: Option<Moment>,
}

impl Reach {
    /// Opens the backup, and its log where that was named.
    pub(super) fn open(&self, session: &mut Session, snapshot: &Path) -> Result<Source> {
        let source = session.open(snapshot)?;
        match &self.wal {
            Some(wal) => Ok(source.with_log(session.open_raft(wal, RaftKind::Log)?)),
            None => Ok(source),
        }
    }

    /// How the backup is read: a db that is past what is wanted will do.
    pub(super) fn load(&self, source: &Source) -> Result<Load> {
        let load = Load { may_be_past: true, ..self.log.load() };
        let Some(at) = self.at else { return Ok(load) };
        let to_revision = revision_at(at, &Snapshot::load(source, &load)?, &Ring::default())?;
        Ok(Load { to_revision, ..load })
    }
}

/// The highest revision that the backup knows of, where not all of it is restored.
pub(super) fn known(source: &Source, load: &Load) -> Result<Option<i64>> {
    let whole = Load { may_be_past: true, ..Load::default() };
    (*load != whole).then(|| head(source)).transpose()
}

/// The highest revision that another backup may have, with all that is in its log.
pub(super) fn head_of(session: &mut Session, path: &Path) -> Result<i64> {
    let source = session.open(path)?;
    let head = head(&source)?;
    source.intact()?;
    Ok(head)
}

fn head(source: &Source) -> Result<i64> {
    let load = Load { uncommitted: Some(Uncommitted::Keep), ..Load::default() };
    Ok(Facts::gather(source, &load, &Carry::default())?.head)
}
