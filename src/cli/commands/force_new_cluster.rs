use std::str::FromStr as _;

use clap::Args;
use etcdsnap::{
    etcd::Compact,
    rewrite::{Alone, Besides},
};

use super::directory::DirectoryArgs;
use crate::{
    args::Uncommitted,
    failure::{Exit, Failure},
    session::Session,
};

/// Let the last member of a dead cluster continue alone, with all that it holds
///
/// It does offline what etcd does when it starts with the flag --force-new-cluster: all other members are removed in
/// the log of this member. The id of the member and the id of its cluster do not change. etcd then starts on the result
/// without this flag. Add the other members as new members. Never start etcd again on the old directory of another
/// member.
///
/// Use this command when one member's data directory is left, and the same cluster is to continue with this member: its
/// ids and its revisions stay. Use `etcdsnap restore DIR` when you want a new cluster from this
/// directory: with other names and addresses, several members, an earlier revision, or a raised revision. If only a
/// snapshot file is left, use `etcdsnap restore FILE`: a snapshot file has no log, so this command cannot use it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap force-new-cluster --data-dir /var/lib/etcd --to /var/lib/etcd.alone
  etcdsnap force-new-cluster --data-dir /var/lib/etcd --in-place            # the plan
  etcdsnap force-new-cluster --data-dir /var/lib/etcd --in-place --yes --uncommitted keep
  etcdsnap force-new-cluster --data-dir d --to e --peer-urls https://10.0.0.9:2380

Exit status: 0 done; 1 refused because of what the directory holds, or --uncommitted has to decide;
2 wrong usage, a running etcd, or no --yes; 3 could not be read or written.
Unless it is 0, nothing was changed")]
pub(crate) struct ForceNewCluster {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// Commit, or drop, the log's entries past the last commit on disk
    ///
    /// This disk does not show whether these entries were committed. etcd may have acknowledged such a write to the
    /// client. etcd's own flag drops them. If there are such entries, this flag is required.
    #[arg(long, value_enum, value_name = "keep|drop", hide_possible_values = true)]
    uncommitted: Option<Uncommitted>,
    /// The URLs at which other members reach this one [default: as they are now]
    #[arg(long, value_name = "URL,...")]
    peer_urls: Option<String>,
    /// Disarm the alarms that are recorded, CORRUPT and NOSPACE: with either of them etcd refuses writes
    #[arg(long)]
    disarm_alarms: bool,
    /// Remove the history before REV; etcd does it when it starts, and `etcdctl defrag` then makes the file smaller
    #[arg(long, value_name = "REV|latest", value_parser = Compact::from_str)]
    compact: Option<Compact>,
    /// Continue although the db is damaged; a file beside a copy records the damage
    #[arg(long)]
    force: bool,
}

impl ForceNewCluster {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.directory.open(session)?;
        let directory = self.directory.directory(&source)?;
        let uncommitted = self.uncommitted.map(Uncommitted::into);
        let besides = Besides { disarm_alarms: self.disarm_alarms, compact: self.compact };
        let plan = Alone::plan(&directory, uncommitted, self.peer_urls.as_deref(), besides)?;
        self.directory.run(session, &directory, &plan, self.force)
    }
}
