mod add;
mod check;
mod common;
mod diff;
mod find;
mod growth;
mod history;
mod last;
mod ls;
mod opener;
mod prune;
mod rows;

use clap::{Args, Subcommand};

use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Search many backups: the last good one, where an object is, what grew
///
/// `add` checks each backup once, as `verify` does, and notes what it holds. The other commands read only the catalog.
/// A backup is known by its content: a copy is not a second backup, and a file that was moved is found again. The
/// catalog holds no values. It holds hashes of the values, and the key of these hashes. Protect the catalog as you
/// protect the backups.
///
/// Backups whose Namespace kube-system has the same uid are of one cluster. Together they form one history: each backup
/// continues the one before. When a cluster was restored from an old backup, its history has two branches. Each branch
/// is listed separately, as `/1` and `/2`.
///
/// The catalog is a file, $XDG_STATE_HOME/etcdsnap/catalog.redb or ~/.local/state/etcdsnap/catalog.redb. Only one
/// process at a time can add to it; the other commands can run at the same time.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  etcdsnap catalog add /backups
  etcdsnap catalog last --good
  etcdsnap catalog find deploy/web -n shop
  etcdsnap catalog prune --keep-last 28 --keep-daily 14")]
pub(crate) struct Catalog {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Add),
    Rebuild(add::Rebuild),
    Ls(ls::Ls),
    Last(last::Last),
    Oldest(last::Oldest),
    Find(find::Find),
    History(history::History),
    Diff(diff::Diff),
    Growth(growth::GrowthCommand),
    Rows(rows::Rows),
    Check(check::Check),
    Prune(prune::Prune),
}

impl Catalog {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        match self.command {
            Command::Add(command) => command.run(session),
            Command::Rebuild(command) => command.run(session),
            Command::Ls(command) => command.run(session),
            Command::Last(command) => command.run(session),
            Command::Oldest(command) => command.run(session),
            Command::Find(command) => command.run(session),
            Command::History(command) => command.run(session),
            Command::Diff(command) => command.run(session),
            Command::Growth(command) => command.run(session),
            Command::Rows(command) => command.run(session),
            Command::Check(command) => command.run(session),
            Command::Prune(command) => command.run(session),
        }
    }
}
