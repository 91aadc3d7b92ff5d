//! The write-ahead log: what raft agreed on, or may yet, ahead of the db.
//!
//! ```text
//! wal/0000000000000000-0000000000000000.wal     <sequence>-<first raft index expected in it>, 64 000 000 bytes
//!     0000000000000001-0000000000002a51.wal     a full segment is cut to its length, the last is zeros to its end
//!
//! segment   crc | metadata | state or snapshot{0,0} | entry, state, snapshot ... | zero length: the end
//! frame     length: 56 bits and a byte 0x80|pad (0 without padding) | record | 0 to 7 bytes of padding
//! record    type, crc, data       crc: running over the data of all records, from segment to segment
//! ```
//!
//! [`Records`] reads the segments of one log frame by frame and lets through what the running checksum proves;
//! [`Log`] makes of it what raft would: the last hard state, the snapshots, the entries that were not overwritten.
//! What is wrong becomes a [`crate::Finding`], and reading continues after it: from the frame's end where that can be
//! trusted, else from the next two frames whose checksums fit each other.
//!
//! The checksums cover the data alone, not a record's type: what a record holds is read strictly, so that an entry
//! does not pass for a hard state.
//!
//! A write that was under way when the power went leaves a *torn* tail: the end of the last file only, with sectors
//! of zeros where data should be. etcd cuts it off at its next start and loses nothing that it promised, so it is a
//! warning; all else is damage. Where that is in doubt, the entries decide: one that is missing though a hard state
//! says that it was committed was on disk once.
//!
//! [`Writer`] makes a new log, as a restored member has it, or goes on with one.
//!
//! Mirrors `server/storage/wal` of `go.etcd.io/etcd` (`wal`, `walpb` before 3.5) and `raftpb` of `go.etcd.io/raft`.

#![deny(clippy::arithmetic_side_effects)]

mod agreement;
mod compare;
mod conf_change;
mod content;
mod file;
mod layout;
mod log;
mod raft;
mod reading;
mod records;
mod search;
mod segment;
mod summary;
#[cfg(test)]
mod tests;
mod unapplied;
mod voters;
mod write;

pub use agreement::{Agreed, Agreement, Held};
pub use compare::{LogDiff, LogDiffDocument, Span};
pub(crate) use conf_change::ConfChangeV2;
pub use conf_change::{ConfChange, ConfChangeKind};
pub use content::{Content, Snapshot};
pub(crate) use file::{FIRST_SEGMENT, write_segment};
pub use layout::RecordKind;
pub use log::Log;
pub use raft::{ConfState, Entry, EntryKind, HardState, Metadata};
pub use records::{Record, Records, Tail};
pub use segment::Segment;
pub use summary::{EntryCounts, SegmentFile, SnapshotRecord, Summary};
pub use unapplied::Unapplied;
pub(crate) use write::SEGMENT_SIZE;
pub use write::Writer;
