//! Page size, and where page 0 is: what most pages agree on.

use std::collections::HashMap;

use super::file::Carve;
use crate::bolt::layout::{Kind, PageHeader, element_at};

/// Page sizes that bbolt may have.
const SIZES: std::ops::RangeInclusive<u32> = 10..=16;
/// The smallest page, and the smallest sector: pages are at multiples of these.
const PAGE: usize = 1024;
const SECTOR: usize = 512;
/// The most places of page 0 that are counted at once; beyond, those with few pages are forgotten.
const MOST: usize = 1 << 16;

impl<'a> Carve<'a> {
    /// The file whose pages are in `bytes`; with `scan`, they may begin at any sector, else page 0 is at the start.
    /// `page_size` is given or found. `None` where there is not one page.
    #[must_use]
    pub fn find(bytes: &'a [u8], page_size: Option<u32>, scan: bool) -> Option<Self> {
        let mut votes: HashMap<(u32, i64), u64> = HashMap::new();
        let step = if scan { SECTOR } else { PAGE };
        for at in (0..bytes.len()).step_by(step) {
            let Some(header) = bytes.get(at..).and_then(PageHeader::read).filter(|header| is_page(bytes, at, header))
            else {
                continue;
            };
            for size in SIZES.map(|shift| 1_u32 << shift).filter(|size| page_size.is_none_or(|wanted| wanted == *size))
            {
                let Some(base) = base(at, header.id, size).filter(|base| scan || *base == 0) else { continue };
                let votes = votes.entry((size, base)).or_default();
                *votes = votes.saturating_add(1);
            }
            if votes.len() > MOST {
                votes.retain(|_, votes| *votes > 8);
            }
        }
        let ((page_size, base), _) =
            votes.into_iter().max_by_key(|((size, base), votes)| (*votes, *size, std::cmp::Reverse(*base)))?;
        Some(Self { bytes, page_size, base })
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
