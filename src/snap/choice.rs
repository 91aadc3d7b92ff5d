//! Which `.snap` file etcd starts from.

use super::Snap;
use crate::wal::Log;

/// Which of `snaps`, sorted by name, etcd up to 3.6 starts from: the last that can be read and that the log speaks of
/// (`Snapshotter.LoadNewestAvailable`). etcd 3.7 takes [`Log::newest_snapshot`] itself, and opens no file.
#[must_use]
pub(crate) fn taken(snaps: &[Option<&Snap>], log: &Log<'_>) -> Option<usize> {
    snaps.iter().rposition(|snap| {
        snap.is_some_and(|snap| log.valid_snapshots().any(|known| (known.index, known.term) == (snap.index, snap.term)))
    })
}
