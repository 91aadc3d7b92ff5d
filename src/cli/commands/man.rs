use clap::{Args, CommandFactory as _};
use etcdsnap::Error;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    session::Session,
};

/// Print the man page
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap man > /usr/share/man/man1/etcdsnap.1
  etcdsnap man verify | man -l -
  etcdsnap man bolt page | man -l -")]
pub(crate) struct Man {
    /// The page of this command
    command: Vec<String>,
}

impl Man {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let mut page = Cli::command();
        // Names the pages after the whole command: etcdsnap-verify.
        page.build();
        for name in self.command {
            page = page.find_subcommand(&name).cloned().ok_or_else(|| {
                Error::usage(format!("there is no command {name:?}")).hinted("`etcdsnap --help` lists them")
            })?;
        }
        clap_mangen::Man::new(page).render(&mut session.out)?;
        Ok(Exit::Good)
    }
}
