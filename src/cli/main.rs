//! etcdsnap, the command line: parse, run, say what went wrong, exit.

mod args;
mod commands;
mod evidence;
mod failure;
mod render;
mod session;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let failed = |failure: failure::Failure| failure.report();
    // Input that changes under a running sort can make it panic; that is an answer too, and no crash.
    std::panic::set_hook(Box::new(failure::note_panic));
    match std::panic::catch_unwind(|| session::run(cli)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => failed(failure),
        Err(_) => failed(failure::Failure::Panic(failure::noted_panic())),
    }
}
