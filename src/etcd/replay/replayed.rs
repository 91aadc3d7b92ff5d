//! What a replay of a log came to.

use crate::wal::Unapplied;

/// The outcome of applying a data directory's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// What it holds that the db does not.
    pub unapplied: Unapplied,
    /// How many of these entries were done to the state.
    pub applied: u64,
    /// How many of them were past the last commit on disk.
    pub uncommitted: u64,
    /// The last entry that the db holds.
    pub from: u64,
    /// The last entry that the state holds.
    pub index: u64,
    /// The last revision then; `None` when nothing was applied.
    pub revision: Option<i64>,
}
