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

/// Makes [`Command`] of the list of commands.
macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($arguments:ty),)+) => {
        /// Every command with its arguments.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[$attribute])* $name($arguments),)+
        }

        impl Command {
            /// Runs the command.
            pub(crate) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
                match self {
                    $(Self::$name(command) => command.run(session),)+
                }
            }
        }
    };
}

// In the order of `--help`.
commands! {
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

/// Runs `each` for every file. A file that cannot be read is reported, and does not keep the others from their turn.
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
