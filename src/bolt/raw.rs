//! A page by its place in the file, whatever its header holds.

use super::{
    db::Db,
    layout::{PAGE_HEADER, Page, PageHeader, PageId},
};

/// The bytes at the place of a page.
#[derive(Debug, Clone, Copy)]
pub struct RawPage<'a> {
    /// The number of the place.
    pub id: PageId,
    /// Offset of the place in the file, in bytes.
    pub offset: u64,
    /// The first bytes of the place, read as a page header; `header.id` may be another number.
    pub header: PageHeader,
    /// The bytes of the page and of the overflow pages that the header claims, as far as the file has them.
    pub bytes: &'a [u8],
}

impl<'a> Db<'a> {
    /// The bytes at the place of page `id`, of one physical page; fewer at the end of the file, and `None` after it.
    #[must_use]
    pub fn physical_page(&self, id: PageId) -> Option<(u64, &'a [u8])> {
        let offset = id.0.checked_mul(self.page_size())?;
        let rest = self.image().get(usize::try_from(offset).ok()?..)?;
        let len = usize::try_from(self.page_size()).ok()?;
        (!rest.is_empty()).then(|| (offset, rest.get(..len).unwrap_or(rest)))
    }

    /// The page at the place of `id`; `None` when the file has fewer than the 16 bytes of a header there. It may be
    /// after the high-water mark.
    #[must_use]
    pub fn raw_page(&self, id: PageId) -> Option<RawPage<'a>> {
        let (offset, bytes) = self.physical_page(id)?;
        let header = PageHeader::read(bytes)?;
        let raw = RawPage { id, offset, header, bytes };
        Some(RawPage { bytes: self.covered(offset, header.overflow.into()), ..raw })
    }

    /// The bytes of the page at `offset` and of `overflow` pages after it, as far as the file has them.
    fn covered(&self, offset: u64, overflow: u64) -> &'a [u8] {
        let len = overflow.saturating_add(1).saturating_mul(self.page_size());
        let rest = usize::try_from(offset).ok().and_then(|at| self.image().get(at..)).unwrap_or_default();
        usize::try_from(len).ok().and_then(|len| rest.get(..len)).unwrap_or(rest)
    }

    /// `raw` with the bytes of no more than `overflow` pages after the first.
    #[must_use]
    pub fn cut(&self, raw: &RawPage<'a>, overflow: u64) -> RawPage<'a> {
        RawPage { bytes: self.covered(raw.offset, overflow.min(raw.header.overflow.into())), ..*raw }
    }
}

impl<'a> RawPage<'a> {
    /// The page to be read by its kind, when that is one of bbolt's.
    #[must_use]
    pub fn page(&self) -> Option<Page<'a>> {
        let PageHeader { count, overflow, .. } = self.header;
        let kind = self.header.kind().filter(|_| self.bytes.len() >= PAGE_HEADER)?;
        Some(Page { id: self.id, offset: self.offset, kind, count, overflow, bytes: self.bytes })
    }
}
