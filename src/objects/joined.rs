//! Several backups of one cluster, and the records of a key in all of them.

use std::collections::BTreeMap;

use super::{Cluster, Query};
use crate::{
    Error, Result,
    etcd::{Record, Revision},
    k8s::Gap,
    select::Selection,
};

/// Backups of one cluster, each open at its last state.
#[derive(Debug)]
pub struct Joined<'c, 'a> {
    /// The backups, in the order they were given.
    pub backups: &'c [Cluster<'a>],
}

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

/// Records by key, in the order of their revisions.
pub type Records<'a> = BTreeMap<&'a [u8], Vec<Stored<'a>>>;

impl<'c, 'a> Joined<'c, 'a> {
    /// Joins backups of one cluster, which is checked by the uid of kube-system.
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
    /// too, if that holds its revision.
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
        Ok(found.into_iter().map(|(key, records)| (key, records.into_values().collect())).collect())
    }

    /// The names of the backups that are not known to be of the cluster of the others: they hold no Namespace kube-system,
    /// and none of the records found that another holds too.
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
    pub fn gap(&self, revision: i64) -> Gap {
        let gaps = self.backups.iter().map(|backup| backup.clock().gap(revision));
        gaps.min_by_key(|gap| (gap.after.is_none(), gap.width().unwrap_or(i128::MAX))).unwrap_or_default()
    }

    /// Whether every backup has compacted a revision: then only the newest record of each key is left up to it.
    #[must_use]
    pub fn is_compacted(&self, revision: i64) -> bool {
        self.backups.iter().all(|backup| revision < backup.window().0)
    }

    fn restored(&self, one: usize, other: usize, revision: Revision) -> Error {
        let name = |at: usize| self.backups.get(at).map_or("", |backup| backup.name);
        let (one, other) = (name(one), name(other));
        Error::not_found(format!(
            "{one} and {other} differ at revision {revision}: the cluster was restored in between"
        ))
        .hinted("show the history of each backup alone")
    }
}
