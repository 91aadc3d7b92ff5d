//! The pages that nothing leads to, in runs.

use std::ops::Range;

use super::{db::Db, freelist::Freelist, layout::PageId, pages::PageSet, walk::Walk};
use crate::Findings;

impl Db<'_> {
    /// Runs of the file's pages that are not `met`, and hold no freelist; those after the high-water mark too.
    #[must_use]
    pub(crate) fn runs_without(&self, met: &PageSet) -> Vec<Range<u64>> {
        let all = (self.image().len() as u64).checked_div(self.page_size()).unwrap_or_default();
        let list = match Freelist::read(self) {
            Ok(Freelist::Persisted { page, overflow, .. }) => page.0..=page.0.saturating_add(overflow.into()),
            _ => 0..=1,
        };
        let mut runs: Vec<Range<u64>> = Vec::new();
        for id in (2..all).filter(|id| !met.contains(PageId(*id)) && !list.contains(id)) {
            match runs.last_mut() {
                Some(run) if run.end == id => run.end = id.saturating_add(1),
                _ => runs.push(id..id.saturating_add(1)),
            }
        }
        runs
    }
}

/// A part of a run of pages, for one core to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeChunk<'a> {
    /// Offset of the chunk in the file, in bytes.
    pub offset: usize,
    /// The bytes, and some of the next chunk of the run: what begins in this one may end there.
    pub bytes: &'a [u8],
    /// The length without those.
    pub own: usize,
}

impl<'a> Db<'a> {
    /// Cuts `runs` of pages into chunks of `length` bytes, each with `overlap` more.
    #[must_use]
    pub(crate) fn chunks(&self, runs: &[Range<u64>], length: usize, overlap: usize) -> Vec<FreeChunk<'a>> {
        let (page_size, image) = (self.page_size(), self.image());
        let at = |page: u64| usize::try_from(page.saturating_mul(page_size)).unwrap_or(usize::MAX).min(image.len());
        let mut chunks = Vec::new();
        for run in runs {
            let (mut offset, end) = (at(run.start), at(run.end));
            while offset < end {
                let stop = offset.saturating_add(length.max(1)).min(end);
                let bytes = image.get(offset..stop.saturating_add(overlap).min(end)).unwrap_or_default();
                chunks.push(FreeChunk { offset, bytes, own: stop.saturating_sub(offset) });
                offset = stop;
            }
        }
        chunks
    }
}

/// Runs of the pages that no tree of the file leads to.
#[must_use]
pub(crate) fn free_runs(db: &Db<'_>, findings: &mut Findings) -> Vec<Range<u64>> {
    let mut walk = Walk::new(db.clone());
    for bucket in walk.buckets(findings) {
        let fold = walk.fold(Some(&bucket), || (), || (), |(), (), _| {});
        walk.enter(fold, findings);
    }
    db.check_pages(walk.met(), findings);
    db.runs_without(walk.met())
}
