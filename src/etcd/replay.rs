//! What the log of a data directory holds that its db does not.

use crate::{
    Findings,
    etcd::State,
    source::Part,
    wal::{Log, Segment, Unapplied},
};

/// How many entries of the log etcd would still apply to the db when it starts, and how many it may not: those past
/// what the last HardState on disk commits, when several members vote. What is wrong with the log goes to `findings`.
///
/// With one voter every intact entry counts, as etcd itself takes it: it elects itself and commits its whole log.
pub fn unapplied(wal: &[Part], state: &State, findings: &mut Findings) -> Unapplied {
    let segments: Vec<_> = wal.iter().map(|part| Segment { name: part.name(), bytes: part.bytes() }).collect();
    let log = Log::read(&segments, findings);
    let itself = log.metadata().map(|metadata| metadata.node_id);
    let alone = match log.voters() {
        Some(voters) => itself.is_some_and(|id| voters.len() == 1 && voters.contains(&id)),
        // The log's first entries are purged: the members bucket is as near as one gets.
        None => state.members.iter().filter(|member| !member.is_learner).count() == 1,
    };
    let voters = if alone { 1 } else { state.members.len().max(2) };
    log.unapplied(state.meta.consistent_index.unwrap_or(0), voters)
}
