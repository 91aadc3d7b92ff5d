//! How far a db is compacted.

/// How far a db is compacted: what may be missing in it, and what must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// The revision of the last compaction that was finished, or -1: of each key one record up to it is left at most,
    /// and no tombstone below it.
    pub finished: i64,
    /// The revision up to which records may be gone, or -1.
    pub dropped: i64,
}

impl Depth {
    /// Of a db that was never compacted.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { finished: -1, dropped: -1 };
    /// Of records by themselves: any may be a bump, and none contradicts a compaction.
    pub const UNKNOWN: Self = Self { finished: -1, dropped: i64::MAX };
}
