//! Who votes, by the log alone.

use std::collections::BTreeSet;

use super::{conf_change::ConfChangeKind, content::Snapshot, log::Log, raft::EntryKind};
use crate::document::Id;

impl Log<'_> {
    /// Who votes when etcd starts on this log: the last snapshot's voters, and the changes after it up to the hard
    /// state's commit. A change after that cannot alter who decides about it.
    ///
    /// `None` when the log does not have it: its snapshots are of an etcd before 3.5, or entries are missing. A
    /// change that etcd refused when it was applied (two `member add` at once with one URL) is taken as made.
    #[must_use]
    pub fn voters(&self) -> Option<BTreeSet<Id>> {
        let commit = self.commit();
        let has_voters = |s: &&Snapshot<'_>| s.index == 0 || s.conf_state.is_some();
        let last = self.valid_snapshots().rfind(has_voters)?;
        let state = last.voters().unwrap_or_default();
        let mut voters: BTreeSet<Id> = state.voters.into_iter().collect();
        let (mut removed, mut next) = (BTreeSet::new(), last.index);
        for entry in self.entries().iter().filter(|entry| entry.index > last.index && entry.index <= commit) {
            next = next.checked_add(1).filter(|next| *next == entry.index)?;
            match entry.kind {
                EntryKind::Normal => continue,
                EntryKind::ConfChange => {}
                EntryKind::ConfChangeV2 | EntryKind::Unknown(_) => return None,
            }
            let change = entry.conf_change().ok()?;
            match change.kind {
                ConfChangeKind::AddNode if !removed.contains(&change.node_id) => {
                    voters.insert(change.node_id);
                }
                ConfChangeKind::RemoveNode => {
                    voters.remove(&change.node_id);
                    removed.insert(change.node_id);
                }
                ConfChangeKind::AddNode | ConfChangeKind::AddLearner | ConfChangeKind::UpdateNode => {}
                ConfChangeKind::Unknown(_) => return None,
            }
        }
        (next == commit).then_some(voters)
    }
}
