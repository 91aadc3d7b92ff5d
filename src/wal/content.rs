//! What a record that holds says.

use super::{
    layout::RecordKind,
    log::Snapshot,
    raft::{Entry, HardState, Metadata},
    records::Record,
};
use crate::proto::Malformed;

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
    /// [`Malformed`], with the place in its data; [`super::Log::read`] tells it as a finding.
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
