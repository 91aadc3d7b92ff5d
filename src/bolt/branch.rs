//! A branch's elements by themselves, for a look at single pages.

use super::{
    layout::{BranchElement, ELEMENT, MAX_KEY, PAGE_HEADER, Page, PageId, element_at},
    leaf::Bounds,
};
use crate::{Code, Finding, Findings};

/// One element of a branch: the lower bound of the keys below a page.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    /// The element's number in the branch.
    pub index: usize,
    /// The bound; the first one of a tree may be below all keys that are there.
    pub key: &'a [u8],
    /// The page.
    pub page: PageId,
    /// Where the key begins in the file, in bytes.
    pub offset: u64,
}

impl<'a> Child<'a> {
    /// Element `index` of the branch `page`; `None`, with a finding, when it reaches outside the page.
    pub(super) fn read(page: &Page<'a>, index: usize, findings: &mut Findings) -> Option<Self> {
        let at = element_at(index);
        let element = BranchElement::read(page.bytes, at);
        let Some((element, key)) = element.and_then(|of| Some((of, of.key(page.bytes, at)?))) else {
            let what = format!("element {index} of {} reaches outside the page", page.count);
            findings.push(fault(page, index, Code::ElementOutOfPage, what));
            return None;
        };
        if key.is_empty() || key.len() > MAX_KEY {
            let what = format!("element {index} has a key of {} bytes", key.len());
            findings.push(fault(page, index, Code::KeySize, what));
        }
        let offset = page.offset.saturating_add(at as u64).saturating_add(element.pos.into());
        Some(Self { index, key, page: element.child, offset })
    }
}

/// A finding about element `index` of `page`.
pub(super) fn fault(page: &Page<'_>, index: usize, code: Code, what: String) -> Finding {
    Finding::error(code, what).page(page.id.0).at(page.offset.saturating_add(element_at(index) as u64))
}

/// A branch page with the elements of it that hold, in order.
#[derive(Debug)]
pub struct Branch<'s, 'a> {
    /// The page.
    pub page: Page<'a>,
    /// The elements of the branch.
    pub children: &'s [Child<'a>],
}

impl<'s, 'a> Branch<'s, 'a> {
    /// Reads `page` as a branch, by itself, as [`super::Leaf::read`] does a leaf: the keys together are no longer than
    /// the page. `children` is scratch space, to be used again for the next page.
    pub fn read(page: Page<'a>, children: &'s mut Vec<Child<'a>>, findings: &mut Findings) -> Self {
        children.clear();
        let mut previous = None;
        let mut room = page.bytes.len().saturating_sub(PAGE_HEADER);
        for index in 0..usize::from(page.count) {
            let Some(child) = Child::read(&page, index, findings) else {
                if element_at(index) >= page.bytes.len() {
                    break;
                }
                continue;
            };
            let Some(left) = room.checked_sub(child.key.len().saturating_add(ELEMENT)) else {
                let what = format!("its keys are longer than the page, from element {index} of {} on", page.count);
                findings.push(fault(&page, index, Code::ElementOverlap, what));
                break;
            };
            room = left;
            if let Some((code, what)) = Bounds::default().fault(child.key, previous) {
                findings.push(fault(&page, index, code, what).key(child.key));
            }
            previous = Some(child.key);
            children.push(child);
        }
        Self { page, children }
    }
}
