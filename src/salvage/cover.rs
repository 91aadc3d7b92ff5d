//! What pages prove about records that they do not hold.
//!
//! Records are appended in the order of their revisions, and only a compaction removes some. So a leaf that holds `a`
//! and `c`, one after the other, was written after `b` between them; if it lacks `b`, a compaction had removed `b`,
//! whatever the age of the leaf. And nothing else was ever between `a` and `c` that is still needed.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};

use super::entry::Entry;

/// What is proved so far, by the place of each record.
#[derive(Debug)]
pub(super) struct Cover {
    /// The last one that follows at once in some leaf, plus 1.
    next: Vec<AtomicU32>,
    /// How many stretches of removed ones begin here, less those that end.
    removed: Vec<AtomicI32>,
}

impl Cover {
    /// Nothing about `records` records.
    #[must_use]
    pub(super) fn new(records: usize) -> Self {
        let next = (0..records).map(|_| AtomicU32::new(0)).collect();
        Self { next, removed: (0..=records).map(|_| AtomicI32::new(0)).collect() }
    }

    /// The records between `from` and `until` were removed.
    pub(super) fn remove(&self, from: usize, until: usize) {
        if from < until
            && let (Some(from), Some(until)) = (self.removed.get(from), self.removed.get(until))
        {
            from.fetch_add(1, Relaxed);
            until.fetch_sub(1, Relaxed);
        }
    }

    /// Adjacent items of a page: those between `a` and `b` were removed; with `at_once`, `b` follows at once.
    pub(super) fn follow(&self, a: usize, b: usize, at_once: bool) {
        self.remove(a.saturating_add(1), b);
        if let (true, Some(next)) = (at_once, self.next.get(a)) {
            next.fetch_max(u32::try_from(b.saturating_add(1)).unwrap_or(0), Relaxed);
        }
    }

    /// For each record whether it is proved removed so far.
    pub(super) fn removed(&self) -> Vec<bool> {
        let mut inside = 0_i32;
        let removed = self.removed.iter().map(|change| {
            inside = inside.saturating_add(change.load(Relaxed));
            inside > 0
        });
        removed.collect()
    }

    /// Whether records are proved removed although the tree reaches them: pages that are newer than the tree show this.
    pub(super) fn is_newer(&self, entries: &[Entry]) -> bool {
        entries.iter().zip(self.removed()).any(|(entry, removed)| removed && entry.reached)
    }

    /// Writes what is proved into the records.
    pub(super) fn apply(self, entries: &mut [Entry]) {
        for (entry, removed) in entries.iter_mut().zip(self.removed()) {
            entry.removed = removed && !entry.reached;
        }
        let mut follower = None::<usize>;
        for at in (0..entries.len()).rev() {
            let Some(entry) = entries.get_mut(at).filter(|entry| !entry.removed) else { continue };
            let next = self.next.get(at).map_or(0, |next| next.load(Relaxed));
            entry.linked = follower.is_some_and(|follower| next as usize == follower.saturating_add(1));
            follower = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(leaves: &[&[usize]], n: usize) -> Vec<(bool, bool)> {
        let (cover, mut entries) = (Cover::new(n), vec![Entry::default(); n]);
        for leaf in leaves {
            leaf.windows(2).for_each(|pair| cover.follow(pair[0], pair[1], true));
        }
        cover.apply(&mut entries);
        entries.iter().map(|entry| (entry.removed, entry.linked)).collect()
    }

    #[test]
    fn what_a_leaf_lacks_was_removed() {
        let (kept, gone, loose) = ((false, true), (true, false), (false, false));
        assert_eq!(cover(&[&[0, 1, 2], &[3, 4]], 5), [kept, kept, loose, kept, loose]);
        assert_eq!(cover(&[&[0, 1, 2, 3], &[0, 3]], 4), [kept, gone, gone, loose]);
        // Two leaves that each lack what the other holds: neither record is left.
        assert_eq!(cover(&[&[0, 1, 3], &[0, 2, 3]], 4), [loose, gone, gone, loose]);
        assert_eq!(cover(&[], 2), [loose, loose]);
        let (cover, mut entries) = (Cover::new(3), vec![Entry { reached: true, ..Entry::default() }; 3]);
        cover.follow(0, 2, true);
        assert!(cover.is_newer(&entries));
        cover.apply(&mut entries);
        assert!(!entries[1].removed);
    }
}
