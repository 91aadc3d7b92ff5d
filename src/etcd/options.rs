//! How a backup is read, and which revisions are wanted of it.

use crate::{Error, Result};

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

/// Which older revisions are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compact {
    /// Those before this one.
    At(i64),
    /// All but the last.
    Latest,
}

impl Compact {
    /// The revision to compact at, in a keyspace whose last one is `head`; `None` where nothing is left to remove.
    ///
    /// # Errors
    /// When there is no such revision, or it was compacted.
    pub(crate) fn revision(self, keyspace: &Compacted, head: i64) -> Result<Option<i64>> {
        match self {
            // One that was begun is finished: what it removes is still in the file.
            Self::Latest => Ok(Some(head).filter(|head| *head > keyspace.at || keyspace.pending)),
            Self::At(at) if at > head => {
                let what = format!("--compact {at}: required revision is a future revision");
                Err(Error::usage(what)
                    .hinted(format!("the last one is {head}: --compact latest gives up all before it")))
            }
            Self::At(at) if at <= keyspace.at => {
                let what = format!("--compact {at}: required revision has been compacted");
                Err(Error::usage(what).hinted(format!("the snapshot is compacted at {} already", keyspace.at)))
            }
            Self::At(at) => Ok(Some(at)),
        }
    }
}

/// How far a keyspace is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// The revision, or -1.
    pub(crate) at: i64,
    /// Whether that compaction was begun and not finished.
    pub(crate) pending: bool,
}
