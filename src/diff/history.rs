//! Changes of a keyspace, record by record.

use std::{hash::BuildHasher as _, mem};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

use crate::{
    Findings,
    etcd::{KeyValue, Record, Snapshot},
};

use super::pair::Pair;

/// Number of changes in one wave, and its size in bytes.
const WAVE: usize = 256;
const WAVE_BYTES: usize = 1 << 20;

/// The effect of a record on its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The key did not exist before.
    Create,
    /// The key existed before.
    Update,
    /// The key was deleted.
    Delete,
    /// The key was written, and it is not known whether it existed before.
    Put,
}

impl Verb {
    /// The verb in Kubernetes' audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Put => "put",
        }
    }
}

/// A record, and its key's state before it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The record.
    pub record: Record<'a>,
    /// The record before it, if it is known and not a deletion.
    pub old: Option<KeyValue<'a>>,
    /// Number of writes in between that are not known because they were compacted.
    pub missing: i64,
    /// Whether there may be more of them: no backup holds both records, and a deletion has no version to count by.
    pub may_miss: bool,
}

impl<'a> Change<'a> {
    /// The verb.
    #[must_use]
    pub fn verb(&self) -> Verb {
        match self.record {
            Record { tombstone: true, .. } => Verb::Delete,
            Record { kv: KeyValue { version: 1, .. }, .. } => Verb::Create,
            Record { kv: KeyValue { version: 0, .. }, .. } => Verb::Put,
            _ => Verb::Update,
        }
    }

    /// Whether `last`, the record before it, is of an object that was deleted since, by a record that is missing.
    #[must_use]
    pub fn is_another(&self, last: &Record<'_>) -> bool {
        !self.record.tombstone && !last.tombstone && !is_of_generation(&self.record.kv, &last.kv)
    }

    /// Both sides of the change, for a comparison.
    #[must_use]
    pub fn pair(&self) -> Pair<'a> {
        Pair { old: self.old, new: (!self.record.tombstone).then_some(self.record.kv) }
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.record.kv.key
    }
}

/// Links records of ascending revision to their predecessors, key by key.
#[derive(Debug, Default)]
pub struct Chain<'a> {
    hasher: DefaultHashBuilder,
    /// The newest record of each key, and the hash of the key: a table that grows would have to read all keys again for
    /// it, which are spread over the file.
    newest: HashTable<(u64, KeyValue<'a>)>,
}

impl<'a> Chain<'a> {
    /// The change by `record`; all records before it were given already.
    pub fn link(&mut self, record: Record<'a>) -> Change<'a> {
        let key = record.kv.key;
        let hash = self.hasher.hash_one(key);
        let known = self.newest.entry(hash, |(of, kv)| *of == hash && kv.key == key, |(hash, _)| *hash);
        let old = match (known, record.tombstone) {
            (Entry::Occupied(known), true) => Some(known.remove().0.1),
            (Entry::Occupied(mut known), false) => Some(mem::replace(&mut known.get_mut().1, record.kv)),
            (Entry::Vacant(_), true) => None,
            (Entry::Vacant(place), false) => {
                place.insert((hash, record.kv));
                None
            }
        };
        if record.tombstone {
            return Change { record, old, missing: 0, may_miss: false };
        }
        // A record of an earlier generation is not the one before: its deletion is missing.
        let old = old.filter(|old| is_of_generation(&record.kv, old));
        let before = record.kv.version.saturating_sub(1);
        // of what the log alone shows, each version is there
        let missing = old.map_or(before, |old| if old.version > 0 { before.saturating_sub(old.version) } else { 0 });
        Change { record, old, missing: missing.max(0), may_miss: false }
    }
}

/// Whether the key was not deleted between `old` and `new`, the records of a key.
fn is_of_generation(new: &KeyValue<'_>, old: &KeyValue<'_>) -> bool {
    new.create_revision <= old.mod_revision
}

/// Calls `each` with the changes of the keys that `wanted` accepts, in order and in waves bounded by bytes. A record
/// that a compaction has left is no change, only the state before one. Records that cannot be read go to `findings`.
///
/// # Errors
/// Errors of `each`; the first one ends the walk.
pub fn changes<'a, E>(
    snapshot: &Snapshot<'a>,
    findings: &mut Findings,
    wanted: impl Fn(&[u8]) -> bool,
    mut each: impl FnMut(Vec<Change<'a>>) -> Result<(), E>,
) -> Result<(), E> {
    let compacted = snapshot.keyspace.dropped();
    let (mut chain, mut wave, mut bytes) = (Chain::default(), Vec::with_capacity(WAVE), 0_usize);
    snapshot.each_record(findings, |record| {
        if record.is_bump() || !wanted(record.kv.key) {
            return Ok(());
        }
        let change = chain.link(record);
        if record.revision.main <= compacted {
            return Ok(());
        }
        bytes = bytes.saturating_add(change.pair().bytes());
        wave.push(change);
        if wave.len() >= WAVE || bytes >= WAVE_BYTES {
            each(std::mem::replace(&mut wave, Vec::with_capacity(WAVE)))?;
            bytes = 0;
        }
        Ok(())
    })?;
    each(wave)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::Revision;

    fn record(main: i64, create_revision: i64, version: i64) -> Record<'static> {
        let kv = KeyValue { key: b"k", create_revision, mod_revision: main, version, ..KeyValue::default() };
        let tombstone = version == 0;
        let kv = if tombstone { KeyValue { key: b"k", ..KeyValue::default() } } else { kv };
        let revision = Revision { main, sub: 0 };
        Record { revision, tombstone, kv, bucket_key: &[], message: &[], offset: 0 }
    }

    #[test]
    fn records_are_chained_by_generation() {
        let mut chain = Chain::default();
        let mut linked = |record| {
            let change = chain.link(record);
            (change.verb().name(), change.old.map(|old| old.mod_revision), change.missing)
        };
        assert_eq!(linked(record(5, 2, 3)), ("update", None, 2));
        assert_eq!(linked(record(6, 2, 4)), ("update", Some(5), 0));
        assert_eq!(linked(record(9, 2, 7)), ("update", Some(6), 2));
        assert_eq!(linked(record(10, 0, 0)), ("delete", Some(9), 0));
        assert_eq!(linked(record(11, 11, 1)), ("create", None, 0));
        // its deletion and creation were compacted
        assert_eq!(linked(record(20, 19, 2)), ("update", None, 1));
    }
}
