//! The result of a replay of a log.

use crate::wal::Unapplied;

/// The outcome of applying a data directory's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// The numbers of entries in the log that the db does not hold.
    pub unapplied: Unapplied,
    /// The number of these entries that were applied to the state.
    pub applied: u64,
    /// The number of applied entries past the last commit on disk.
    pub uncommitted: u64,
    /// The index of the last entry that the db holds.
    pub from: u64,
    /// The index of the last entry that the state holds.
    pub index: u64,
    /// The last revision of that state; `None` when nothing was applied.
    pub revision: Option<i64>,
}
