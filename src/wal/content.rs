//! The content of a valid record.

use super::{
    layout::RecordKind,
    raft::{ConfState, Entry, HardState, Metadata},
    records::Record,
};
use crate::proto::{Malformed, Reader};

/// A record's message, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Whose log it is.
    Metadata(Metadata),
    /// A raft entry.
    Entry(Entry<'a>),
    /// What raft must not forget.
    State(HardState),
    /// Nothing: the running checksum of the segment before is the record's own.
    Crc,
    /// That a snapshot was taken or received.
    Snapshot(Snapshot<'a>),
}

impl<'a> Record<'a> {
    /// Decodes what it holds.
    ///
    /// # Errors
    /// [`Malformed`], with the place in its data; [`super::Log::read`] makes a finding of it.
    pub fn content(&self) -> Result<Content<'a>, Malformed> {
        Ok(match self.kind {
            RecordKind::Metadata => Content::Metadata(Metadata::decode(self.data)?),
            RecordKind::Entry => Content::Entry(Entry::decode(self.data, self.segment, self.offset)?),
            RecordKind::State => Content::State(HardState::decode(self.data)?),
            RecordKind::Crc => Content::Crc,
            RecordKind::Snapshot => Content::Snapshot(Snapshot::decode(self)?),
        })
    }
}

/// That a snapshot was taken, or received from the leader (`walpb.Snapshot`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// The last entry that it holds; 0 for the one that every log begins with.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// Who voted there, as stored; etcd 3.5 and later write it.
    pub conf_state: Option<&'a [u8]>,
    /// Which segment holds the record; [`super::Log::file`] names it.
    pub segment: usize,
    /// Offset of the record's frame in that file, in bytes.
    pub offset: u64,
}

impl Snapshot<'_> {
    /// Who voted there, if the log has it.
    #[must_use]
    pub(crate) fn voters(&self) -> Option<ConfState> {
        ConfState::decode(self.conf_state?).ok()
    }
}

impl<'a> Snapshot<'a> {
    pub(super) fn decode(record: &Record<'a>) -> Result<Self, Malformed> {
        let mut reader = Reader::new(record.data);
        let mut snapshot = Self { index: 0, term: 0, conf_state: None, segment: record.segment, offset: record.offset };
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => snapshot.index = field.varint()?,
                2 => snapshot.term = field.varint()?,
                3 => snapshot.conf_state = Some(field.bytes()?),
                _ => {}
            }
        }
        snapshot.conf_state.map_or(Ok(()), |state| ConfState::decode(state).map(drop))?;
        Ok(snapshot)
    }
}
