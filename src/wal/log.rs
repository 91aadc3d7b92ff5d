//! What the records add up to.

use super::{
    raft::{ConfState, Entry, HardState, Metadata},
    records::Record,
    segment::Segment,
};
use crate::{
    Findings,
    proto::{Malformed, Reader},
};

/// That a snapshot was taken, or received from the leader (`walpb.Snapshot`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// The last entry that it holds; 0 for the one that every log begins with.
    pub index: u64,
    /// That entry's term.
    pub term: u64,
    /// Who voted there, as stored; etcd 3.5 and later write it.
    pub conf_state: Option<&'a [u8]>,
    /// Which segment holds the record; [`Log::file`] names it.
    pub segment: usize,
    /// Where its frame begins in that file.
    pub offset: u64,
}

impl Snapshot<'_> {
    /// Who voted there, if the log says so.
    #[must_use]
    pub fn voters(&self) -> Option<ConfState> {
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

/// Where the log ends: the place at which another record would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The last segment.
    pub segment: usize,
    /// The end of its last record, in bytes.
    pub offset: u64,
    /// The running checksum there; `None` where the record before could not be read.
    pub crc: Option<u32>,
}

impl Tail {
    /// Whether a record stands behind it, where etcd cuts it off.
    #[must_use]
    pub fn is_before(&self, record: &Record<'_>) -> bool {
        (self.segment, self.offset) <= (record.segment, record.offset)
    }
}

/// The log of one member, as raft has it after reading it (`WAL.ReadAll`), older entries included. It ends where it is
/// torn, even if records stand behind that: etcd cuts them off.
#[derive(Debug)]
pub struct Log<'a> {
    pub(super) files: Vec<&'a str>,
    pub(super) metadata: Option<Metadata>,
    pub(super) hard_state: Option<HardState>,
    pub(super) snapshots: Vec<Snapshot<'a>>,
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) overwritten: u64,
    pub(super) tail: Tail,
}

impl<'a> Log<'a> {
    /// Reads the log whose files are `segments`, sorted by name. All that is wrong with it is told.
    #[must_use]
    pub fn read(segments: &[Segment<'a>], findings: &mut Findings) -> Self {
        super::reading::read(segments, findings)
    }

    /// Whose log it is.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        self.metadata
    }

    /// The last hard state.
    #[must_use]
    pub fn hard_state(&self) -> Option<HardState> {
        self.hard_state
    }

    /// The snapshots, in the order of the log.
    #[must_use]
    pub fn snapshots(&self) -> &[Snapshot<'a>] {
        &self.snapshots
    }

    /// Those that count for etcd: it knows them to be committed (`ValidSnapshotEntries`).
    pub fn valid_snapshots(&self) -> impl DoubleEndedIterator<Item = &Snapshot<'a>> {
        self.snapshots.iter().filter(|snapshot| snapshot.index <= self.commit())
    }

    /// The last of them, wherever it stands: etcd 3.7 starts from it, earlier ones as a rule from its file
    /// (`recoverSnapshot`, `LoadNewestAvailable`).
    #[must_use]
    pub fn newest_snapshot(&self) -> Option<&Snapshot<'a>> {
        self.valid_snapshots().next_back()
    }

    /// The entries that were not overwritten, by index. Between two of them some may be missing.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// How many entries a new leader's have overwritten.
    #[must_use]
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// The name of the segment of this number.
    #[must_use]
    pub fn file(&self, segment: usize) -> &'a str {
        self.files.get(segment).copied().unwrap_or_default()
    }

    /// Where the log ends.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// The hard state's commit, 0 without one.
    pub(super) fn commit(&self) -> u64 {
        self.hard_state.map_or(0, |state| state.commit)
    }

    /// Forgets the entries from the one at `keep` on.
    pub(super) fn cut(&mut self, keep: usize) {
        self.overwritten = self.overwritten.saturating_add(self.entries.len().saturating_sub(keep) as u64);
        self.entries.truncate(keep);
    }
}
