//! Bytes: reading input, and showing text from it.
//!
//! Input is read without ever indexing it: every access names an offset, or an offset and a length, and returns `None`
//! outside (`window`, `u64_le`).
//!
//! `quote` Go's and the shell's quoting · `size` numbers of bytes for people · `text` text from the input that a
//! terminal can show ([`printable`]), shortened text, counted nouns.

mod quote;
mod size;
mod text;

pub use quote::{is_printable, quote, shell, write_quoted};
pub use size::size;
pub(crate) use text::{abridged, go_json, one_line};
pub use text::{counted, counted_are, escape, excerpt, file_name, is_hostile, printable, readable, readable_but};

/// The `len` bytes at `at`, or `None` when they are not all there.
#[inline]
#[must_use]
pub(crate) fn window(data: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(at).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    data.get(start..end)
}

#[inline]
fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk::<N>().copied()
}

/// The little-endian `u16` at `at`.
#[inline]
#[must_use]
pub(crate) fn u16_le(data: &[u8], at: usize) -> Option<u16> {
    array(data, at).map(u16::from_le_bytes)
}

/// The little-endian `u32` at `at`.
#[inline]
#[must_use]
pub(crate) fn u32_le(data: &[u8], at: usize) -> Option<u32> {
    array(data, at).map(u32::from_le_bytes)
}

/// The little-endian `u64` at `at`.
#[inline]
#[must_use]
pub(crate) fn u64_le(data: &[u8], at: usize) -> Option<u64> {
    array(data, at).map(u64::from_le_bytes)
}

/// The big-endian `u64` at `at`; etcd's own integers are stored this way round.
#[inline]
#[must_use]
pub(crate) fn u64_be(data: &[u8], at: usize) -> Option<u64> {
    array(data, at).map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_where_the_data_ends() {
        assert_eq!(window(b"abcd", 1, 3), Some(&b"bcd"[..]));
        assert_eq!(window(b"abcd", 2, 3), None);
        assert_eq!(window(b"abcd", u64::MAX, 2), None);
        assert_eq!(u64_be(&[0, 0, 0, 0, 0, 0, 1, 2, 9], 0), Some(258));
        assert_eq!(u64_le(&[0; 8], 1), None);
    }
}
