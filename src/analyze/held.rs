//! The records of each key, added up on all cores.

use std::{
    hash::BuildHasher as _,
    sync::{Mutex, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;

use crate::{
    etcd::{KeyValue, Record, Revision},
    k8s::is_encrypted,
};

/// The number of tables that keys are spread over, each with its own lock.
const SHARDS: usize = 64;

/// What the file holds of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) key: &'a [u8],
    /// The newest record's revision, message, and whether it is a tombstone.
    pub(super) revision: Revision,
    message: &'a [u8],
    pub(super) deleted: bool,
    /// Records, tombstones too, and their bytes.
    pub(super) records: u32,
    pub(super) bytes: u64,
    /// Tombstones, and their bytes.
    pub(super) tombstones: u32,
    pub(super) tombstone_bytes: u64,
    /// Records whose value is encrypted.
    pub(super) sealed: u32,
}

impl<'a> Held<'a> {
    /// The newest record; of a key that is deleted only the key.
    pub(super) fn kv(&self) -> KeyValue<'a> {
        // It was decoded once.
        KeyValue::decode(self.message).unwrap_or_default()
    }

    /// Bytes of the live record, 0 for a key that is deleted.
    pub(super) fn live(&self) -> u64 {
        if self.deleted { 0 } else { size(self.message, false) }
    }

    /// Number of records that are neither live nor tombstones.
    pub(super) fn old_records(&self) -> u32 {
        self.records.saturating_sub(self.tombstones).saturating_sub(u32::from(!self.deleted))
    }

    /// Bytes of the records that are neither live nor tombstones.
    pub(super) fn old(&self) -> u64 {
        self.bytes.saturating_sub(self.tombstone_bytes).saturating_sub(self.live())
    }
}

/// Bytes of a record with this message in a leaf, without its element.
fn size(message: &[u8], tombstone: bool) -> u64 {
    (message.len() as u64).saturating_add(if tombstone { 18 } else { 17 })
}

/// The table of all keys.
#[derive(Debug)]
pub(super) struct Table<'a> {
    hasher: DefaultHashBuilder,
    shards: Vec<Mutex<HashTable<Held<'a>>>>,
}

impl<'a> Table<'a> {
    pub(super) fn new() -> Self {
        // A new seed in every run, so that no input can be made to collide.
        Self { hasher: DefaultHashBuilder::default(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Adds a record, in any order.
    pub(super) fn add(&self, record: &Record<'a>) {
        let Record { revision, tombstone, kv, message, .. } = *record;
        let hash = self.hasher.hash_one(kv.key);
        let Some(shard) = self.shards.get((hash >> 32) as usize % SHARDS) else { return };
        let sealed = u32::from(is_encrypted(kv.value));
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(hash, |held| held.key == kv.key, |held| self.hasher.hash_one(held.key));
        let empty = Held {
            key: kv.key,
            revision,
            message,
            deleted: tombstone,
            records: 0,
            bytes: 0,
            tombstones: 0,
            tombstone_bytes: 0,
            sealed: 0,
        };
        let mut entry = entry.or_insert(empty);
        let held = entry.get_mut();
        if held.revision < revision {
            (held.revision, held.message, held.deleted) = (revision, message, tombstone);
        }
        let size = size(message, tombstone);
        held.records = held.records.saturating_add(1);
        held.bytes = held.bytes.saturating_add(size);
        held.sealed = held.sealed.saturating_add(sealed);
        if tombstone {
            held.tombstones = held.tombstones.saturating_add(1);
            held.tombstone_bytes = held.tombstone_bytes.saturating_add(size);
        }
    }

    /// What the file holds of `key`.
    pub(super) fn find(&self, key: &[u8]) -> Option<Held<'a>> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shards.get((hash >> 32) as usize % SHARDS)?.lock().unwrap_or_else(PoisonError::into_inner);
        shard.find(hash, |held| held.key == key).copied()
    }

    /// Folds the keys of each table on a core of its own.
    pub(super) fn fold<T: Send>(&self, init: impl Fn() -> T + Sync, step: impl Fn(&mut T, &Held<'a>) + Sync) -> Vec<T> {
        let of_shard = |shard: &Mutex<HashTable<Held<'a>>>| {
            let mut state = init();
            shard.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|held| step(&mut state, held));
            state
        };
        self.shards.par_iter().map(of_shard).collect()
    }
}
