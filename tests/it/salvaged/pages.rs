//! bbolt's pages and etcd's records, read by a few lines of their own: what the program finds in a damaged file is
//! compared with what these find in the file before.

use std::{collections::BTreeMap, ops::Range};

pub const BRANCH: u16 = 1;
pub const LEAF: u16 = 2;

/// No freelist is kept on disk.
const NO_FREELIST: u64 = u64::MAX;

/// A meta page that is valid.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Where its page begins.
    pub at: usize,
    pub page_size: usize,
    pub root: usize,
    pub freelist: Option<usize>,
    /// The first page that was never in use.
    pub high: usize,
    pub txid: u64,
}

impl Meta {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let meta = bytes.get(at + 16..at + 80)?;
        let valid = meta[..8] == [0xed, 0xda, 0x0c, 0xed, 2, 0, 0, 0] && u64_at(meta, 56) == fnv(&meta[..56]);
        valid.then(|| Self {
            at,
            page_size: u32_at(meta, 8),
            root: usize_at(meta, 16),
            freelist: Some(u64_at(meta, 32)).filter(|id| *id != NO_FREELIST).map(|_| usize_at(meta, 32)),
            high: usize_at(meta, 40),
            txid: u64_at(meta, 48),
        })
    }
}

/// The bytes of a meta page's content that name another root; their checksum is right.
pub fn meta_with_root(bytes: &[u8], meta: &Meta, root: usize) -> Vec<u8> {
    let mut new = bytes[meta.at + 16..meta.at + 80].to_vec();
    new[16..24].copy_from_slice(&(root as u64).to_le_bytes());
    let sum = fnv(&new[..56]);
    new[56..].copy_from_slice(&sum.to_le_bytes());
    new
}

/// The fields of a page's header.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub flags: u16,
    pub count: usize,
    pub overflow: usize,
}

/// An element of a leaf: where its key and its value are.
#[derive(Debug, Clone)]
pub struct Item {
    pub is_bucket: bool,
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// The pages of one tree.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    pub branches: Vec<usize>,
    pub leaves: Vec<usize>,
}

/// A file whose page 0 is at `base`, which may be before its first byte.
#[derive(Clone, Copy)]
pub struct Pages<'a> {
    pub bytes: &'a [u8],
    pub size: usize,
    pub base: isize,
}

impl<'a> Pages<'a> {
    /// The pages of a whole file, and its metas, the one that counts first.
    #[track_caller]
    pub fn of(bytes: &'a [u8]) -> (Self, Vec<Meta>) {
        let first = [0, 4096, 16384, 65536].into_iter().find_map(|at| Meta::read(bytes, at));
        let size = first.expect("no valid meta").page_size;
        let mut metas: Vec<_> = [0, size].into_iter().filter_map(|at| Meta::read(bytes, at)).collect();
        metas.sort_by_key(|meta| std::cmp::Reverse(meta.txid));
        (Self { bytes, size, base: 0 }, metas)
    }

    /// Where page `id` begins in these bytes, if it does.
    pub fn at(&self, id: usize) -> Option<usize> {
        usize::try_from(isize::try_from(id * self.size).ok()? + self.base).ok()
    }

    /// The pages that begin in these bytes.
    pub fn ids(&self) -> Range<usize> {
        let first = usize::try_from(-self.base).unwrap_or_default().div_ceil(self.size);
        let end = isize::try_from(self.bytes.len()).unwrap() - self.base;
        first..usize::try_from(end).unwrap() / self.size
    }

    /// The header of page `id`, which has the right number.
    pub fn header(&self, id: usize) -> Option<Header> {
        let at = self.at(id)?;
        let header = self.bytes.get(at..at + 16)?;
        let (flags, count) = (u16_at(header, 8), usize::from(u16_at(header, 10)));
        let overflow = u32_at(header, 12);
        let right = u64_at(header, 0) == id as u64;
        right.then_some(Header { flags, count, overflow })
    }

    /// The elements of the leaf `id` that are within it; none if it is no leaf.
    pub fn leaf(&self, id: usize) -> Vec<Item> {
        let Some(header) = self.header(id).filter(|header| header.flags == LEAF) else { return Vec::new() };
        let at = self.at(id).unwrap();
        // the end of the file may be missing
        items(self.bytes, at, (at + (header.overflow + 1) * self.size).min(self.bytes.len()), header.count)
    }

    /// The children of the branch `id`.
    fn branch(&self, id: usize) -> Vec<usize> {
        let header = self.header(id).unwrap();
        let at = self.at(id).unwrap();
        let element = |i: usize| u64_at(self.bytes, at + 16 + 16 * i + 8);
        (0..header.count).map(|i| usize::try_from(element(i)).unwrap()).collect()
    }

    /// The tree below `root`, all of which must be there; the leaves are in the order of their keys.
    #[track_caller]
    pub fn tree(&self, root: usize) -> Tree {
        let (mut tree, mut todo) = (Tree::default(), vec![root]);
        while let Some(id) = todo.pop() {
            let header = self.header(id).unwrap_or_else(|| panic!("page {id} is damaged"));
            match header.flags {
                LEAF => tree.leaves.push(id),
                BRANCH => {
                    tree.branches.push(id);
                    todo.extend(self.branch(id).into_iter().rev());
                }
                flags => panic!("page {id} has the flags {flags:#x}"),
            }
        }
        tree
    }

    /// The buckets that the root leaf `id` lists: name and root page, 0 for those that are inline.
    pub fn buckets(&self, id: usize) -> BTreeMap<&'a str, usize> {
        let buckets = self.leaf(id).into_iter().filter(|item| item.is_bucket && item.value.len() >= 16);
        let named = buckets.filter_map(|item| {
            let name = std::str::from_utf8(&self.bytes[item.key]).ok()?;
            Some((name, usize_at(&self.bytes[item.value], 0)))
        });
        named.collect()
    }
}

impl Pages<'_> {
    /// The index of the last entry that the root leaf `id` knows of.
    pub fn consistent_index(&self, id: usize) -> Option<u64> {
        let named = |item: &Item, name: &[u8]| &self.bytes[item.key.clone()] == name;
        let meta = self.leaf(id).into_iter().find(|item| item.is_bucket && named(item, b"meta"))?;
        let page = meta.value.start + 16;
        let count = usize::from(u16_at(self.bytes.get(page..meta.value.end).filter(|inline| inline.len() > 16)?, 10));
        let mut inline = items(self.bytes, page, meta.value.end, count).into_iter();
        let index = inline.find(|item| named(item, b"consistent_index") && item.value.len() == 8)?;
        Some(u64::from_be_bytes(self.bytes[index.value].try_into().unwrap()))
    }
}

/// The elements of a leaf that lies at `at..end`, which all its elements are within.
fn items(bytes: &[u8], at: usize, end: usize, count: usize) -> Vec<Item> {
    let item = |i: usize| {
        let element = at + 16 + 16 * i;
        let [flags, pos, key, value] = [0, 4, 8, 12].map(|field| {
            bytes.get(element + field..element + field + 4).map_or(usize::MAX >> 8, |four| u32_at(four, 0))
        });
        let (key_at, value_at) = (element + pos, element + pos + key);
        let fits = element + 16 <= key_at && value_at + value <= end && key > 0;
        fits.then_some(Item { is_bucket: flags & 1 == 1, key: key_at..value_at, value: value_at..value_at + value })
    };
    (0..count).map_while(|i| (at + 16 * (i + 2) <= end).then(|| item(i))).flatten().collect()
}

/// The content of a record of the bucket `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    pub revision: (i64, i64),
    pub is_tombstone: bool,
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub create: i64,
    pub modified: i64,
    pub version: i64,
    pub lease: i64,
}

impl<'a> Record<'a> {
    /// The record with this key and this value of the bucket, if it is one.
    pub fn read(name: &[u8], stored: &'a [u8]) -> Option<Self> {
        let is_tombstone = match name.len() {
            17 => false,
            18 if name[17] == b't' => true,
            _ => return None,
        };
        let be = |at: usize| i64::from_be_bytes(name[at..at + 8].try_into().unwrap());
        let revision = (be(0), be(9));
        let mut record =
            Self { revision, is_tombstone, key: &[], value: &[], create: 0, modified: 0, version: 0, lease: 0 };
        let mut rest = stored;
        while let [tag, after @ ..] = rest {
            let (number, after) = varint(after)?;
            rest = after;
            match tag {
                0x10 => record.create = number as i64,
                0x18 => record.modified = number as i64,
                0x20 => record.version = number as i64,
                0x30 => record.lease = number as i64,
                0x0a | 0x2a => {
                    let (bytes, after) = rest.split_at_checked(usize::try_from(number).ok()?)?;
                    rest = after;
                    *(if *tag == 0x0a { &mut record.key } else { &mut record.value }) = bytes;
                }
                _ => return None,
            }
        }
        let right = name[8] == b'_' && revision.0 >= 0 && (is_tombstone || record.modified == revision.0);
        right.then_some(record)
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[i + 1..]));
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn usize_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64_at(bytes, at)).unwrap()
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
