//! The backup and the cluster as it is now.

use super::super::inventory::{Id, Inventory, KnownObject};

/// The backup and the cluster now, which the rules compare.
#[derive(Clone, Copy)]
pub(super) struct Sides<'i> {
    pub(super) backup: &'i Inventory<'i>,
    pub(super) now: &'i Inventory<'i>,
}

impl<'i> Sides<'i> {
    /// Objects of a kind that were deleted since, or made again.
    pub(super) fn back(self, kind: &'static str) -> impl Iterator<Item = (&'i Id<'i>, &'i KnownObject<'i>)> {
        let has = self.now.has(kind);
        self.backup.each(kind).filter(move |(id, known)| has && !is_in(self.now, id, known))
    }

    /// Objects of a kind that were made since.
    pub(super) fn made(self, kind: &'static str) -> impl Iterator<Item = (&'i Id<'i>, &'i KnownObject<'i>)> {
        self.now.each(kind).filter(move |(id, known)| !is_in(self.backup, id, known))
    }

    /// Objects of a kind with a name that is on both sides: in the backup, and now.
    pub(super) fn both(
        self,
        kind: &'static str,
    ) -> impl Iterator<Item = (&'i Id<'i>, &'i KnownObject<'i>, &'i KnownObject<'i>)> {
        self.backup.each(kind).filter_map(move |(id, known)| Some((id, known, self.now.get(id)?)))
    }

    /// Whether the object of the backup is another one now, or is not there.
    pub(super) fn is_changed(self, id: &Id<'i>, known: &'i KnownObject<'i>) -> bool {
        self.now.get(id).is_none_or(|now| !self.backup.is_unchanged(known, self.now, now))
    }
}

/// Whether an inventory has the object with the same uid, as far as both uids are known.
fn is_in<'i>(inventory: &'i Inventory<'i>, id: &Id<'i>, known: &'i KnownObject<'i>) -> bool {
    let is_same = |of: &KnownObject<'_>| of.uid == known.uid || of.uid.is_empty() || known.uid.is_empty();
    inventory.get(id).is_some_and(is_same)
}

/// "A in the backup, B now".
pub(super) fn then_and_now(then: &str, now: &str) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    format!("{} in the backup, {} now", or_none(then), or_none(now))
}
