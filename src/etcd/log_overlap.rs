//! The entries that a log and a db both hold, compared: read backwards, each revision of the db has to be what an entry
//! writes, and what an entry surely writes has to be the db's next revision.
//!
//! ```text
//! entries    95 put a    96 txn (failed)    97 put b    98 delete c    <- the last that the db holds
//! revisions  41 a                           42 b        43 c deleted   <- the db's last
//! ```
//!
//! Several alignments may fit for a while, because whether a transaction wrote anything is not in the log.
//!
//! etcd 3.4 that is forced into a new cluster overwrites entries whose changes its db may hold already, and does not
//! apply the entries that it writes at their indexes.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::{
    Record, Request, Snapshot, State,
    log_lasting::{Lasting, Left},
    log_writers::{Doubts, Write, Writers},
};
use crate::{
    Findings,
    bytes::excerpt,
    wal::{Entry, Log},
};

/// The maximum number of alignments that are followed at a time.
const ALIGNMENTS: usize = 16;
/// The number of a revision's changes that are compared.
const CHANGES: usize = 16;
/// The number of puts without a trace in the db that prove a difference: fewer may have been refused, or deleted and
/// compacted since.
pub(super) const ENOUGH: usize = 8;

/// Changes of one revision of the db.
struct Written<'a> {
    revision: i64,
    records: Vec<Record<'a>>,
}

/// Result of comparing the entries of a log with a db.
#[derive(Debug, Default)]
pub(crate) struct Overlap {
    /// The number of entries that put a value.
    puts: usize,
    /// The number of the db's revisions that entries write.
    found: usize,
    /// The number of entries before the first of these that put a value, and of which the db has nothing although it
    /// was not compacted there.
    unfound: usize,
    /// An entry that puts a value into a key, and the revision of the db that should be that.
    pub(crate) differs: Option<(u64, Vec<u8>, i64)>,
    /// Whether some of the revisions that the entries write are there without a compaction.
    uncompacted: bool,
    /// Whether an alarm may have refused all of the entries.
    alarmed: bool,
    /// What the entries leave.
    left: Left,
}

impl Overlap {
    /// Compares `entries` of `log`, up to the last one that `db` holds, with its last revision `head`.
    pub(super) fn of<'a>(db: &Snapshot<'a>, log: &Log<'a>, entries: &[Entry<'a>], head: i64) -> Self {
        let (writers, doubts) = Writers::of(log, entries, &db.state);
        let (mut lasting, mut written) = (Lasting::of(&writers, doubts), Vec::new());
        // Records that cannot be read are reported by the check of the backup.
        let mut findings = Findings::default();
        let _: Result<(), ()> = db.each_record_from(writers.first(head), &mut findings, |record| {
            lasting.meet(&record, head);
            add(&mut written, record);
            Ok(())
        });
        let overlap = Self::follow(&writers, doubts, &written, (head, db.keyspace.compacted()));
        let live = |keys: &BTreeSet<&[u8]>| {
            let records = db.records(|key| keys.contains(key));
            // The newest record of a key comes last.
            let newest: HashMap<_, _> = records.iter().map(|record| (record.kv.key, record.tombstone)).collect();
            newest.values().filter(|tombstone| !**tombstone).count()
        };
        Self { left: lasting.end(!findings.damaged(), live), ..overlap }
    }

    /// Compares `entries` of `log`, up to the last one of a db with the small buckets `state` and the last revision
    /// `head`, with the records that `records` passes on from a revision, in order.
    pub(crate) fn between<'a>(
        (log, entries): (&Log<'a>, &[Entry<'a>]),
        state: &State,
        (head, compacted): (i64, i64),
        records: impl FnOnce(i64, &mut dyn FnMut(Record<'a>)),
    ) -> Self {
        let ((writers, doubts), mut written) = (Writers::of(log, entries, state), Vec::new());
        records(writers.first(head), &mut |record| add(&mut written, record));
        Self::follow(&writers, doubts, &written, (head, compacted))
    }

    fn follow(writers: &Writers<'_>, doubts: Doubts, written: &[Written<'_>], (head, compacted): (i64, i64)) -> Self {
        let mut overlap = Self { alarmed: doubts.alarmed, uncompacted: head > compacted, ..Self::default() };
        let mut left = BTreeSet::from([written.len()]);
        for (entry, write, sure) in writers.0.iter().rev() {
            let puts = *sure && write.puts();
            overlap.puts = overlap.puts.saturating_add(usize::from(puts));
            let certain = *sure && !doubts.refusable && write.is_certain();
            let mut next = BTreeSet::new();
            for left in left {
                let Some(at) = left.checked_sub(1).and_then(|last| written.get(last)) else {
                    next.insert(left);
                    continue;
                };
                if write.makes(&at.records) {
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

    /// Why the log is not the one that wrote the db, as far as the two show it.
    pub(super) fn contradiction(&self) -> Option<String> {
        if let Some((entry, key, revision)) = &self.differs {
            let key = excerpt(key);
            return Some(format!(
                "entry {entry} of the log puts {key}, but revision {revision}, which should be this change, is a different one"
            ));
        }
        if let Some(what) = &self.left.contradiction {
            return Some(what.clone());
        }
        let failed = self.left.unfound == 0 && self.left.failed > 0;
        let none = self.uncompacted && self.found == 0 && self.puts >= ENOUGH && !failed;
        let none_left = self.left.found == 0 && self.left.unfound >= ENOUGH;
        let puts = self.puts;
        (!self.alarmed && (none || none_left))
            .then(|| format!("none of the {puts} values that earlier entries of the log put is in the backup"))
    }

    /// That most of the values that entries put are not among the revisions of the db that no compaction has touched. A
    /// log that was named for this db has to fit better than that.
    pub(super) fn most_unfound(&self) -> Option<String> {
        let (unfound, puts) = (self.unfound, self.puts);
        let most = !self.alarmed && unfound >= ENOUGH && unfound > self.found.saturating_mul(4);
        most.then(|| {
            format!("{unfound} of the {puts} values that earlier entries of the log put are not in the backup")
        })
    }

    /// Whether one of `entries` may have written a revision with these `records`.
    pub(crate) fn writes<'a>(entries: &[Entry<'a>], revision: i64, records: Vec<Record<'a>>) -> bool {
        let written = Written { revision, records };
        let write = |entry: &Entry<'a>| Write::of(Request::of(entry).ok()??.op);
        entries.iter().filter_map(write).any(|write| write.makes(&written.records))
    }
}

fn add<'a>(all: &mut Vec<Written<'a>>, record: Record<'a>) {
    let revision = record.revision.main;
    match all.last_mut().filter(|last| last.revision == revision) {
        Some(last) if last.records.len() < CHANGES => last.records.push(record),
        Some(_) => {}
        None => all.push(Written { revision, records: vec![record] }),
    }
}
