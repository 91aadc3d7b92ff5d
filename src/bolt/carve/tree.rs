//! A tree from any root, strictly: what is not exactly as its branch has it is a hole.

use super::{
    file::Carve,
    scrap::{Scrap, leaf_items},
};
use crate::bolt::{
    layout::{Kind, Page},
    leaf::Item,
    pages::PageSet,
    walk::{MAX_DEPTH, Root},
};

/// A part of a tree, which holds all keys that are `low` or greater and less than `high`; `None` is no bound.
#[derive(Debug, Clone, Copy)]
pub struct Part<'s, 'a> {
    /// The lower bound: the part has no smaller key.
    pub(crate) low: Option<&'a [u8]>,
    /// The upper bound: the first key after the part.
    pub(crate) high: Option<&'a [u8]>,
    /// The leaf with its items; `None` for a hole.
    pub leaf: Option<(Page<'a>, &'s [Item<'a>])>,
}

#[derive(Clone, Copy)]
struct Node<'a> {
    root: Root<'a>,
    low: Option<&'a [u8]>,
    /// The key that its branch has for it.
    first: Option<&'a [u8]>,
    high: Option<&'a [u8]>,
    depth: usize,
}

impl<'a> Carve<'a> {
    /// The parts of the tree from `root`, in key order. A leaf counts when it is whole and begins with the key that its
    /// branch has for it: a page that was given to something else does not.
    pub fn tree(&self, root: Root<'a>, mut each: impl FnMut(Part<'_, 'a>)) {
        let all = self.range();
        let met = (all.start, PageSet::new(all.end.saturating_sub(all.start)));
        let mut stack = vec![Node { root, low: None, first: None, high: None, depth: 0 }];
        let mut items = Vec::new();
        while let Some(node) = stack.pop() {
            let Node { low, high, first, .. } = node;
            let Some(page) = self.enter(&node, &met) else {
                each(Part { low, high, leaf: None });
                continue;
            };
            if page.page.kind == Kind::Branch {
                match self.children_of(&node, &page) {
                    Some(children) => stack.extend(children.into_iter().rev()),
                    None => each(Part { low, high, leaf: None }),
                }
                continue;
            }
            let whole = leaf_items(&page.page, &mut items) && !page.cut;
            let fits = first.is_none_or(|first| items.first().is_some_and(|item| item.key == first))
                && high.is_none_or(|high| items.last().is_none_or(|item| item.key < high));
            let leaf = (whole && fits).then_some((page.page, items.as_slice()));
            each(Part { low, high, leaf });
        }
    }

    /// The last key of the tree from `root`: only the pages on its right edge are read. `None` unless they are whole;
    /// no key where the tree is empty.
    #[must_use]
    pub fn last_key(&self, root: Root<'a>) -> Option<Option<&'a [u8]>> {
        let all = self.range();
        let met = (all.start, PageSet::new(all.end.saturating_sub(all.start)));
        let mut node = Node { root, low: None, first: None, high: None, depth: 0 };
        loop {
            let page = self.enter(&node, &met)?;
            if page.page.kind == Kind::Branch {
                node = self.children_of(&node, &page)?.pop()?;
                continue;
            }
            let mut items = Vec::new();
            let whole = leaf_items(&page.page, &mut items) && !page.cut;
            let fits = node.first.is_none_or(|first| items.first().is_some_and(|item| item.key == first));
            return (whole && fits).then(|| items.last().map(|item| item.key));
        }
    }

    /// The page of `node`, entered for the first time.
    fn enter(&self, node: &Node<'a>, (start, met): &(u64, PageSet)) -> Option<Scrap<'a>> {
        match node.root {
            Root::Inline(page) => Some(Scrap::inline(page)),
            Root::Page(id) => {
                let scrap = self.page(id).filter(|_| id.0 > 1)?;
                let mut pages = id.0..=id.0.saturating_add(scrap.page.overflow.into());
                let fresh = pages.all(|id| met.insert(id.saturating_sub(*start)));
                (fresh && matches!(scrap.page.kind, Kind::Leaf | Kind::Branch)).then_some(scrap)
            }
        }
    }

    fn children_of(&self, node: &Node<'a>, page: &Scrap<'a>) -> Option<Vec<Node<'a>>> {
        let children = page.children().filter(|_| node.depth < MAX_DEPTH)?;
        let starts = node.first.is_none_or(|first| children.first().is_some_and(|(key, _)| *key == first));
        let ends = node.high.is_none_or(|high| children.last().is_some_and(|(key, _)| *key < high));
        if !starts || !ends {
            return None;
        }
        let highs = children.iter().skip(1).map(|(key, _)| Some(*key)).chain([node.high]);
        let nodes = children.iter().zip(highs).enumerate().map(|(index, ((key, child), high))| Node {
            root: Root::Page(*child),
            low: if index == 0 { node.low } else { Some(key) },
            first: Some(key),
            high,
            depth: node.depth.saturating_add(1),
        });
        Some(nodes.collect())
    }
}
