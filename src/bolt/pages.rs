//! Which pages a walk has met: one bit a page, shared by all cores.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::layout::PageId;

/// A set of page numbers, one bit for each page that the file has room for.
#[derive(Debug)]
pub struct PageSet(Vec<AtomicU64>);

impl Clone for PageSet {
    fn clone(&self) -> Self {
        Self(self.0.iter().map(|word| AtomicU64::new(word.load(Relaxed))).collect())
    }
}

impl PageSet {
    /// An empty set for a file of `pages` pages.
    #[must_use]
    pub(super) fn new(pages: u64) -> Self {
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(0);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn bit(&self, id: u64) -> Option<(&AtomicU64, u64)> {
        let word = self.0.get(usize::try_from(id / 64).ok()?)?;
        Some((word, 1 << (id % 64)))
    }

    /// Adds the page; `false` when it was there already (or the file has no such page).
    pub(super) fn insert(&self, id: u64) -> bool {
        self.bit(id).is_some_and(|(word, bit)| word.fetch_or(bit, Relaxed) & bit == 0)
    }

    /// Whether the page is in the set.
    #[must_use]
    pub fn contains(&self, id: PageId) -> bool {
        self.bit(id.0).is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }

    /// How many pages are in the set.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.load(Relaxed).count_ones())).fold(0, u64::saturating_add)
    }
}
