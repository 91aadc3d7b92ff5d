//! etcdsnap, the command line: parse, run, say what went wrong, exit.

mod args;
mod commands;
mod evidence;
mod failure;
mod render;
mod session;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use etcdsnap::bytes::file_name;

fn main() -> ExitCode {
    let mut command = args::Cli::command();
    let (words, variable) = match words::complete(&command, std::env::args_os().collect()) {
        Ok(completed) => completed,
        Err(error) => return failure::Failure::from(error).report(),
    };
    let matches = command.try_get_matches_from_mut(words).unwrap_or_else(|error| error.exit());
    let cli = args::Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    // Input that changes under a running sort can make it panic; that is an answer too, and no crash.
    std::panic::set_hook(Box::new(failure::note_panic));
    let exit = match std::panic::catch_unwind(|| session::run(cli)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => failure.report(),
        Err(_) => failure::Failure::Panic(failure::noted_panic()).report(),
    };
    if let Some(file) = variable.filter(|_| exit != ExitCode::SUCCESS) {
        eprintln!("note: SNAPSHOT is {}, of {}", file_name(file), words::VARIABLE);
    }
    exit
}
