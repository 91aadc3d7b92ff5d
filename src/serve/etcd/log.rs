//! The changes that the overlay has made, by revision: what watches send.

use std::{collections::VecDeque, sync::Arc};

use hyper::body::Bytes;

use super::{
    proto::mvccpb,
    version::{Version, put_cost},
};

/// The revisions that are kept after they were compacted, for watches that have not sent them yet.
const KEPT: usize = 1000;
/// The bytes that those take at most.
const KEPT_BYTES: u64 = 16 << 20;

/// A change of one key.
#[derive(Debug, Clone)]
pub(super) struct KeyChange {
    pub(super) key: Bytes,
    /// The key and its value; of a deletion, its key and revision.
    pub(super) kv: Arc<mvccpb::KeyValue>,
    pub(super) deleted: bool,
    /// The version before.
    pub(super) before: Option<Version>,
}

/// All changes of one revision.
#[derive(Debug, Clone)]
pub(super) struct Revised {
    pub(super) revision: i64,
    pub(super) changes: Arc<[KeyChange]>,
}

impl Revised {
    fn cost(&self) -> u64 {
        self.changes.iter().map(|change| put_cost(&change.key, &change.kv.value)).fold(0, u64::saturating_add)
    }
}

/// The changes since the file, oldest first.
#[derive(Debug, Default)]
pub(super) struct Log {
    revisions: VecDeque<Revised>,
    bytes: u64,
}

impl Log {
    pub(super) fn push(&mut self, revised: Revised) {
        self.bytes = self.bytes.saturating_add(revised.cost());
        self.revisions.push_back(revised);
    }

    /// The first revision that is kept.
    pub(super) fn first(&self) -> Option<i64> {
        self.revisions.front().map(|first| first.revision)
    }

    /// The revisions from `revision` on.
    pub(super) fn from(&self, revision: i64) -> impl Iterator<Item = &Revised> {
        let first = self.revisions.partition_point(|revised| revised.revision < revision);
        self.revisions.range(first..)
    }

    /// Drops revisions before `revision`, but for the last.
    pub(super) fn compact(&mut self, revision: i64) {
        while (self.revisions.len() > KEPT || self.bytes > KEPT_BYTES)
            && let Some(first) = self.revisions.front().filter(|first| first.revision < revision)
        {
            self.bytes = self.bytes.saturating_sub(first.cost());
            self.revisions.pop_front();
        }
    }
}
