//! The newest record of every key, found on all cores.

use std::{
    hash::BuildHasher as _,
    sync::{Mutex, PoisonError, atomic::AtomicU16},
};

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use rayon::prelude::*;

use super::{
    Depth, Record, Revision,
    chain::{Break, Chains, Newest, PartId},
};
use crate::Findings;

/// The number of tables that keys are spread over, each with its own lock.
const SHARDS: usize = 64;

/// The number of words that are copied of a key, to sort by them.
const START: usize = 4;

/// The newest record of each key among those that were offered, in any order.
#[derive(Debug)]
pub(crate) struct NewestByKey<'a> {
    hasher: DefaultHashBuilder,
    /// The number of parts of the scan that link their records.
    parts: AtomicU16,
    shards: Vec<Mutex<Shard<'a>>>,
}

/// The keys of one table, and their chains.
#[derive(Debug, Default)]
struct Shard<'a> {
    table: HashTable<Slot<'a>>,
    chains: Chains<'a>,
}

/// A key's newest record, and the hash of the key: a table that grows would have to read all keys again for it, which
/// are spread over the file.
#[derive(Debug)]
struct Slot<'a> {
    hash: u64,
    newest: Newest<'a>,
}

impl Slot<'_> {
    fn is_of(&self, hash: u64, key: &[u8]) -> bool {
        self.hash == hash && self.newest.key == key
    }
}

impl<'a> NewestByKey<'a> {
    pub(super) fn new() -> Self {
        Self {
            // A new seed in every run, so that no input can be made to collide.
            hasher: DefaultHashBuilder::default(),
            parts: AtomicU16::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Shard<'a>>> {
        self.shards.get((hash >> 32) as usize % SHARDS)
    }

    /// Takes `record` unless its key has a newer one.
    #[inline]
    pub(super) fn offer(&self, record: &Record<'a>) {
        let newest = Newest::of(record, PartId::default());
        let hash = self.hasher.hash_one(newest.key);
        let Some(shard) = self.shard(hash) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard
            .table
            .entry(hash, |known| known.is_of(hash, newest.key), |known| known.hash)
            .and_modify(|known| {
                if known.newest.revision < newest.revision {
                    known.newest = newest;
                }
            })
            .or_insert(Slot { hash, newest });
    }

    /// As [`NewestByKey::offer`], and links the record with those of its key: each part of a scan offers its records in
    /// order, and keeps one `part`.
    #[inline]
    pub(super) fn link(&self, record: &Record<'a>, part: &mut PartId, depth: Depth) {
        if record.kv.key.is_empty() {
            return self.offer(record);
        }
        let newest = Newest::of(record, part.number(&self.parts));
        let hash = self.hasher.hash_one(newest.key);
        let Some(shard) = self.shard(hash) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { table, chains } = &mut *shard;
        match table.entry(hash, |known| known.is_of(hash, newest.key), |known| known.hash) {
            Entry::Occupied(mut known) => {
                let known = &mut known.get_mut().newest;
                let chain = chains.add(known, record, newest.part, depth);
                let newer = if known.revision < newest.revision { newest } else { *known };
                *known = Newest { chain, ..newer };
            }
            Entry::Vacant(place) => {
                let chain = chains.first(record, newest.part, depth);
                place.insert(Slot { hash, newest: Newest { chain, ..newest } });
            }
        }
    }

    /// Reports records that do not continue the history of their key, in revision order. `image` holds all records that
    /// were linked.
    pub(super) fn check_chains(&self, depth: Depth, image: &[u8], findings: &mut Findings) {
        let mut breaks = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.chains.breaks(shard.table.iter().map(|known| &known.newest), depth, &mut breaks);
        }
        breaks.sort_unstable_by_key(Break::order);
        breaks.iter().for_each(|found| findings.push(found.finding(depth, image)));
    }

    /// The newest record of `key`, if it does not delete it.
    pub(super) fn live_record(&self, key: &[u8]) -> Option<Newest<'a>> {
        self.find(key).filter(|known| !known.tombstone)
    }

    /// The revision of that record.
    pub(super) fn live(&self, key: &[u8]) -> Option<Revision> {
        self.live_record(key).map(|known| known.revision)
    }

    /// The live keys' records, in no order.
    pub(crate) fn into_live(self) -> impl Iterator<Item = Newest<'a>> {
        let shards = self.shards.into_iter();
        let records = shards.flat_map(|shard| shard.into_inner().unwrap_or_else(PoisonError::into_inner).table);
        records.map(|known| known.newest).filter(|newest| !newest.tombstone)
    }

    /// The live keys' records, in key order.
    #[must_use]
    pub(crate) fn into_sorted(self) -> Vec<Newest<'a>> {
        sorted(self.into_live().collect())
    }

    /// As [`NewestByKey::into_sorted`], without the empty record of a bump.
    #[must_use]
    pub(super) fn sorted_keys(&self) -> Vec<Newest<'a>> {
        let mut newest = Vec::new();
        self.for_each_live(|known| newest.extend(Some(*known).filter(|known| !known.is_bump())));
        sorted(newest)
    }

    /// Calls `each` with the live keys' records, in no order.
    pub(crate) fn for_each_live(&self, mut each: impl FnMut(&Newest<'a>)) {
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.table.iter().map(|known| &known.newest).filter(|newest| !newest.tombstone).for_each(&mut each);
        }
    }

    /// Whether each record here is the newest of its key in `other`, too; `None` where none is. A key that was deleted
    /// may be gone there.
    pub(super) fn agrees_with(&self, other: &Self) -> Option<bool> {
        let of_shard = |shard: &Mutex<Shard<'_>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.table.iter().map(|known| &known.newest).try_fold(false, |common, newest| {
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
        let shard = self.shard(hash)?.lock().unwrap_or_else(PoisonError::into_inner);
        shard.table.find(hash, |known| known.is_of(hash, key)).map(|known| known.newest)
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

/// Records in key order.
///
/// The keys are spread over the file, and reading one there is expensive: so the bytes after their common prefix
/// are copied, which decides nearly all comparisons.
fn sorted<'a>(newest: Vec<Newest<'a>>) -> Vec<Newest<'a>> {
    // `/registry/`: the start of one key, and likely of all but a few
    let typical = newest.get(newest.len() / 2).map_or(&b""[..], |newest| newest.key);
    let slash = typical.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).nth(1);
    let common = typical.get(..=slash.unwrap_or(0)).unwrap_or_default();
    let start = |newest: Newest<'a>| {
        let rest = newest.key.strip_prefix(common);
        let (first, rest) = rest.map_or((if newest.key < common { 0 } else { 2 }, newest.key), |rest| (1, rest));
        let mut start = [0; 8 * START];
        start.iter_mut().zip(std::iter::once(&first).chain(rest)).for_each(|(to, byte)| *to = *byte);
        // numbers: compared without a call
        let mut words = [0; START];
        words.iter_mut().zip(start.as_chunks().0).for_each(|(to, bytes)| *to = u64::from_be_bytes(*bytes));
        (words, newest)
    };
    let mut sorted: Vec<_> = newest.into_par_iter().map(start).collect();
    sorted.par_sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.key.cmp(y.key)));
    sorted.into_iter().map(|(_, newest)| newest).collect()
}
