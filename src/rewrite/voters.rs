//! Members and voters: raft has them in the log, the db in its bucket `members`, and the two may differ.
//!
//! etcd 3.5 may forget in the db that a learner was promoted; raft is right then, as 3.6 has it when it starts
//! (`RaftCluster.SyncLearnerPromotionIfNeeded`). 3.7 starts from the db's members, the others from raft's.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error, Result,
    document::Id,
    etcd::{State, state::Member},
    snap::Snap,
    source::Source,
    wal::{ConfChange, ConfChangeKind, ConfState, EntryKind, Log},
};

/// The members that raft knows at the entry `index`, and whether each is a learner: those of the last snapshot, changed
/// by the entries after it (`GetEffectiveNodeIDsFromWALEntries`). The db's `state` at that entry shows which additions
/// etcd refused.
pub(super) fn known(source: &Source, log: &Log<'_>, index: u64, state: &State) -> BTreeMap<Id, bool> {
    let mut ids = BTreeMap::new();
    let last = log.snapshots().iter().filter(|snapshot| snapshot.index <= index).max_by_key(|snapshot| snapshot.index);
    let from = last.map_or(0, |snapshot| snapshot.index);
    if let Some(snapshot) = last {
        // Before 3.5 only the `.snap` file has the voters.
        let file = || -> Option<ConfState> {
            let snaps = source.snaps().iter().filter_map(|part| Snap::decode(part.bytes()).ok());
            let mut same = snaps.filter(|snap| (snap.index, snap.term) == (snapshot.index, snapshot.term));
            same.next().map(|snap| snap.conf_state)
        };
        let conf_state = snapshot.voters().or_else(file).unwrap_or_default();
        ids.extend(conf_state.voters.into_iter().map(|id| (id, false)));
        ids.extend(conf_state.learners.into_iter().map(|id| (id, true)));
    }
    let mut taken: BTreeMap<Id, Vec<String>> =
        state.members.iter().map(|member| (member.id, member.peer_urls.clone())).collect();
    let mut removed = BTreeSet::new();
    let entries = log.entries().iter().filter(|entry| entry.index > from && entry.index <= index);
    for change in entries.filter(|entry| entry.kind == EntryKind::ConfChange).filter_map(|e| e.conf_change().ok()) {
        let id = change.node_id;
        match change.kind {
            ConfChangeKind::AddNode | ConfChangeKind::AddLearner => {
                if !removed.contains(&id) && !is_refused(&change, state, &mut taken) {
                    ids.insert(id, change.kind == ConfChangeKind::AddLearner);
                }
            }
            ConfChangeKind::RemoveNode => {
                ids.remove(&id);
                taken.remove(&id);
                removed.insert(id);
            }
            ConfChangeKind::UpdateNode | ConfChangeKind::Unknown(_) => {}
        }
    }
    ids
}

/// Whether etcd refused an addition: of a URL that is `taken`, or the promotion of an unknown member
/// (`ValidateConfigurationChange`). It did not where the db lists the member.
fn is_refused(change: &ConfChange<'_>, state: &State, taken: &mut BTreeMap<Id, Vec<String>>) -> bool {
    let urls = serde_json::from_slice(change.context).map_or(Vec::new(), |member: Member| member.peer_urls);
    let is_listed = state.member(change.node_id).is_some() || state.removed.contains(&change.node_id);
    let refused = !is_listed && (urls.is_empty() || taken.values().flatten().any(|url| urls.contains(url)));
    if !refused {
        taken.entry(change.node_id).or_insert(urls);
    }
    refused
}

/// The members of the db, as voters or learners by `raft` where raft has them.
pub(super) fn voting(db: &State, raft: &BTreeMap<Id, bool>) -> Vec<Member> {
    let votes = |member: &Member| {
        let is_learner = raft.get(&member.id).copied().unwrap_or(member.is_learner);
        Member { is_learner, ..member.clone() }
    };
    db.members.iter().map(votes).collect()
}

/// As [`voting`], when db and raft agree on the members, apart from promotions that only raft has.
///
/// # Errors
/// When they do not agree.
pub(super) fn agreed(source: &Source, db: &State, raft: &BTreeMap<Id, bool>) -> Result<Vec<Member>> {
    let only_raft = raft.keys().find(|id| db.member(**id).is_none()).map(|id| (*id, "raft has it, the db does not"));
    let odd = || {
        db.members.iter().find_map(|member| match raft.get(&member.id) {
            None => Some((member.id, "the db has it, raft does not")),
            Some(true) if !member.is_learner => Some((member.id, "it is a voter in the db, but not in raft")),
            Some(_) => None,
        })
    };
    let Some((id, why)) = only_raft.or_else(odd) else { return Ok(voting(db, raft)) };
    let what = format!("{}: the log and the db do not agree on member {id:x}: {why}", source.name());
    let hint = "`etcdsnap verify` shows both; `etcdsnap restore` makes a new cluster with its data";
    Err(Error::refused(what).hinted(hint))
}
