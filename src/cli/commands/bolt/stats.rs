use std::{ffi::OsString, io::Write as _, os::unix::ffi::OsStrExt as _};

use clap::Args;
use etcdsnap::bolt::Stats;

use super::file::{File, Metas};
use crate::{
    failure::{Exit, Failure},
    session::Session,
};

/// Count the pages and bytes that the buckets take
///
/// As `bbolt stats`: the sums over all buckets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap bolt stats backup.db
  etcdsnap bolt stats backup.db key")]
pub(super) struct StatsCommand {
    #[command(flatten)]
    file: File,
    /// Only buckets whose names begin with PREFIX
    #[arg(default_value = "")]
    prefix: OsString,
    #[command(flatten)]
    metas: Metas,
}

impl StatsCommand {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let source = self.metas.source(session, &self.file)?;
        let (mut walk, mut findings) = self.metas.walk(&source)?;
        let (mut all, mut count) = (Stats::default(), 0_u64);
        for bucket in walk.buckets(&mut findings) {
            if bucket.name.starts_with(self.prefix.as_bytes()) {
                all.add(&walk.stats(&bucket, &mut findings));
                count = count.saturating_add(1);
            }
        }
        session.out.write_all(text(&all, count).as_bytes())?;
        session.close(&source, &findings)
    }
}

/// The text of `bbolt stats`.
fn text(stats: &Stats, count: u64) -> String {
    let Stats { branch_pages, branch_overflow, leaf_pages, leaf_overflow, keys, depth, .. } = *stats;
    let Stats { branch_alloc, branch_inuse, leaf_alloc, leaf_inuse, buckets, inline_buckets, inline_inuse, .. } =
        *stats;
    let of_branches = percent(branch_inuse, branch_alloc);
    let of_leaves = percent(leaf_inuse, leaf_alloc);
    let of_buckets = percent(inline_buckets, buckets);
    let inline = percent(inline_inuse, leaf_inuse);
    format!(
        "\
Aggregate statistics for {count} buckets

Page count statistics
\tNumber of logical branch pages: {branch_pages}
\tNumber of physical branch overflow pages: {branch_overflow}
\tNumber of logical leaf pages: {leaf_pages}
\tNumber of physical leaf overflow pages: {leaf_overflow}
Tree statistics
\tNumber of keys/value pairs: {keys}
\tNumber of levels in B+tree: {depth}
Page size utilization
\tBytes allocated for physical branch pages: {branch_alloc}
\tBytes actually used for branch data: {branch_inuse} ({of_branches}%)
\tBytes allocated for physical leaf pages: {leaf_alloc}
\tBytes actually used for leaf data: {leaf_inuse} ({of_leaves}%)
Bucket statistics
\tTotal number of buckets: {buckets}
\tTotal number on inlined buckets: {inline_buckets} ({of_buckets}%)
\tBytes used for inlined buckets: {inline_inuse} ({inline}%)
"
    )
}

/// A share in percent, rounded as bbolt does, which computes it in `float32`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn percent(part: u64, whole: u64) -> i64 {
    if whole == 0 { 0 } else { (part as f32 * 100.0 / whole as f32) as i64 }
}
