//! etcdsnap, the command line: parse, run, print the error, exit.

// These end in a panic where nobody reads; `say!` and `Session::out` do not, and escape what is for a terminal.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[macro_use]
mod render;

mod args;
mod commands;
mod destination;
mod failure;
mod other_flags;
mod other_words;
mod session;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use etcdsnap::{bytes::file_name, source::ignore_file_size_signal};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ignore_file_size_signal();
    let mut command = args::Cli::command();
    args::name_output(&mut command);
    let (words, variable) = match words::complete(&command, std::env::args_os().collect()) {
        Ok(completed) => completed,
        Err(error) => return failure::Failure::from(error).report(),
    };
    let matches = command.try_get_matches_from_mut(words);
    let parsed = matches.and_then(|matches| args::Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command)));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return failure::unparsed(error, &command),
    };
    // Input that changes under a running sort can make it panic; that is an answer too, and no crash.
    std::panic::set_hook(Box::new(failure::note_panic));
    let exit = match std::panic::catch_unwind(|| session::run(cli)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => failure.report(),
        Err(_) => failure::Failure::Panic(failure::noted_panic()).report(),
    };
    if let Some(file) = variable.filter(|_| exit != ExitCode::SUCCESS) {
        say!("note: SNAPSHOT is {}, of {}", file_name(file), words::VARIABLE);
    }
    exit
}
