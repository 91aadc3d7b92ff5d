//! A member's log and `.snap`: the cluster was made by adding each member, and a snapshot was taken then.

use super::cluster::{NewCluster, NewMember};
use crate::{
    document::Id,
    etcd::state::Member,
    snap::{Snap, StoreMember, store},
    wal::{self, ConfChange, ConfChangeKind, ConfState, HardState, Metadata},
};

/// The term of everything that a restore writes.
const TERM: u64 = 1;

/// The voters and learners.
pub(super) fn conf_state(cluster: &NewCluster) -> ConfState {
    let ids = |learner| {
        let of_kind = cluster.members.iter().filter(move |member| member.is_learner == learner);
        of_kind.map(|member| member.id).collect()
    };
    ConfState { voters: ids(false), learners: ids(true), ..ConfState::default() }
}

/// The hard state: the first voter was voted for, and all of the log is committed.
pub(super) fn hard_state(cluster: &NewCluster) -> HardState {
    let vote = cluster.members.iter().find(|member| !member.is_learner).map_or(Id::NONE, |member| member.id);
    HardState { term: TERM, vote, commit: cluster.members.len() as u64 }
}

/// The log of `member`.
pub(super) fn log(cluster: &NewCluster, member: &NewMember) -> Vec<u8> {
    let mut log = wal::Writer::begin(&Metadata { node_id: member.id, cluster_id: cluster.id });
    for (index, member) in (1..).zip(&cluster.members) {
        let context = Member::from(member).json();
        let kind = if member.is_learner { ConfChangeKind::AddLearner } else { ConfChangeKind::AddNode };
        log.conf_change(TERM, index, &ConfChange { kind, node_id: member.id, context: &context });
    }
    let state = hard_state(cluster);
    log.state(&state);
    log.snapshot(TERM, state.commit, Some(&conf_state(cluster)));
    log.finish()
}

/// The `.snap`, the same for all members.
pub(super) fn snap(cluster: &NewCluster) -> Snap {
    let members: Vec<_> = cluster
        .members
        .iter()
        .map(|member| StoreMember { id: member.id, peer_urls: &member.peer_urls, is_learner: member.is_learner })
        .collect();
    let commit = hard_state(cluster).commit;
    Snap { index: commit, term: TERM, conf_state: conf_state(cluster), store: store(&members) }
}
