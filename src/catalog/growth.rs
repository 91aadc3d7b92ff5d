//! Keys and bytes by kind or namespace, from one backup to the next.

use std::collections::HashMap;

use serde::Serialize;

use super::{chain, lives::Holder, open::Catalog, scope::Scope, search::Searched, wanted::Wanted};
use crate::{Result, etcd::Range, k8s::Key, select::Selection};

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// All objects of a kind.
    Kind,
    /// All objects of a namespace.
    Namespace,
}

/// Counts of a kind or namespace in each backup of a lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// The kind as `PLURAL.GROUP`, or the namespace; `-` for keys that are no objects, or in no namespace.
    pub name: String,
    /// Number of keys in each.
    pub keys: Vec<u64>,
    /// Bytes of their values in each.
    pub bytes: Vec<u64>,
}

/// The backups of a branch, and what grew in them.
#[derive(Debug, Clone, Serialize)]
pub struct BranchGrowth<'c> {
    /// The label of the branch.
    pub row: String,
    /// The newest time in each backup.
    pub times: Vec<Option<&'c str>>,
    /// The last revision of each.
    pub revisions: Vec<i64>,
    /// The counts, the kind or namespace that grew most first.
    pub series: Vec<Series>,
    /// The backups, in the order of their revisions.
    #[serde(skip)]
    pub holders: Vec<&'c Holder>,
}

impl Catalog {
    /// What grew in each branch of `scope`, of the objects that are `wanted`: kinds, names, namespace and range.
    ///
    /// # Errors
    /// As [`Scope::search`], and when the catalog is damaged.
    pub fn growth(&self, scope: &Scope, by: Growth, wanted: &Wanted) -> Result<Vec<BranchGrowth<'_>>> {
        let mut all = Vec::new();
        for Searched { branch, selection, .. } in scope.search(self, wanted)? {
            let holders = self.holders_of(branch.number);
            all.push(BranchGrowth {
                times: holders.iter().map(|of| of.entry.newest.as_deref()).collect(),
                revisions: holders.iter().filter_map(|of| of.entry.revision).collect(),
                series: self.series(branch.number, by, &selection, wanted.range.as_ref())?,
                row: branch.label,
                holders,
            });
        }
        Ok(all)
    }

    /// The counts of a lineage, the one that grew most first.
    fn series(
        &self,
        lineage: u32,
        by: Growth,
        selection: &Selection,
        range: Option<&Range<'static>>,
    ) -> Result<Vec<Series>> {
        let heads = self.heads(lineage);
        let mut all: HashMap<String, Series> = HashMap::new();
        self.each(lineage, range.unwrap_or(&Range::ALL), |key, versions| {
            if !selection.matches(key) {
                return Ok(());
            }
            let parsed = Key::new(key);
            let name = match (parsed.object(), by) {
                (None, _) => "-".to_owned(),
                (Some(object), Growth::Kind) => match object.group.as_deref().unwrap_or_default() {
                    "" => object.resource.to_string(),
                    group => format!("{}.{group}", object.resource),
                },
                (Some(object), Growth::Namespace) => object.namespace.unwrap_or("-").to_owned(),
            };
            let none = || vec![0; heads.len()];
            let series =
                all.entry(name).or_insert_with_key(|name| Series { name: name.clone(), keys: none(), bytes: none() });
            for (at, head) in heads.iter().enumerate() {
                if let Some(version) = chain::at(&versions, *head) {
                    for (counts, more) in [(&mut series.keys, 1), (&mut series.bytes, version.size)] {
                        if let Some(count) = counts.get_mut(at) {
                            *count = count.saturating_add(more);
                        }
                    }
                }
            }
            Ok(())
        })?;
        let mut all: Vec<_> = all.into_values().collect();
        all.sort_by_cached_key(|series| (std::cmp::Reverse(series.grown()), series.name.clone()));
        Ok(all)
    }
}

impl Series {
    /// The place of the first backup with the largest increase of the bytes since the one before; `None` where they
    /// never increase.
    #[must_use]
    pub fn largest_step(&self) -> Option<usize> {
        let pairs = self.bytes.iter().zip(self.bytes.iter().skip(1)).enumerate();
        let steps = pairs.filter_map(|(at, (a, b))| Some((b.checked_sub(*a).filter(|step| *step > 0)?, at)));
        let largest = steps.max_by_key(|(step, at)| (*step, std::cmp::Reverse(*at)));
        largest.map(|(_, at)| at.saturating_add(1))
    }

    /// Bytes in the newest backup less those in the oldest.
    #[must_use]
    pub fn grown(&self) -> i128 {
        let of = |count: Option<&u64>| count.map_or(0, |count| i128::from(*count));
        of(self.bytes.last()).saturating_sub(of(self.bytes.first()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_step_is_the_first_of_its_size() {
        let step = |bytes: &[u64]| {
            let series = Series { name: String::new(), keys: Vec::new(), bytes: bytes.to_vec() };
            series.largest_step()
        };
        assert_eq!(step(&[1, 5, 9, 4, 8]), Some(1));
        assert_eq!(step(&[0, 1, 900]), Some(2));
        assert_eq!((step(&[9, 9, 3]), step(&[]), step(&[u64::MAX])), (None, None, None));
    }
}
