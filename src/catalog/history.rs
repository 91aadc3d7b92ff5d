//! The backups to open for all revisions of an object.

use std::path::Path;

use super::{branch::Branch, lives::Object, open::Catalog, scope::Scope, search::Searched, wanted::Wanted};
use crate::Result;

/// The backups of a branch that may hold revisions of the objects that are asked for: those from the first that holds
/// one on. A backup from after a deletion may still hold the revisions before it.
#[derive(Debug)]
pub struct HistorySources<'c> {
    /// The branch.
    pub branch: Branch,
    /// A file of each, in the order of their revisions.
    pub files: Vec<&'c Path>,
    /// Number of backups whose files are missing, or changed.
    pub missing: usize,
    /// Number of backups whose files were removed on purpose, or replaced.
    pub removed: usize,
}

impl Catalog {
    /// For each branch of `scope` that holds an object that is `wanted`: the backups to open.
    ///
    /// # Errors
    /// As [`Scope::search`], and when the catalog is damaged.
    pub fn history_sources(&self, scope: &Scope, wanted: &Wanted) -> Result<Vec<HistorySources<'_>>> {
        let mut sources = Vec::new();
        for Searched { branch, .. } in scope.search(self, wanted)? {
            let objects = self.find(branch.number, wanted)?;
            if !objects.is_empty() {
                let first = objects.iter().filter_map(Object::first_seen).min().unwrap_or_default();
                sources.push(self.sources_from(branch, first));
            }
        }
        Ok(sources)
    }

    /// The backups of a branch whose last revision is `first` or later.
    fn sources_from(&self, branch: Branch, first: i64) -> HistorySources<'_> {
        let (mut files, mut missing, mut removed) = (Vec::new(), 0_usize, 0_usize);
        let mut holders = self.holders_of(branch.number);
        holders.retain(|of| of.entry.revision.is_some_and(|revision| revision >= first));
        for holder in holders {
            match holder.file_there() {
                Some(file) => files.push(file),
                None if holder.files.is_empty() => removed = removed.saturating_add(1),
                None => missing = missing.saturating_add(1),
            }
        }
        HistorySources { branch, files, missing, removed }
    }
}
