//! How many of what.

use std::collections::BTreeMap;

use etcdsnap::diff::{Difference, Entry, Reason};

/// How much differs, of one kind in one namespace or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) replaced: u64,
    pub(super) changed: u64,
    pub(super) not_comparable: u64,
    /// Bytes of the values that differ, on the old side.
    pub(super) old_bytes: u64,
    /// The same on the new side.
    pub(super) new_bytes: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) all: Counts,
    /// By kind and namespace.
    pub(super) by_kind: BTreeMap<(String, String), Counts>,
    /// How many objects, or fields of them, were left out for what reason.
    pub(super) ignored: BTreeMap<Reason, u64>,
    /// Objects of which nothing counts.
    pub(super) only_ignored: u64,
    /// Of the Events.
    pub(super) events: Counts,
    /// Whether what could not be compared, or some of it, is encrypted.
    pub(super) sealed: bool,
    /// Members, users and the like.
    pub(super) state: u64,
}

impl std::ops::Deref for Tally {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.all
    }
}

impl Counts {
    fn count(&mut self, entry: &Entry<'_>) {
        let count = match (&entry.difference, &entry.old, &entry.new) {
            (Difference::Added, ..) | (Difference::Ignored, None, _) => &mut self.added,
            (Difference::Removed, ..) | (Difference::Ignored, _, None) => &mut self.removed,
            (Difference::Replaced(_), ..) => &mut self.replaced,
            (Difference::NotComparable(_), ..) => &mut self.not_comparable,
            (Difference::Changed(_) | Difference::Bytes { .. } | Difference::Ignored, ..) => &mut self.changed,
        };
        *count = count.saturating_add(1);
        let bytes = |of: &Option<etcdsnap::diff::Ref>| of.as_ref().map_or(0, |of| of.bytes as u64);
        self.old_bytes = self.old_bytes.saturating_add(bytes(&entry.old));
        self.new_bytes = self.new_bytes.saturating_add(bytes(&entry.new));
    }

    /// How many differ, or may.
    pub(super) fn sum(&self) -> u64 {
        let counts = [self.added, self.removed, self.replaced, self.changed, self.not_comparable];
        counts.into_iter().fold(0, u64::saturating_add)
    }
}

impl Tally {
    /// Takes one.
    pub(super) fn count(&mut self, entry: &Entry<'_>) {
        entry.ignored.keys().for_each(|reason| self.ignore(*reason));
        self.sealed |= matches!(&entry.difference, Difference::NotComparable(why) if why.is_sealed());
        if entry.ignored.contains_key(&Reason::Events) {
            self.events.count(entry);
        }
        if entry.difference == Difference::Ignored {
            self.only_ignored = self.only_ignored.saturating_add(1);
            return;
        }
        self.all.count(entry);
        if let Some(of) = entry.newest() {
            let kind = if of.resource.is_empty() { "-" } else { &of.resource };
            self.by_kind.entry((kind.to_owned(), of.namespace.clone())).or_default().count(entry);
        }
    }

    /// One more that is left out.
    pub(super) fn ignore(&mut self, reason: Reason) {
        let count = self.ignored.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether anything differs, or may.
    pub(super) fn differs(&self) -> bool {
        self.all.sum() > 0 || self.state > 0
    }
}
