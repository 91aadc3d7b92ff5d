//! Changes of the members, as entries hold them (`raftpb`).

use crate::{
    document::Id,
    proto::{Malformed, Reader, Writer},
};

/// What a change does (`raftpb.ConfChangeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfChangeKind {
    /// A voter comes, or a learner becomes one.
    AddNode,
    /// A member goes.
    RemoveNode,
    /// A member's URLs change.
    UpdateNode,
    /// A learner comes.
    AddLearner,
    /// Another number.
    Unknown(i32),
}

impl ConfChangeKind {
    fn of(number: u64) -> Self {
        match number as i32 {
            0 => Self::AddNode,
            1 => Self::RemoveNode,
            2 => Self::UpdateNode,
            3 => Self::AddLearner,
            other => Self::Unknown(other),
        }
    }
}

/// A change of the members (`raftpb.ConfChange`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfChange<'a> {
    /// What is done to the member: it is added, removed, updated, or added as a learner.
    pub kind: ConfChangeKind,
    /// To whom.
    pub node_id: Id,
    /// The member as JSON, where one comes or changes.
    pub context: &'a [u8],
}

impl<'a> ConfChange<'a> {
    /// Decodes the message.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the message.
    pub(crate) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let mut change = Self { kind: ConfChangeKind::AddNode, node_id: Id::NONE, context: &[] };
        while let Some(field) = reader.next_field()? {
            match field.number {
                2 => change.kind = ConfChangeKind::of(field.varint()?),
                3 => change.node_id = Id(field.varint()?),
                4 => change.context = field.bytes()?,
                _ => {}
            }
        }
        Ok(change)
    }

    /// Encodes it.
    #[must_use]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            ConfChangeKind::AddNode => 0,
            ConfChangeKind::RemoveNode => 1,
            ConfChangeKind::UpdateNode => 2,
            ConfChangeKind::AddLearner => 3,
            ConfChangeKind::Unknown(other) => i64::from(other).cast_unsigned(),
        };
        let message = Writer::new().varint(1, 0).varint(2, kind).varint(3, self.node_id.0);
        let message = if self.context.is_empty() { message } else { message.bytes(4, self.context) };
        message.finish()
    }
}

/// Several changes at once (`raftpb.ConfChangeV2`). No etcd proposes one, and none continues after one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ConfChangeV2<'a> {
    /// How it is to be made (`ConfChangeTransition`): 0 for raft to choose.
    pub transition: u64,
    /// What is done to each member.
    pub changes: Vec<(ConfChangeKind, Id)>,
    /// The members as JSON, if at all.
    pub context: &'a [u8],
}

impl<'a> ConfChangeV2<'a> {
    /// Decodes the message.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the message.
    pub(crate) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut all) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => all.transition = field.varint()?,
                2 => all.changes.push(field.message(|single| {
                    let (mut reader, mut change) = (Reader::new(single), (ConfChangeKind::AddNode, Id::NONE));
                    while let Some(field) = reader.next_field()? {
                        match field.number {
                            1 => change.0 = ConfChangeKind::of(field.varint()?),
                            2 => change.1 = Id(field.varint()?),
                            _ => {}
                        }
                    }
                    Ok(change)
                })?),
                3 => all.context = field.bytes()?,
                _ => {}
            }
        }
        Ok(all)
    }
}
