//! The records of two backups side by side, in the order of their revisions.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use serde::Serialize;

use crate::{
    Findings,
    bytes::escape,
    etcd::{Covered, Record, Revision, Snapshot},
    k8s::key_for_messages,
};

/// Records that are handed over at a time.
const BATCH: usize = 512;

/// Batches that are read ahead.
const AHEAD: usize = 4;

/// The most records that are listed: a transaction of etcd has 128 changes unless a flag raises that.
const LISTED: usize = 128;

/// A record of which two backups hold other bytes, or that only one of them holds.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherRecord {
    /// Main and sub revision, as etcd prints it.
    pub revision: String,
    /// The key, escaped.
    pub key: String,
    /// What the first backup holds; none when it has no such record.
    pub of: Option<Held>,
    /// What the second backup holds.
    pub and: Option<Held>,
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Whether the record deletes its key.
    pub deleted: bool,
    /// The number of times that the key was written since it was created.
    pub version: i64,
    /// The length of the value in bytes.
    pub value_size: u64,
}

impl Held {
    fn of(record: &Record<'_>) -> Self {
        let (version, value_size) = (record.kv.version, record.kv.value.len() as u64);
        Self { deleted: record.tombstone, version, value_size }
    }
}

/// A backup, and which of its records are compared.
type Side<'s, 'a> = (&'s Snapshot<'a>, &'s Covered<'a>);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Differing {
    /// The first revision whose records differ.
    pub(super) first: Option<i64>,
    /// Its records that differ.
    pub(super) records: Vec<OtherRecord>,
    /// Those that are not listed.
    pub(super) more: u64,
    /// The number of keys with other records.
    pub(super) keys: u64,
}

/// Compares two backups; `None` where their records are equal.
pub(super) fn compare(a: Side<'_, '_>, b: Side<'_, '_>) -> Option<Differing> {
    thread::scope(|scope| {
        let (to_a, from_a) = sync_channel(AHEAD);
        let (to_b, from_b) = sync_channel(AHEAD);
        scope.spawn(move || read(a, &to_a));
        scope.spawn(move || read(b, &to_b));
        merge(&mut Records::new(from_a), &mut Records::new(from_b))
    })
}

/// Sends the records of a backup in batches.
fn read<'a>((snapshot, covered): Side<'_, 'a>, to: &SyncSender<Vec<Record<'a>>>) {
    let mut batch = Vec::with_capacity(BATCH);
    // What is wrong with the records was found when they were summed; nobody waits for them when the comparison ended.
    let sent = snapshot.each_record(&mut Findings::default(), |record| {
        if covered.covers(&record) {
            batch.push(record);
        }
        if batch.len() < BATCH { Ok(()) } else { to.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))) }
    });
    let _ = sent.and_then(|()| to.send(batch));
}

/// The records that a thread sends.
struct Records<'a> {
    from: Receiver<Vec<Record<'a>>>,
    batch: std::vec::IntoIter<Record<'a>>,
    next: Option<Record<'a>>,
}

impl<'a> Records<'a> {
    fn new(from: Receiver<Vec<Record<'a>>>) -> Self {
        let mut records = Self { from, batch: Vec::new().into_iter(), next: None };
        records.step();
        records
    }

    fn step(&mut self) {
        self.next = self.batch.next();
        while self.next.is_none() {
            let Ok(batch) = self.from.recv() else { return };
            self.batch = batch.into_iter();
            self.next = self.batch.next();
        }
    }

    /// The next record, when it is the one of `revision`.
    fn take(&mut self, revision: Revision) -> Option<Record<'a>> {
        let record = self.next.filter(|record| record.revision == revision)?;
        self.step();
        Some(record)
    }
}

fn merge<'a, 'b>(a: &mut Records<'a>, b: &mut Records<'b>) -> Option<Differing> {
    let mut found = Differing::default();
    let (mut keys_of_a, mut keys_of_b): (HashSet<&'a [u8]>, HashSet<&'b [u8]>) = Default::default();
    while let Some(revision) = [&a.next, &b.next].into_iter().flatten().map(|record| record.revision).min() {
        let (x, y) = (a.take(revision), b.take(revision));
        let is_same = |(x, y): (&Record<'_>, &Record<'_>)| (x.bucket_key, x.message) == (y.bucket_key, y.message);
        if x.as_ref().zip(y.as_ref()).is_some_and(is_same) {
            continue;
        }
        let first = *found.first.get_or_insert(revision.main);
        if let Some(x) = &x {
            keys_of_a.insert(x.kv.key);
        }
        if let Some(y) = &y {
            keys_of_b.insert(y.kv.key);
        }
        if first != revision.main {
            continue;
        }
        let same_key = x.as_ref().zip(y.as_ref()).is_none_or(|(x, y)| x.kv.key == y.kv.key);
        match same_key {
            true => found.list(revision, x.as_ref(), y.as_ref()),
            false => {
                found.list(revision, x.as_ref(), None);
                found.list(revision, None, y.as_ref());
            }
        }
    }
    let only_in_b = keys_of_b.iter().filter(|key| !keys_of_a.contains(**key)).count();
    found.keys = keys_of_a.len().saturating_add(only_in_b) as u64;
    found.first.map(|_| found)
}

impl Differing {
    fn list(&mut self, revision: Revision, of: Option<&Record<'_>>, and: Option<&Record<'_>>) {
        let Some(key) = of.or(and).map(|record| record.kv.key) else { return };
        if self.records.len() >= LISTED {
            self.more = self.more.saturating_add(1);
            return;
        }
        let (of, and) = (of.map(Held::of), and.map(Held::of));
        self.records.push(OtherRecord { revision: revision.to_string(), key: escape(&key_for_messages(key)), of, and });
    }
}
