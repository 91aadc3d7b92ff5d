//! Page size, and where page 0 is: what most pages agree on.

use std::collections::HashMap;

use super::file::Carve;
use crate::bolt::layout::{Kind, PageHeader, element_at};

/// Page sizes that bbolt may have.
const SIZES: std::ops::RangeInclusive<u32> = 10..=16;
/// The smallest page, and the smallest sector: pages are at multiples of these.
const PAGE: usize = 1024;
const SECTOR: usize = 512;
/// Pages that may agree on a place of page 0 by chance.
const CHANCE: u64 = 3;
/// The most places of page 0 that are counted at once; beyond, those with few pages are forgotten.
const MOST: usize = 1 << 16;

/// The pages that show where page 0 of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Votes {
    /// Number of the pages.
    pub(crate) pages: u64,
    /// The lowest page number.
    pub(crate) first: u64,
    /// The highest page number.
    pub(crate) last: u64,
}

impl<'a> Carve<'a> {
    /// The file whose pages are in `bytes`; of several, the one with most pages.
    #[must_use]
    pub fn find(bytes: &'a [u8], page_size: Option<u32>, scan: bool) -> Option<Self> {
        Self::find_all(bytes, page_size, scan).into_iter().next().map(|(carve, _)| carve)
    }

    /// The files whose pages are in `bytes`, with the pages that show where page 0 is, most first. With `scan`, pages
    /// may begin at any sector, and there may be several files, or pieces of one; else page 0 is at the start.
    /// `page_size` is given or found.
    #[must_use]
    pub(crate) fn find_all(bytes: &'a [u8], page_size: Option<u32>, scan: bool) -> Vec<(Self, Votes)> {
        let mut votes: HashMap<(u32, i64), Votes> = HashMap::new();
        let step = if scan { SECTOR } else { PAGE };
        for at in (0..bytes.len()).step_by(step) {
            let Some(header) = bytes.get(at..).and_then(PageHeader::read).filter(|header| is_page(bytes, at, header))
            else {
                continue;
            };
            for size in SIZES.map(|shift| 1_u32 << shift).filter(|size| page_size.is_none_or(|wanted| wanted == *size))
            {
                let Some(base) = base(at, header.id, size).filter(|base| scan || *base == 0) else { continue };
                let Votes { pages, first, last } =
                    votes.entry((size, base)).or_insert(Votes { pages: 0, first: header.id, last: header.id });
                (*pages, *first, *last) = (pages.saturating_add(1), header.id.min(*first), header.id.max(*last));
            }
            if votes.len() > MOST {
                votes.retain(|_, votes| votes.pages > 8);
            }
        }
        let mut votes: Vec<_> = votes.into_iter().collect();
        votes.sort_by_key(|((size, base), votes)| std::cmp::Reverse((votes.pages, *size, std::cmp::Reverse(*base))));
        let found = votes.into_iter().enumerate();
        let found = found.map(|(at, ((page_size, base), votes))| (at, Self { bytes, page_size, base }, votes));
        // By chance, other pages agree on the same place now and then.
        let found = found.filter(|(at, carve, votes)| *at == 0 || (votes.pages > CHANCE && scan) || carve.is_named());
        found.map(|(_, carve, votes)| (carve, votes)).collect()
    }

    /// Whether a valid meta names a page that is there.
    fn is_named(&self) -> bool {
        self.meta().is_some_and(|meta| self.page(meta.root).is_some())
    }
}

/// Where page 0 would be if page `id` of this size were at `at`.
fn base(at: usize, id: u64, size: u32) -> Option<i64> {
    let at = i64::try_from(at).ok()?;
    i64::try_from(id).ok()?.checked_mul(size.into()).and_then(|distance| at.checked_sub(distance))
}

/// Whether the bytes at `at` may be a page in a tree: the items follow the elements at once, as bbolt writes them.
fn is_page(bytes: &[u8], at: usize, header: &PageHeader) -> bool {
    let tree = matches!(header.kind(), Some(Kind::Leaf | Kind::Branch));
    if !tree || header.id < 2 || header.count == 0 {
        return false;
    }
    let place = |field: usize| at.checked_add(element_at(0))?.checked_add(field);
    let word = |field: usize| crate::bytes::u32_le(bytes, place(field)?);
    let pos = if header.kind() == Some(Kind::Leaf) { word(4) } else { word(0) };
    pos == u32::from(header.count).checked_mul(16)
}
