use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    session::Session,
};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap completions bash > /etc/bash_completion.d/etcdsnap")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        clap_complete::generate(self.shell, &mut Cli::command(), "etcdsnap", &mut session.out);
        Ok(Exit::Good)
    }
}
