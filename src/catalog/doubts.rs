//! What an answer from a catalog may lack.

use super::{lives::Holder, open::Catalog, scope::Scope};
use crate::{Result, verify::Verdict};

/// What an answer about the objects in backups does not know.
#[derive(Debug, Clone, Default)]
pub struct Doubts<'c> {
    /// Number of damaged backups whose file is there: of the clusters that are asked for, or of none that is known.
    pub damaged: usize,
    /// Number of files that may be backups and could not be read.
    pub unread: usize,
    /// Backups that may be of another branch than the one that they are counted to.
    pub undecided: Vec<&'c Holder>,
}

impl Doubts<'_> {
    /// Number of files that are not searched.
    #[must_use]
    pub fn not_searched(&self) -> usize {
        self.damaged.saturating_add(self.unread)
    }
}

impl Catalog {
    /// What an answer about these clusters does not know.
    ///
    /// # Errors
    /// As [`Scope::branches`].
    pub fn doubts(&self, scope: &Scope) -> Result<Doubts<'_>> {
        let branches = scope.branches(self)?;
        let within = self.holders().iter().filter(|of| branches.iter().any(|branch| branch.has(of)));
        let is_damaged = |of: &&Holder| of.there && of.entry.verdict == Verdict::Damaged;
        let damaged = self.holders().iter().filter(is_damaged);
        Ok(Doubts {
            damaged: damaged.filter(|of| scope.may_have(of.entry.identity.as_deref())).count(),
            unread: self.unread(),
            undecided: self.undecided(within),
        })
    }

    /// Number of files that are there, may be backups and could not be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.files().iter().filter(|(_, row)| row.error.is_some() && !row.missing).count()
    }

    /// Those of `holders` that may be of another branch than the one that they are counted to
    /// ([`Holder::is_undecided`]).
    #[must_use]
    pub fn undecided<'c>(&self, holders: impl IntoIterator<Item = &'c Holder>) -> Vec<&'c Holder> {
        holders.into_iter().filter(|of| of.is_undecided(self.holders())).collect()
    }
}
