//! The member's log on top: the entries that the db lost.
//!
//! A log is applied to a state of which both the last entry and the last revision are known: what a root bucket and the
//! right edge of its tree hold. Records that are newer are left to the log. The newest such state comes first, if
//! nothing in it is missing; else, where the log begins with the first entry of all, the log alone; else what there is.
//!
//! A root bucket may name an old tree: then its last entry and its last revision do not belong together, and the log
//! would be applied to another state than the one it continues from. So the two are compared with the entries of the
//! log.

use std::{collections::HashMap, fs::File, path::Path};

use serde::Serialize;

use super::{entry::Entry, judge::Verdict, root::RootOf, salvaged::Salvage};
use crate::{
    Error, Findings, Result,
    etcd::{Load, Overlap, Snapshot, State, Uncommitted, read_log, rewrite::Changes},
    source::Source,
    wal::Log,
};

/// Keys that the log wrote, and whether it deleted them in the end.
pub(super) type Keys = HashMap<Vec<u8>, bool>;

/// The most root buckets that are tried.
const TRIED: usize = 8;
/// The most root buckets that are compared with the log.
const COMPARED: usize = 64;

/// What the log added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromLog {
    /// The last entry that the db holds.
    pub from: u64,
    /// The last entry that was applied.
    pub index: u64,
    /// How many entries were applied.
    pub applied: u64,
    /// How many entries were not: they are past the last commit, or entries before them are missing.
    pub left: u64,
    /// Records that they wrote.
    pub records: u64,
    /// How many of these differ from what the pages hold for the same revision.
    pub differ: u64,
    /// Records on pages that are newer than all that the log has; they are left out.
    pub newer: u64,
}

/// The log of `source`, and what is wrong with it.
pub(super) fn log(source: &Source) -> Option<(Log<'_>, Findings)> {
    let mut findings = Findings::default();
    (!source.wal().is_empty()).then(|| (read_log(source, &mut findings), findings))
}

/// Whether the log is added, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The log continues from the state that was gone back to.
    Continues,
    /// The db holds all of the log.
    Held,
    /// The log is not added, for this reason.
    No(&'static str),
}

const EMPTY: &str = "it has no entries";
const NO_STATE: &str = "no root bucket that was found holds a state from which the log continues";
const NO_PAIR: &str = "no root bucket that was found fits its entries: the root names an old tree, or the log is of another member or cluster";

/// Goes back to the state that `log` continues from. Where entries of it are lost, nothing is proved any more.
pub(super) fn rebase(salvage: &mut Salvage<'_>, (log, findings): &(Log<'_>, Findings)) -> Fit {
    salvage.log_is_lost = findings.damaged();
    let fit = fit(salvage, log);
    salvage.log_is_lost |= matches!(fit, Fit::No(NO_STATE | NO_PAIR));
    if salvage.log_is_lost && fit != Fit::Continues {
        salvage.settle(None);
    }
    fit
}

fn fit(salvage: &mut Salvage<'_>, log: &Log<'_>) -> Fit {
    let (Some(first), Some(last)) = (log.entries().first(), log.entries().last()) else { return Fit::No(EMPTY) };
    let continues = |index: u64| first.index <= index.saturating_add(1) && index < last.index;
    let whole = first.index == 1 && log.snapshots().iter().any(|snapshot| snapshot.index == 0);
    let intact = |salvage: &Salvage<'_>| {
        let at_its_end = salvage.judged.gaps.is_empty() && salvage.walked.holes == 0;
        at_its_end && salvage.walked.head.is_some()
    };
    if let Some(root) = salvage.roots.first()
        && intact(salvage)
        && root.consistent_index.is_some_and(|index| index >= last.index && is_pair(salvage, root, index, log))
    {
        return Fit::Held;
    }
    let known = |root: &RootOf<'_>| {
        let index = root.consistent_index.filter(|index| continues(*index))?;
        root.head.filter(|_| root.has_meta).map(|head| (root.page, head.main, index))
    };
    let contradicted = contradicted(&salvage.roots);
    let states = salvage.roots.iter().zip(contradicted).filter_map(|(root, bad)| Some((root, known(root)?, bad)));
    let mut states: Vec<_> = states.collect();
    states.sort_by_key(|(.., contradicted)| *contradicted);
    let any = !states.is_empty();
    let paired = states.iter().take(COMPARED).filter(|(root, (.., index), _)| is_pair(salvage, root, *index, log));
    let paired: Vec<_> = paired.map(|(_, (page, head, _), _)| (*page, *head)).take(TRIED).collect();
    for (page, head) in &paired {
        salvage.settle_on(Some(*page), *head);
        if intact(salvage) {
            return Fit::Continues;
        }
    }
    match paired.first() {
        _ if whole => salvage.settle_on(None, 0),
        Some((page, head)) => salvage.settle_on(Some(*page), *head),
        None => return Fit::No(if any { NO_PAIR } else { NO_STATE }),
    }
    Fit::Continues
}

/// Whether the tree of `root` may be the state after the entry `index`: its last revisions are what the entries up to
/// there write, and the revision after them is not.
fn is_pair(salvage: &Salvage<'_>, root: &RootOf<'_>, index: u64, log: &Log<'_>) -> bool {
    let Some(head) = root.head.map(|head| head.main) else { return false };
    let records = |first: i64| {
        let from = |entries: &'_ [Entry]| entries.partition_point(|entry| entry.revision.main < first);
        let parts = [&salvage.set.entries, &salvage.beyond].map(|entries| entries.iter().skip(from(entries)));
        parts.into_iter().flatten().filter_map(|entry| entry.record(&salvage.carve))
    };
    let entries = log.entries();
    let (before, after) = entries.split_at(entries.partition_point(|entry| entry.index <= index));
    let mut state = State::default();
    for name in ["auth", "alarm"] {
        state = state.with_bucket(name, &root.items(&salvage.carve, name).unwrap_or_default().0);
    }
    let compacted = root.compacted();
    let overlap = Overlap::between((log, before), &state, (head, compacted), |first, each| {
        records(first).take_while(|record| record.revision.main <= head).for_each(each);
    });
    let next = head.saturating_add(1);
    let next: Vec<_> = records(next).take_while(|record| record.revision.main == next).collect();
    let written = |entries| Overlap::writes(entries, head.saturating_add(1), next.clone());
    overlap.differs.is_none() && (next.is_empty() || written(after) || !written(before))
}

/// For each root bucket, whether one of an earlier entry has a later revision: then it names an old tree.
fn contradicted(roots: &[RootOf<'_>]) -> Vec<bool> {
    let mut order: Vec<_> = (0..).zip(roots).map(|(at, root)| (root.consistent_index, root.head, at)).collect();
    order.sort_unstable();
    let mut contradicted = vec![false; roots.len()];
    let mut last = None;
    for (index, head, at) in order {
        if index.is_some() {
            last = last.max(head);
        }
        if let Some(contradicted) = contradicted.get_mut::<usize>(at) {
            *contradicted = head < last;
        }
    }
    contradicted
}

/// Applies the log of `source` to the db in `file`, which is at `path` and holds the state of `salvage`. Returns what
/// it added, the last revision, the keys that it wrote, with whether it deleted them, and what is wrong with the log.
pub(super) fn apply(
    source: &Source,
    salvage: &Salvage<'_>,
    uncommitted: Option<Uncommitted>,
    (file, path): (&File, &Path),
) -> Result<(FromLog, i64, Keys, Findings)> {
    let staged = source.copy(file.try_clone().map_err(crate::publish::fault(path, "open"))?)?;
    let damaged = |finding| source.damaged(finding);
    if source.log_name().is_some()
        && let (false, Some((log, _))) = (salvage.roots.is_empty(), log(source))
    {
        Snapshot::open(staged.db().image()).map_err(damaged)?.check_log_match(source, &log)?;
    }
    let load = Load { uncommitted, ..Load::default() };
    let snapshot = Snapshot::load(&staged, &load)?;
    if snapshot.received.is_some() {
        let what = format!("{}: etcd starts on the db that the leader sent, not on member/snap/db", source.name());
        return Err(Error::refused(what).hinted("restore takes that one"));
    }
    let replayed = snapshot.log.unwrap_or_default();
    let mut written = HashMap::new();
    let mut from_log =
        FromLog { from: replayed.from, index: replayed.index, applied: replayed.applied, ..FromLog::default() };
    let left = replayed.unapplied.count().saturating_sub(replayed.applied);
    from_log.left = left.saturating_add(replayed.unapplied.after_gap);
    let mut beyond = salvage.beyond.iter().peekable();
    for record in snapshot.keyspace.log_records.records() {
        from_log.records = from_log.records.saturating_add(1);
        while beyond.next_if(|entry| entry.revision < record.revision).is_some() {}
        if let Some(entry) = beyond.next_if(|entry| entry.revision == record.revision) {
            let same = entry.stored(salvage.carve.bytes()) == (record.bucket_key, record.message);
            from_log.differ = from_log.differ.saturating_add(u64::from(!same));
        }
        written.insert(record.kv.key.to_vec(), record.tombstone);
    }
    let head = snapshot.head().map_err(damaged)?;
    from_log.newer = salvage.beyond.iter().filter(|entry| entry.revision.main > head).count() as u64;
    let buckets = snapshot.edited().map(|name| (name, snapshot.items(name).into_iter().collect())).collect();
    let log_records = snapshot.keyspace.log_records;
    let changes = Changes { buckets, log_records, ..Changes::default() };
    changes.write_over(&snapshot, file).map_err(|error| error.error(source.name(), path))?;
    // The db is the one that was just written.
    Ok((from_log, head, written, snapshot.findings))
}

/// How many keys are proved, likely and conflicting when those that the log wrote are `written`.
pub(super) fn count(salvage: &Salvage<'_>, written: &Keys, sure: bool) -> [u64; 4] {
    let [mut proved, mut likely, mut conflicting, mut deleted] = [0_u64; 4];
    for at in &salvage.judged.newest {
        let Some(entry) = salvage.set.entries.get(*at as usize) else { continue };
        if written.contains_key(entry.kv(salvage.carve.bytes()).key) {
            continue;
        }
        let count = match salvage.judged.verdict(*at as usize).0 {
            Verdict::Proved => &mut proved,
            Verdict::Likely => &mut likely,
            Verdict::Conflicting => &mut conflicting,
            Verdict::Superseded | Verdict::Deleted => &mut deleted,
        };
        *count = count.saturating_add(1);
    }
    let gone = written.values().filter(|tombstone| **tombstone).count() as u64;
    let live = (written.len() as u64).saturating_sub(gone);
    let by_log = if sure { &mut proved } else { &mut likely };
    *by_log = by_log.saturating_add(live);
    [proved, likely, conflicting, deleted.saturating_add(gone)]
}
