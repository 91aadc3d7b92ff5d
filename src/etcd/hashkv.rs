//! HashKV: the CRC-32C that members compare to see whether they hold the same data (`mvcc.HashStorage`).

use serde::Serialize;

use super::{NewestByKey, Record, Revision, Snapshot, snapshot::hash_leaf};
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

/// Which records a HashKV covers.
#[derive(Debug)]
pub(crate) struct Covered<'a> {
    newest: NewestByKey<'a>,
    none_live: bool,
    compacted: i64,
    revision: i64,
}

impl Covered<'_> {
    /// Whether `record` is covered: after the compacted revision every record is, before it those that a compaction at
    /// the revision of the sum would keep.
    #[inline]
    pub(crate) fn covers(&self, record: &Record<'_>) -> bool {
        let (main, compacted) = (record.revision.main, self.compacted);
        let kept = || main > compacted || self.none_live || self.newest.live(record.kv.key) == Some(record.revision);
        main <= self.revision && kept() && !(main == compacted && record.tombstone)
    }
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
        Ok(self.hashkv_compacted(at, self.keyspace.compacted())?.0)
    }

    /// As [`Snapshot::hashkv`], as if the db was compacted at the revision `compacted`, which is not before its own
    /// compacted revision. Returns the records that are covered, too.
    ///
    /// # Errors
    /// As [`Snapshot::hashkv`].
    pub(crate) fn hashkv_compacted(&self, at: Option<i64>, compacted: i64) -> Result<(HashKv, Covered<'a>)> {
        let keyspace = self.keyspace;
        let limit = at.unwrap_or(i64::MAX);
        let first = keyspace.newest(&self.walk, Revision::default, |last, record| {
            *last = record.revision;
            record.revision.main <= limit
        });
        let last = first.parts.into_iter().max().unwrap_or_default();
        let revision = self.check_revision(at, keyspace.head(last))?;
        let covered = Covered { none_live: first.shared.none_live(), newest: first.shared, compacted, revision };
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
                if !part.whole && covered.covers(record) {
                    part.sum.update(record.bucket_key);
                    part.sum.update(record.message);
                }
            },
        );
        let sum = second.parts.iter().fold(Crc32c::of(b"key"), |sum, part| sum.join(part.sum.finish()));
        let findings = self.findings_and(second.findings);
        Ok((HashKv { hash: sum.sum(), revision, compact_revision: compacted, findings }, covered))
    }
}
