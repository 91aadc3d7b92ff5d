//! One page that was found, and its items.

use crate::{
    bolt::{
        layout::{
            BranchElement, ELEMENT, Kind, LeafElement, MAX_KEY, PAGE_HEADER, Page, PageHeader, PageId, element_at,
        },
        leaf::Item,
    },
    bytes::window,
};

/// Zeros at the end of an item that are not suspicious: values of Kubernetes end in some.
const FEW_ZEROS: usize = 8;

/// A page that carries the number of its place. Its bytes may end early: at the end of the file, or where a later page
/// has taken the place of its overflow.
#[derive(Debug, Clone, Copy)]
pub struct Scrap<'a> {
    /// The page; the bytes are those that are left.
    pub page: Page<'a>,
    /// Whether bytes of it are missing.
    pub(crate) cut: bool,
    /// The size of a page.
    page_size: u64,
}

impl<'a> Scrap<'a> {
    /// Page `id`, which is at `offset` of `image`, a file with pages of `page_size` bytes.
    pub(super) fn read(image: &'a [u8], page_size: u64, id: u64, offset: u64) -> Option<Self> {
        let header = header(image, offset).filter(|header| header.id == id)?;
        let kind = header.kind()?;
        let claimed = u64::from(header.overflow).saturating_add(1).saturating_mul(page_size);
        let room = (image.len() as u64).saturating_sub(offset);
        // A later page that carries its own number was given away.
        let given_away = (1..=u64::from(header.overflow))
            .take_while(|n| n.saturating_mul(page_size) < room)
            .find(|n| is_own(image, id.saturating_add(*n), offset.saturating_add(n.saturating_mul(page_size))));
        let len = given_away.map_or(claimed, |n| n.saturating_mul(page_size)).min(room);
        let bytes = window(image, offset, len)?;
        let page = Page { id: PageId(id), offset, kind, count: header.count, overflow: header.overflow, bytes };
        Some(Self { page, cut: len < claimed, page_size })
    }

    /// The page of an inline bucket.
    #[must_use]
    pub(crate) fn inline(page: Page<'a>) -> Self {
        Self { page, cut: false, page_size: u64::MAX }
    }

    /// The items of a leaf, each of which is inside the page. Returns whether the page is as bbolt writes it: all items
    /// are there, back to back and in order.
    pub fn items(&self, items: &mut Vec<Item<'a>>) -> bool {
        leaf_items(&self.page, items) && !self.cut
    }

    /// The children of a branch with their keys; `None` unless the page is as bbolt writes it.
    #[must_use]
    pub(crate) fn children(&self) -> Option<Vec<(&'a [u8], PageId)>> {
        let Page { bytes, count, .. } = self.page;
        let mut children: Vec<(&[u8], PageId)> = Vec::new();
        for index in 0..usize::from(count) {
            let at = element_at(index);
            let element = BranchElement::read(bytes, at)?;
            let key = element.key(bytes, at).filter(|key| !key.is_empty() && key.len() <= MAX_KEY)?;
            if children.last().is_some_and(|(last, _)| *last >= key) {
                return None;
            }
            children.push((key, element.child));
        }
        (self.page.kind == Kind::Branch && !children.is_empty() && !self.cut).then_some(children)
    }

    /// Whether nothing but zeros follows the last of its `items`: bbolt writes no other.
    #[must_use]
    pub(crate) fn ends_with(&self, items: &[Item<'a>]) -> bool {
        let end = items.last().map_or(self.page.offset, |item| {
            item.offset.saturating_add(item.key.len() as u64).saturating_add(item.value.len() as u64)
        });
        let from = usize::try_from(end.saturating_sub(self.page.offset)).unwrap_or(usize::MAX);
        items.is_empty() || self.page.bytes.get(from..).unwrap_or_default().iter().all(|byte| *byte == 0)
    }

    /// Whether the item's value enters an overflow page of which only zeros are left: the page may have been erased.
    #[must_use]
    pub fn may_be_erased(&self, item: &Item<'a>) -> bool {
        let start = item.offset.saturating_sub(self.page.offset);
        let end = start.saturating_add(item.key.len() as u64).saturating_add(item.value.len() as u64);
        let pages = start.checked_div(self.page_size).unwrap_or(0).saturating_add(1)
            ..=end.saturating_sub(1).checked_div(self.page_size).unwrap_or(0);
        pages.into_iter().any(|page| {
            let from = page.saturating_mul(self.page_size);
            let until = from.saturating_add(self.page_size).min(end);
            let part = window(self.page.bytes, from, until.saturating_sub(from)).unwrap_or_default();
            part.len() > FEW_ZEROS && part.iter().all(|byte| *byte == 0)
        })
    }
}

fn header(bytes: &[u8], offset: u64) -> Option<PageHeader> {
    PageHeader::read(window(bytes, offset, PAGE_HEADER as u64)?)
}

/// Whether page `id` is at `offset`.
fn is_own(image: &[u8], id: u64, offset: u64) -> bool {
    header(image, offset).is_some_and(|header| header.id == id && header.kind().is_some())
}

/// The items of the leaf `page`, and whether they are all there, back to back and in order.
pub(super) fn leaf_items<'a>(page: &Page<'a>, items: &mut Vec<Item<'a>>) -> bool {
    items.clear();
    let mut room = page.bytes.len().saturating_sub(PAGE_HEADER);
    let mut whole = page.kind == Kind::Leaf;
    let mut next = element_at(page.count.into());
    for index in 0..usize::from(page.count) {
        let at = element_at(index);
        let Some(element) = LeafElement::read(page.bytes, at) else { return false };
        let Some((start, middle, end)) = extent(&element, at).filter(|(.., end)| *end <= page.bytes.len()) else {
            whole = false;
            continue;
        };
        // Items together are no longer than their page, however often its elements claim the same bytes.
        let Some(left) = room.checked_sub(end.saturating_sub(start).saturating_add(ELEMENT)) else { return false };
        room = left;
        let (Some(key), Some(value)) = (page.bytes.get(start..middle), page.bytes.get(middle..end)) else { continue };
        let in_order = items.last().is_none_or(|last| last.key < key);
        if key.is_empty() || key.len() > MAX_KEY || element.flags > 1 {
            whole = false;
            continue;
        }
        whole &= start == next && in_order;
        next = end;
        let offset = page.offset.saturating_add(start as u64);
        items.push(Item { key, value, bucket: element.is_bucket(), offset });
    }
    whole
}

/// Where the element's key begins, its value begins and its value ends.
fn extent(element: &LeafElement, at: usize) -> Option<(usize, usize, usize)> {
    let start = at.checked_add(element.pos as usize)?;
    let middle = start.checked_add(element.ksize as usize)?;
    Some((start, middle, middle.checked_add(element.vsize as usize)?))
}
