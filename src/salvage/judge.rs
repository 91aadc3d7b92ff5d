//! The judgement of each record, from what is known of all: pure.
//!
//! The newest record of a key is *proved* when it is surely still in the keyspace, and nothing newer can be missing:
//!
//! - it is in the keyspace when the tree reaches it, or when it is newer than the last compaction, which is all that
//!   removes records;
//! - nothing newer is missing when every revision after it is there, and the last transaction is whole. Below the last
//!   compaction nothing has to be: that has left the newest record of each key and no other, so what is left there is
//!   the newest.
//!
//! What is not proved is *likely*.

use serde::Serialize;

use super::entry::{Entry, NO_KEY};
use crate::etcd::Revision;

/// The verdict on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The value is the current one of its key.
    Proved,
    /// The record is the newest of its key that was found, but a later change may be lost.
    #[default]
    Likely,
    /// A newer record of the key was found.
    Superseded,
    /// The record deletes its key, or the key was deleted later.
    Deleted,
    /// The record is the newest of its key, and copies of the record differ.
    Conflicting,
}

/// The reason for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// The tree reaches the record, and no later revision is missing.
    Reachable,
    /// No tree reaches the record, but it is newer than the last compaction, and no later revision is missing.
    Dense,
    /// Revisions after the record are missing.
    Gap,
    /// Revisions after the last one that was found may be lost.
    Open,
    /// The last transaction may lack its end.
    Unfinished,
    /// Pages of the file were written at different times.
    Mixed,
    /// No tree reaches the record, so a compaction may have removed it.
    #[default]
    Stale,
    /// The record's page is broken, or the end of its value is erased.
    Erased,
    /// The record's value begins as a value of Kubernetes does, and is broken after that.
    Garbled,
    /// The file is damaged, and the record's value is on several pages and has no known form: nothing shows whether it
    /// is whole.
    Formless,
    /// A newer record of the key was found.
    Newer,
    /// The record is a deletion.
    Tombstone,
    /// The key was deleted later.
    DeletedLater,
    /// A compaction removed the record: its key was deleted, or its later value is lost.
    Compacted,
    /// Copies of the revision differ.
    Differs,
    /// The record has no key: `restore` wrote it to raise the revision.
    Bump,
}

/// What is known of the whole keyspace.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Horizon {
    /// The last compaction that was finished, -1 for none; `None` where that is not known.
    pub(crate) finished: Option<i64>,
    /// The last compaction that was started, or -1.
    pub(crate) scheduled: i64,
    /// Whether nothing can be missing before the first record that was found.
    pub(crate) begins: bool,
    /// Whether nothing can be missing after the last record that was found.
    pub(crate) closed: bool,
    /// Whether the last transaction may lack its end, as in a copy of a db in use.
    pub(crate) unfinished: bool,
    /// Whether pages are of different times, as in a copy of a db in use.
    pub(crate) mixed: bool,
}

/// A gap between two revisions of the records that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The last revision before the gap.
    pub(crate) after: Revision,
    /// The first revision after the gap.
    pub(crate) before: Revision,
    /// Number of transactions that are surely missing; 0 where only the end of the transaction before the gap may be
    /// missing.
    pub(crate) missing: u64,
}

/// The verdicts on all records, and what is missing among them.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// The verdict on each record and the reason, in the order of the records.
    pub(crate) verdicts: Vec<(Verdict, Rule)>,
    /// The place of the newest record of each key.
    pub(crate) newest: Vec<u32>,
    /// The gaps between revisions, in order.
    pub(crate) gaps: Vec<Gap>,
    /// Number of transactions that are missing after the compaction.
    pub(crate) missing: u64,
    /// Number of revisions up to the compaction of which records may be missing.
    pub(crate) missing_below: u64,
}

impl Judged {
    /// The verdict on the record at `at`.
    #[must_use]
    pub(crate) fn verdict(&self, at: usize) -> (Verdict, Rule) {
        self.verdicts.get(at).copied().unwrap_or_default()
    }

    /// The place of the newest record of `entry`'s key.
    #[must_use]
    pub(crate) fn newest(&self, entry: &Entry) -> Option<usize> {
        self.newest.get(entry.key as usize).map(|at| *at as usize)
    }
}

/// The records from which on nothing newer can be missing.
#[derive(Clone, Copy)]
struct From {
    /// Because of gaps.
    doubted: usize,
    /// Because the last transaction may lack its end, which changes none of the keys that it has changed.
    unfinished: usize,
}

/// The place of the first record of the last transaction.
fn last_transaction(entries: &[Entry]) -> usize {
    let last = entries.iter().rev().find(|entry| !entry.removed).map_or(0, |entry| entry.revision.main);
    entries.partition_point(|entry| entry.revision.main < last)
}

/// Judges `entries`, which are in order and change the keys from 0 to `keys`.
#[must_use]
pub(crate) fn judge(entries: &[Entry], keys: u32, horizon: &Horizon) -> Judged {
    let mut newest = vec![0_u32; keys as usize];
    for (at, entry) in (0_u32..).zip(entries) {
        if let Some(newest) = newest.get_mut(entry.key as usize) {
            *newest = at;
        }
    }
    let mut judged = Judged { newest, ..Judged::default() };
    let doubted = judged.find_gaps(entries, horizon);
    let unfinished = if horizon.unfinished { last_transaction(entries) } else { 0 };
    let from = From { doubted, unfinished };
    judged.verdicts =
        (0_usize..).zip(entries).map(|(at, entry)| judged.judge(entries, horizon, from, at, entry)).collect();
    judged
}

impl Judged {
    /// Finds what is missing; returns how many records have something missing after them.
    fn find_gaps(&mut self, entries: &[Entry], horizon: &Horizon) -> usize {
        let compacted = horizon.finished.unwrap_or(-1);
        let (mut doubted, mut last): (usize, Option<(usize, &Entry)>) = (0, None);
        for (at, next) in entries.iter().enumerate().filter(|(_, entry)| !entry.removed) {
            let (before, after) = (last, next.revision);
            last = Some((at, next));
            self.count_below(before.map(|(_, entry)| entry), after.main, compacted, horizon);
            if next.differs && !next.reached {
                doubted = at.saturating_add(1);
            }
            if after.main <= compacted || next.key == NO_KEY {
                continue;
            }
            // The first revision of a keyspace is 1, and no record has it.
            let known = before.map_or(1, |(_, entry)| entry.revision.main).max(compacted);
            let missing = after.main.saturating_sub(known).saturating_sub(1).max(0);
            let begins = after.sub == 0 && known < after.main;
            let follows = before.is_none_or(|(_, entry)| entry.linked || entry.revision.main <= compacted);
            let pending = after.main <= horizon.scheduled
                && next.reached
                && before.is_some_and(|(_, entry)| entry.linked && entry.reached);
            let continues = before.is_some_and(|(_, entry)| {
                let Revision { main, sub } = entry.revision;
                entry.linked && main == after.main && sub.saturating_add(1) == after.sub
            });
            if pending || continues || (follows && begins && missing == 0) {
                continue;
            }
            doubted = at;
            let missing = missing.cast_unsigned();
            self.missing = self.missing.saturating_add(missing);
            let start = Revision { main: known, sub: 0 };
            let after = before.map_or(start, |(_, entry)| entry.revision.max(start));
            self.gaps.push(Gap { after, before: next.revision, missing });
        }
        if !horizon.closed {
            self.count_below(last.map(|(_, entry)| entry), i64::MAX, compacted, horizon);
        }
        doubted
    }

    /// Counts the revisions up to the compaction between `before` and the record after it, if records may be missing
    /// there.
    fn count_below(&mut self, before: Option<&Entry>, after: i64, compacted: i64, horizon: &Horizon) {
        if before.map_or(horizon.begins, |before| before.linked) {
            return;
        }
        let first = before.map_or(1, |before| before.revision.main).saturating_add(1);
        let end = after.min(compacted.saturating_add(1));
        self.missing_below = self.missing_below.saturating_add(end.saturating_sub(first).max(0).cast_unsigned());
    }

    fn judge(&self, entries: &[Entry], horizon: &Horizon, from: From, at: usize, entry: &Entry) -> (Verdict, Rule) {
        if entry.key == NO_KEY {
            return (Verdict::Superseded, Rule::Bump);
        }
        let newest = self.newest(entry).unwrap_or(at);
        let last = entries.get(newest).unwrap_or(entry);
        let kept_above = horizon.finished.map(|finished| finished.max(horizon.scheduled));
        let in_keyspace = entry.reached || kept_above.is_some_and(|above| entry.revision.main > above);
        match () {
            () if entry.tombstone => (Verdict::Deleted, Rule::Tombstone),
            () if newest != at && last.tombstone => (Verdict::Deleted, Rule::DeletedLater),
            () if newest != at && last.removed => (Verdict::Deleted, Rule::Compacted),
            () if newest != at => (Verdict::Superseded, Rule::Newer),
            () if entry.removed => (Verdict::Deleted, Rule::Compacted),
            () if entry.differs => (Verdict::Conflicting, Rule::Differs),
            () if entry.erased => (Verdict::Likely, Rule::Erased),
            () if horizon.mixed => (Verdict::Likely, Rule::Mixed),
            () if !in_keyspace => (Verdict::Likely, Rule::Stale),
            () if at < from.doubted || horizon.finished.is_none() => (Verdict::Likely, Rule::Gap),
            () if !horizon.closed => (Verdict::Likely, Rule::Open),
            () if at < from.unfinished => (Verdict::Likely, Rule::Unfinished),
            () if entry.reached => (Verdict::Proved, Rule::Reachable),
            () => (Verdict::Proved, Rule::Dense),
        }
    }
}
