//! The records that a compaction leaves (`mvcc.scheduleCompaction`).

use super::{Record, Snapshot, newest::NewestByKey};

/// A compaction at a revision, which decides which records are kept.
#[derive(Debug)]
pub(crate) struct Compaction<'a> {
    at: i64,
    newest: NewestByKey<'a>,
}

impl<'a> Snapshot<'a> {
    /// The compaction at revision `at`: the newest record of each key up to it has to be known first.
    #[must_use]
    pub(crate) fn compaction(&self, at: i64) -> Compaction<'a> {
        let scan = self.keyspace.newest(&self.fresh_walk(), || (), |(), record| record.revision.main <= at);
        Compaction { at, newest: scan.shared }
    }
}

impl Compaction<'_> {
    /// Whether `record` is left: it is newer, or the newest of its key. A deletion is left when it was made at the very
    /// revision, as etcd since 3.4.34 and 3.5.16 has it: a watch from there gets its event.
    #[must_use]
    pub(crate) fn keeps(&self, record: &Record<'_>) -> bool {
        let main = record.revision.main;
        main > self.at
            || (record.tombstone && main == self.at)
            || self.newest.live(record.kv.key) == Some(record.revision)
    }
}
