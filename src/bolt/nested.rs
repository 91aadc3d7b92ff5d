//! All pages of a bucket and of the buckets in it, one by one.

use super::{
    layout::{Kind, Page},
    leaf::{Bounds, Item, Leaf},
    walk::{Bucket, Node, Root, Walk},
};
use crate::Findings;

/// A bucket with a tree of its own, and the one that it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nested<'a> {
    /// The bucket.
    pub bucket: Bucket<'a>,
    /// The number of the bucket around it, in the same list; `None` for the first.
    pub parent: Option<usize>,
}

/// A page that [`Walk::each_page`] has come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'s, 'a> {
    /// The page: a branch, a leaf, or that of an inline bucket.
    pub(super) page: Page<'a>,
    /// Whether the page is that of an inline bucket, which is in a leaf of `bucket`, or the whole of it.
    pub(super) inline: bool,
    /// How many branches are above it in its bucket.
    pub(super) depth: u64,
    /// The number of its bucket.
    pub(super) bucket: usize,
    /// The items of a leaf.
    pub(super) items: &'s [Item<'a>],
}

impl<'a> Walk<'a> {
    /// Visits every page of `root` and of the buckets in it, whose list is returned. Inline buckets are not in the
    /// list; bbolt writes no bucket into one.
    ///
    /// The pages are added to those that the walk has met, so that no page is visited twice. Nothing is recursive, and
    /// the list is no longer than the file has pages.
    pub(super) fn each_page(
        &mut self,
        root: &Bucket<'a>,
        findings: &mut Findings,
        mut step: impl FnMut(Visit<'_, 'a>),
    ) -> Vec<Nested<'a>> {
        let mut buckets = vec![Nested { bucket: *root, parent: None }];
        let (mut items, mut inner, mut children, mut stack) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut bucket = 0_usize;
        while let Some(nested) = buckets.get(bucket) {
            match nested.bucket.root {
                Root::Page(id) => stack.push((id, 0_u64)),
                Root::Inline(page) => {
                    let items = Leaf::read(page, &mut items, findings).items;
                    step(Visit { page, inline: true, depth: 0, bucket, items });
                }
            }
            while let Some((id, depth)) = stack.pop() {
                let page = match self.meet(&self.met, id) {
                    Ok(page) => page,
                    Err(finding) => {
                        findings.push(finding);
                        continue;
                    }
                };
                if page.kind == Kind::Branch {
                    step(Visit { page, inline: false, depth, bucket, items: &[] });
                    self.children(&Node { page, bounds: Bounds::default() }, &mut children, findings);
                    stack.extend(children.drain(..).rev().map(|(id, _)| (id, depth.saturating_add(1))));
                    continue;
                }
                let items = Leaf::read(page, &mut items, findings).items;
                step(Visit { page, inline: false, depth, bucket, items });
                for item in items.iter().filter(|item| item.bucket) {
                    match Bucket::of(item) {
                        Err(finding) => findings.push(finding.page(page.id.0)),
                        Ok(Bucket { root: Root::Inline(page), .. }) => {
                            let items = Leaf::read(page, &mut inner, findings).items;
                            step(Visit { page, inline: true, depth: 0, bucket, items });
                        }
                        Ok(found) => buckets.push(Nested { bucket: found, parent: Some(bucket) }),
                    }
                }
            }
            bucket = bucket.saturating_add(1);
        }
        buckets
    }
}
