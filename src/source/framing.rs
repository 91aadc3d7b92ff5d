//! The segments of etcd's log, known by their first two records.

use crate::bytes::{u64_le, window};

/// The framing of a log's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Padded to eight bytes, since etcd 2.3.
    Padded,
    /// One directly after the other: etcd 2.0 to 2.2.
    Unpadded,
}

impl Framing {
    /// The framing of the segment that begins with `head`; `None` when no checksum and metadata come first, as in every
    /// segment.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        /// Type and checksum, the fields 1 and 2 of a record.
        const CRC: [u8; 3] = [0x08, 4, 0x10];
        const METADATA: [u8; 3] = [0x08, 1, 0x10];
        let field = u64_le(head, 0)?;
        let len = field & (u64::MAX >> 8);
        let pad = if field >> 63 == 1 { (field >> 56) & 7 } else { 0 };
        let next = 8_u64.checked_add(len)?.checked_add(pad)?;
        let second = u64_le(head, usize::try_from(next).ok()?)?;
        if window(head, 8, 3)? != CRC || window(head, next.checked_add(8)?, 3)? != METADATA {
            return None;
        }
        let lacks_padding = |field: u64| field >> 56 == 0 && !field.is_multiple_of(8);
        Some(if [field, second].into_iter().any(lacks_padding) { Self::Unpadded } else { Self::Padded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_all_times_are_told_apart() {
        // the beginning of a log of etcd 2.0.5
        let old = b"\x04\0\0\0\0\0\0\0\x08\x04\x10\0\x1f\0\0\0\0\0\0\0\x08\x01\x10\xdb\x82\xca\xf8\x0c\x1a\x15";
        assert_eq!(Framing::of(old), Some(Framing::Unpadded));
        // and of etcd 3.6
        let new = b"\x04\0\0\0\0\0\0\x84\x08\x04\x10\0\0\0\0\0\x20\0\0\0\0\0\0\0\x08\x01\x10\xdb\x82\xca\xf8\x0c";
        assert_eq!(Framing::of(new), Some(Framing::Padded));
        for len in 0..23 {
            assert_eq!(Framing::of(&old[..len]), None, "{len}");
        }
        assert_eq!(Framing::of(&[0xff; 64]), None);
        assert_eq!(Framing::of(&[0; 64]), None);
    }
}
