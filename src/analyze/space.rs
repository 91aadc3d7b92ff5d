//! The pages of a file, and the bytes in them.

use serde::Serialize;

use super::held::Table;
use crate::{
    Findings,
    bolt::{Freelist, Leaf, PageId, PageSet, Root, element_at},
    etcd::{Revision, Snapshot},
    source::Part,
};

/// Bytes of a whole file. The fields add up to [`Space::total`], those of `overhead` and `free` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Space {
    /// The file's length.
    pub total: u64,
    /// Records of the live keys.
    pub live: u64,
    /// Records that a compaction removes.
    pub old: u64,
    /// Records that delete a key.
    pub tombstones: u64,
    /// What bbolt and the snapshot format need besides.
    pub overhead: Overhead,
    /// What holds nothing.
    pub free: Free,
}

/// Bytes that hold no record of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overhead {
    /// The two meta pages.
    pub metas: u64,
    /// The freelist.
    pub freelist: u64,
    /// The branches of all trees.
    pub branches: u64,
    /// Headers and elements of the leaves of the bucket `key`.
    pub elements: u64,
    /// Room in these leaves that nothing uses.
    pub unused: u64,
    /// Records without a key, and what cannot be read.
    pub unreadable: u64,
    /// The other buckets: members, leases, users.
    pub buckets: u64,
    /// The SHA-256 at the end.
    pub trailer: u64,
}

/// Bytes that are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Free {
    /// Pages that no tree leads to.
    pub pages: u64,
    /// Pages that no tree leads to in a damaged file, where what leads to them may be lost.
    pub unknown: u64,
    /// What is after the last page that bbolt ever used.
    pub after: u64,
}

impl Overhead {
    /// All of it.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let Self { metas, freelist, branches, elements, unused, unreadable, buckets, trailer } = *self;
        [metas, freelist, branches, elements, unused, unreadable, buckets, trailer]
            .iter()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }
}

impl Free {
    /// All of it.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.pages.saturating_add(self.unknown).saturating_add(self.after)
    }
}

impl Space {
    /// The parts that add up to the total, each with its name.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, u64); 5] {
        [
            ("live", self.live),
            ("old revisions", self.old),
            ("tombstones", self.tombstones),
            ("overhead", self.overhead.sum()),
            ("free", self.free.sum()),
        ]
    }

    /// Whether the fields add up to the file's length.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.parts().iter().try_fold(0_u64, |sum, (_, part)| sum.checked_add(*part)) == Some(self.total)
    }
}

/// What the pass over the pages found.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    /// Without the records, which the table has.
    pub(super) space: Space,
    pub(super) table: Table<'a>,
    /// The size of each record with its element, in revision order.
    pub(super) sizes: Vec<u32>,
    /// Number of leaves of the bucket `key`, and those of them that are less than half full.
    pub(super) leaves: u64,
    pub(super) half_empty: u64,
    /// The last revision.
    pub(super) last: Revision,
    /// The pages in use.
    pub(super) met: PageSet,
    pub(super) findings: Findings,
}

/// Sums of some leaves.
#[derive(Debug, Default)]
struct Leaves {
    pages: u64,
    leaves: u64,
    half_empty: u64,
    elements: u64,
    unused: u64,
    items: u64,
    /// Items of a page that is inside the root bucket's leaf.
    inline: u64,
    /// Records that have a key.
    records: u64,
    sizes: Vec<u32>,
    last: Revision,
}

impl Leaves {
    fn add(&mut self, leaf: &Leaf<'_, '_>, inline: bool) {
        let sizes = leaf.items.iter().map(|item| item.key.len().saturating_add(item.value.len()));
        let items = sizes.fold(0_u64, |sum, size| sum.saturating_add(size as u64));
        if inline {
            self.inline = self.inline.saturating_add(items);
            return;
        }
        let (len, elements) = (leaf.page.bytes.len() as u64, element_at(leaf.items.len()) as u64);
        // items are never longer than their page
        let unused = len.saturating_sub(elements).saturating_sub(items);
        self.pages = self.pages.saturating_add(u64::from(leaf.page.overflow)).saturating_add(1);
        self.leaves = self.leaves.saturating_add(1);
        self.half_empty = self.half_empty.saturating_add(u64::from(unused > len / 2));
        self.elements = self.elements.saturating_add(elements);
        self.unused = self.unused.saturating_add(unused);
        self.items = self.items.saturating_add(items);
    }

    fn join(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.pages, other.pages),
            (&mut self.leaves, other.leaves),
            (&mut self.half_empty, other.half_empty),
            (&mut self.elements, other.elements),
            (&mut self.unused, other.unused),
            (&mut self.items, other.items),
            (&mut self.inline, other.inline),
            (&mut self.records, other.records),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.sizes.extend(other.sizes);
        self.last = self.last.max(other.last);
    }
}

impl<'a> Pages<'a> {
    /// Visits all pages of `snapshot`'s db, which is `file`. The records of a log are not in it.
    pub(super) fn read(snapshot: &Snapshot<'a>, file: &Part) -> Self {
        let db = snapshot.db();
        let page_size = db.page_size();
        let mut findings = snapshot.findings.clone();
        let mut walk = snapshot.fresh_walk();
        // The findings of the small buckets are the snapshot's.
        let mut again = Findings::default();
        let buckets = walk.buckets(&mut again);
        let mut bucket_pages = walk.met().len().saturating_sub(2);
        for bucket in buckets.iter().filter(|bucket| bucket.name != b"key") {
            if matches!(bucket.root, Root::Page(_)) {
                let fold = walk.fold(Some(bucket), || (), || (), |(), (), _| {});
                walk.enter(fold, &mut again);
                bucket_pages = walk.met().len().saturating_sub(2);
            }
        }
        let before = walk.met().len();
        let keyspace = snapshot.keyspace.without_log();
        let inline = keyspace.bucket.is_some_and(|bucket| matches!(bucket.root, Root::Inline(_)));
        let scan = keyspace.scan(
            &walk,
            Table::new,
            Leaves::default,
            |_, part, leaf| part.add(leaf, inline),
            |table, part, record| {
                let size = record.bucket_key.len().saturating_add(record.message.len());
                part.sizes.push(u32::try_from(size.saturating_add(16)).unwrap_or(u32::MAX));
                part.last = part.last.max(record.revision);
                if !record.kv.key.is_empty() {
                    part.records = part.records.saturating_add(size as u64);
                    table.add(record);
                }
            },
        );
        let mut leaves = Leaves::default();
        scan.parts.into_iter().for_each(|part| leaves.join(part));
        findings.append(scan.findings);
        let met = scan.met;
        db.check_pages(&met, &mut findings);

        let freelist = match Freelist::read(db) {
            Ok(Freelist::Persisted { page, overflow, .. }) => Some((page, overflow)),
            _ => None,
        };
        let of_freelist = freelist.map_or(0, |(page, overflow)| {
            let pages = page.0..=page.0.saturating_add(overflow.into());
            pages.fold(0_u64, |n, id| n.saturating_add(u64::from(!met.contains(PageId(id)))))
        });
        let image = db.image().len() as u64;
        let bytes = |pages: u64| pages.saturating_mul(page_size);
        let metas = bytes(2).min(image);
        let branches = met.len().saturating_sub(before).saturating_sub(leaves.pages);
        let used = bytes(met.len().saturating_add(of_freelist)).min(image);
        let after = image.saturating_sub(db.size());
        let rest = image.saturating_sub(used).saturating_sub(after);
        let (pages, unknown) = if findings.damaged() { (0, rest) } else { (rest, 0) };
        // the items of an inline bucket are in the root's leaf
        let buckets = bytes(bucket_pages).saturating_sub(if inline { leaves.records } else { 0 });
        let unreadable = if inline { 0 } else { leaves.items.saturating_sub(leaves.records) };
        let space = Space {
            total: file.len(),
            overhead: Overhead {
                metas,
                freelist: bytes(of_freelist),
                branches: bytes(branches),
                elements: leaves.elements,
                unused: leaves.unused,
                unreadable,
                buckets,
                trailer: file.len().saturating_sub(image),
            },
            free: Free { pages, unknown, after },
            ..Space::default()
        };
        let Leaves { sizes, leaves, half_empty, last, .. } = leaves;
        Self { space, table: scan.shared, sizes, leaves, half_empty, last, met, findings }
    }
}
