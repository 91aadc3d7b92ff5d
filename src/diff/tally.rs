//! Counts of differences, by kind and namespace.

use std::collections::BTreeMap;

use super::{Difference, Entry, Reason, Ref};

/// Counts of differences, of one kind in one namespace or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects on the new side only.
    pub added: u64,
    /// Objects on the old side only.
    pub removed: u64,
    /// Objects of the same name with another uid.
    pub replaced: u64,
    /// Objects with fields that differ.
    pub changed: u64,
    /// Objects that could not be read on one of the sides.
    pub not_comparable: u64,
    /// Bytes of the values that differ, on the old side.
    pub old_bytes: u64,
    /// Bytes of the values that differ, on the new side.
    pub new_bytes: u64,
}

/// The counts of a whole comparison.
#[derive(Debug, Default)]
pub struct Tally {
    /// Counts of all kinds.
    pub all: Counts,
    /// Counts by kind and namespace.
    pub by_kind: BTreeMap<(String, String), Counts>,
    /// Number of ignored objects or fields, by reason.
    pub ignored: BTreeMap<Reason, u64>,
    /// Objects with only ignored differences.
    pub only_ignored: u64,
    /// Counts of Events.
    pub events: Counts,
    /// Whether some objects that could not be compared are encrypted.
    pub sealed: bool,
    /// Number of members, users and the like that differ.
    pub state: u64,
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
        let bytes = |of: &Option<Ref>| of.as_ref().map_or(0, |of| of.bytes as u64);
        self.old_bytes = self.old_bytes.saturating_add(bytes(&entry.old));
        self.new_bytes = self.new_bytes.saturating_add(bytes(&entry.new));
    }

    /// Number of objects that differ, or may differ.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let counts = [self.added, self.removed, self.replaced, self.changed, self.not_comparable];
        counts.into_iter().fold(0, u64::saturating_add)
    }
}

impl Tally {
    /// Counts a difference.
    pub fn count(&mut self, entry: &Entry<'_>) {
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

    /// Counts one more ignored difference.
    pub(crate) fn ignore(&mut self, reason: Reason) {
        let count = self.ignored.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Whether anything differs, or may differ.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.all.sum() > 0 || self.state > 0
    }
}
