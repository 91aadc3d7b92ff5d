//! Writing: trees of new pages in sequence, and a meta page that refers to them.
//!
//! There are three things to write, and one way to do it:
//!
//! - *replace a small bucket*: a tree of all that it is to hold;
//! - *append ascending records at the right edge* of a bucket: a tree that goes on from the pages on that edge, and
//!   keeps all others;
//! - *bulk-load a fresh file*: a tree of each bucket, from page 2 on.
//!
//! Pages are filled as etcd has bbolt fill them, nine tenths and two items at least, and written in the order of their
//! numbers. A bucket always gets pages of its own; bbolt puts small ones inline when it next writes to them.
//!
//! Mirrors `node.go` (`spill`, `splitIndex`, `write`) and `tx.go` (`writeMeta`).

use std::io::{self, Write};

use super::{
    db::Db,
    layout::{BranchElement, BucketHeader, ELEMENT, Kind, LeafElement, PAGE_HEADER, PageHeader, PageId},
    leaf::{Bounds, Leaf},
    meta::Meta,
    walk::{Bucket, Root, Walk},
};
use crate::{Finding, Findings};

/// Writes pages in sequence.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    page_size: u32,
    next: PageId,
    /// Whether nothing is written: only the numbers of the pages are found out.
    dry: bool,
}

/// A tree on its way: one unfinished page on each level.
#[derive(Debug, Default)]
pub struct Tree {
    levels: Vec<Level>,
}

/// The unfinished page of a level.
#[derive(Debug, Default)]
struct Level {
    elements: Vec<Element>,
    /// Keys and values, back to back; in a dry run only the first key.
    blob: Vec<u8>,
    /// Bytes of all keys and values.
    bytes: usize,
    /// Whether pages of this level are written already.
    siblings: bool,
}

#[derive(Debug, Clone, Copy)]
struct Element {
    flags: u32,
    ksize: u32,
    vsize: u32,
    child: PageId,
}

impl Level {
    /// Bytes of the page with what it has and an item of `more` bytes.
    fn size_with(&self, more: usize) -> usize {
        let elements = self.elements.len().saturating_add(1).saturating_mul(ELEMENT);
        PAGE_HEADER.saturating_add(elements).saturating_add(self.bytes).saturating_add(more)
    }

    /// Adds an item; a `dry` run keeps of the bytes what the level above needs.
    fn add(&mut self, element: Element, key: &[u8], value: &[u8], dry: bool) {
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(value.len());
        if !dry {
            self.blob.extend_from_slice(key);
            self.blob.extend_from_slice(value);
        } else if self.elements.is_empty() {
            self.blob.extend_from_slice(key);
        }
        self.elements.push(element);
    }

    /// The number of pages that it takes.
    fn pages(&self, page_size: usize) -> usize {
        self.size_with(0).saturating_sub(ELEMENT).div_ceil(page_size.max(1))
    }

    fn first_key(&self) -> &[u8] {
        let len = self.elements.first().map_or(0, |element| element.ksize as usize);
        self.blob.get(..len).unwrap_or_default()
    }

    /// The page, whole.
    fn encode(&self, id: PageId, kind: Kind, page_size: usize) -> Vec<u8> {
        let pages = self.pages(page_size);
        let (count, overflow) = (self.elements.len() as u16, pages.saturating_sub(1) as u32);
        let mut page = Vec::with_capacity(pages.saturating_mul(page_size));
        page.extend_from_slice(&PageHeader { id: id.0, flags: kind.flags(), count, overflow }.encode());
        let mut blob = PAGE_HEADER.saturating_add(self.elements.len().saturating_mul(ELEMENT));
        for Element { flags, ksize, vsize, child } in self.elements.iter().copied() {
            // from the element's own place
            let pos = blob.saturating_sub(page.len()) as u32;
            page.extend_from_slice(&match kind {
                Kind::Branch => BranchElement { pos, ksize, child }.encode(),
                _ => LeafElement { flags, pos, ksize, vsize }.encode(),
            });
            blob = blob.saturating_add(ksize as usize).saturating_add(vsize as usize);
        }
        page.extend_from_slice(&self.blob);
        page.resize(pages.saturating_mul(page_size), 0);
        page
    }
}

impl<W: Write> Writer<W> {
    /// A writer whose first page is `first`; `out` is at the start of that page.
    pub fn new(out: W, page_size: u32, first: PageId) -> Self {
        Self { out, page_size, next: first, dry: false }
    }

    /// A writer that writes nothing to `out`: it finds out which pages [`Writer::new`] would write.
    pub(crate) fn dry(out: W, page_size: u32, first: PageId) -> Self {
        Self { dry: true, ..Self::new(out, page_size, first) }
    }

    /// Adds an item after all others of `tree`.
    ///
    /// # Errors
    /// Errors of `out`, and an item that is too large for a page.
    pub fn push(&mut self, tree: &mut Tree, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.item(tree, 0, key, value)
    }

    /// Adds the bucket that `root` is the root page of.
    ///
    /// # Errors
    /// As [`Writer::push`].
    pub fn push_bucket(&mut self, tree: &mut Tree, name: &[u8], root: PageId) -> io::Result<()> {
        self.item(tree, 1, name, &BucketHeader { root, sequence: 0 }.encode())
    }

    /// Adds a bucket with the page that is inside it ([`Writer::inline`]).
    ///
    /// # Errors
    /// As [`Writer::push`].
    pub(crate) fn push_inline(&mut self, tree: &mut Tree, name: &[u8], page: &[u8]) -> io::Result<()> {
        let header = BucketHeader { root: PageId(0), sequence: 0 }.encode();
        self.item(tree, 1, name, &[&header, page].concat())
    }

    /// The content of a bucket as a page inside its header, where it is small enough: a leaf of a quarter of a page
    /// (`Bucket.inlineable`).
    #[must_use]
    pub(crate) fn inline(&self, tree: &Tree) -> Option<Vec<u8>> {
        let empty = Level::default();
        let level = match tree.levels.as_slice() {
            [] => &empty,
            [only] => only,
            _ => return None,
        };
        let used = level.size_with(0).saturating_sub(ELEMENT);
        if level.siblings || used > self.page_size as usize / 4 {
            return None;
        }
        Some(level.encode(PageId(0), Kind::Leaf, used))
    }

    /// Adds a bucket as it is, with the page that is inside it when it is inline.
    ///
    /// # Errors
    /// As [`Writer::push`].
    pub fn keep_bucket(&mut self, tree: &mut Tree, bucket: &Bucket<'_>) -> io::Result<()> {
        let (root, inline) = match bucket.root {
            Root::Page(id) => (id, &[][..]),
            Root::Inline(page) => (PageId(0), page.bytes),
        };
        let header = BucketHeader { root, sequence: bucket.sequence }.encode();
        self.item(tree, 1, bucket.name, &[&header, inline].concat())
    }

    fn item(&mut self, tree: &mut Tree, flags: u32, key: &[u8], value: &[u8]) -> io::Result<()> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
        let element = Element { flags, ksize: size(key)?, vsize: size(value)?, child: PageId(0) };
        self.put(tree, 0, element, key, value)
    }

    fn put(&mut self, tree: &mut Tree, level: usize, element: Element, key: &[u8], value: &[u8]) -> io::Result<()> {
        if tree.levels.len() <= level {
            tree.levels.resize_with(level.saturating_add(1), Level::default);
        }
        let full = tree.levels.get(level).is_some_and(|page| {
            let more = key.len().saturating_add(value.len());
            page.size_with(more) > fill(self.page_size) && page.elements.len() >= LEAST
        });
        if full {
            self.flush(tree, level)?;
        }
        if let Some(page) = tree.levels.get_mut(level) {
            page.add(element, key, value, self.dry);
        }
        Ok(())
    }

    /// Writes the unfinished page of `level` and names it on the level above.
    fn flush(&mut self, tree: &mut Tree, level: usize) -> io::Result<()> {
        let Some(page) = tree.levels.get_mut(level) else { return Ok(()) };
        let kind = if level == 0 { Kind::Leaf } else { Kind::Branch };
        let child = self.next;
        let page_size = self.page_size as usize;
        if !self.dry {
            self.out.write_all(&page.encode(child, kind, page_size))?;
        }
        let full = || io::Error::from(io::ErrorKind::FileTooLarge);
        self.next = PageId(child.0.checked_add(page.pages(page_size) as u64).ok_or_else(full)?);
        let key = page.first_key().to_vec();
        *page = Level { siblings: true, ..Level::default() };
        let element = Element { flags: 0, ksize: key.len() as u32, vsize: 0, child };
        self.put(tree, level.saturating_add(1), element, &key, &[])
    }

    /// Writes what is left of `tree`, and returns its root page.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn finish(&mut self, mut tree: Tree) -> io::Result<PageId> {
        if tree.levels.is_empty() {
            tree.levels.push(Level::default());
        }
        let mut level = 0_usize;
        loop {
            let above = level.saturating_add(1);
            let empty = tree.levels.get(level).is_none_or(|page| page.elements.is_empty());
            if !empty || tree.levels.len() == 1 {
                self.flush(&mut tree, level)?;
            }
            match tree.levels.get(above) {
                Some(Level { elements, siblings: false, .. }) if tree.levels.len() == above.saturating_add(1) => {
                    if let [only] = elements.as_slice() {
                        return Ok(only.child);
                    }
                }
                Some(_) => {}
                None => return Err(io::Error::other("a tree without a root")),
            }
            level = above;
        }
    }

    /// A tree that holds what `bucket` holds, to go on from its right edge. The pages on that edge are written again,
    /// all others are kept.
    ///
    /// # Errors
    /// What is wrong with one of those pages.
    pub(crate) fn resume<'a>(db: &Db<'a>, bucket: &Bucket<'a>) -> Result<Tree, Finding> {
        let mut levels = Vec::new();
        let (mut findings, mut children, mut items) = (Findings::default(), Vec::new(), Vec::new());
        let walk = Walk::new(db.clone());
        let mut page = match bucket.root {
            Root::Inline(page) => page,
            Root::Page(id) => walk.meet(&walk.met, id)?,
        };
        while page.kind == Kind::Branch {
            walk.children(&super::walk::Node { page, bounds: Bounds::default() }, &mut children, &mut findings);
            let Some((last, _)) = children.pop() else { break };
            let mut level = Level::default();
            for (child, bounds) in &children {
                let key = bounds.low.unwrap_or_default();
                level.add(Element { flags: 0, ksize: key.len() as u32, vsize: 0, child: *child }, key, &[], false);
            }
            levels.push(level);
            page = walk.meet(&walk.met, last)?;
        }
        let mut level = Level::default();
        for item in Leaf::read(page, &mut items, &mut findings).items {
            let (ksize, vsize) = (item.key.len() as u32, item.value.len() as u32);
            let element = Element { flags: item.bucket.into(), ksize, vsize, child: PageId(0) };
            level.add(element, item.key, item.value, false);
        }
        levels.push(level);
        levels.reverse();
        match findings.list().first() {
            Some(finding) => Err(finding.clone()),
            None => Ok(Tree { levels }),
        }
    }

    /// The first page that was not written, and the output.
    pub fn end(self) -> (PageId, W) {
        (self.next, self.out)
    }
}

/// A page is not full with fewer items (`common.MinKeysPerPage`).
const LEAST: usize = 2;

/// Bytes after which a page is full: `FillPercent` is 0.9 where etcd writes the bucket `key`, and in its `defrag`.
fn fill(page_size: u32) -> usize {
    (page_size as usize).saturating_mul(9) / 10
}

impl Meta {
    /// The meta page that refers to a new root, and its byte offset in the file: the transaction after this one.
    /// The freelist is not kept: whoever opens the file next finds what is free.
    #[must_use]
    pub fn commit(&self, root: PageId, high_water: PageId) -> (u64, [u8; 80]) {
        let meta = Self { root, high_water, freelist: None, txid: self.txid.wrapping_add(1), ..*self };
        ((meta.txid % 2).saturating_mul(self.page_size.into()), meta.encode())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::bolt::check;

    fn item(i: u32) -> (Vec<u8>, Vec<u8>) {
        // from nothing to several pages
        let len = if i % 97 == 5 { 20_000 } else { i % 300 };
        (format!("{i:08}").into_bytes(), vec![b'v'; len as usize])
    }

    /// A fresh file of one bucket with these items.
    fn load(page_size: u32, items: std::ops::Range<u32>) -> Vec<u8> {
        let mut writer = Writer::new(vec![0; page_size as usize * 2], page_size, PageId(2));
        let mut tree = Tree::default();
        for (key, value) in items.map(item) {
            writer.push(&mut tree, &key, &value).unwrap();
        }
        let bucket = writer.finish(tree).unwrap();
        let mut root = Tree::default();
        writer.push_bucket(&mut root, b"key", bucket).unwrap();
        let root = writer.finish(root).unwrap();
        let (high_water, mut file) = writer.end();
        for txid in [0, 1] {
            let before = Meta { page_size, root, freelist: None, high_water, txid };
            let (at, page) = before.commit(root, high_water);
            file[at as usize..at as usize + page.len()].copy_from_slice(&page);
        }
        file
    }

    fn items(file: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let db = Db::open(file).unwrap();
        assert_eq!(check(&db).list(), []);
        let mut findings = Findings::default();
        let mut walk = Walk::new(db);
        let buckets = walk.buckets(&mut findings);
        let mut items = Vec::new();
        let all: Result<(), ()> = walk.in_order(&buckets[0], &mut findings, |leaf| {
            items.extend(leaf.items.iter().map(|item| (item.key.to_vec(), item.value.to_vec())));
            Ok(())
        });
        all.unwrap();
        assert_eq!(findings.list(), []);
        items
    }

    #[test]
    fn what_is_loaded_is_read() {
        for page_size in [1024, 4096, 65536] {
            for n in [0, 1, 2, 5, 6, 100, 5000] {
                assert_eq!(items(&load(page_size, 0..n)), (0..n).map(item).collect::<Vec<_>>(), "{page_size} {n}");
            }
        }
    }

    #[test]
    fn records_are_appended_at_the_right_edge() {
        for page_size in [1024, 4096] {
            for (n, more) in [(0, 1), (1, 1), (3, 3000), (100, 1), (2000, 1), (2000, 2000)] {
                let mut file = load(page_size, 0..n);
                let before = file.clone();
                let db = Db::open(&before).unwrap();
                let bucket = Walk::new(db.clone()).buckets(&mut Findings::default())[0];
                let mut tree = Writer::<Vec<u8>>::resume(&db, &bucket).unwrap();
                let mut writer = Writer::new(Vec::new(), page_size, db.meta().high_water);
                for (key, value) in (n..n + more).map(item) {
                    writer.push(&mut tree, &key, &value).unwrap();
                }
                let bucket = writer.finish(tree).unwrap();
                let mut root = Tree::default();
                writer.push_bucket(&mut root, b"key", bucket).unwrap();
                let root = writer.finish(root).unwrap();
                let (high_water, pages) = writer.end();
                let few = db.meta().high_water.0 + 40 + u64::from(more) * 8 * 4096 / u64::from(page_size);
                assert!(high_water.0 < few, "{} pages for {more} records", high_water.0 - db.meta().high_water.0);
                file.extend_from_slice(&pages);
                let (at, page) = db.meta().commit(root, high_water);
                file[at as usize..at as usize + page.len()].copy_from_slice(&page);
                assert_eq!(items(&file), (0..n + more).map(item).collect::<Vec<_>>(), "{page_size} {n} {more}");
            }
        }
    }
}
