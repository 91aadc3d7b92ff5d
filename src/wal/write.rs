//! A new log: the one segment that a restored member begins with; or more records after those of an old one.

use super::{
    conf_change::ConfChange,
    layout::{Frame, RawRecord, RecordKind},
    raft::{ConfState, HardState, Metadata},
};
use crate::proto;

/// The length that etcd allocates for a segment ahead of its records (`SegmentSizeBytes`), in bytes.
pub(crate) const SEGMENT_SIZE: u64 = 64_000_000;

/// Writes the records of a segment, chaining their checksums.
#[derive(Debug)]
pub struct Writer {
    sum: u32,
    file: Vec<u8>,
}

impl Writer {
    /// A log of the member that `metadata` names, as far as etcd writes it before anything happened (`wal.Create`).
    #[must_use]
    pub(crate) fn begin(metadata: &Metadata) -> Self {
        let mut log = Self { sum: 0, file: Vec::new() };
        log.frame(&proto::Writer::new().varint(1, RecordKind::Crc as u64).varint(2, 0).finish());
        log.record(RecordKind::Metadata, &metadata.encode());
        log.snapshot(0, 0, None);
        log
    }

    /// What is appended to the last record of a segment that has the running checksum `sum` there.
    #[must_use]
    pub(crate) fn go_on(sum: u32) -> Self {
        Self { sum, file: Vec::new() }
    }

    /// The entry `index`, which changes the members.
    pub(crate) fn conf_change(&mut self, term: u64, index: u64, change: &ConfChange<'_>) {
        let entry = proto::Writer::new().varint(1, 1).varint(2, term).varint(3, index).bytes(4, &change.encode());
        self.record(RecordKind::Entry, &entry.finish());
    }

    /// The entry `index`, which asks for something: an encoded `InternalRaftRequest`.
    pub(crate) fn request(&mut self, term: u64, index: u64, request: &[u8]) {
        let entry = proto::Writer::new().varint(1, 0).varint(2, term).varint(3, index).bytes(4, request);
        self.record(RecordKind::Entry, &entry.finish());
    }

    /// What raft must not forget.
    pub(crate) fn state(&mut self, state: &HardState) {
        self.record(RecordKind::State, &state.encode());
    }

    /// That there is a snapshot of everything up to the entry `index`.
    pub(crate) fn snapshot(&mut self, term: u64, index: u64, voters: Option<&ConfState>) {
        let snapshot = proto::Writer::new().varint(1, index).varint(2, term);
        let snapshot = match voters {
            Some(voters) => snapshot.bytes(3, &voters.encode()),
            None => snapshot,
        };
        self.record(RecordKind::Snapshot, &snapshot.finish());
    }

    /// The bytes of the records.
    #[must_use]
    pub(crate) fn finish(self) -> Vec<u8> {
        self.file
    }

    fn record(&mut self, kind: RecordKind, data: &[u8]) {
        let number = kind as i64;
        self.sum = RawRecord { number, crc: 0, data }.checksum(self.sum);
        let record = proto::Writer::new().varint(1, number.cast_unsigned()).varint(2, self.sum.into()).bytes(3, data);
        self.frame(&record.finish());
    }

    fn frame(&mut self, record: &[u8]) {
        let frame = Frame::around(record.len() as u64);
        self.file.extend_from_slice(&frame.to_le_bytes());
        self.file.extend_from_slice(record);
        let padding = frame.padded().saturating_sub(frame.len());
        self.file.extend((0..padding).map(|_| 0));
    }
}
