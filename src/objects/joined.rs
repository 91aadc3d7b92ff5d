//! Several backups of one cluster, and the records of a key in all of them.

use std::{collections::BTreeMap, iter};

use super::{Cluster, Query};
use crate::{
    Error, Result,
    etcd::{Bump, Record, Revision},
    k8s::Gap,
    select::Selection,
};

/// Backups of one cluster, each open at its last state.
#[derive(Debug)]
pub struct Joined<'c, 'a> {
    /// The backups, in the order they were given.
    pub backups: &'c [Cluster<'a>],
    /// The restores with a higher revision that the newest of several went through.
    bumps: Vec<Bump>,
}

/// What to do where a restore lies between two backups.
const ALONE: &str = "show the history of each backup alone";

/// A record, and the backups that hold it.
#[derive(Debug, Clone)]
pub struct Stored<'a> {
    /// The record.
    pub record: Record<'a>,
    /// The first of [`Joined::backups`] that holds it.
    pub backup: usize,
    /// All backups that hold it.
    held: Vec<usize>,
}

impl Stored<'_> {
    /// Whether a backup holds both records.
    #[must_use]
    pub(crate) fn is_held_with(&self, other: &Self) -> bool {
        self.held.iter().any(|at| other.held.contains(at))
    }
}

/// Records by key, in the order of their revisions.
pub(crate) type Records<'a> = BTreeMap<&'a [u8], Vec<Stored<'a>>>;

impl<'c, 'a> Joined<'c, 'a> {
    /// Joins backups, in any order.
    #[must_use]
    pub fn new(backups: &'c [Cluster<'a>]) -> Self {
        let mut joined = Self { backups, bumps: Vec::new() };
        if let Some(newest) = joined.newest().filter(|_| backups.len() > 1) {
            joined.bumps = newest.snapshot.bumps();
        }
        joined
    }

    /// The backup with the highest revision.
    #[must_use]
    pub(crate) fn newest(&self) -> Option<&'c Cluster<'a>> {
        self.backups.iter().max_by_key(|backup| backup.view.head)
    }

    /// Checks by the uid of kube-system that the backups are of one cluster.
    fn check(&self) -> Result<()> {
        let known = |backup: &'c Cluster<'a>| Some((backup.name, backup.identity()?));
        let identities: Vec<_> = self.backups.iter().filter_map(known).collect();
        let mut neighbours = identities.iter().zip(identities.iter().skip(1));
        if let Some(((name, _), (other, _))) = neighbours.find(|((_, a), (_, b))| a != b) {
            let what = format!("{name} and {other} are not of the same cluster");
            return Err(Error::not_found(what).hinted("their Namespaces kube-system have different uids"));
        }
        Ok(())
    }

    /// Parses a query by the first backup that has, or had, the kinds: others may not define them.
    ///
    /// # Errors
    /// When none knows the kinds: the error of the first backup.
    pub fn select(&self, query: &Query) -> Result<Selection> {
        let mut selections = self.backups.iter().map(|backup| backup.select(query));
        let first = selections.next().unwrap_or_else(|| Ok(Selection::default()));
        let former = || self.backups.iter().find_map(|backup| backup.select_former(query).ok());
        first.or_else(|error| selections.find_map(Result::ok).or_else(former).ok_or(error))
    }

    /// The records of the keys that `wanted` accepts.
    ///
    /// # Errors
    /// When two backups are not of one cluster, or it was restored between them: a record of one must be in the other
    /// too, if that holds its revision; the later one must continue from the earlier one; and a key's records must
    /// follow one from the other.
    pub fn records(&self, wanted: impl Fn(&[u8]) -> bool + Sync) -> Result<Records<'a>> {
        self.check()?;
        let mut found: BTreeMap<&[u8], BTreeMap<Revision, Stored<'a>>> = BTreeMap::new();
        for (at, backup) in self.backups.iter().enumerate() {
            for record in backup.snapshot.records(&wanted) {
                let first = || Stored { record, backup: at, held: Vec::new() };
                let stored = found.entry(record.kv.key).or_default().entry(record.revision).or_insert_with(first);
                if stored.record.message != record.message {
                    return Err(self.restored(stored.backup, at, record.revision));
                }
                stored.held.push(at);
            }
        }
        for stored in found.values().flat_map(BTreeMap::values) {
            let main = stored.record.revision.main;
            let lacks = |(at, backup): &(usize, &Cluster<'_>)| {
                let (first, last) = backup.window();
                (first..=last).contains(&main) && !stored.held.contains(at) && !backup.findings().damaged()
            };
            if let Some((at, _)) = self.backups.iter().enumerate().find(lacks) {
                return Err(self.restored(stored.backup, at, stored.record.revision));
            }
        }
        if !found.is_empty() {
            self.check_descent()?;
        }
        for records in found.values() {
            let mut pairs = records.values().zip(records.values().skip(1));
            let is_broken = |(old, new): &(&Stored<'_>, &Stored<'_>)| {
                !new.is_held_with(old) && contradicts(&old.record, &new.record)
            };
            if let Some((old, new)) = pairs.find(is_broken) {
                return Err(self.restored(old.backup, new.backup, new.record.revision));
            }
        }
        Ok(found.into_iter().map(|(key, records)| (key, records.into_values().collect())).collect())
    }

    /// The names of the backups that are not known to be of the cluster of the others: they hold no Namespace
    /// kube-system, and none of the records found that another holds too.
    #[must_use]
    pub fn strangers(&self, found: &Records<'_>) -> Vec<&'a str> {
        if self.backups.len() < 2 {
            return Vec::new();
        }
        let shared = |at: usize| found.values().flatten().any(|of| of.held.len() > 1 && of.held.contains(&at));
        let unknown = |(at, of): &(usize, &Cluster<'_>)| of.identity().is_none() && !shared(*at);
        self.backups.iter().enumerate().filter(unknown).map(|(_, of)| of.name).collect()
    }

    /// The time when a revision was written, by the clock with the narrowest bounds.
    #[must_use]
    pub(crate) fn gap(&self, revision: i64) -> Gap {
        let gaps = self.backups.iter().map(|backup| backup.clock().gap(revision));
        gaps.min_by_key(|gap| (gap.after.is_none(), gap.width().unwrap_or(i128::MAX))).unwrap_or_default()
    }

    /// Whether every backup has compacted a revision: then only the newest record of each key is left up to it.
    #[must_use]
    pub(crate) fn is_compacted(&self, revision: i64) -> bool {
        self.backups.iter().all(|backup| revision < backup.window().0)
    }

    /// Whether the backups together hold all of the revisions from `first` to `last`.
    #[must_use]
    pub(crate) fn holds_all(&self, first: i64, last: i64) -> bool {
        let mut windows: Vec<_> = self.backups.iter().map(Cluster::window).collect();
        windows.sort_unstable();
        let next = windows.into_iter().fold(first, |next, (from, to)| match from <= next {
            true => next.max(to.saturating_add(1)),
            false => next,
        });
        next > last
    }

    /// Checks that each backup continues from the one before it. Of a damaged one that is not known.
    fn check_descent(&self) -> Result<()> {
        let mut whole: Vec<_> = self.backups.iter().filter(|backup| !backup.findings().damaged()).collect();
        whole.sort_by_key(|backup| backup.view.head);
        for (older, newer) in whole.iter().zip(whole.iter().skip(1)) {
            let differs = |a: &Cluster<'a>, b: &Cluster<'a>| a.snapshot.continues(b.snapshot) == Some(false);
            if differs(newer, older) || differs(older, newer) {
                let what = format!(
                    "{} does not continue from {}: the cluster was restored in between",
                    newer.name, older.name
                );
                return Err(Error::not_found(what).hinted(ALONE));
            }
        }
        Ok(())
    }

    /// Whether a restore with a higher revision may have left out a write of this revision: the newest backup holds
    /// nothing that is as new from before that restore.
    #[must_use]
    pub(crate) fn is_left_out(&self, revision: i64) -> bool {
        self.bumps.iter().any(|bump| bump.kept < revision && revision < bump.revision)
    }

    /// The keys of which it is not known whether they were deleted: a restore may have left them out.
    #[must_use]
    pub fn unsure<'f>(&self, found: &'f Records<'a>) -> Vec<&'f [u8]> {
        let is_gone = |old: &Record<'_>, new: Option<&Stored<'_>>| match new {
            Some(new) => !new.record.tombstone && new.record.kv.create_revision > old.revision.main,
            None => self.newest().is_some_and(|newest| newest.view.get(old.kv.key).is_none()),
        };
        let is_unsure = |records: &[Stored<'_>]| {
            let next = records.iter().skip(1).map(Some).chain(iter::once(None));
            let mut pairs = records.iter().map(|stored| &stored.record).zip(next);
            pairs.any(|(old, new)| !old.tombstone && self.is_left_out(old.revision.main) && is_gone(old, new))
        };
        found.iter().filter(|(_, records)| is_unsure(records)).map(|(key, _)| *key).collect()
    }

    fn restored(&self, one: usize, other: usize, revision: Revision) -> Error {
        let name = |at: usize| self.backups.get(at).map_or("", |backup| backup.name);
        let (one, other) = (name(one), name(other));
        Error::not_found(format!(
            "{one} and {other} differ at revision {revision}: the cluster was restored in between"
        ))
        .hinted(ALONE)
    }
}

/// Whether `new` cannot be the next record of the key of `old`, whatever is missing between them.
fn contradicts(old: &Record<'_>, new: &Record<'_>) -> bool {
    let earlier = (!old.tombstone).then(|| old.kv.generation());
    !new.tombstone && !new.kv.generation().can_follow(earlier, old.revision.main)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::KeyValue;

    fn record(main: i64, create_revision: i64, version: i64) -> Record<'static> {
        let kv = KeyValue { key: b"k", create_revision, mod_revision: main, version, ..KeyValue::default() };
        let revision = Revision { main, sub: 0 };
        Record { revision, tombstone: version == 0, kv, bucket_key: &[], message: &[], offset: 0 }
    }

    #[test]
    fn records_of_two_branches_contradict_each_other() {
        let deleted = record(460, 0, 0);
        assert!(contradicts(&deleted, &record(503, 263, 2)));
        assert!(!contradicts(&deleted, &record(503, 461, 2)));
        assert!(!contradicts(&deleted, &record(503, 0, 0)));
        let put = record(20, 10, 3);
        for (next, want) in [
            (record(30, 10, 4), false),
            (record(30, 10, 3), true),
            (record(30, 12, 4), true),
            (record(30, 25, 1), false),
            (record(30, 0, 0), false),
            (record(30, 10, 14), true),
            (record(30, 21, 1), true),
            (record(30, 10, -1), false),
        ] {
            assert_eq!(contradicts(&put, &next), want, "{next:?}");
        }
    }
}
