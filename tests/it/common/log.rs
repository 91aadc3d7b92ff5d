//! Logs as etcd writes them, record by record.

use etcdsnap::{hash::Crc32cWriter, proto::Writer};

/// The name of a log's first segment.
pub const FIRST: &str = "0000000000000000-0000000000000000.wal";

/// A segment, and where its records begin.
#[derive(Default, Clone)]
pub struct Segment {
    /// The running checksum.
    pub crc: u32,
    pub bytes: Vec<u8>,
    pub offsets: Vec<usize>,
}

impl Segment {
    /// The head of a log of member 0x1234 of cluster 0x5678.
    pub fn first() -> Self {
        Self::of(0x1234)
    }

    /// The head of a log of this member.
    pub fn of(member: u64) -> Self {
        let metadata = Writer::new().varint(1, member).varint(2, 0x5678).finish();
        Self::default().record(4, &[]).record(1, &metadata).record(5, &[8, 0, 16, 0])
    }

    pub fn record(mut self, kind: u64, data: &[u8]) -> Self {
        let mut sum = Crc32cWriter::continue_from(self.crc);
        sum.update(data);
        self.crc = sum.finish().sum();
        let record = Writer::new().varint(1, kind).varint(2, self.crc.into());
        let record = if data.is_empty() { record } else { record.bytes(3, data) }.finish();
        let len = record.len() as u64;
        let pad = len.wrapping_neg() & 7;
        self.offsets.push(self.bytes.len());
        self.bytes.extend((len | if pad == 0 { 0 } else { (0x80 | pad) << 56 }).to_le_bytes());
        self.bytes.extend(record);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self
    }

    /// An entry; its data are an `InternalRaftRequest`, or by `kind` a change of the members.
    pub fn entry(self, kind: u64, term: u64, index: u64, data: &[u8]) -> Self {
        let entry = Writer::new().varint(1, kind).varint(2, term).varint(3, index).bytes(4, data);
        self.record(2, &entry.finish())
    }

    pub fn state(self, term: u64, commit: u64) -> Self {
        self.record(3, &Writer::new().varint(1, term).varint(2, 0x1234).varint(3, commit).finish())
    }
}

/// A request of user alice, made to a member whose id ends with `beef`.
pub fn request(field: u32, message: Writer) -> Vec<u8> {
    let header = Writer::new().varint(1, 0xbeef_0000_0000_0001).bytes(2, b"alice").finish();
    Writer::new().bytes(field, &message.finish()).bytes(100, &header).finish()
}
