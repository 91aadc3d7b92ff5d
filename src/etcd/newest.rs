//! The newest record of every key, found on all cores.

use std::{
    hash::BuildHasher as _,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use super::{KeyValue, Record, Revision};

/// The number of tables that keys are spread over, each with its own lock.
const SHARDS: usize = 64;

/// One key's newest record: 56 bytes; everything else is read again from the record when needed.
#[derive(Debug, Clone, Copy)]
pub struct Newest<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The revision that wrote it.
    pub revision: Revision,
    message: &'a [u8],
    tombstone: bool,
}

impl<'a> Newest<'a> {
    /// The key-value pair that was written.
    #[must_use]
    pub(crate) fn kv(&self) -> KeyValue<'a> {
        KeyValue::decode(self.message).unwrap_or_default()
    }
}

/// The newest record of each key among those that were offered, in any order.
#[derive(Debug)]
pub struct NewestByKey<'a> {
    hasher: DefaultHashBuilder,
    shards: Vec<Mutex<HashTable<Newest<'a>>>>,
}

impl<'a> NewestByKey<'a> {
    pub(super) fn new() -> Self {
        Self {
            // A new seed in every run, so that no input can be made to collide.
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<HashTable<Newest<'a>>>> {
        self.shards.get((hash >> 32) as usize % SHARDS)
    }

    /// Takes `record` unless its key has a newer one.
    #[inline]
    pub(super) fn offer(&self, record: &Record<'a>) {
        let Record { revision, tombstone, kv, message, .. } = *record;
        let newest = Newest { key: kv.key, revision, message, tombstone };
        let hash = self.hasher.hash_one(kv.key);
        let Some(shard) = self.shard(hash) else { return };
        let mut table = shard.lock().unwrap_or_else(PoisonError::into_inner);
        table
            .entry(hash, |known| known.key == kv.key, |known| self.hasher.hash_one(known.key))
            .and_modify(|known| {
                if known.revision < revision {
                    *known = newest;
                }
            })
            .or_insert(newest);
    }

    /// The revision of the newest record of `key`, if it does not delete it.
    pub(super) fn live(&self, key: &[u8]) -> Option<Revision> {
        self.find(key).filter(|known| !known.tombstone).map(|known| known.revision)
    }

    /// The live keys' records, in no order.
    pub(crate) fn into_live(self) -> impl Iterator<Item = Newest<'a>> {
        let shards = self.shards.into_iter();
        let records = shards.flat_map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner));
        records.filter(|newest| !newest.tombstone)
    }

    /// The live keys' records, in key order.
    ///
    /// The keys are spread over the file, and reading one there is expensive: so the bytes after their common prefix
    /// are copied, which decides nearly all comparisons.
    #[must_use]
    pub(crate) fn into_sorted(self) -> Vec<Newest<'a>> {
        let newest: Vec<_> = self.into_live().collect();
        // `/registry/`: the start of one key, and likely of all but a few
        let typical = newest.get(newest.len() / 2).map_or(&b""[..], |newest| newest.key);
        let slash = typical.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).nth(1);
        let common = typical.get(..=slash.unwrap_or(0)).unwrap_or_default();
        let start = |newest: Newest<'a>| {
            let rest = newest.key.strip_prefix(common);
            let mut start = [0; 32];
            let (first, rest) = rest.map_or((if newest.key < common { 0 } else { 2 }, newest.key), |rest| (1, rest));
            start.iter_mut().zip(std::iter::once(&first).chain(rest)).for_each(|(to, byte)| *to = *byte);
            (start, newest)
        };
        let mut sorted: Vec<_> = newest.into_par_iter().map(start).collect();
        sorted.par_sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.key.cmp(y.key)));
        sorted.into_iter().map(|(_, newest)| newest).collect()
    }

    /// Calls `each` with the live keys' records, in no order.
    pub(crate) fn for_each_live(&self, mut each: impl FnMut(&Newest<'a>)) {
        for shard in &self.shards {
            let table = shard.lock().unwrap_or_else(PoisonError::into_inner);
            table.iter().filter(|known| !known.tombstone).for_each(&mut each);
        }
    }

    /// Whether each record here is the newest of its key in `other`, too; `None` where none is. A key that was deleted
    /// may be gone there.
    pub(super) fn agrees_with(&self, other: &Self) -> Option<bool> {
        let of_shard = |shard: &Mutex<HashTable<Newest<'_>>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).iter().try_fold(false, |common, newest| {
                match other.find(newest.key) {
                    Some(found) if (found.revision, found.message) == (newest.revision, newest.message) => Ok(true),
                    None if newest.tombstone => Ok(common),
                    _ => Err(()),
                }
            })
        };
        match self.shards.par_iter().map(of_shard).try_reduce(|| false, |a, b| Ok(a || b)) {
            Ok(common) => common.then_some(true),
            Err(()) => Some(false),
        }
    }

    fn find(&self, key: &[u8]) -> Option<Newest<'a>> {
        let hash = self.hasher.hash_one(key);
        let table = self.shard(hash)?.lock().unwrap_or_else(PoisonError::into_inner);
        table.find(hash, |known| known.key == key).copied()
    }

    /// The number of live keys.
    #[must_use]
    pub(crate) fn count_live(&self) -> u64 {
        let mut count = 0_u64;
        self.for_each_live(|_| count = count.saturating_add(1));
        count
    }

    /// Whether no key is live.
    #[must_use]
    pub(crate) fn none_live(&self) -> bool {
        self.count_live() == 0
    }
}
