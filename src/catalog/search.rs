//! Searching the branches of a catalog for objects.

use std::collections::BTreeSet;

use super::{branch::Branch, open::Catalog, scope::Scope, wanted::Wanted};
use crate::{Error, Result, k8s::Resources, select::Selection};

/// A branch that is searched for objects.
#[derive(Debug)]
pub struct Searched {
    /// The branch.
    pub branch: Branch,
    /// The resources of its cluster.
    pub resources: Resources,
    /// The kinds and names that are asked for, in its resources.
    pub selection: Selection,
}

impl Scope {
    /// The branches to search for what is `wanted`: those whose resources have its kinds. A kind that one cluster
    /// defines need not be known to another.
    ///
    /// # Errors
    /// When there is no branch, none knows a kind, or the catalog is damaged.
    pub fn search(&self, catalog: &Catalog, wanted: &Wanted) -> Result<Vec<Searched>> {
        let (mut searched, mut unknown) = (Vec::new(), None);
        for branch in self.branches(catalog)? {
            match catalog.select(branch.number, wanted) {
                Ok((resources, selection)) => searched.push(Searched { branch, resources, selection }),
                Err(error @ Error::NotFound { .. }) => unknown = unknown.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        match unknown {
            Some(error) if searched.is_empty() => Err(error),
            _ => Ok(searched),
        }
    }
}

/// The objects that are asked for by their names, and those that were found.
#[derive(Debug, Clone, Default)]
pub struct ByName {
    asked: BTreeSet<String>,
    found: BTreeSet<String>,
}

impl ByName {
    /// Takes the names of a selection, which is that of one branch.
    pub fn ask(&mut self, selection: &Selection) {
        self.asked.extend(selection.names().iter().map(|of| format!("{}/{}", of.kind, of.name)));
    }

    /// Notes that there is the object at `key`.
    pub fn find(&mut self, selection: &Selection, key: &[u8]) {
        if !selection.names().is_empty() {
            let names = selection.places(key).into_iter().filter_map(|at| selection.names().get(at));
            self.found.extend(names.map(|of| format!("{}/{}", of.kind, of.name)));
        }
    }

    /// Those that were not found, as `KIND/NAME` in the words of the question, sorted.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.asked.difference(&self.found).map(String::as_str)
    }
}
