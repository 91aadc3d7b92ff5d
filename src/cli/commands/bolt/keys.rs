use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

use clap::Args;

use super::{
    file::{File, Metas, bucket},
    format::Format,
};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// List the keys of a bucket, one a line
///
/// As `bbolt keys`: in order, together with the names of the buckets inside.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt keys backup.db members
  etcdsnap bolt keys backup.db key --format hex
  etcdsnap bolt keys other.db outer inner

Exit status: 1 when there is no such bucket")]
pub(super) struct Keys {
    #[command(flatten)]
    file: File,
    /// The bucket; for a nested bucket, all names from the outermost to the innermost
    #[arg(required = true)]
    bucket: Vec<OsString>,
    /// How keys are printed
    #[arg(short, long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    #[command(flatten)]
    metas: Metas,
}

impl Keys {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (walk, mut findings) = self.metas.walk(&source)?;
        let path: Vec<_> = self.bucket.into_iter().map(OsString::into_vec).collect();
        let bucket = match bucket(&walk, &path, &mut findings) {
            Ok(bucket) => bucket,
            Err(error) => return Err(session.without(&source, &findings, error)),
        };
        walk.in_order(&bucket, &mut findings, |leaf| {
            leaf.items.iter().try_for_each(|item| self.format.line(&mut session.out, item.key))
        })?;
        session.close(&source, &findings)
    }
}
