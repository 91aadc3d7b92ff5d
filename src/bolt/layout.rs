//! The structs on disk: page header, elements, bucket header. All little-endian, as on every machine that runs etcd
//! but s390x.

use std::fmt;

use crate::bytes::{u16_le, u32_le, u64_le};

/// `common.PageHeaderSize`: bytes before a page's elements.
pub(super) const PAGE_HEADER: usize = 16;
/// `common.BranchPageElementSize` and `common.LeafPageElementSize`.
pub(super) const ELEMENT: usize = 16;
/// `common.BucketHeaderSize`: bytes before an inline bucket's page.
pub(super) const BUCKET_HEADER: usize = 16;
/// `bbolt.MaxKeySize`, bytes.
pub(super) const MAX_KEY: usize = 32_768;

/// A page's number (`common.Pgid`): its place in the file, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u64);

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a page is (`common.Page.flags`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Keys and child pages.
    Branch,
    /// Keys and values.
    Leaf,
    /// A meta page.
    Meta,
    /// Free page numbers.
    Freelist,
}

impl Kind {
    fn of(flags: u16) -> Option<Self> {
        match flags {
            0x01 => Some(Self::Branch),
            0x02 => Some(Self::Leaf),
            0x04 => Some(Self::Meta),
            0x10 => Some(Self::Freelist),
            _ => None,
        }
    }

    pub(super) fn flags(self) -> u16 {
        match self {
            Self::Branch => 0x01,
            Self::Leaf => 0x02,
            Self::Meta => 0x04,
            Self::Freelist => 0x10,
        }
    }
}

/// The first 16 bytes of a page (`common.Page`), as they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageHeader {
    pub(super) id: u64,
    pub(super) flags: u16,
    pub(super) count: u16,
    pub(super) overflow: u32,
}

impl PageHeader {
    pub(super) fn read(page: &[u8]) -> Option<Self> {
        Some(Self {
            id: u64_le(page, 0)?,
            flags: u16_le(page, 8)?,
            count: u16_le(page, 10)?,
            overflow: u32_le(page, 12)?,
        })
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::of(self.flags)
    }

    pub(super) fn encode(&self) -> [u8; PAGE_HEADER] {
        join([
            &self.id.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.overflow.to_le_bytes(),
        ])
    }
}

/// A page whose header holds: all its bytes are in the file, its number is its own, its kind is known.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Its number; 0 for an inline bucket's page, which has none.
    pub id: PageId,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// What it is.
    pub kind: Kind,
    /// How many elements it says it has.
    pub count: u16,
    /// How many further physical pages it covers.
    pub overflow: u32,
    /// All its bytes, header and overflow pages included.
    pub bytes: &'a [u8],
}

/// `common.branchPageElement`: a lower bound for the keys of a child page.
#[derive(Debug, Clone, Copy)]
pub(super) struct BranchElement {
    pub(super) pos: u32,
    pub(super) ksize: u32,
    pub(super) child: PageId,
}

impl BranchElement {
    pub(super) fn read(page: &[u8], at: usize) -> Option<Self> {
        let next = |n: usize| at.checked_add(n);
        Some(Self { pos: u32_le(page, at)?, ksize: u32_le(page, next(4)?)?, child: PageId(u64_le(page, next(8)?)?) })
    }

    pub(super) fn encode(&self) -> [u8; ELEMENT] {
        join([&self.pos.to_le_bytes(), &self.ksize.to_le_bytes(), &self.child.0.to_le_bytes()])
    }
}

/// `common.leafPageElement`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafElement {
    pub(super) flags: u32,
    pub(super) pos: u32,
    pub(super) ksize: u32,
    pub(super) vsize: u32,
}

impl LeafElement {
    #[inline]
    pub(super) fn read(page: &[u8], at: usize) -> Option<Self> {
        let element: &[u8; ELEMENT] = page.get(at..)?.first_chunk()?;
        Some(Self {
            flags: u32_le(element, 0)?,
            pos: u32_le(element, 4)?,
            ksize: u32_le(element, 8)?,
            vsize: u32_le(element, 12)?,
        })
    }

    /// `common.BucketLeafFlag`: the value is a bucket.
    pub(super) fn is_bucket(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(super) fn encode(&self) -> [u8; ELEMENT] {
        join([&self.flags.to_le_bytes(), &self.pos.to_le_bytes(), &self.ksize.to_le_bytes(), &self.vsize.to_le_bytes()])
    }
}

/// Where element `index` stands in its page, in bytes.
pub(super) fn element_at(index: usize) -> usize {
    index.saturating_mul(ELEMENT).saturating_add(PAGE_HEADER)
}

/// `common.InBucket`: the value of a bucket's element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketHeader {
    /// The root page; 0 when the bucket's one leaf follows inline.
    pub root: PageId,
    /// The bucket's counter; etcd never uses it.
    pub sequence: u64,
}

impl BucketHeader {
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        Some(Self { root: PageId(u64_le(value, 0)?), sequence: u64_le(value, 8)? })
    }

    pub(super) fn encode(&self) -> [u8; BUCKET_HEADER] {
        join([&self.root.0.to_le_bytes(), &self.sequence.to_le_bytes()])
    }
}

/// The fields of a struct one behind the other; together they are `N` bytes.
pub(super) fn join<const N: usize, const F: usize>(fields: [&[u8]; F]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    out
}
