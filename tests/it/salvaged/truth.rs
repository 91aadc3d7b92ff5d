//! What a file held before it was damaged, and which of it is still there.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hasher as _},
    ops::Range,
};

use super::pages::{Item, Pages, Record};

/// The newest record of a key that is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    pub revision: (i64, i64),
    pub create: i64,
    pub version: i64,
    pub lease: i64,
    /// Of the value.
    pub sum: u64,
}

impl Live {
    fn of(record: &Record<'_>) -> Self {
        let Record { revision, create, version, lease, value, .. } = *record;
        Self { revision, create, version, lease, sum: sum(value) }
    }

    /// As etcd serves it: without the sub revision.
    pub fn new(modified: i64, create: i64, version: i64, lease: i64, value: &[u8]) -> Self {
        Self { revision: (modified, 0), create, version, lease, sum: sum(value) }
    }

    pub fn without_sub(&self) -> Self {
        Self { revision: (self.revision.0, 0), ..*self }
    }
}

/// The keys of a file.
#[derive(Debug, Default)]
pub struct Truth {
    pub live: BTreeMap<Vec<u8>, Live>,
    /// Keys whose newest record is a tombstone.
    pub deleted: BTreeSet<Vec<u8>>,
    /// The main part of the highest revision.
    pub head: i64,
    /// Records of any revision.
    pub records: usize,
    /// Where the bytes of each live record are, and their sum.
    places: BTreeMap<Vec<u8>, (Range<usize>, u64)>,
}

impl Truth {
    /// The truth of a whole file, by its tree.
    #[track_caller]
    pub fn of(bytes: &[u8]) -> Self {
        Self::at(bytes, i64::MAX)
    }

    /// The same as it was at a revision.
    #[track_caller]
    pub fn at(bytes: &[u8], revision: i64) -> Self {
        let (pages, metas) = Pages::of(bytes);
        let key = pages.buckets(metas[0].root).remove("key").expect("no bucket key");
        let leaves = if key == 0 { Vec::new() } else { pages.tree(key).leaves };
        let mut truth = Self::default();
        for item in leaves.into_iter().flat_map(|leaf| pages.leaf(leaf)) {
            let Some(record) = Record::read(&bytes[item.key.clone()], &bytes[item.value.clone()]) else {
                // the empty record of a bump
                assert!(item.value.is_empty(), "no record at {item:?}");
                continue;
            };
            if record.revision.0 <= revision {
                truth.add(&record, &item, bytes);
            }
        }
        truth
    }

    fn add(&mut self, record: &Record<'_>, item: &Item, bytes: &[u8]) {
        let key = record.key.to_vec();
        self.records += 1;
        self.head = self.head.max(record.revision.0);
        if record.is_tombstone {
            self.live.remove(&key);
            self.places.remove(&key);
            self.deleted.insert(key);
            return;
        }
        self.deleted.remove(&key);
        let place = item.key.start..item.value.end;
        self.places.insert(key.clone(), (place.clone(), sum(&bytes[place])));
        self.live.insert(key, Live::of(record));
    }

    /// The live keys whose newest record is whole in a leaf of the damaged file, reachable or not.
    pub fn there(&self, damaged: &Pages<'_>) -> BTreeSet<&[u8]> {
        let mut there = BTreeSet::new();
        for item in damaged.ids().flat_map(|id| damaged.leaf(id)) {
            let [name, stored] = [item.key, item.value].map(|range| &damaged.bytes[range]);
            let Some(record) = Record::read(name, stored).filter(|record| !record.is_tombstone) else { continue };
            let live = self.live.get_key_value(record.key);
            there.extend(live.filter(|(_, live)| **live == Live::of(&record)).map(|(key, _)| key.as_slice()));
        }
        there
    }

    /// The highest revision in any leaf of a file.
    pub fn highest(damaged: &Pages<'_>) -> i64 {
        let record = |item: Item| Record::read(&damaged.bytes[item.key], &damaged.bytes[item.value]);
        let all = damaged.ids().flat_map(|id| damaged.leaf(id)).filter_map(record);
        all.map(|record| record.revision.0).max().unwrap_or_default()
    }

    /// The last byte of each live record of which another leaf has a copy.
    pub fn places_twice(&self, pages: &Pages<'_>) -> Vec<usize> {
        let mut copies: BTreeMap<&[u8], usize> = BTreeMap::new();
        for item in pages.ids().flat_map(|id| pages.leaf(id)) {
            let Some(record) = Record::read(&pages.bytes[item.key], &pages.bytes[item.value]) else { continue };
            if self.live.get(record.key).is_some_and(|live| live.revision == record.revision) {
                *copies.entry(record.key).or_default() += 1;
            }
        }
        let twice = copies.into_iter().filter(|(_, copies)| *copies > 1);
        twice.map(|(key, _)| self.places[key].0.end - 1).collect()
    }

    /// The live keys whose newest record has all of its bytes at its place, whether the page around them is whole or
    /// not.
    pub fn bytes_there(&self, damaged: &Pages<'_>) -> BTreeSet<&[u8]> {
        let whole = self.places.iter().filter(|(_, (place, was))| {
            let at = |byte: usize| usize::try_from(byte as isize + damaged.base).ok();
            let (Some(start), Some(end)) = (at(place.start), at(place.end)) else { return false };
            damaged.bytes.get(start..end).is_some_and(|bytes| sum(bytes) == *was)
        });
        whole.map(|(key, _)| key.as_slice()).collect()
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let mut sum = DefaultHasher::new();
    sum.write(bytes);
    sum.finish()
}
