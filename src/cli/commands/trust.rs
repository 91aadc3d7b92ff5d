//! How much doubt about a backup is accepted, for the commands that make something of it.

use clap::Args;
use etcdsnap::restore::Trust;

#[derive(Debug, Args)]
#[command(next_help_heading = "A backup that is not good")]
pub(super) struct TrustArgs {
    /// Accept a backup without SHA-256 trailer, such as a copy of member/snap/db
    #[arg(long)]
    skip_hash_check: bool,
    /// Accept a damaged backup; a file beside the result records the damage
    ///
    /// Together with --skip-hash-check, also a backup whose trailer is wrong.
    #[arg(long)]
    force: bool,
}

impl TrustArgs {
    pub(super) fn trust(&self) -> Trust {
        let Self { skip_hash_check, force } = *self;
        Trust { skip_hash_check, wrong_trailer: skip_hash_check && force, force }
    }
}
