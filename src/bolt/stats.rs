//! Statistics of a bucket's tree.

use super::{
    layout::{BranchElement, Kind, PAGE_HEADER, element_at},
    nested::Visit,
    walk::{Bucket, Root, Walk},
};
use crate::Findings;

/// What a bucket and the buckets in it take (`bbolt.BucketStats`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Branch pages, each with its overflow pages counted as one.
    pub branch_pages: u64,
    /// Overflow pages of branches.
    pub branch_overflow: u64,
    /// Leaf pages, each with its overflow pages counted as one.
    pub leaf_pages: u64,
    /// Overflow pages of leaves.
    pub leaf_overflow: u64,
    /// Items, of inline buckets too; a bucket is an item of the one around it.
    pub keys: u64,
    /// Levels of the tree, with those of the deepest bucket in it.
    pub depth: u64,
    /// Bytes of the branch pages.
    pub branch_alloc: u64,
    /// Bytes of them that are in use.
    pub branch_inuse: u64,
    /// Bytes of the leaf pages.
    pub leaf_alloc: u64,
    /// Bytes of them that are in use.
    pub leaf_inuse: u64,
    /// Buckets, this one included.
    pub buckets: u64,
    /// Number of the buckets that are inline.
    pub inline_buckets: u64,
    /// Bytes of the inline buckets' pages; they are in `leaf_inuse`, too.
    pub inline_inuse: u64,
}

impl Stats {
    /// Adds those of another bucket (`BucketStats.Add`); of the depths the greater counts.
    pub fn add(&mut self, other: &Self) {
        self.depth = self.depth.max(other.depth);
        for (sum, more) in [
            (&mut self.branch_pages, other.branch_pages),
            (&mut self.branch_overflow, other.branch_overflow),
            (&mut self.leaf_pages, other.leaf_pages),
            (&mut self.leaf_overflow, other.leaf_overflow),
            (&mut self.keys, other.keys),
            (&mut self.branch_alloc, other.branch_alloc),
            (&mut self.branch_inuse, other.branch_inuse),
            (&mut self.leaf_alloc, other.leaf_alloc),
            (&mut self.leaf_inuse, other.leaf_inuse),
            (&mut self.buckets, other.buckets),
            (&mut self.inline_buckets, other.inline_buckets),
            (&mut self.inline_inuse, other.inline_inuse),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Adds a page.
    fn take(&mut self, visit: &Visit<'_, '_>) {
        let Visit { page, inline, items, .. } = *visit;
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        if page.kind == Kind::Branch {
            add(&mut self.branch_pages, 1);
            add(&mut self.branch_overflow, page.overflow.into());
            let last = usize::from(page.count).checked_sub(1).map(element_at);
            let end = last.and_then(|at| {
                let element = BranchElement::read(page.bytes, at)?;
                (at as u64).checked_add(element.pos.into())?.checked_add(element.ksize.into())
            });
            add(&mut self.branch_inuse, end.unwrap_or(PAGE_HEADER as u64).min(page.bytes.len() as u64));
            return;
        }
        add(&mut self.keys, items.len() as u64);
        let end = items.last().map(|item| {
            let start = item.offset.saturating_sub(page.offset);
            start.saturating_add(item.key.len() as u64).saturating_add(item.value.len() as u64)
        });
        let used = end.unwrap_or(PAGE_HEADER as u64);
        if inline {
            add(&mut self.buckets, 1);
            add(&mut self.inline_buckets, 1);
            add(&mut self.inline_inuse, used);
        } else {
            add(&mut self.leaf_pages, 1);
            add(&mut self.leaf_overflow, page.overflow.into());
            add(&mut self.leaf_inuse, used);
        }
    }
}

impl<'a> Walk<'a> {
    /// Statistics of `bucket` with all buckets in it (`Bucket.Stats`), of the pages that can be read.
    pub fn stats(&mut self, bucket: &Bucket<'a>, findings: &mut Findings) -> Stats {
        let mut stats = Stats::default();
        // Of each bucket in the list: the levels of its own tree, and of the deepest bucket in it.
        let (mut own, mut below): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        let raise = |levels: &mut Vec<u64>, bucket: usize, depth: u64| {
            levels.resize(levels.len().max(bucket.saturating_add(1)), 0);
            levels.get_mut(bucket).into_iter().for_each(|level| *level = depth.max(*level));
        };
        let is_inline = matches!(bucket.root, Root::Inline(_));
        let buckets = self.each_page(bucket, findings, |visit| {
            stats.take(&visit);
            let levels = if visit.inline && !is_inline { &mut below } else { &mut own };
            raise(levels, visit.bucket, visit.depth.saturating_add(1));
        });
        for (bucket, nested) in buckets.iter().enumerate().rev() {
            let level = |levels: &[u64]| levels.get(bucket).copied().unwrap_or(0);
            let depth = level(&own).saturating_add(level(&below));
            match nested.parent {
                Some(parent) => raise(&mut below, parent, depth),
                None => stats.depth = depth,
            }
        }
        if !is_inline {
            stats.buckets = stats.buckets.saturating_add(buckets.len() as u64);
        }
        let size = self.db().page_size();
        stats.branch_alloc = stats.branch_pages.saturating_add(stats.branch_overflow).saturating_mul(size);
        stats.leaf_alloc = stats.leaf_pages.saturating_add(stats.leaf_overflow).saturating_mul(size);
        stats
    }
}
