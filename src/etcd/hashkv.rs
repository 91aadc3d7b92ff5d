//! HashKV: the CRC-32C that members compare to see whether they hold the same data (`mvcc.HashStorage`).

use serde::Serialize;

use super::{Revision, Snapshot, snapshot::hash_leaf};
use crate::{
    Findings, Result,
    bolt::Item,
    hash::{Crc32c, Crc32cWriter},
};

/// A HashKV and the revisions it covers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKv {
    /// The CRC-32C.
    pub hash: u32,
    /// The last main revision that it covers.
    #[serde(rename = "hashRevision")]
    pub revision: i64,
    /// The compacted revision, or -1.
    pub compact_revision: i64,
    /// Findings about the backup, as far as it was read for this: [`Snapshot::findings`], then those about the records.
    #[serde(skip)]
    pub findings: Findings,
}

#[derive(Default)]
struct Part {
    sum: Crc32cWriter,
    /// Whether the current leaf was summed as a whole.
    whole: bool,
}

impl<'a> Snapshot<'a> {
    /// The HashKV up to revision `at`, or the last one: of the records after the compacted revision, and of those
    /// below it that a compaction at `at` would keep.
    ///
    /// The file is read twice: the newest record of each key has to be known before the first record is summed.
    ///
    /// # Errors
    /// When the revision has been compacted, or is a future revision.
    pub fn hashkv(&self, at: Option<i64>) -> Result<HashKv> {
        let (keyspace, compacted) = (self.keyspace, self.keyspace.compacted());
        let limit = at.unwrap_or(i64::MAX);
        let first = keyspace.newest(&self.walk, Revision::default, |last, record| {
            *last = record.revision;
            record.revision.main <= limit
        });
        let last = first.parts.into_iter().max().unwrap_or_default();
        let revision = self.check_revision(at, keyspace.head(last))?;
        let newest = first.shared;
        let keep_all = newest.none_live();
        let second = keyspace.scan(
            &self.walk,
            || (),
            Part::default,
            |(), part, leaf| {
                // After the compacted revision every record counts: such a leaf is summed in one step.
                let main = |item: Option<&Item<'_>>| Some(Revision::from_bucket_key(item?.key).ok()?.0.main);
                let ends = main(leaf.items.first()).zip(main(leaf.items.last()));
                part.whole = ends.is_some_and(|(first, last)| first > compacted && last <= revision);
                if part.whole {
                    hash_leaf(&mut part.sum, leaf);
                }
            },
            |(), part, record| {
                let main = record.revision.main;
                if part.whole || main > revision {
                    return;
                }
                let kept = main > compacted || keep_all || newest.live(record.kv.key) == Some(record.revision);
                if kept && !(main == compacted && record.tombstone) {
                    part.sum.update(record.bucket_key);
                    part.sum.update(record.message);
                }
            },
        );
        let sum = second.parts.iter().fold(Crc32c::of(b"key"), |sum, part| sum.join(part.sum.finish()));
        let findings = self.findings_and(second.findings);
        Ok(HashKv { hash: sum.sum(), revision, compact_revision: compacted, findings })
    }
}
