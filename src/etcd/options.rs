//! Options: how a backup is read, and which of its revisions.

use std::str::FromStr;

use crate::{Error, Result};

/// How a backup is read, and how far its log is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Whether a data directory's log is applied to its db.
    pub wal: bool,
    /// Whether the log's entries past the last commit on disk are applied; without a decision they are left out.
    pub uncommitted: Option<Uncommitted>,
    /// The last entry that is applied.
    pub to_index: Option<u64>,
    /// The revision after which nothing is applied; it has to be reached.
    pub to_revision: Option<i64>,
    /// Whether the db may be past that revision: then the caller leaves out the later records.
    pub may_be_past: bool,
}

impl Load {
    /// Whether the user named the entry or the revision after which nothing is applied.
    pub(crate) fn has_end(&self) -> bool {
        self.to_index.is_some() || self.to_revision.is_some()
    }
}

impl Default for Load {
    fn default() -> Self {
        Self { wal: true, uncommitted: None, to_index: None, to_revision: None, may_be_past: false }
    }
}

/// Treatment of entries that a member of several has in its log but does not know to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncommitted {
    /// The entries are applied as if they were committed.
    Keep,
    /// The entries are left out.
    Drop,
}

/// Which older revisions are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compact {
    /// Revisions before this one.
    At(i64),
    /// All revisions but the last.
    Latest,
}

impl FromStr for Compact {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            number => number.parse().map(Self::At).map_err(|_| "neither a revision nor latest".to_owned()),
        }
    }
}

impl Compact {
    /// The revision to compact at, in a keyspace whose last one is `head`; `None` where nothing is left to remove.
    ///
    /// # Errors
    /// When there is no such revision, or it was compacted.
    pub(crate) fn revision(self, keyspace: &Compacted, head: i64) -> Result<Option<i64>> {
        match self {
            // A compaction that was started is finished: the records that it removes may still be in the file.
            Self::Latest => Ok(Some(head).filter(|head| *head > keyspace.at || keyspace.pending)),
            Self::At(at) if at > head => {
                let what = format!("--compact {at}: required revision is a future revision");
                Err(Error::usage(what)
                    .hinted(format!("the last revision is {head}: --compact latest removes all before it")))
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
    /// Whether that compaction was started and not finished.
    pub(crate) pending: bool,
}
