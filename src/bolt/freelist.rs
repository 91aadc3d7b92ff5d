//! The freelist, in each of its forms.

use super::{
    db::Db,
    layout::{Kind, PAGE_HEADER, Page, PageId},
};
use crate::{Code, Finding, bytes::u64_le};

/// The free pages that the freelist of the file lists.
#[derive(Debug, Clone, Copy)]
pub enum Freelist<'a> {
    /// Not kept on disk: what no tree reaches is free. The rule for etcd on Linux (`NoFreelistSync`).
    NotPersisted,
    /// Kept on these pages.
    Persisted {
        /// The first page of the freelist.
        page: PageId,
        /// Number of overflow pages of the freelist.
        overflow: u32,
        /// The free page numbers, as little-endian `u64`s.
        ids: &'a [u8],
        /// Byte offset of the first of them in the file.
        offset: u64,
    },
}

impl<'a> Freelist<'a> {
    /// Finds the file's freelist.
    ///
    /// # Errors
    /// What is wrong with the page that should hold it.
    pub fn read(db: &Db<'a>) -> Result<Self, Finding> {
        let Some(id) = db.meta().freelist else { return Ok(Self::NotPersisted) };
        let page = db.page(id)?;
        if page.kind != Kind::Freelist {
            let what = format!("the freelist should be here, but it is a {:?} page", page.kind).to_lowercase();
            return Err(Finding::error(Code::FreelistType, what).page(id.0).at(page.offset));
        }
        Self::on_page(&page)
    }

    /// The freelist that `page` holds, which is read as one whatever its kind.
    ///
    /// # Errors
    /// The finding that its numbers do not fit the page.
    pub fn on_page(page: &Page<'a>) -> Result<Self, Finding> {
        let id = page.id;
        let body = page.bytes.get(PAGE_HEADER..).unwrap_or_default();
        // A count that does not fit 16 bits is stored before the ids (`common.Page.FreelistPageCount`).
        let (count, skip) = match page.count {
            0xFFFF => (u64_le(body, 0).unwrap_or(0), 8),
            count => (count.into(), 0_usize),
        };
        let ids = usize::try_from(count).ok().and_then(|n| n.checked_mul(8)).and_then(|len| {
            let body = body.get(skip..)?;
            body.get(..len)
        });
        let ids = ids.ok_or_else(|| {
            Finding::error(Code::FreelistCount, format!("{count} free pages do not fit the freelist"))
                .page(id.0)
                .at(page.offset)
        })?;
        let offset = page.offset.saturating_add(PAGE_HEADER as u64).saturating_add(skip as u64);
        Ok(Self::Persisted { page: id, overflow: page.overflow, ids, offset })
    }

    /// The free page numbers with their place in the file; none when they are not kept on disk.
    pub fn ids(&self) -> impl Iterator<Item = (PageId, u64)> + 'a {
        let (ids, offset): (&'a [u8], u64) = match *self {
            Self::NotPersisted => (&[], 0),
            Self::Persisted { ids, offset, .. } => (ids, offset),
        };
        ids.chunks_exact(8).zip((offset..).step_by(8)).filter_map(|(id, offset)| Some((PageId(u64_le(id, 0)?), offset)))
    }
}
