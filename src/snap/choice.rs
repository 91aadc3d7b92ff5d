//! Which `.snap` file etcd starts from.

use super::Snap;
use crate::wal::{Log, Snapshot};

/// The snapshots of a log that etcd believes: those that it knows to be committed (`wal.ValidSnapshotEntries`).
pub fn valid<'l, 'a>(log: &'l Log<'a>) -> impl DoubleEndedIterator<Item = &'l Snapshot<'a>> {
    let commit = log.hard_state().map_or(0, |state| state.commit);
    log.snapshots().iter().filter(move |snapshot| snapshot.index <= commit)
}

/// Which of `snaps`, sorted by name, etcd up to 3.6 starts from: the last that can be read and that the log speaks of
/// (`Snapshotter.LoadNewestAvailable`). etcd 3.7 takes the last of [`valid`] itself, and opens no file.
#[must_use]
pub fn taken(snaps: &[Option<&Snap>], log: &Log<'_>) -> Option<usize> {
    snaps.iter().rposition(|snap| {
        snap.is_some_and(|snap| valid(log).any(|known| (known.index, known.term) == (snap.index, snap.term)))
    })
}
