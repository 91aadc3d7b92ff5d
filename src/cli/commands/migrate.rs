use clap::Args;
use etcdsnap::{
    etcd::boot::{JUDGED, Minor},
    rewrite::Migrate as Plan,
};

use super::directory::DirectoryArgs;
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Give a member's directory the storage version of another etcd
///
/// Does what `etcdutl migrate` does. In addition, a downgrade lowers the cluster version, because an etcd that is older
/// than the cluster version does not start. The entries of the log are kept. etcd 3.5 may leave a voting member marked
/// as a learner in the db: this is corrected. Migrate every member of the cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap migrate --data-dir /var/lib/etcd --target-version 3.5 --to /var/lib/etcd-3.5
  etcdsnap migrate --data-dir /var/lib/etcd --target-version 3.6 --in-place           # the plan
  etcdsnap migrate --data-dir /var/lib/etcd --target-version 3.6 --in-place --yes

Exit status: 0 done; 1 refused because of what the directory holds;
2 wrong usage, a running etcd, no --yes, or it has that version already;
3 could not be read or written. Unless it is 0, nothing was changed")]
pub(crate) struct Migrate {
    #[command(flatten)]
    directory: DirectoryArgs,
    /// The etcd version that is to start on it
    #[arg(long, value_name = "3.5|3.6|3.7", value_parser = version)]
    target_version: Minor,
    /// Migrate even if the log holds entries that this etcd cannot read, or if the db is damaged
    #[arg(long)]
    force: bool,
}

fn version(text: &str) -> Result<Minor, String> {
    let known = Minor::parse(text).filter(|etcd| JUDGED.contains(etcd) && etcd.minor >= 5 && etcd.to_string() == text);
    known.ok_or_else(|| "one of 3.5, 3.6, 3.7".to_owned())
}

impl Migrate {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.directory.open(session)?;
        let directory = self.directory.directory(&source)?;
        let plan = Plan::plan(&directory, self.target_version, self.force)?;
        self.directory.run(session, &directory, &plan, self.force)
    }
}
