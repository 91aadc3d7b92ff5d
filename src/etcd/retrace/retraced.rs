//! What a log shows of compacted revisions.

use crate::etcd::Range;

/// The revisions that a log shows after a compaction has removed them from the db, and what it does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraced<'a> {
    /// The first of them; greater than `last` where there are none.
    pub first: i64,
    /// The last: that of the compaction.
    pub last: i64,
    /// The number of earlier entries whose results are not certain.
    pub unsure: u64,
    /// The raft index of the last of these.
    pub until: u64,
    /// The number of revisions that may have deleted more keys than are shown.
    pub partial: u64,
    /// The keys that the entries whose results are not certain may have changed.
    pub(super) keys: Vec<Range<'a>>,
}

impl Retraced<'_> {
    /// Whether an entry whose result is not certain may have changed `key`.
    #[must_use]
    pub fn is_unsure(&self, key: &[u8]) -> bool {
        self.keys.iter().any(|range| range.contains(key))
    }
}
