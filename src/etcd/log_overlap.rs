//! The entries that a log and a db both hold, compared: read backwards, each revision of the db has to be what an entry
//! writes, and what an entry surely writes has to be the db's next revision.
//!
//! ```text
//! entries    95 put a    96 txn (failed)    97 put b    98 delete c    <- the last that the db holds
//! revisions  41 a                           42 b        43 c deleted   <- the db's last
//! ```
//!
//! Several alignments may fit for a while, because whether a transaction wrote anything is not in the log.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Record, Request, Snapshot, State,
    request::{AlarmAction, AuthOp, DeleteRange, Op, Put, RequestOp, Txn},
};
use crate::{Findings, wal::Entry};

/// The maximum number of alignments that are followed at a time.
const ALIGNMENTS: usize = 16;
/// The number of a revision's changes that are compared.
const CHANGES: usize = 16;
/// The most deleted ranges that are remembered.
const RANGES: usize = 256;

/// Changes of one revision of the db.
struct Written<'a> {
    revision: i64,
    records: Vec<Record<'a>>,
}

/// Changes that an entry may make.
enum Write<'a> {
    Put(Put<'a>),
    Txn(Txn<'a>),
    Delete(DeleteRange<'a>),
    /// The end of a lease: the keys that were bound to it.
    Revoke,
}

/// Result of comparing the entries of a log with a db.
#[derive(Debug, Default)]
pub(crate) struct Overlap {
    /// The number of entries that put a value.
    pub(super) puts: usize,
    /// The number of the db's revisions that entries write.
    pub(super) found: usize,
    /// The number of entries before the first of these that put a value, and of which the db has nothing although it
    /// was not compacted there.
    pub(super) unfound: usize,
    /// An entry that puts a value into a key, and the revision of the db that should be that.
    pub(crate) differs: Option<(u64, Vec<u8>, i64)>,
    /// An entry that puts a value into a key that no later entry writes, and that has another value in the db, or is
    /// not there.
    pub(super) lacks: Option<(u64, Vec<u8>)>,
}

impl Overlap {
    /// Compares `entries`, up to the last one that `db` holds, with its last revision `head`; `replaced` are those that
    /// were overwritten in the log: the db may hold what they wrote.
    pub(super) fn of<'a>(db: &Snapshot<'a>, entries: &[Entry<'a>], replaced: &[Entry<'a>], head: i64) -> Self {
        Self::between(entries, replaced, &db.state, (head, db.keyspace.compacted()), |first, each| {
            // Records that cannot be read are reported by the check of the backup.
            let _: Result<(), ()> = db.each_record_from(first, &mut Findings::default(), |record| {
                each(record);
                Ok(())
            });
        })
    }

    /// Compares `entries`, up to the last one of a db with the small buckets `state` and the last revision `head`, with
    /// the records that `records` passes on from a revision, in order.
    pub(crate) fn between<'a>(
        entries: &[Entry<'a>],
        replaced: &[Entry<'a>],
        state: &State,
        (head, compacted): (i64, i64),
        records: impl FnOnce(i64, &mut dyn FnMut(Record<'a>)),
    ) -> Self {
        let span = entries.first().zip(entries.last()).map(|(first, last)| first.index..=last.index);
        let replaced: Vec<_> =
            replaced.iter().filter(|entry| span.as_ref().is_some_and(|span| span.contains(&entry.index))).collect();
        let mut all: Vec<_> = entries.iter().collect();
        all.extend(&replaced);
        // One that was overwritten came before the one in its place.
        all.sort_by_key(|entry| (entry.index, entry.segment, entry.offset));
        let doubtful: HashSet<u64> = replaced.iter().map(|entry| entry.index).collect();
        let (mut requests, mut unread) = (Vec::new(), false);
        for entry in all {
            match Request::of(entry) {
                Ok(request) => requests.extend(request.map(|request| (entry, request.op))),
                Err(_) => unread = true,
            }
        }
        let refusable = state.auth.enabled
            || !state.alarms.is_empty()
            || requests.iter().any(|(_, op)| {
                // One that ends here was active before.
                matches!(
                    op,
                    Op::Auth(AuthOp::Enable | AuthOp::Disable)
                        | Op::Alarm { action: AlarmAction::Activate | AlarmAction::Deactivate, .. }
                )
            });
        let writes: Vec<_> = requests.into_iter().filter_map(|(entry, op)| Some((entry, Write::of(op)?))).collect();
        let first = head.saturating_sub(i64::try_from(writes.len()).unwrap_or(i64::MAX)).saturating_add(1);
        let mut written = Vec::new();
        records(first, &mut |record| add(&mut written, record));
        let is_certain =
            |entry: &Entry<'_>, write: &Write<'_>| !refusable && write.is_certain() && !doubtful.contains(&entry.index);
        let lacks = if unread { None } else { lacks(&writes, &written, is_certain) };
        let mut overlap = Self { lacks, ..Self::default() };
        let mut left = BTreeSet::from([written.len()]);
        for (entry, write) in writes.iter().rev() {
            let puts = write.puts() && !doubtful.contains(&entry.index);
            overlap.puts = overlap.puts.saturating_add(usize::from(puts));
            let certain = is_certain(entry, write);
            let mut next = BTreeSet::new();
            for left in left {
                let Some(at) = left.checked_sub(1).and_then(|last| written.get(last)) else {
                    next.insert(left);
                    continue;
                };
                if write.makes(at) {
                    next.insert(left.saturating_sub(1));
                }
                // Revisions may be missing: compacted, or on a damaged page.
                let after = written.get(left).map_or(head, |after| after.revision.saturating_sub(1));
                if !certain || at.revision < after || at.revision <= compacted {
                    next.insert(left);
                } else if overlap.differs.is_none() {
                    overlap.differs = Some((entry.index, write.key().to_vec(), at.revision));
                }
            }
            if next.is_empty() {
                return overlap;
            }
            overlap.differs = None;
            while next.len() > ALIGNMENTS {
                next.pop_last();
            }
            let best = next.first().copied().unwrap_or(0);
            let found = written.len().saturating_sub(best);
            let wanted = best.checked_sub(1).and_then(|last| written.get(last)).map(|at| at.revision);
            if found > overlap.found {
                (overlap.found, overlap.unfound) = (found, 0);
            } else if wanted > Some(compacted) {
                overlap.unfound = overlap.unfound.saturating_add(usize::from(puts));
            }
            left = next;
        }
        overlap
    }

    /// Whether one of `entries` may have written a revision with these `records`.
    pub(crate) fn writes<'a>(entries: &[Entry<'a>], revision: i64, records: Vec<Record<'a>>) -> bool {
        let written = Written { revision, records };
        let write = |entry: &Entry<'a>| Write::of(Request::of(entry).ok()??.op);
        entries.iter().filter_map(write).any(|write| write.makes(&written))
    }
}

/// The last entry that certainly puts a value into a key which no later entry may write or delete, where the db has
/// another value or none: also where all before its last revision is compacted, a live key is there.
fn lacks<'a>(
    writes: &[(&Entry<'a>, Write<'a>)],
    written: &[Written<'a>],
    is_certain: impl Fn(&Entry<'a>, &Write<'a>) -> bool,
) -> Option<(u64, Vec<u8>)> {
    // Of a revision with more changes, not all are known.
    let is_whole = |revision: &Written<'_>| revision.records.len() < CHANGES;
    if !written.iter().all(is_whole) {
        return None;
    }
    let records = written.iter().flat_map(|revision| &revision.records);
    let newest: HashMap<&[u8], &Record<'a>> = records.map(|record| (record.kv.key, record)).collect();
    let (mut keys, mut ranges) = (HashSet::new(), Vec::new());
    for (entry, write) in writes.iter().rev() {
        if let Write::Put(put) = write
            && is_certain(entry, write)
            && !keys.contains(put.key)
            && !ranges.iter().any(|range: &DeleteRange<'_>| range.range().contains(put.key))
            && !newest.get(put.key).is_some_and(|record| is_put(put, record))
        {
            return Some((entry.index, put.key.to_vec()));
        }
        match write {
            Write::Put(put) => drop(keys.insert(put.key)),
            Write::Delete(delete) => ranges.push(*delete),
            Write::Txn(txn) => each(*txn, &mut |step| match step {
                RequestOp::Put(put) => drop(keys.insert(put.key)),
                RequestOp::DeleteRange(delete) => ranges.push(*delete),
                _ => {}
            }),
            // A put without a lease takes the key from the one that it was bound to.
            Write::Revoke => {}
        }
        if ranges.len() > RANGES {
            return None;
        }
    }
    None
}

fn add<'a>(all: &mut Vec<Written<'a>>, record: Record<'a>) {
    let revision = record.revision.main;
    match all.last_mut().filter(|last| last.revision == revision) {
        Some(last) if last.records.len() < CHANGES => last.records.push(record),
        Some(_) => {}
        None => all.push(Written { revision, records: vec![record] }),
    }
}

impl<'a> Write<'a> {
    fn of(op: Op<'a>) -> Option<Self> {
        match op {
            Op::Put(put) => Some(Self::Put(put)),
            Op::Txn(txn) => Some(Self::Txn(txn)),
            Op::DeleteRange(delete) => Some(Self::Delete(delete)),
            Op::LeaseRevoke { .. } => Some(Self::Revoke),
            _ => None,
        }
    }

    /// Whether the entry writes in any case, unless a permission or an alarm prevents it.
    fn is_certain(&self) -> bool {
        matches!(self, Self::Put(put) if put.lease == 0 && !put.ignore_value && !put.ignore_lease)
    }

    /// The key, when the entry is one put.
    fn key(&self) -> &'a [u8] {
        match self {
            Self::Put(put) => put.key,
            _ => b"",
        }
    }

    fn puts(&self) -> bool {
        match self {
            Self::Put(_) => true,
            Self::Txn(txn) => any(*txn, &|step| matches!(step, RequestOp::Put(_))),
            Self::Delete(_) | Self::Revoke => false,
        }
    }

    /// Whether the entry may have written this revision.
    fn makes(&self, written: &Written<'_>) -> bool {
        let mut records = written.records.iter();
        match self {
            Self::Put(put) => written.records.len() == 1 && records.all(|record| is_put(put, record)),
            Self::Delete(delete) => records.all(|record| record.tombstone && delete.range().contains(record.kv.key)),
            Self::Revoke => records.all(|record| record.tombstone),
            Self::Txn(txn) => records.all(|record| {
                any(*txn, &|step| match step {
                    RequestOp::Put(put) => is_put(put, record),
                    RequestOp::DeleteRange(delete) => record.tombstone && delete.range().contains(record.kv.key),
                    _ => false,
                })
            }),
        }
    }
}

fn is_put(put: &Put<'_>, record: &Record<'_>) -> bool {
    !record.tombstone && put.key == record.kv.key && (put.ignore_value || put.value == record.kv.value)
}

/// Calls `take` with the steps of the transaction, and of nested ones.
fn each<'a>(txn: Txn<'a>, take: &mut dyn FnMut(&RequestOp<'a>)) {
    for step in txn.success().chain(txn.failure()) {
        match step {
            RequestOp::Txn(inner) => each(inner, take),
            step => take(&step),
        }
    }
}

/// Whether `wanted` is true for a step of the transaction, or for one of a nested transaction.
fn any(txn: Txn<'_>, wanted: &dyn Fn(&RequestOp<'_>) -> bool) -> bool {
    txn.success().chain(txn.failure()).any(|step| match step {
        RequestOp::Txn(inner) => any(inner, wanted),
        step => wanted(&step),
    })
}
