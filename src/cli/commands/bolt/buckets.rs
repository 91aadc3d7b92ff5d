use std::io::Write as _;

use clap::Args;

use super::file::{File, Metas};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// List the names of the buckets, one a line
///
/// As `bbolt buckets`: the buckets at the top level. `bolt keys` lists the buckets inside a bucket among its keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt buckets backup.db
  etcdsnap bolt buckets broken.db --page-size 4096")]
pub(super) struct Buckets {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    metas: Metas,
}

impl Buckets {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (mut walk, mut findings) = self.metas.walk(&source)?;
        for bucket in walk.buckets(&mut findings) {
            session.out.write_all(bucket.name)?;
            session.out.write_all(b"\n")?;
        }
        session.close(&source, &findings)
    }
}
