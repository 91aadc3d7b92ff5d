//! The branches of the histories of clusters, and the names that they are printed by.

use std::collections::{BTreeMap, HashMap};

use super::{lives::Holder, open::Catalog};
use crate::bytes::printable;

/// A lineage with the name that it is printed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The number of the lineage.
    pub number: u32,
    /// The identity of the cluster.
    pub identity: Option<String>,
    /// The start of the identity; of several lineages of one cluster with `/1`, `/2`, in the order of their revisions.
    pub label: String,
}

impl Branch {
    /// The branches in a catalog, in the order of their identities and revisions, and then of the ids of their backups:
    /// the same whatever was added first.
    #[must_use]
    pub fn all(catalog: &Catalog) -> Vec<Self> {
        let mut clusters: BTreeMap<Option<&str>, Vec<_>> = BTreeMap::new();
        for (number, lineage) in catalog.lineages() {
            let mut ids: Vec<_> = catalog.within(*number).map(|of| of.entry.id.as_str()).collect();
            ids.sort_unstable();
            clusters.entry(lineage.identity.as_deref()).or_default().push((&lineage.heads, ids, *number));
        }
        let mut branches = Vec::new();
        for (identity, mut lineages) in clusters {
            lineages.sort_unstable();
            let several = lineages.len() > 1;
            for (at, (.., number)) in lineages.into_iter().enumerate() {
                let branch = if several { format!("/{}", at.saturating_add(1)) } else { String::new() };
                let label = format!("{}{branch}", short(identity));
                branches.push(Self { number, identity: identity.map(str::to_owned), label });
            }
        }
        branches
    }

    /// Its backups of which a file was there when it was last looked at, in the order of their revisions: of several of
    /// one revision, each. With `good`, only those that are good.
    #[must_use]
    pub fn holders_there<'c>(&self, catalog: &'c Catalog, good: bool) -> Vec<&'c Holder> {
        let mut holders: Vec<_> =
            catalog.within(self.number).filter(|of| of.there && (!good || of.is_good())).collect();
        holders.sort_by_key(|of| of.entry.revision);
        holders
    }

    /// Whether a backup is in it.
    #[must_use]
    pub fn has(&self, holder: &Holder) -> bool {
        holder.entry.lineages.contains(&self.number)
    }
}

/// The labels of branches.
#[derive(Debug, Clone, Default)]
pub struct Labels(HashMap<u32, String>);

impl Labels {
    /// Those of `branches`.
    #[must_use]
    pub fn of(branches: &[Branch]) -> Self {
        Self(branches.iter().map(|branch| (branch.number, branch.label.clone())).collect())
    }

    /// The labels of all branches that a backup is in.
    #[must_use]
    pub fn all(&self, holder: &Holder) -> Vec<String> {
        holder.entry.lineages.iter().filter_map(|of| self.0.get(of).cloned()).collect()
    }

    /// The label of the one branch that a backup is in; the start of its identity where it is in none or in several.
    #[must_use]
    pub fn one(&self, holder: &Holder) -> String {
        match &holder.entry.lineages[..] {
            [one] => self.0.get(one).cloned().unwrap_or_default(),
            _ => short(holder.entry.identity.as_deref()),
        }
    }
}

/// The start of an identity.
fn short(identity: Option<&str>) -> String {
    identity.map_or_else(|| "-".to_owned(), |identity| printable(identity.chars().take(8).collect()))
}
