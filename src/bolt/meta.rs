//! The two meta pages, and how a page size is found when the first of them is broken.

use std::fmt;

use super::layout::{Kind, PAGE_HEADER, PageHeader, PageId, join};
use crate::bytes::{u32_le, u64_le, window};

/// `common.Magic`.
const MAGIC: u32 = 0xED0C_DAED;
/// `common.Version`.
const VERSION: u32 = 2;
/// `common.PgidNoFreelist`: the freelist is not kept on disk.
const NO_FREELIST: u64 = u64::MAX;
/// Bytes of a meta that its checksum covers.
const SUMMED: u64 = 56;

/// Bytes of a meta page in use: its header and its meta.
pub(super) const META_PAGE: usize = 80;

/// A meta page's content (`common.Meta`), 64 bytes after the page header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Bytes in a page.
    pub page_size: u32,
    /// Root page of the root bucket.
    pub root: PageId,
    /// The page of the freelist, if one is kept on disk.
    pub freelist: Option<PageId>,
    /// The first page number that was never used: the file's length in pages.
    pub high_water: PageId,
    /// The transaction that wrote it.
    pub txid: u64,
}

/// Why a meta does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetaFault {
    /// The file ends before it.
    Missing,
    /// Another magic number than bbolt's.
    Magic(u32),
    /// bbolt's magic number, in the byte order of a big-endian machine.
    BigEndian,
    /// Another version than 2.
    Version(u32),
    /// The checksum in the meta (FNV-1a 64) is not the one computed.
    Checksum {
        /// The checksum in the file.
        stored: u64,
        /// The one its bytes have.
        computed: u64,
    },
    /// The checksum holds, but no bbolt has such pages.
    PageSize(u32),
}

impl fmt::Display for MetaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "the file ends before it"),
            Self::Magic(m) => write!(f, "magic {m:#010x}, expected {MAGIC:#010x}"),
            Self::BigEndian => write!(f, "written by a big-endian machine (s390x)"),
            Self::Version(v) => write!(f, "version {v}, expected {VERSION}"),
            Self::Checksum { stored, computed } => write!(f, "checksum {stored:#018x}, computed {computed:#018x}"),
            Self::PageSize(n) => write!(f, "page size {n}"),
        }
    }
}

/// FNV-1a, 64 bit (`hash/fnv.New64a`).
pub(super) fn fnv1a(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

impl Meta {
    /// The meta of the page that begins at `offset`, checked in the order of `Meta.Validate`.
    pub(super) fn read(image: &[u8], offset: u64) -> Result<Self, MetaFault> {
        let at = offset.checked_add(PAGE_HEADER as u64).ok_or(MetaFault::Missing)?;
        let meta = window(image, at, 64).ok_or(MetaFault::Missing)?;
        Self::parse(meta).ok_or(MetaFault::Missing)?
    }

    /// Whether a bbolt has pages of its size.
    pub(super) fn check_page_size(&self) -> Result<(), MetaFault> {
        let holds = self.page_size.is_power_of_two() && (1024..=65536).contains(&self.page_size);
        if holds { Ok(()) } else { Err(MetaFault::PageSize(self.page_size)) }
    }

    fn parse(meta: &[u8]) -> Option<Result<Self, MetaFault>> {
        RawMeta::parse(meta).map(|raw| raw.check())
    }
}

/// A meta page's content as it is on disk (`common.Meta`), unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawMeta {
    /// The mark of a bbolt file.
    pub magic: u32,
    /// The version of the format.
    pub version: u32,
    /// Bytes in a page.
    pub page_size: u32,
    /// Not used by bbolt.
    pub flags: u32,
    /// Root page of the root bucket.
    pub root: PageId,
    /// The page of the freelist, or 2^64 - 1 when none is kept on disk.
    pub freelist: PageId,
    /// The first page number that was never used.
    pub high_water: PageId,
    /// The transaction that wrote it.
    pub txid: u64,
    /// The checksum in the file.
    pub checksum: u64,
    /// The checksum that its bytes have.
    pub computed: u64,
}

impl RawMeta {
    /// The meta of the page whose bytes begin with `page`, its header included; `None` when they end before it.
    #[must_use]
    pub fn read(page: &[u8]) -> Option<Self> {
        Self::parse(window(page, PAGE_HEADER as u64, 64)?)
    }

    fn parse(meta: &[u8]) -> Option<Self> {
        Some(Self {
            magic: u32_le(meta, 0)?,
            version: u32_le(meta, 4)?,
            page_size: u32_le(meta, 8)?,
            flags: u32_le(meta, 12)?,
            root: PageId(u64_le(meta, 16)?),
            freelist: PageId(u64_le(meta, 32)?),
            high_water: PageId(u64_le(meta, 40)?),
            txid: u64_le(meta, 48)?,
            checksum: u64_le(meta, 56)?,
            computed: fnv1a(window(meta, 0, SUMMED)?),
        })
    }

    /// The meta, when it holds; checked in the order of `Meta.Validate`.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn check(&self) -> Result<Meta, MetaFault> {
        if self.magic == MAGIC.swap_bytes() {
            return Err(MetaFault::BigEndian);
        }
        if self.magic != MAGIC {
            return Err(MetaFault::Magic(self.magic));
        }
        if self.version != VERSION {
            return Err(MetaFault::Version(self.version));
        }
        if self.checksum != self.computed {
            return Err(MetaFault::Checksum { stored: self.checksum, computed: self.computed });
        }
        let freelist = Some(self.freelist).filter(|id| id.0 != NO_FREELIST);
        let Self { page_size, root, high_water, txid, .. } = *self;
        let meta = Meta { page_size, root, freelist, high_water, txid };
        meta.check_page_size().map(|()| meta)
    }
}

impl Meta {
    /// The meta page that this is written to (`Meta.Write`): page 0 or 1, by the transaction's number; header and meta,
    /// without the zeros after them.
    pub(super) fn encode(&self) -> [u8; META_PAGE] {
        let number = self.txid % 2;
        let header = PageHeader { id: number, flags: Kind::Meta.flags(), count: 0, overflow: 0 }.encode();
        let freelist = self.freelist.map_or(NO_FREELIST, |page| page.0);
        let summed: [u8; SUMMED as usize] = join([
            &MAGIC.to_le_bytes(),
            &VERSION.to_le_bytes(),
            &self.page_size.to_le_bytes(),
            &[0; 4],
            &self.root.0.to_le_bytes(),
            &[0; 8],
            &freelist.to_le_bytes(),
            &self.high_water.0.to_le_bytes(),
            &self.txid.to_le_bytes(),
        ]);
        join([&header, &summed, &fnv1a(&summed).to_le_bytes()])
    }
}

/// The page size of a file: that of meta 0, else that of a meta 1 found at some page's end
/// (`db.getPageSize`).
pub(super) fn page_size(image: &[u8]) -> Option<u32> {
    if let Ok(meta) = Meta::read(image, 0) {
        return Some(meta.page_size);
    }
    (10..=16).map(|shift| 1_u64 << shift).find_map(|offset| {
        Meta::read(image, offset).ok().map(|meta| meta.page_size).filter(|size| u64::from(*size) == offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn what_is_wrong_with_a_meta_is_named() {
        let mut page = vec![0_u8; 80];
        assert_eq!(Meta::read(&page, 0), Err(MetaFault::Magic(0)));
        assert_eq!(Meta::read(&page, 1), Err(MetaFault::Missing));
        assert_eq!(Meta::read(&page, u64::MAX), Err(MetaFault::Missing));
        page[16..20].copy_from_slice(&MAGIC.to_be_bytes());
        assert_eq!(Meta::read(&page, 0), Err(MetaFault::BigEndian));
        page[16..20].copy_from_slice(&MAGIC.to_le_bytes());
        assert_eq!(Meta::read(&page, 0), Err(MetaFault::Version(0)));
        page[20] = 2;
        assert!(matches!(Meta::read(&page, 0), Err(MetaFault::Checksum { stored: 0, .. })));
        let sum = fnv1a(&page[16..72]);
        page[72..80].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Meta::read(&page, 0), Err(MetaFault::PageSize(0)));
    }
}
