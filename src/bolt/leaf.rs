//! A leaf's items, every one checked before it is handed out.

use std::cmp::Ordering;

use super::layout::{ELEMENT, LeafElement, MAX_KEY, PAGE_HEADER, Page, element_at};
use crate::{Code, Finding, Findings, bytes::excerpt};

/// A key and its value, borrowed from the page.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The key, never empty.
    pub key: &'a [u8],
    /// The value; a bucket's header when `bucket` is set.
    pub value: &'a [u8],
    /// Whether the value is a bucket.
    pub bucket: bool,
    /// Where the key begins in the file, in bytes.
    pub offset: u64,
}

/// A leaf page with the items of it that hold, in key order.
#[derive(Debug)]
pub struct Leaf<'s, 'a> {
    /// The page.
    pub page: Page<'a>,
    /// The items of the leaf.
    pub items: &'s [Item<'a>],
    /// All keys and values in order, key before value, when they are where bbolt writes them: back to back after the
    /// elements.
    pub run: Option<&'a [u8]>,
}

/// The keys that a page may hold, as its ancestors promise: `low <= key < high`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds<'a> {
    pub(super) low: Option<&'a [u8]>,
    pub(super) high: Option<&'a [u8]>,
}

impl<'a> Bounds<'a> {
    /// Whether a key may be `from` or greater.
    #[inline]
    pub(super) fn reach(&self, from: Option<&[u8]>) -> bool {
        from.zip(self.high).is_none_or(|(from, high)| from < high)
    }

    /// What is wrong with `key` on a page with these bounds, after `previous`.
    #[inline]
    pub(super) fn fault(&self, key: &[u8], previous: Option<&[u8]>) -> Option<(Code, String)> {
        match (previous.map(|previous| (key.cmp(previous), previous)), self.low) {
            (Some((Ordering::Equal, _)), _) => return Some((Code::KeyOrder, "duplicate key".to_owned())),
            (Some((Ordering::Less, p)), _) => {
                return Some((Code::KeyOrder, format!("the key is less than the one before it, {}", excerpt(p))));
            }
            (None, Some(low)) if key < low => {
                return Some((Code::KeyBounds, format!("the first key is below the parent's key {}", excerpt(low))));
            }
            _ => {}
        }
        match self.high {
            Some(high) if key >= high => {
                Some((Code::KeyBounds, format!("the key is not below the parent's next key {}", excerpt(high))))
            }
            _ => None,
        }
    }
}

impl<'s, 'a> Leaf<'s, 'a> {
    /// Reads `page` as a leaf, by itself: keys that its place in a tree does not allow are not found. Elements that do
    /// not hold are left out and reported. `items` is scratch space, to be used again for the next page.
    pub fn read(page: Page<'a>, items: &'s mut Vec<Item<'a>>, findings: &mut Findings) -> Self {
        read(page, Bounds::default(), items, findings)
    }
}

/// Reads the leaf `page` into `items`; elements that do not hold are left out and reported.
///
/// Items together may not be longer than their page, so a page costs no more than its bytes however often its
/// elements claim the same ones.
pub(super) fn read<'s, 'a>(
    page: Page<'a>,
    bounds: Bounds<'a>,
    items: &'s mut Vec<Item<'a>>,
    findings: &mut Findings,
) -> Leaf<'s, 'a> {
    items.clear();
    let mut room = page.bytes.len().saturating_sub(PAGE_HEADER);
    // the first key follows the elements, and all else follows that, back to back (`node.write`)
    let blob = element_at(page.count.into());
    let (mut next, mut in_place, mut all) = (blob, true, true);
    let mut previous = None;
    for index in 0..usize::from(page.count) {
        let at = element_at(index);
        let fault =
            |code, what: String| Finding::error(code, what).page(page.id.0).at(page.offset.saturating_add(at as u64));
        let Some((element, start, middle, end)) = extent(&page, at) else {
            findings.push(fault(
                Code::ElementOutOfPage,
                format!("element {index} of {} reaches outside the page", page.count),
            ));
            all = false;
            if at >= page.bytes.len() {
                break;
            }
            continue;
        };
        room = match room.checked_sub(end.saturating_sub(start).saturating_add(ELEMENT)) {
            Some(room) => room,
            None => {
                findings.push(fault(
                    Code::ElementOverlap,
                    format!("its items are longer than the page, from element {index} of {} on", page.count),
                ));
                all = false;
                break;
            }
        };
        let (Some(key), Some(value)) = (page.bytes.get(start..middle), page.bytes.get(middle..end)) else { continue };
        if key.is_empty() || key.len() > MAX_KEY {
            findings.push(fault(Code::KeySize, format!("element {index} has a key of {} bytes", key.len())));
            all = false;
            continue;
        }
        if let Some((code, what)) = bounds.fault(key, previous) {
            findings.push(fault(code, what).key(key));
        }
        previous = Some(key);
        if start != next && std::mem::take(&mut in_place) {
            findings.push(fault(Code::ElementLayout, misplaced(index, page.count)));
        }
        next = end;
        let offset = page.offset.saturating_add(start as u64);
        items.push(Item { key, value, bucket: element.is_bucket(), offset });
    }
    Leaf { page, items, run: (all && in_place).then(|| page.bytes.get(blob..next)).flatten() }
}

/// The message that an element's key is not where bbolt writes the key.
pub(super) fn misplaced(index: usize, count: u16) -> String {
    format!("the key of element {index} of {count} does not follow what is before it")
}

/// The element at `at`, and where its key begins, its value begins and its value ends in the page.
#[inline]
fn extent(page: &Page<'_>, at: usize) -> Option<(LeafElement, usize, usize, usize)> {
    let element = LeafElement::read(page.bytes, at)?;
    let start = at.checked_add(element.pos as usize)?;
    let middle = start.checked_add(element.ksize as usize)?;
    let end = middle.checked_add(element.vsize as usize)?;
    (end <= page.bytes.len()).then_some((element, start, middle, end))
}
