//! How far a restore reaches: the log that continues from the backup, and where to stop.

use std::path::{Path, PathBuf};

use clap::Args;
use etcdsnap::{
    Error, Result,
    bytes::file_name,
    error::{Advice, Call},
    etcd::{Load, Snapshot},
    k8s::Ring,
    objects::Time,
    restore::left_beside,
    source::{RaftKind, Source},
};

use crate::{
    args::{LogDir, LogLimits, revision_at, time},
    session::{Session, print_notes},
};

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Which state",
    mut_arg("to_revision", |arg| arg.hide_short_help(false).help_heading("Which state")
        .help("Apply the log up to revision N; a transaction is never split"))
)]
pub(super) struct Reach {
    /// Apply the newer entries of this log (member/wal, or a data directory)
    #[arg(long, value_name = "DIR", conflicts_with = "no_wal")]
    wal: Option<PathBuf>,
    /// Restore the state at TIME, as `get --at`: 2026-11-21T02:04:00Z or -10m
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

    /// Checks that a db which is named alone holds all that its data directory does, unless it is wanted without its
    /// log.
    pub(super) fn check_alone(&self, source: &Source) -> Result<()> {
        let Some(dir) = source.part_of().filter(|_| !self.log.no_wal) else { return Ok(()) };
        let (name, of) = (source.name(), file_name(dir));
        let what = match left_beside(source) {
            Ok(0) => return Ok(()),
            Ok(1) => format!("{name}: the log of its data directory {of} holds 1 later entry"),
            Ok(n) => format!("{name}: the log of its data directory {of} holds {n} later entries"),
            Err(error) => format!("{name}: the log of its data directory {of} cannot be read: {error}"),
        };
        let advice = Advice::from("with its log:").call(Call::new("etcdsnap restore").arg(dir));
        Err(Error::usage(what).hinted(advice.and(" ...; --no-wal takes the db without it")))
    }

    /// How the backup is read: a db that is past what is wanted will do.
    pub(super) fn load(&self, source: &Source) -> Result<Load> {
        let load = Load { may_be_past: true, ..self.log.load() };
        let Some(at) = self.at else { return Ok(load) };
        let to_revision = revision_at(at, &Snapshot::load(source, &load)?, &Ring::default())?;
        Ok(Load { to_revision, ..load })
    }
}
