//! The rows of all versions that a question finds.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    facts::Facts,
    lives::Object,
    open::Catalog,
    scope::Scope,
    search::{ByName, Searched},
    table::VersionRow,
    wanted::Wanted,
};
use crate::{Error, Result};

/// Rows that are handed on at once, at least.
const BATCH: usize = 1024;

/// The versions of the objects that a question finds, as rows of the table [`super::VERSIONS`].
#[derive(Debug)]
pub struct VersionRows<'c> {
    catalog: &'c Catalog,
    wanted: &'c Wanted,
    searched: Vec<Searched>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct VersionsFound {
    /// Number of rows.
    pub rows: usize,
    /// The objects that were named, and which were found.
    pub names: ByName,
    /// Number of objects of which it is not known whether they have what is asked for: no key opened them.
    pub sealed: u64,
}

impl<'c> VersionRows<'c> {
    /// Those of the objects that are `wanted`, in the branches of `scope`.
    ///
    /// # Errors
    /// As [`Scope::search`].
    pub fn new(catalog: &'c Catalog, scope: &Scope, wanted: &'c Wanted) -> Result<Self> {
        Ok(Self { catalog, wanted, searched: scope.search(catalog, wanted)? })
    }

    /// Calls `each` with the rows, many at a time, by branch and in key order, until `stop` is true.
    ///
    /// # Errors
    /// When it was stopped, the catalog is damaged, and the errors of `each`.
    pub fn each<E: From<Error>>(
        &self,
        stop: &AtomicBool,
        mut each: impl FnMut(&[VersionRow<'_>]) -> Result<(), E>,
    ) -> Result<VersionsFound, E> {
        let mut found = VersionsFound::default();
        for Searched { branch, resources, selection } in &self.searched {
            found.names.ask(selection);
            let mut hand_on = |objects: &[(Object, Vec<Facts>)]| {
                let rows =
                    objects.iter().map(|(object, facts)| self.catalog.version_rows(&branch.label, object, facts));
                each(&rows.flatten().collect::<Vec<_>>())
            };
            let (mut objects, mut versions) = (Vec::new(), 0_usize);
            let selected = (resources, selection);
            let sealed = self.catalog.each_selected(branch.number, self.wanted, selected, |object| {
                if stop.load(Ordering::SeqCst) {
                    return Err(E::from(Error::Interrupted));
                }
                found.names.find(selection, &object.key);
                versions = versions.saturating_add(object.lives.len());
                let facts = self.catalog.facts_of(&object)?;
                objects.push((object, facts));
                if versions >= BATCH {
                    found.rows = found.rows.saturating_add(std::mem::take(&mut versions));
                    hand_on(&std::mem::take(&mut objects))?;
                }
                Ok(())
            })?;
            found.sealed = found.sealed.saturating_add(sealed);
            found.rows = found.rows.saturating_add(versions);
            hand_on(&objects)?;
        }
        Ok(found)
    }
}
