//! The kind of a file by its first bytes.

use std::{io, path::Path};

use super::{Wrapping, map};
use crate::bytes::window;

/// bbolt's magic number, and the same on a big-endian machine.
const MAGIC: [[u8; 4]; 2] = [[0xED, 0xDA, 0x0C, 0xED], [0xED, 0x0C, 0xDA, 0xED]];

/// Number of first bytes that are looked at: a second meta is within 64 KiB.
pub(super) const HEAD: usize = (64 << 10) + 4096;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// A bbolt file, whole or not.
    Bbolt,
    /// A container around another file.
    Wrapped(Wrapping),
    /// Anything else.
    Other,
}

/// Recognises a file by its first [`HEAD`] bytes.
pub(super) fn sniff(head: &[u8]) -> Sniffed {
    let magic = |page: u64| window(head, page + 16, 4).is_some_and(|m| MAGIC.iter().any(|magic| m == magic));
    if magic(0) {
        return Sniffed::Bbolt;
    }
    let wrapping = match head {
        [0x1f, 0x8b, 0x08, ..] => Wrapping::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Wrapping::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Wrapping::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => Wrapping::Bzip2,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Wrapping::Zip,
        _ if is_tar(head) => Wrapping::Tar,
        // A damaged first page does not hide the second meta: it is at the end of a page of some size. This comes last,
        // because a db inside a tar may be there too.
        _ if (10..=16).any(|shift| magic(1 << shift)) => return Sniffed::Bbolt,
        _ => return Sniffed::Other,
    };
    Sniffed::Wrapped(wrapping)
}

/// A tar header: its magic, or, before there was one, its checksum.
fn is_tar(head: &[u8]) -> bool {
    if window(head, 257, 5) == Some(b"ustar") {
        return true;
    }
    let (Some(header), Some(sum)) = (window(head, 0, 512), window(head, 148, 8)) else { return false };
    let sum = std::str::from_utf8(sum).ok().map(|text| text.trim_matches(|c: char| c == ' ' || c == '\0'));
    let stored = sum.and_then(|text| u32::from_str_radix(text, 8).ok());
    let all: u32 = header.iter().map(|b| u32::from(*b)).sum();
    let field: u32 = header.iter().skip(148).take(8).map(|b| u32::from(*b)).sum();
    stored.is_some_and(|stored| stored != 0 && stored == all - field + 8 * u32::from(b' '))
}

/// Whether a bbolt file was copied as text: its length is not that of a db, and a
/// carriage return is before each line feed.
pub(super) fn has_carriage_returns(bytes: &[u8]) -> bool {
    if matches!(bytes.len() % 512, 0 | 32) {
        return false;
    }
    let head = bytes.get(..1 << 20).unwrap_or(bytes);
    let feeds = head.iter().filter(|b| **b == b'\n').count();
    feeds >= 8 && head.windows(2).filter(|pair| *pair == b"\r\n").count() == feeds
}

/// Whether the first bytes of a file are those of a container.
pub(super) fn is_container(path: &Path) -> bool {
    matches!(sniffed(path), Ok(Some(Sniffed::Wrapped(_))))
}

/// Kind of a regular file by its first bytes; `None` for what is no regular file.
///
/// # Errors
/// When it cannot be read: then it may be anything.
pub(super) fn sniffed(path: &Path) -> io::Result<Option<Sniffed>> {
    use std::os::unix::fs::FileExt as _;
    let metadata = match path.metadata() {
        Err(_) if is_gone(path) => return Ok(None),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut head = vec![0; HEAD];
    let n = map::open(path)?.read_at(&mut head, 0)?;
    Ok(Some(sniff(head.get(..n).unwrap_or_default())))
}

/// Whether nothing has this name any more, as a link without its file still has.
#[must_use]
pub fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
