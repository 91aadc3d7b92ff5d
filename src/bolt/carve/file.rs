//! A file that is read page by page, wherever its page 0 is.

use rayon::prelude::*;

use super::scrap::Scrap;
use crate::bolt::{
    layout::PageId,
    meta::{Meta, MetaFault},
};

/// Pages that one core takes at a time.
const AT_ONCE: u64 = 4096;

/// A file that is read page by page.
#[derive(Debug, Clone, Copy)]
pub struct Carve<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) page_size: u32,
    /// Where page 0 begins, or would begin.
    pub(super) base: i64,
}

impl<'a> Carve<'a> {
    /// The pages of a file in which none was found: page 0 is at the start, and `page_size` is 4096 unless it is known.
    #[must_use]
    pub(crate) fn new(bytes: &'a [u8], page_size: Option<u32>) -> Self {
        Self { bytes, page_size: page_size.unwrap_or(4096), base: 0 }
    }

    /// The bytes.
    #[must_use]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes in a page.
    #[must_use]
    pub(crate) fn page_size(&self) -> u32 {
        self.page_size
    }

    /// The offset of page 0; negative where the file lacks its start.
    #[must_use]
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// The number of the first page that begins in the file, and the number after the last.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<u64> {
        let size = u64::from(self.page_size).max(1);
        let first = if self.base < 0 { self.base.unsigned_abs().div_ceil(size) } else { 0 };
        let len = i128::try_from(self.bytes.len()).unwrap_or(0).saturating_sub(self.base.into()).max(0);
        let end = u64::try_from(len).unwrap_or(u64::MAX).div_ceil(size);
        first..end.max(first)
    }

    /// Where page `id` begins, if that is in the file.
    #[must_use]
    pub fn offset(&self, PageId(id): PageId) -> Option<u64> {
        let at = i128::from(id).checked_mul(self.page_size.into())?.checked_add(self.base.into())?;
        u64::try_from(at).ok().filter(|at| *at < self.bytes.len() as u64)
    }

    /// The number of the page at `offset`.
    #[must_use]
    pub fn page_at(&self, offset: u64) -> u64 {
        let distance = i128::from(offset).saturating_sub(self.base.into());
        u64::try_from(distance).unwrap_or(0).checked_div(self.page_size.into()).unwrap_or(0)
    }

    /// Both metas, or why they are invalid.
    pub fn metas(&self) -> [Result<Meta, MetaFault>; 2] {
        [0, 1].map(|id| self.offset(PageId(id)).map_or(Err(MetaFault::Missing), |at| Meta::read(self.bytes, at)))
    }

    /// The meta that counts: the valid one with the higher transaction, if its page size is the one that the pages
    /// have.
    #[must_use]
    pub fn meta(&self) -> Option<Meta> {
        let valid = self.metas().into_iter().flatten().filter(|meta| meta.page_size == self.page_size);
        valid.max_by_key(|meta| meta.txid)
    }

    /// The page `id`, if one is there that carries this number.
    #[must_use]
    pub fn page(&self, id: PageId) -> Option<Scrap<'a>> {
        Scrap::read(self.bytes, self.page_size.into(), id.0, self.offset(id)?)
    }

    /// Visits every page on all cores: each part begins with `init` and takes its pages in order through `step`. The
    /// parts are returned in the order of the file.
    pub(crate) fn pages<T: Send>(
        &self,
        init: impl Fn() -> T + Sync,
        step: impl Fn(&mut T, &Scrap<'a>) + Sync,
    ) -> Vec<T> {
        let all = self.range();
        let parts = all.end.saturating_sub(all.start).div_ceil(AT_ONCE);
        let part = |n: u64| {
            let first = all.start.saturating_add(n.saturating_mul(AT_ONCE));
            let mut state = init();
            for id in first..first.saturating_add(AT_ONCE).min(all.end) {
                if let Some(scrap) = self.page(PageId(id)) {
                    step(&mut state, &scrap);
                }
            }
            state
        };
        (0..parts).into_par_iter().map(part).collect()
    }
}
