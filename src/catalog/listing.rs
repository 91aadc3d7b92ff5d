//! The list of the backups in a catalog.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    branch::{Branch, Labels},
    entry::Entry,
    lives::Holder,
    open::Catalog,
    schedule::{Gap, gaps},
    scope::Scope,
};
use crate::Result;

/// The backups in a catalog, and the files that could not be read.
#[derive(Debug, Serialize)]
pub struct Listing<'c> {
    /// The backups, oldest content first.
    pub items: Vec<ListedBackup<'c>>,
    /// The files without a readable backup, in the order of their paths.
    pub unread: Vec<UnreadFile<'c>>,
}

/// A backup in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedBackup<'c> {
    /// Its files: those that are there first.
    pub files: Vec<String>,
    /// Whether none of them is there.
    pub missing: bool,
    /// Whether those that are there have another content now.
    pub changed: bool,
    /// The labels of its branches.
    pub rows: Vec<String>,
    /// The time without backups before it, where that is longer than usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// What is known of it.
    #[serde(flatten)]
    pub entry: &'c Entry,
    /// As [`Labels::one`].
    #[serde(skip)]
    pub label: String,
    /// The backup.
    #[serde(skip)]
    pub holder: &'c Holder,
}

impl<'c> ListedBackup<'c> {
    /// A backup with the labels of its branches, and without a gap.
    #[must_use]
    pub fn new(holder: &'c Holder, labels: &Labels) -> Self {
        Self {
            files: holder.files.iter().map(|file| file.display().to_string()).collect(),
            missing: !holder.there && !holder.changed,
            changed: holder.changed,
            rows: labels.all(holder),
            gap: None,
            entry: &holder.entry,
            label: labels.one(holder),
            holder,
        }
    }
}

/// A file that may be a backup, and could not be read.
#[derive(Debug, Serialize)]
pub struct UnreadFile<'c> {
    /// Its name in the catalog.
    pub file: String,
    /// Why not.
    pub error: &'c str,
    /// Whether it was gone when it was last looked for.
    pub missing: bool,
}

impl Catalog {
    /// The list of the backups of `scope`, and of all files that could not be read.
    ///
    /// # Errors
    /// As [`Scope::holders`].
    pub fn listing(&self, scope: &Scope) -> Result<Listing<'_>> {
        let branches = Branch::all(self);
        let (labels, mut gaps) = (Labels::of(&branches), self.gaps(&branches));
        let listed = |holder| {
            let backup = ListedBackup::new(holder, &labels);
            ListedBackup { gap: gaps.remove(backup.entry.id.as_str()), ..backup }
        };
        let unread = self.files().iter().filter_map(|(path, row)| {
            let (file, error) = (path.display().to_string(), row.error.as_deref()?);
            Some(UnreadFile { file, error, missing: row.missing })
        });
        Ok(Listing { items: scope.holders(self)?.into_iter().map(listed).collect(), unread: unread.collect() })
    }

    /// The gaps between the backups of each branch, by the id of the backup after it.
    fn gaps(&self, branches: &[Branch]) -> HashMap<&str, Gap> {
        let mut found = HashMap::new();
        for branch in branches {
            let mut holders = self.holders_of(branch.number);
            holders.retain(|of| of.entry.time().is_some());
            let times: Vec<_> = holders.iter().filter_map(|of| of.entry.time()).collect();
            for gap in gaps(&times) {
                if let Some(after) = holders.get(gap.after) {
                    found.insert(after.entry.id.as_str(), gap);
                }
            }
        }
        found
    }
}
