//! HashKV of several members of one cluster, and where they differ.
//!
//! The sums are of the highest revision that all of them hold, as if all were compacted as far as the one that is
//! compacted furthest: two members need not be compacted at the same revision, and the sums of `etcdutl hashkv` differ
//! then.
//!
//! ```text
//! a.db   compacted 100 ------------------------------ 190
//! b.db              compacted 120 ------------------------- 200
//!                             120 ================== 190     what is summed and compared
//! ```

mod cluster;
mod merge;

use std::collections::BTreeMap;

use serde::Serialize;

use self::cluster::Member;
pub(super) use self::cluster::listed;
pub use self::merge::{Held, OtherRecord};
use crate::{
    Error, Findings, Result,
    etcd::{Covered, HashKv},
};

/// HashKV of several backups, side by side.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKvs {
    /// The revision that they are compared at.
    #[serde(rename = "hashRevision")]
    pub revision: i64,
    /// The revision that they are compared from, or -1.
    pub compact_revision: i64,
    /// Whether all sums are equal.
    pub equal: bool,
    /// The backups, as they were named.
    pub files: Vec<OfFile>,
    /// Where those differ whose sums do.
    pub differences: Vec<Difference>,
    /// Pairs of which nothing shows that they are of one cluster.
    #[serde(skip)]
    pub unrelated: Vec<(String, String)>,
}

/// HashKV of one backup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfFile {
    /// The backup, as it was named.
    pub file: String,
    /// The CRC-32C that `hashkv` prints for the backup.
    pub hash: u32,
    /// The last revision in the backup.
    pub last_revision: i64,
    /// The revision that the backup itself was compacted at, or -1.
    pub own_compact_revision: i64,
    /// Findings about it.
    #[serde(skip)]
    pub findings: Findings,
}

/// Where two backups differ.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The backup whose sum most of them have, or the first of those.
    pub of: String,
    /// The backup that differs from it.
    pub and: String,
    /// The first revision of which they hold other records.
    pub first_revision: i64,
    /// The records of that revision that differ.
    pub records: Vec<OtherRecord>,
    /// Records of that revision that differ and are not listed.
    pub more: u64,
    /// The number of keys that have other records, at this revision or later.
    pub keys: u64,
}

impl HashKvs {
    /// Compares `members`, each with its name, at revision `at`, or at the highest that all of them hold.
    ///
    /// # Errors
    /// When they are of different clusters, or there is no revision that all of them hold.
    pub fn compare(members: &[Member<'_, '_>], at: Option<i64>) -> Result<Self> {
        let unrelated = cluster::check(members)?;
        let (at, compacted) = common(members, at)?;
        let (mut files, mut covered): (Vec<OfFile>, Vec<Covered<'_>>) = (Vec::new(), Vec::new());
        for (name, snapshot) in members {
            let (sum, covers) = snapshot.hashkv_compacted(Some(at), compacted)?;
            let HashKv { hash, findings, .. } = sum;
            let last_revision = snapshot.head().unwrap_or(at);
            let own_compact_revision = snapshot.keyspace.compacted();
            files.push(OfFile { file: (*name).to_owned(), hash, last_revision, own_compact_revision, findings });
            covered.push(covers);
        }
        let groups = groups(&files);
        let place = |at: usize| Some((members.get(at)?, covered.get(at)?));
        let mut differences = Vec::new();
        if let Some((first, others)) = groups.split_first()
            && let Some(((of, a), in_a)) = place(*first)
        {
            for ((and, b), in_b) in others.iter().filter_map(|other| place(*other)) {
                let found = merge::compare((a, in_a), (b, in_b));
                differences.extend(found.map(|found| Difference {
                    of: (*of).to_owned(),
                    and: (*and).to_owned(),
                    first_revision: found.first.unwrap_or_default(),
                    records: found.records,
                    more: found.more,
                    keys: found.keys,
                }));
            }
        }
        let equal = groups.len() < 2;
        Ok(Self { revision: at, compact_revision: compacted, equal, files, differences, unrelated })
    }
}

/// The revision to compare at, and the one to compare from.
fn common(members: &[Member<'_, '_>], at: Option<i64>) -> Result<(i64, i64)> {
    let (mut end, mut start) = (None, None);
    for (name, snapshot) in members {
        let damaged = |finding| Error::Damaged { file: (*name).to_owned(), finding: Box::new(finding) };
        let (head, compacted) = (snapshot.head().map_err(damaged)?, snapshot.keyspace.compacted());
        if end.is_none_or(|(first, _)| head < first) {
            end = Some((head, *name));
        }
        if start.is_none_or(|(last, _)| compacted > last) {
            start = Some((compacted, *name));
        }
    }
    let Some(((end, ends), (start, starts))) = end.zip(start) else {
        return Err(Error::usage("there is no backup to compare"));
    };
    let range = format!("all of them hold the revisions {} to {end}", start.max(1));
    match at {
        _ if start > end => {
            let what =
                format!("there is no revision that all hold: {ends} ends at {end}, {starts} is compacted at {start}");
            Err(Error::not_found(what).hinted("compare backups that were taken at about the same time"))
        }
        Some(at) if at > end => {
            Err(Error::not_found(format!("{ends}: revision {at} is a future revision")).hinted(range))
        }
        Some(at) if at < start => {
            Err(Error::not_found(format!("{starts}: revision {at} has been compacted")).hinted(range))
        }
        at => Ok((at.unwrap_or(end), start)),
    }
}

/// The first backup with each sum, that of the sum which most have before the others.
fn groups(files: &[OfFile]) -> Vec<usize> {
    let mut by_hash: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        let (_, count) = by_hash.entry(file.hash).or_insert((at, 0));
        *count = count.saturating_add(1);
    }
    let mut groups: Vec<_> = by_hash.into_values().collect();
    groups.sort_unstable_by_key(|(first, count)| (std::cmp::Reverse(*count), *first));
    groups.into_iter().map(|(first, _)| first).collect()
}
