//! What the records hold: `raftpb`, and etcd's own metadata. Written as etcd 3.5 and 3.6 do, zeros and all; every etcd
//! from 3.4 to 3.7 reads that.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::conf_change::ConfChange;
use crate::{
    document::Id,
    proto::{Malformed, Reader, Wire, Writer},
};

/// Whose log it is (`etcdserverpb.Metadata`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The member's id.
    pub node_id: Id,
    /// The cluster's id.
    pub cluster_id: Id,
}

impl Metadata {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut metadata) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => metadata.node_id = Id(field.varint()?),
                2 => metadata.cluster_id = Id(field.varint()?),
                _ => return Err(Malformed { what: "a field that is not its own", at: field.at }),
            }
        }
        if metadata.node_id == Id::NONE || metadata.cluster_id == Id::NONE {
            return Err(Malformed { what: "no id", at: message.len() });
        }
        Ok(metadata)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        Writer::new().varint(1, self.node_id.0).varint(2, self.cluster_id.0).finish()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("nodeID", &self.node_id.0)?;
        fields.serialize_entry("nodeIDHex", &self.node_id)?;
        fields.serialize_entry("clusterID", &self.cluster_id.0)?;
        fields.serialize_entry("clusterIDHex", &self.cluster_id)?;
        fields.end()
    }
}

/// What raft must not forget (`raftpb.HardState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardState {
    /// The term the member was in.
    pub term: u64,
    /// Whom it voted for in that term, or [`Id::NONE`].
    pub vote: Id,
    /// The last entry that it knew to be committed. Written now and then: more may have been.
    pub commit: u64,
}

impl HardState {
    pub(super) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut state) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => state.term = field.varint()?,
                2 => state.vote = Id(field.varint()?),
                3 => state.commit = field.varint()?,
                _ => return Err(Malformed { what: "a field that is not its own", at: field.at }),
            }
        }
        if state.term == 0 {
            return Err(Malformed { what: "no term", at: message.len() });
        }
        Ok(state)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        Writer::new().varint(1, self.term).varint(2, self.vote.0).varint(3, self.commit).finish()
    }
}

/// A member that voted for nobody has no `vote`.
impl Serialize for HardState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("term", &self.term)?;
        if self.vote != Id::NONE {
            fields.serialize_entry("vote", &self.vote.0)?;
            fields.serialize_entry("voteHex", &self.vote)?;
        }
        fields.serialize_entry("commit", &self.commit)?;
        fields.end()
    }
}

/// What an entry's data are (`raftpb.EntryType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// An `etcdserverpb.InternalRaftRequest`, or nothing: a new leader's first entry.
    Normal,
    /// A [`ConfChange`].
    ConfChange,
    /// A `raftpb.ConfChangeV2`; no etcd writes one.
    ConfChangeV2,
    /// Another number; no etcd continues after one.
    Unknown(i32),
}

/// One entry of raft's log (`raftpb.Entry`), borrowed from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The entry's index in raft's log, from 1.
    pub index: u64,
    /// The leader's term that it was proposed in.
    pub term: u64,
    /// What the data of the entry are.
    pub kind: EntryKind,
    /// What is to be done.
    pub data: &'a [u8],
    /// Which segment holds it; [`super::Log::file`] names it.
    pub segment: usize,
    /// Offset of the entry's frame in that file, in bytes.
    pub offset: u64,
}

impl<'a> Entry<'a> {
    pub(super) fn decode(message: &'a [u8], segment: usize, offset: u64) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let mut entry = Self { index: 0, term: 0, kind: EntryKind::Normal, data: &[], segment, offset };
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => {
                    entry.kind = match field.varint()? as i32 {
                        0 => EntryKind::Normal,
                        1 => EntryKind::ConfChange,
                        2 => EntryKind::ConfChangeV2,
                        other => EntryKind::Unknown(other),
                    }
                }
                2 => entry.term = field.varint()?,
                3 => entry.index = field.varint()?,
                4 => entry.data = field.bytes()?,
                _ => {}
            }
        }
        Ok(entry)
    }

    /// The change that an entry of kind [`EntryKind::ConfChange`] holds.
    ///
    /// # Errors
    /// [`Malformed`], with the place in its data.
    pub fn conf_change(&self) -> Result<ConfChange<'a>, Malformed> {
        ConfChange::decode(self.data)
    }
}

/// Who votes (`raftpb.ConfState`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfState {
    /// Members whose votes count.
    pub voters: Vec<Id>,
    /// Members that only listen.
    pub learners: Vec<Id>,
    /// Voters on the way out; etcd never has any.
    pub voters_outgoing: Vec<Id>,
    /// Learners to be, once the change is through; etcd never has any.
    pub learners_next: Vec<Id>,
    /// Whether raft ends the change by itself.
    pub auto_leave: bool,
}

impl ConfState {
    /// Decodes the message.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the message.
    pub(crate) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut state) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            let ids = match field.number {
                1 => &mut state.voters,
                2 => &mut state.learners,
                3 => &mut state.voters_outgoing,
                4 => &mut state.learners_next,
                5 => {
                    state.auto_leave = field.varint()? != 0;
                    continue;
                }
                _ => continue,
            };
            // etcd writes one field an id; packed ones mean the same
            match field.wire {
                Wire::Len(packed) => unpack(packed, field.at, ids)?,
                _ => ids.push(Id(field.varint()?)),
            }
        }
        Ok(state)
    }

    /// Encodes it.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ids = [(1, &self.voters), (2, &self.learners), (3, &self.voters_outgoing), (4, &self.learners_next)];
        let ids = ids.into_iter().flat_map(|(number, ids)| ids.iter().map(move |id| (number, *id)));
        let message = ids.fold(Writer::new(), |message, (number, id)| message.varint(number, id.0));
        message.varint(5, self.auto_leave.into()).finish()
    }
}

/// Lists without members are left out.
impl Serialize for ConfState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        let lists = [
            ("voters", "votersHex", &self.voters),
            ("learners", "learnersHex", &self.learners),
            ("voters_outgoing", "voters_outgoingHex", &self.voters_outgoing),
            ("learners_next", "learners_nextHex", &self.learners_next),
        ];
        for (name, hex, ids) in lists.into_iter().filter(|(.., ids)| !ids.is_empty()) {
            fields.serialize_entry(name, &Id::numbers(ids))?;
            fields.serialize_entry(hex, ids)?;
        }
        if self.auto_leave {
            fields.serialize_entry("auto_leave", &true)?;
        }
        fields.end()
    }
}

fn unpack(mut packed: &[u8], at: usize, ids: &mut Vec<Id>) -> Result<(), Malformed> {
    while !packed.is_empty() {
        let end = packed.iter().position(|b| b & 0x80 == 0).unwrap_or(packed.len());
        let (id, rest) = packed.split_at(end.saturating_add(1).min(packed.len()));
        if id.len() > 10 || id.last().is_some_and(|b| b & 0x80 != 0) {
            return Err(Malformed { what: "packed varint without an end", at });
        }
        ids.push(Id(id.iter().rev().fold(0, |value, b| value << 7 | u64::from(b & 0x7f))));
        packed = rest;
    }
    Ok(())
}
