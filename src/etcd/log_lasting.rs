//! The keys that the entries of a log leave behind, held against the records of a db. A compaction removes what was
//! replaced or deleted, but never the last change of a live key: so this shows a difference where the compaction has
//! left no revisions to compare one by one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use hashbrown::{HashMap, HashSet};

use super::{
    Range, Record,
    log_writers::{Doubts, Write, Writers, each},
    request::{Compare, Put, RequestOp},
};
use crate::bytes::excerpt;

/// A key that an entry puts and that no later entry can delete.
#[derive(Debug, Default)]
struct Key<'a> {
    /// The entry that changes it last, and the value, where it surely wrote that.
    last: Option<(u64, &'a [u8])>,
    /// The number of entries that surely put it.
    puts: i64,
    /// Whether another entry puts it, also where it is there already.
    replaces: bool,
    /// The newest record of the db.
    newest: Option<Record<'a>>,
}

/// The values that entries may put into a key.
#[derive(Debug, Default)]
struct Values<'a> {
    these: HashSet<&'a [u8]>,
    /// One of them keeps the value that was there.
    keeps: bool,
}

/// The result of the comparison.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Why the log is not the one that wrote the db.
    pub(super) contradiction: Option<String>,
    /// The number of keys that the entries may leave, whose value is in the db.
    pub(super) found: usize,
    /// The number of those whose value is not.
    pub(super) unfound: usize,
    /// The number of keys that the entries only create, and that are there: these entries may all have failed.
    pub(super) failed: usize,
}

/// What the entries leave.
#[derive(Debug, Default)]
pub(super) struct Lasting<'a> {
    keys: BTreeMap<&'a [u8], Key<'a>>,
    values: HashMap<&'a [u8], Values<'a>>,
    /// The keys that may have a lease, and go when that ends.
    leased: Vec<&'a [u8]>,
    /// The number of revisions that the entries make at least.
    revisions: i64,
    /// A record of one of these revisions that no entry writes.
    stranger: Option<(i64, Vec<u8>)>,
}

impl<'a> Lasting<'a> {
    pub(super) fn of(writers: &Writers<'a>, doubts: Doubts) -> Self {
        let mut lasting = Self::default();
        if doubts.unread {
            return lasting;
        }
        for (entry, write, sure) in &writers.0 {
            let sure = *sure && write.is_certain() && !doubts.refusable;
            match write {
                Write::Put(put) => lasting.put(put, sure.then_some(entry.index), true),
                Write::Delete(delete) => lasting.delete(&delete.range()),
                Write::Revoke => {
                    for key in std::mem::take(&mut lasting.leased) {
                        lasting.keys.remove(key);
                    }
                }
                Write::Txn(txn) => {
                    each(*txn, &mut |step| {
                        if let RequestOp::Put(put) = step {
                            let creates = |of: Compare<'_>| of.key == put.key && of.holds_without_key();
                            lasting.put(put, None, !txn.compares().any(creates));
                        }
                    });
                    each(*txn, &mut |step| {
                        if let RequestOp::DeleteRange(delete) = step {
                            lasting.delete(&delete.range());
                        }
                    });
                }
            }
        }
        lasting
    }

    fn put(&mut self, put: &Put<'a>, sure: Option<u64>, replaces: bool) {
        let values = self.values.entry(put.key).or_default();
        values.these.insert(put.value);
        values.keeps |= put.ignore_value;
        let key = self.keys.entry(put.key).or_default();
        key.replaces |= replaces;
        key.last = sure.map(|entry| (entry, put.value));
        if sure.is_some() {
            key.puts = key.puts.saturating_add(1);
            self.revisions = self.revisions.saturating_add(1);
        } else {
            self.leased.push(put.key);
        }
    }

    fn delete(&mut self, range: &Range<'_>) {
        if let Some(key) = range.one() {
            self.keys.remove(key);
            return;
        }
        let from = self.keys.range::<[u8], _>((Bound::Included(range.start()), Bound::Unbounded));
        let gone: Vec<_> = from.map(|(key, _)| *key).take_while(|key| range.contains(key)).collect();
        for key in gone {
            self.keys.remove(key);
        }
    }

    /// Takes the next record of the db, whose last revision is `head`.
    pub(super) fn meet(&mut self, record: &Record<'a>, head: i64) {
        if let Some(key) = self.keys.get_mut(record.kv.key) {
            key.newest = Some(*record);
        }
        let surely_by_an_entry = record.revision.main > head.saturating_sub(self.revisions);
        let is_put = !record.tombstone && !record.is_bump();
        if surely_by_an_entry && is_put && self.stranger.is_none() && !self.puts(record) {
            self.stranger = Some((record.revision.main, record.kv.key.to_vec()));
        }
    }

    /// Whether an entry may have put the value of `record`.
    fn puts(&self, record: &Record<'_>) -> bool {
        let values = self.values.get(record.kv.key);
        values.is_some_and(|values| values.keeps || values.these.contains(record.kv.value))
    }

    /// The result, after all records; `intact` when none is missing that the db had. `live` counts those of some
    /// keys that the db has from before the entries.
    pub(super) fn end(self, intact: bool, live: impl FnOnce(&BTreeSet<&[u8]>) -> usize) -> Left {
        let mut left = Left::default();
        for (name, key) in &self.keys {
            let live = key.newest.filter(|record| !record.tombstone);
            if live.is_some_and(|record| self.puts(&record)) {
                left.found = left.found.saturating_add(1);
            } else if live.is_some() && !key.replaces {
                left.failed = left.failed.saturating_add(1);
            } else if intact {
                left.unfound = left.unfound.saturating_add(1);
            }
            let (Some((entry, value)), None) = (key.last, &left.contradiction) else { continue };
            let why = match live {
                Some(live) if live.kv.value != value => "has another value in the db",
                Some(live) if live.kv.version < key.puts => "was put fewer times in the db",
                None if intact => "is not in the db",
                _ => continue,
            };
            left.contradiction =
                Some(format!("entry {entry} of the log is the last that puts {}, which {why}", excerpt(name)));
        }
        if left.found == 0 && left.unfound > 0 {
            let absent = self.keys.iter().filter(|(_, key)| key.newest.is_none() && !key.replaces);
            let failed = live(&absent.map(|(name, _)| *name).collect());
            left.failed = left.failed.saturating_add(failed);
            left.unfound = left.unfound.saturating_sub(failed);
        }
        if let (Some((revision, key)), None) = (self.stranger, &left.contradiction) {
            left.contradiction = Some(format!(
                "revision {revision} of the db puts {}, and no entry of the log does that",
                excerpt(&key)
            ));
        }
        left
    }
}
