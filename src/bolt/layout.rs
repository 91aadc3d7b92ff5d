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

/// The first 16 bytes of a page (`common.Page`), unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageHeader {
    /// The page's number; in a sound page, its place in the file.
    pub id: u64,
    /// The bits that [`PageHeader::kind`] reads.
    pub flags: u16,
    /// How many elements follow.
    pub count: u16,
    /// How many further physical pages it covers.
    pub overflow: u32,
}

impl PageHeader {
    /// The header of the page whose bytes begin with `page`; `None` when they are fewer than 16.
    #[must_use]
    pub fn read(page: &[u8]) -> Option<Self> {
        Some(Self {
            id: u64_le(page, 0)?,
            flags: u16_le(page, 8)?,
            count: u16_le(page, 10)?,
            overflow: u32_le(page, 12)?,
        })
    }

    /// What the page is; `None` for flags that bbolt does not write.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
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
    /// The page's number; 0 for an inline bucket's page, which has none.
    pub id: PageId,
    /// Offset of the page in the file, in bytes.
    pub offset: u64,
    /// What the page holds: a branch, a leaf, a meta, a freelist.
    pub kind: Kind,
    /// The number of elements by its header.
    pub count: u16,
    /// How many further physical pages it covers.
    pub overflow: u32,
    /// All its bytes, header and overflow pages included.
    pub bytes: &'a [u8],
}

/// `common.branchPageElement`, unchecked: a lower bound for the keys of a child page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchElement {
    /// Offset of the element's key, in bytes from the start of the element.
    pub pos: u32,
    /// Bytes of the key.
    pub ksize: u32,
    /// The child page.
    pub child: PageId,
}

impl BranchElement {
    /// The element at `at` ([`element_at`]) of the bytes of a page; `None` when it is outside of them.
    #[must_use]
    pub fn read(page: &[u8], at: usize) -> Option<Self> {
        let next = |n: usize| at.checked_add(n);
        Some(Self { pos: u32_le(page, at)?, ksize: u32_le(page, next(4)?)?, child: PageId(u64_le(page, next(8)?)?) })
    }

    /// The element's key, when the element is at `at` of the bytes of `page`; `None` when the key is outside of them.
    #[must_use]
    pub fn key<'p>(&self, page: &'p [u8], at: usize) -> Option<&'p [u8]> {
        let start = at.checked_add(self.pos as usize)?;
        page.get(start..start.checked_add(self.ksize as usize)?)
    }

    pub(super) fn encode(&self) -> [u8; ELEMENT] {
        join([&self.pos.to_le_bytes(), &self.ksize.to_le_bytes(), &self.child.0.to_le_bytes()])
    }
}

/// `common.leafPageElement`, unchecked: a key and its value, which follows the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafElement {
    /// The bits that [`LeafElement::is_bucket`] reads.
    pub flags: u32,
    /// Offset of the element's key, in bytes from the start of the element.
    pub pos: u32,
    /// Bytes of the key.
    pub ksize: u32,
    /// Bytes of the value.
    pub vsize: u32,
}

impl LeafElement {
    /// The element at `at` ([`element_at`]) of the bytes of a page; `None` when it is outside of them.
    #[inline]
    #[must_use]
    pub fn read(page: &[u8], at: usize) -> Option<Self> {
        let element: &[u8; ELEMENT] = page.get(at..)?.first_chunk()?;
        Some(Self {
            flags: u32_le(element, 0)?,
            pos: u32_le(element, 4)?,
            ksize: u32_le(element, 8)?,
            vsize: u32_le(element, 12)?,
        })
    }

    /// Whether the value is a bucket (`common.BucketLeafFlag`).
    #[must_use]
    pub fn is_bucket(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(super) fn encode(&self) -> [u8; ELEMENT] {
        join([&self.flags.to_le_bytes(), &self.pos.to_le_bytes(), &self.ksize.to_le_bytes(), &self.vsize.to_le_bytes()])
    }
}

/// The place of element `index` in its page, in bytes.
#[must_use]
pub fn element_at(index: usize) -> usize {
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
    /// The header that the value of a bucket's element begins with; `None` when that has fewer than 16 bytes.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        Some(Self { root: PageId(u64_le(value, 0)?), sequence: u64_le(value, 8)? })
    }

    pub(super) fn encode(&self) -> [u8; BUCKET_HEADER] {
        join([&self.root.0.to_le_bytes(), &self.sequence.to_le_bytes()])
    }
}

/// The fields of a struct in sequence, `N` bytes together.
pub(super) fn join<const N: usize, const F: usize>(fields: [&[u8]; F]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    out
}
