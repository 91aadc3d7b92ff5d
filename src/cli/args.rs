//! What every command shares: the root of the command line and its global flags.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;

/// Open any etcd backup offline: verify it, see what is inside.
///
/// SNAPSHOT is a file from `etcdctl snapshot save`, a copy of `member/snap/db`, a data directory, any of these inside
/// gzip, zstd, xz, bzip2, zip or tar, or a folder that holds exactly one of them. Nothing is ever written to it.
#[derive(Debug, Parser)]
#[command(name = "etcdsnap", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  good
  1  the content: damaged, not a snapshot, not found
  2  the call: wrong usage
  3  the system: could not read or write, or the input changed while it was read";

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Append a record of this run (tool, arguments, inputs and their SHA-256 before and after) to FILE as NDJSON
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    /// Unpack compressed input in DIR instead of $TMPDIR
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) tmp_dir: Option<PathBuf>,
    /// Unpack no more than BYTES of compressed input
    #[arg(long, global = true, value_name = "BYTES")]
    pub(crate) max_unpacked: Option<u64>,
    /// Tell how far a long job is where stderr is no terminal too, every 10 seconds
    #[arg(long, global = true)]
    pub(crate) progress: bool,
    /// Use N threads instead of one for each core
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// The format of a command that prints a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Ndjson,
}
