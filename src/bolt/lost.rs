//! A file of which no meta holds: its page size is named, its root bucket is searched.

use super::{
    db::Db,
    layout::{Kind, LeafElement, PageId, element_at},
    leaf::Leaf,
    meta::{Meta, MetaFault, RawMeta},
    walk::{Bucket, Root},
};
use crate::Findings;

/// Opens a file with pages of `page_size` bytes, with the root bucket at `root`, or where the metas that do not hold
/// have it; else the pages can be read by number only ([`Db::has_root`]).
///
/// # Errors
/// When no bbolt has pages of that size.
pub fn assume_with_root(image: &[u8], page_size: u32, root: Option<PageId>) -> Result<Db<'_>, MetaFault> {
    let size = u64::from(page_size).max(1);
    let high_water = PageId((image.len() as u64).checked_div(size).unwrap_or(0));
    let meta = Meta { page_size, root: PageId(0), freelist: None, high_water, txid: 0 };
    let db = Db::assume(image, meta)?;
    let mut named: Vec<_> = [PageId(0), PageId(1)]
        .into_iter()
        .filter_map(|id| RawMeta::read(db.physical_page(id)?.1))
        .filter(|raw| is_root(&db, raw.root))
        .collect();
    named.sort_by_key(|raw| raw.txid);
    let root = root.or_else(|| Some(named.last()?.root)).unwrap_or(PageId(0));
    Db::assume(image, Meta { root, ..meta })
}

/// The pages that may hold the root bucket: the leaves of which every item is a bucket. Older roots are among them.
#[must_use]
pub fn may_be_roots(db: &Db<'_>) -> Vec<PageId> {
    let (mut found, mut id) = (Vec::new(), PageId(2));
    while id.0 < db.pages() {
        let is_one = is_root(db, id);
        let covered = if is_one { db.page(id).map_or(0, |page| page.overflow) } else { 0 };
        if is_one {
            found.push(id);
        }
        id = PageId(id.0.saturating_add(covered.into()).saturating_add(1));
    }
    found
}

/// Whether page `id` is a leaf of buckets, and nothing else.
fn is_root(db: &Db<'_>, id: PageId) -> bool {
    let Ok(page) = db.page(id) else { return false };
    let first = LeafElement::read(page.bytes, element_at(0)).is_some_and(|element| element.is_bucket());
    if page.kind != Kind::Leaf || page.count == 0 || !first {
        return false;
    }
    let (mut items, mut findings) = (Vec::new(), Findings::default());
    let leaf = Leaf::read(page, &mut items, &mut findings);
    let leads = |root: Root<'_>| match root {
        Root::Inline(_) => true,
        Root::Page(id) => matches!(db.peek(id), Some(Kind::Branch | Kind::Leaf)),
    };
    let holds = leaf.items.iter().all(|item| {
        item.bucket && Bucket::read(item.key, item.value, item.offset).is_ok_and(|bucket| leads(bucket.root))
    });
    holds && !findings.damaged()
}
