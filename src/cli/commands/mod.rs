//! One command, one file: its arguments with their help, and what it does.

mod completions;
mod decode;
mod describe;
mod diff;
mod directory;
mod export;
mod force_new_cluster;
mod get;
mod hashkv;
mod history;
mod kv;
mod man;
mod members;
mod migrate;
mod restore;
mod snap;
mod snapshot;
mod status;
mod timeline;
mod verify;
mod wal;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Status(status::Status),
    Verify(verify::Verify),
    Hashkv(hashkv::HashKv),
    Members(members::Members),
    Kv(kv::Kv),
    Get(get::Get),
    Describe(describe::Describe),
    Diff(diff::Compare),
    History(history::History),
    Timeline(timeline::Timeline),
    Export(export::Export),
    Restore(Box<restore::Restore>),
    Wal(wal::Wal),
    Snap(snap::Snaps),
    ForceNewCluster(force_new_cluster::ForceNewCluster),
    Migrate(migrate::Migrate),
    Decode(decode::Decode),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(hide = true)]
    Snapshot(snapshot::Snapshot),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        match self {
            Self::Status(command) => command.run(session),
            Self::Verify(command) => command.run(session),
            Self::Hashkv(command) => command.run(session),
            Self::Members(command) => command.run(session),
            Self::Kv(command) => command.run(session),
            Self::Get(command) => command.run(session),
            Self::Describe(command) => command.run(session),
            Self::Diff(command) => command.run(session),
            Self::History(command) => command.run(session),
            Self::Timeline(command) => command.run(session),
            Self::Export(command) => command.run(session),
            Self::Restore(command) => command.run(session),
            Self::Wal(command) => command.run(session),
            Self::Snap(command) => command.run(session),
            Self::ForceNewCluster(command) => command.run(session),
            Self::Migrate(command) => command.run(session),
            Self::Decode(command) => command.run(session),
            Self::Completions(command) => command.run(session),
            Self::Man(command) => command.run(session),
            Self::Snapshot(command) => command.run(session),
        }
    }
}

/// Does `each` for every file named; one that cannot be read is told and the others still have their turn.
fn each_file(
    session: &mut Session,
    files: &[PathBuf],
    mut each: impl FnMut(&mut Session, &Path) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut worst = Exit::Good;
    for file in files {
        match each(session, file) {
            Ok(exit) => worst = worst.max(exit),
            Err(failure @ Failure::Error(_)) => {
                failure.say();
                worst = worst.max(failure.exit());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(worst)
}
