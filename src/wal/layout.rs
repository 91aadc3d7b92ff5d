//! The structs on disk: the frame around a record, and the record. Declared once, for reading and
//! for writing.

use crate::{
    bytes::{u64_le, window},
    hash::Crc32cWriter,
    proto::{Malformed, Reader},
};

/// `frameSizeBytes`: the length before every record; frames begin at multiples of it.
pub(super) const FRAME: usize = 8;
/// `minSectorSize`: what a disk writes all or nothing.
pub(super) const SECTOR: usize = 512;

/// The length before a record (`encodeFrameSize`, `decodeFrameSize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame(u64);

impl Frame {
    pub(super) fn read(file: &[u8], at: usize) -> Option<Self> {
        u64_le(file, at).map(Self)
    }

    /// The frame that etcd writes around `len` bytes.
    pub(super) fn around(len: u64) -> Self {
        let pad = len.wrapping_neg() & 7;
        Self(len | if pad == 0 { 0 } else { (0x80 | pad) << 56 })
    }

    pub(super) fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// A zero: space that was allocated ahead of the log.
    pub(super) fn is_end(self) -> bool {
        self.0 == 0
    }

    /// Bytes in the record.
    pub(super) fn len(self) -> u64 {
        self.0 & (u64::MAX >> 8)
    }

    /// Bytes of a record and of its padding.
    pub(super) fn padded(self) -> u64 {
        self.len().next_multiple_of(FRAME as u64)
    }
}

/// What a record holds (`MetadataType` ... in `wal.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Whose log it is: [`super::Metadata`].
    Metadata = 1,
    /// A raft entry: [`super::Entry`].
    Entry = 2,
    /// What raft must not forget: [`super::HardState`].
    State = 3,
    /// The running checksum of the segment before.
    Crc = 4,
    /// That a snapshot was taken or received: [`super::Snapshot`].
    Snapshot = 5,
}

impl RecordKind {
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Metadata,
            2 => Self::Entry,
            3 => Self::State,
            4 => Self::Crc,
            5 => Self::Snapshot,
            _ => return None,
        })
    }
}

/// `walpb.Record`, borrowed from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RawRecord<'a> {
    pub(super) number: i64,
    pub(super) crc: u32,
    pub(super) data: &'a [u8],
}

impl<'a> RawRecord<'a> {
    pub(super) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut record) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => record.number = field.int64()?,
                2 => record.crc = field.varint()? as u32,
                3 => record.data = field.bytes()?,
                _ => {}
            }
        }
        Ok(record)
    }

    pub(super) fn kind(&self) -> Option<RecordKind> {
        RecordKind::of(self.number)
    }

    /// The record of a frame at `at` that is, but for the checksum, exactly what etcd writes, and where the next
    /// frame begins. Takes no longer than three fields, whatever the frame claims.
    pub(super) fn exact(file: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let frame = Frame::read(file, at)?;
        if frame.is_end() || frame != Frame::around(frame.len()) {
            return None;
        }
        let begin = at.checked_add(FRAME)?;
        let body = window(file, begin as u64, frame.padded())?;
        let mut reader = Reader::new(window(body, 0, frame.len())?);
        let (number, crc) = (reader.next_field().ok()??, reader.next_field().ok()??);
        let data = reader.next_field().ok()?;
        if (number.number, crc.number) != (1, 2) || data.is_some_and(|data| data.number != 3) {
            return None;
        }
        if data.is_some() && !matches!(reader.next_field(), Ok(None)) {
            return None;
        }
        let record = Self {
            number: number.int64().ok()?,
            crc: u32::try_from(crc.varint().ok()?).ok()?,
            data: data.map_or(Some(&[][..]), |data| data.bytes().ok())?,
        };
        record.kind()?;
        Some((record, begin.checked_add(body.len())?))
    }

    /// The running checksum after this record, from the one before it.
    pub(super) fn checksum(&self, before: u32) -> u32 {
        let mut sum = Crc32cWriter::continue_from(before);
        sum.update(self.data);
        sum.finish().sum()
    }

    /// Whether the record fits the running checksum before it. What a crc record holds is not a checksum of itself.
    pub(super) fn follows(&self, before: u32) -> bool {
        self.kind() != Some(RecordKind::Crc) && self.checksum(before) == self.crc
    }
}

/// Whether a record that does not hold was torn (`isTornEntry`): one of its sectors is all zeros. `body` is the
/// record with its padding, which begins at `offset` of the file.
pub(super) fn is_torn(body: &[u8], offset: usize) -> bool {
    let head = SECTOR.saturating_sub(offset % SECTOR).min(body.len());
    let (first, rest) = body.split_at(head);
    std::iter::once(first).chain(rest.chunks(SECTOR)).any(is_zero) && !body.is_empty()
}

/// Whether all of `bytes` are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    // no early exit inside a piece, so that the compiler makes it wide; many bytes at once, so that it need not
    bytes.chunks(SECTOR).all(|piece| {
        let (words, rest) = piece.as_chunks();
        let word = words.iter().fold(0, |all, word| all | u128::from_le_bytes(*word));
        rest.iter().fold(word, |all, b| all | u128::from(*b)) == 0
    })
}
