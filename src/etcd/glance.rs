//! What a few pages of a db say, for one that is large or far away: no page is read but those on the way to the last
//! revision and to the bucket `meta`.

use serde::Serialize;

use super::{Revision, State, stored::missing_bucket};
use crate::{
    Code, Error, Finding, Findings, Result,
    bolt::{Branch, Bucket, Child, Db, Item, Kind, Leaf, MAX_DEPTH, Page, PageHeader, PageId, Root},
    bytes::window,
    source::Ranges,
};

/// Bytes of a page with its overflow pages that are read at most: etcd's largest request is 1.5 MiB by default.
const LONGEST: u64 = 64 << 20;

/// What a few pages say of a db.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Glance {
    /// The file as the user named it.
    pub path: String,
    /// The last revision of a record; 0 where there is none.
    pub revision: i64,
    /// The revision that the keyspace was compacted at; -1 without one.
    pub compact_revision: i64,
    /// Bytes of the db by its meta page.
    pub total_size: u64,
    /// Bytes of the file.
    pub file_size: u64,
    /// The storage version; empty before etcd 3.6.
    pub version: String,
    /// Whether the file has a trailer, by its length.
    pub trailer: bool,
    /// The raft index of the last entry that was applied.
    pub consistent_index: Option<u64>,
    /// The raft term of that entry.
    pub term: Option<u64>,
    /// Bytes in a page.
    pub page_size: u64,
    /// The last transaction of bbolt.
    pub txid: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
}

impl Glance {
    /// Reads the metas, and the pages on the way to the last revision and to the bucket `meta`.
    ///
    /// # Errors
    /// When one of these pages is not what bbolt writes, or the file is shorter than its db.
    pub fn read(ranges: &Ranges) -> Result<Self> {
        let head = ranges.head()?;
        let db = Db::open(&head).map_err(|finding| damaged(ranges, finding))?;
        let (size, end) = (db.size(), ranges.end_of_image());
        if size > end {
            let what = format!("the file is cut short: {} of {size} bytes are missing", size.saturating_sub(end));
            return Err(damaged(ranges, Finding::error(Code::Truncated, what).at(end)));
        }
        let bytes_read = head.len() as u64;
        let mut pages =
            Pages { ranges, page_size: db.page_size(), pages: db.meta().high_water.0, head: &head, bytes_read };
        let root = Root::Page(db.meta().root);

        let buckets = pages.leaf(root, |children| last_up_to(children, b"key"))?;
        let no_bucket = |name| damaged(ranges, missing_bucket(name));
        let key = buckets.bucket(ranges, b"key")?.ok_or_else(|| no_bucket("key"))?;
        let mut revision = 0;
        let leaf = pages.leaf(key.root, |children| children.last().map(|child| child.page))?;
        leaf.items(ranges, |items| {
            if let Some(last) = items.last() {
                let wrong = |what| Finding::error(Code::RevisionKey, what).at(last.offset).key(last.key);
                revision = Revision::from_bucket_key(last.key).map_err(wrong)?.0.main;
            }
            Ok(())
        })?;
        // One leaf has all buckets, unless their inline pages are large.
        let others = match buckets.bucket(ranges, b"meta")? {
            Some(_) => None,
            None => Some(pages.leaf(root, |children| last_up_to(children, b"meta"))?),
        };
        let mut state = State::default();
        let meta = others.as_ref().unwrap_or(&buckets).bucket(ranges, b"meta")?.ok_or_else(|| no_bucket("meta"))?;
        // It is one leaf in every etcd.
        let leaf = pages.leaf(meta.root, |children| children.first().map(|child| child.page))?;
        leaf.items(ranges, |items| {
            let items: Vec<_> = items.iter().map(|item| (item.key.to_vec(), item.value.to_vec())).collect();
            state = std::mem::take(&mut state).with_bucket("meta", &items);
            Ok(())
        })?;
        let meta = state.meta;
        Ok(Self {
            path: ranges.name().to_owned(),
            revision,
            compact_revision: meta.compacted(),
            total_size: size,
            file_size: ranges.len(),
            version: meta.storage_version.unwrap_or_default(),
            trailer: end < ranges.len(),
            consistent_index: meta.consistent_index,
            term: meta.term,
            page_size: db.page_size(),
            txid: db.meta().txid,
            bytes_read: pages.bytes_read,
        })
    }
}

fn damaged(ranges: &Ranges, finding: Finding) -> Error {
    Error::Damaged { file: ranges.name().to_owned(), finding: Box::new(finding) }
}

/// The child that leads to `key`.
fn last_up_to(children: &[Child<'_>], key: &[u8]) -> Option<PageId> {
    children.iter().rev().find(|child| child.key <= key).or(children.first()).map(|child| child.page)
}

/// Reads pages, one at a time.
struct Pages<'r> {
    ranges: &'r Ranges,
    page_size: u64,
    /// How many there are.
    pages: u64,
    /// The first bytes of the file, which were read already.
    head: &'r [u8],
    bytes_read: u64,
}

/// A page that was read.
struct Owned {
    id: PageId,
    offset: u64,
    kind: Kind,
    count: u16,
    overflow: u32,
    bytes: Vec<u8>,
}

impl Pages<'_> {
    fn damaged(&self, finding: Finding) -> Error {
        damaged(self.ranges, finding)
    }

    fn bytes(&mut self, at: u64, len: u64) -> Result<Vec<u8>> {
        if let Some(bytes) = window(self.head, at, len) {
            return Ok(bytes.to_vec());
        }
        self.bytes_read = self.bytes_read.saturating_add(len);
        self.ranges.read(at, len)
    }

    fn page(&mut self, id: PageId) -> Result<Owned> {
        let offset = id.0.saturating_mul(self.page_size);
        let wrong = |code, what: &str| Finding::error(code, what).page(id.0).at(offset);
        if id.0 >= self.pages {
            return Err(self.damaged(wrong(Code::PageOutOfBounds, "it is not one of the pages of the db")));
        }
        let mut bytes = self.bytes(offset, self.page_size)?;
        let header = PageHeader::read(&bytes).filter(|header| header.id == id.0);
        let Some((header, kind)) = header.and_then(|header| Some((header, header.kind()?))) else {
            return Err(self.damaged(wrong(Code::PageId, "another page is in its place")));
        };
        let last = id.0.saturating_add(header.overflow.into());
        let rest = self.page_size.saturating_mul(header.overflow.into());
        if last >= self.pages || rest > LONGEST {
            return Err(self.damaged(wrong(Code::PageOverflow, "it is longer than any that etcd writes")));
        }
        if rest > 0 {
            bytes.extend(self.bytes(offset.saturating_add(self.page_size), rest)?);
        }
        Ok(Owned { id, offset, kind, count: header.count, overflow: header.overflow, bytes })
    }

    /// The leaf below `root` that `pick` leads to.
    fn leaf(&mut self, root: Root<'_>, pick: impl Fn(&[Child<'_>]) -> Option<PageId>) -> Result<Owned> {
        let mut id = match root {
            Root::Page(id) => id,
            Root::Inline(page) => {
                let Page { id, offset, kind, count, overflow, bytes } = page;
                return Ok(Owned { id, offset, kind, count, overflow, bytes: bytes.to_vec() });
            }
        };
        for _ in 0..MAX_DEPTH {
            let page = self.page(id)?;
            if page.kind == Kind::Leaf {
                return Ok(page);
            }
            let (mut children, mut findings) = (Vec::new(), Findings::default());
            let next = match page.kind {
                Kind::Branch => pick(Branch::read(page.page(), &mut children, &mut findings).children),
                _ => None,
            };
            let wrong = || Finding::error(Code::PageType, "it is no page of a tree").page(id.0).at(page.offset);
            if let Some(finding) = findings.list().first() {
                return Err(self.damaged(finding.clone()));
            }
            id = next.ok_or_else(|| self.damaged(wrong()))?;
        }
        Err(self.damaged(Finding::error(Code::PageType, "the tree is too deep").page(id.0)))
    }
}

impl Owned {
    fn page(&self) -> Page<'_> {
        let Self { id, offset, kind, count, overflow, bytes } = self;
        Page { id: *id, offset: *offset, kind: *kind, count: *count, overflow: *overflow, bytes }
    }

    /// Gives the items of the leaf to `each`.
    fn items<'s>(&'s self, ranges: &Ranges, each: impl FnOnce(&[Item<'s>]) -> Result<(), Finding>) -> Result<()> {
        let (mut items, mut findings) = (Vec::new(), Findings::default());
        let read = each(Leaf::read(self.page(), &mut items, &mut findings).items);
        let wrong = findings.list().first().cloned().or(read.err());
        wrong.map_or(Ok(()), |finding| Err(damaged(ranges, finding)))
    }

    /// The bucket `name`, if the leaf has it.
    fn bucket(&self, ranges: &Ranges, name: &[u8]) -> Result<Option<Bucket<'_>>> {
        let mut found = None;
        self.items(ranges, |items| {
            if let Some(item) = items.iter().find(|item| item.bucket && item.key == name) {
                found = Some(Bucket::of(item)?);
            }
            Ok(())
        })?;
        Ok(found)
    }
}
