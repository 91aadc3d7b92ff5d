//! Which pages are accounted for, and which are lost.

use super::{file::Carve, scrap::Scrap};
use crate::bolt::{layout::PageId, pages::PageSet};

/// Pages that are whole, with those that they cover; the others are lost, or what is left of a freed page.
#[derive(Debug)]
pub(crate) struct WholePages {
    first: u64,
    end: u64,
    page_size: u64,
    pages: PageSet,
}

impl WholePages {
    /// None of the pages of `carve`.
    #[must_use]
    pub(crate) fn new(carve: &Carve<'_>) -> Self {
        let all = carve.range();
        let pages = PageSet::new(all.end.saturating_sub(all.start));
        Self { first: all.start, end: all.end, page_size: u64::from(carve.page_size()).max(1), pages }
    }

    /// Adds a page that is whole.
    pub(crate) fn add(&self, scrap: &Scrap<'_>) {
        let id = scrap.page.id.0.saturating_sub(self.first);
        let pages = (scrap.page.bytes.len() as u64).div_ceil(self.page_size);
        for id in id..id.saturating_add(pages) {
            self.pages.insert(id);
        }
    }

    /// All other pages but those of the metas: the first of each run, and how many.
    #[must_use]
    pub(crate) fn lost(&self) -> Vec<(PageId, u64)> {
        let mut runs: Vec<(PageId, u64)> = Vec::new();
        for id in self.first.max(2)..self.end {
            if self.pages.contains(PageId(id.saturating_sub(self.first))) {
                continue;
            }
            match runs.last_mut() {
                Some((first, count)) if first.0.saturating_add(*count) == id => *count = count.saturating_add(1),
                _ => runs.push((PageId(id), 1)),
            }
        }
        runs
    }
}
