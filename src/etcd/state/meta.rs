//! The bucket `meta`: last applied entry, compaction, version (`schema/{cindex,confstate,compaction,schema}.go`).

use serde::Deserialize;

use super::values::{is_version, text};
use crate::{
    Code, Finding,
    bytes::{excerpt, u64_be},
    document::Id,
    etcd::Revision,
};

/// The bucket `meta`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// `consistent_index`: the raft index of the last entry applied.
    pub consistent_index: Option<u64>,
    /// `term`: the raft term of that entry; since etcd 3.5.
    pub term: Option<u64>,
    /// `confState`: the voters when a conf change was last applied; since etcd 3.5, never read by etcd.
    pub conf_state: Option<ConfState>,
    /// `scheduledCompactRev`: the last compaction that was started.
    pub scheduled_compact_rev: Option<Revision>,
    /// `finishedCompactRev`: the last compaction that was finished.
    pub finished_compact_rev: Option<Revision>,
    /// `storageVersion`: the schema's version; since etcd 3.6.
    pub storage_version: Option<String>,
}

/// `raftpb.ConfState`, as JSON in the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConfState {
    /// The voters.
    pub voters: Vec<Id>,
    /// The learners.
    pub learners: Vec<Id>,
    /// Voters of the configuration that is being left.
    pub voters_outgoing: Vec<Id>,
    /// Voters that become learners when it is left.
    pub learners_next: Vec<Id>,
    /// Whether raft leaves the joint configuration automatically.
    pub auto_leave: Option<bool>,
}

/// The revision of the later compaction, or -1 for none: the scheduled one when it was not finished, because etcd
/// finishes it as soon as it starts (`mvcc.restore`).
pub(crate) fn compacted(finished: Option<Revision>, scheduled: Option<Revision>) -> i64 {
    finished.max(scheduled).map_or(-1, |revision| revision.main)
}

impl Meta {
    /// The revision that the backend is compacted at, or -1.
    #[must_use]
    pub(crate) fn compacted(&self) -> i64 {
        compacted(self.finished_compact_rev, self.scheduled_compact_rev)
    }

    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Finding> {
        let wrong = |what: String| Finding::error(Code::MetaValue, what);
        let number = || match value.len() {
            8 => Ok(u64_be(value, 0)),
            n => Err(wrong(format!("expected 8 bytes, got {n}"))),
        };
        let revision = || match Revision::from_bucket_key(value) {
            Ok((revision, false)) => Ok(Some(revision)),
            Ok((_, true)) => Err(wrong("the revision of a tombstone".to_owned())),
            Err(e) => Err(wrong(e.to_owned())),
        };
        match key {
            b"consistent_index" => self.consistent_index = number()?,
            b"term" => self.term = number()?,
            b"scheduledCompactRev" => self.scheduled_compact_rev = revision()?,
            b"finishedCompactRev" => self.finished_compact_rev = revision()?,
            b"storageVersion" => {
                let version = text(value);
                if !is_version(&version) {
                    return Err(wrong(format!("not a version: {}", excerpt(value))));
                }
                self.storage_version = Some(version);
            }
            b"confState" => {
                let state = serde_json::from_slice(value).map_err(|e| wrong(format!("not a ConfState: {e}")))?;
                self.conf_state = Some(state);
            }
            _ => return Err(Finding::warning(Code::UnknownKey, "a key that etcd does not have in the bucket meta")),
        }
        Ok(())
    }
}
