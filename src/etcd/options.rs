//! How a backup is read.

/// How a backup is read, and how far its log is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Whether a data directory's log is applied to its db.
    pub wal: bool,
    /// What becomes of the log's entries past the last commit on disk; without a decision they are left out.
    pub uncommitted: Option<Uncommitted>,
    /// No entry after this one is applied.
    pub to_index: Option<u64>,
    /// Nothing is applied once this revision is reached; it has to be reached.
    pub to_revision: Option<i64>,
    /// Whether the db may be past that: then the caller leaves out the later records.
    pub may_be_past: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { wal: true, uncommitted: None, to_index: None, to_revision: None, may_be_past: false }
    }
}

/// What becomes of entries that a member of several has in its log but does not know to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncommitted {
    /// They are applied, as if they had been agreed on.
    Keep,
    /// They are left out.
    Drop,
}
