mod buckets;
mod check;
mod dump;
mod file;
mod format;
mod get;
mod holds;
mod keys;
mod page;
mod pages;
mod stats;

use clap::{Args, Subcommand};

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Print the pages of the db, as the bbolt command line does
///
/// Arguments, flags and output are those of bbolt 1.5. Broken files, on which bbolt stops, are read as far as possible:
/// errors are printed on stderr, and the exit status is 1. No file is locked or changed. In a data directory, the db is
/// read, and the log is not applied.
///
/// Keys and values are printed as they are stored, also Secrets. `--format redacted` prints length and SHA-256 instead.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  etcdsnap bolt buckets backup.db
  etcdsnap bolt pages backup.db
  etcdsnap bolt page backup.db 12 --etcd
  etcdsnap bolt get backup.db cluster clusterVersion")]
pub(crate) struct Bolt {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Buckets(buckets::Buckets),
    Keys(keys::Keys),
    Get(get::Get),
    Pages(pages::Pages),
    Page(page::PageCommand),
    Stats(stats::StatsCommand),
    Check(check::Check),
    Dump(dump::Dump),
}

impl Bolt {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        match self.command {
            Command::Buckets(command) => command.run(session),
            Command::Keys(command) => command.run(session),
            Command::Get(command) => command.run(session),
            Command::Pages(command) => command.run(session),
            Command::Page(command) => command.run(session),
            Command::Stats(command) => command.run(session),
            Command::Check(command) => command.run(session),
            Command::Dump(command) => command.run(session),
        }
    }
}
