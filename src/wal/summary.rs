//! What a log adds up to, for people and as JSON.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{ConfState, HardState, Log, Metadata};
use crate::{document::Id, source::RaftFiles};

/// Whose log it is, what is committed, and who votes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary<'f> {
    /// The log as the user named it.
    pub path: &'f str,
    /// The segments of the log, by name.
    pub segments: Vec<SegmentFile<'f>>,
    /// Whose log it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The last hard state in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_state: Option<HardState>,
    /// The entries that raft has.
    pub entries: EntryCounts,
    /// The snapshot records, in the order of the log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<SnapshotRecord>,
    /// The voters at the last snapshot record that has them.
    pub conf_state: Option<ConfState>,
    /// The index of that record.
    #[serde(skip)]
    pub conf_state_index: Option<u64>,
    /// The ids that vote at the commit, if the log has them.
    pub voters: Option<BTreeSet<Id>>,
    /// The ids in `voters`, as hex.
    pub voters_hex: Option<Vec<Id>>,
}

/// One segment.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SegmentFile<'f> {
    /// The file.
    pub file: &'f str,
    /// The segment's length in bytes.
    pub size: u64,
}

/// The entries of a log by number; indexes are raft's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryCounts {
    /// The index of the first.
    pub first: Option<u64>,
    /// The index of the last.
    pub last: Option<u64>,
    /// How many raft has.
    pub count: usize,
    /// How many of them are after the last commit on disk.
    pub past_commit: usize,
    /// How many others a new leader's entries have overwritten.
    pub overwritten: u64,
}

/// Index and term of a snapshot record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SnapshotRecord {
    /// The last entry that the snapshot holds.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
}

impl<'f> Summary<'f> {
    /// The summary of `log`, which was read from `files`.
    #[must_use]
    pub fn of(files: &'f RaftFiles, log: &Log<'_>) -> Self {
        let entries = log.entries();
        let committed = entries.partition_point(|entry| entry.index <= log.commit());
        let last = log.snapshots().iter().rev().find_map(|snapshot| Some((snapshot.index, snapshot.voters()?)));
        let (conf_state_index, conf_state) = last.unzip();
        let voters = log.voters();
        Self {
            path: files.name(),
            segments: files.wal().iter().map(|part| SegmentFile { file: part.name(), size: part.len() }).collect(),
            metadata: log.metadata(),
            hard_state: log.hard_state(),
            entries: EntryCounts {
                first: entries.first().map(|entry| entry.index),
                last: entries.last().map(|entry| entry.index),
                count: entries.len(),
                past_commit: entries.len().saturating_sub(committed),
                overwritten: log.overwritten(),
            },
            snapshots: log.snapshots().iter().map(|of| SnapshotRecord { index: of.index, term: of.term }).collect(),
            conf_state,
            conf_state_index,
            voters_hex: voters.as_ref().map(|voters| voters.iter().copied().collect()),
            voters,
        }
    }
}
