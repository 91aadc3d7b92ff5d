//! What the records add up to.

use super::{
    content::Snapshot,
    raft::{Entry, HardState, Metadata},
    records::Tail,
};

/// The log of one member, as raft has it after reading it (`WAL.ReadAll`), older entries included. It ends where it is
/// torn, even if records follow: etcd cuts them off.
#[derive(Debug)]
pub struct Log<'a> {
    pub(super) files: Vec<&'a str>,
    pub(super) metadata: Option<Metadata>,
    pub(super) hard_state: Option<HardState>,
    pub(super) snapshots: Vec<Snapshot<'a>>,
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) replaced: Vec<Entry<'a>>,
    pub(super) tail: Tail,
}

impl<'a> Log<'a> {
    /// Whose log it is.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        self.metadata
    }

    /// The last hard state in the log.
    #[must_use]
    pub fn hard_state(&self) -> Option<HardState> {
        self.hard_state
    }

    /// The snapshots, in the order of the log.
    #[must_use]
    pub fn snapshots(&self) -> &[Snapshot<'a>] {
        &self.snapshots
    }

    /// The snapshots that count for etcd: it knows them to be committed (`ValidSnapshotEntries`).
    pub fn valid_snapshots(&self) -> impl DoubleEndedIterator<Item = &Snapshot<'a>> {
        self.snapshots.iter().filter(|snapshot| snapshot.index <= self.commit())
    }

    /// The last of them, wherever it is: etcd 3.7 starts from it, earlier ones as a rule from its file
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

    /// The entries that later ones have overwritten, in the order in which that happened: those of a new leader, or of
    /// the start with `--force-new-cluster`, which also replaces what was applied, and not recorded as committed.
    #[must_use]
    pub fn replaced(&self) -> &[Entry<'a>] {
        &self.replaced
    }

    /// Those that had the indexes of `entries`, which follow one another.
    pub(crate) fn replaced_among(&self, entries: &[Entry<'_>]) -> impl Iterator<Item = &Entry<'a>> {
        let indexes = entries.first().zip(entries.last()).map(|(first, last)| first.index..=last.index);
        self.replaced.iter().filter(move |entry| indexes.as_ref().is_some_and(|of| of.contains(&entry.index)))
    }

    /// How many entries later ones have overwritten.
    #[must_use]
    pub fn overwritten(&self) -> u64 {
        self.replaced.len() as u64
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
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.hard_state.map_or(0, |state| state.commit)
    }

    /// Forgets the entries from the one at `keep` on.
    pub(super) fn cut(&mut self, keep: usize) {
        self.replaced.extend(self.entries.drain(keep.min(self.entries.len())..));
    }
}
