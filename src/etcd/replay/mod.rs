//! Entries of a data directory's log that its db does not hold, applied to the db's state as etcd does when it starts.
//!
//! ```text
//! Log ─> which entries count ─> NamedInLog: their keys, leases ─> NamedInDb: the same in the db ─┐
//!   ┌────────────────────────────────────────────────────────────────────────────────────────────┘
//!   └─> Applier: entry by entry ─> AddedRecords, State, Edits
//! ```
//!
//! `apply` keys and alarms · `txn` transactions · `leases` · `rights` permissions · `auth` users and roles · `members`
//! the cluster.
//!
//! Mirrors `server/etcdserver/{server.go,apply,txn}`, `server/{auth,lease}` and `membership` of `go.etcd.io/etcd`.

mod applier;
mod apply;
mod auth;
mod context;
mod edits;
mod leases;
mod members;
mod named;
mod replayed;
mod rights;
#[cfg(test)]
mod tests;
mod txn;

pub use replayed::Replayed;
pub(super) use {context::context, edits::Edits};

use self::{applier::Applier, named::NamedInLog};
use super::{
    Load, Request, Snapshot, State, Uncommitted,
    added::AddedRecords,
    log_of_another::log_of_another,
    request::{AuthOp, Op},
    state::StoredUser,
};
use crate::{
    Code, Error, Finding, Findings, Result,
    bytes::counted,
    source::Source,
    wal::{Entry, Log, Segment},
};

const AHEAD: &str = "db and log were copied at different times: etcd would accept no write until its log reaches this entry; --no-wal shows the db alone, and restore --no-wal makes a member from it";

/// The log of a data directory.
pub(crate) fn read_log<'a>(source: &'a Source, findings: &mut Findings) -> Log<'a> {
    let segments: Vec<_> = source.wal().iter().map(Segment::from).collect();
    Log::read(&segments, findings)
}

/// Applies the log of `source` to `snapshot`, as far as `load` asks for.
pub(super) fn replay<'a>(
    snapshot: &mut Snapshot<'a>,
    source: &'a Source,
    log: &Log<'a>,
    load: &Load,
) -> Result<Replayed> {
    let consistent_index = snapshot.state.meta.consistent_index.unwrap_or(0);
    let pending = log.pending(consistent_index, voters(log, &snapshot.state));
    let (unapplied, from) = (pending.counts(), consistent_index);
    let mut replayed = Replayed { unapplied, from, index: from, ..Replayed::default() };
    if !load.wal {
        return Ok(replayed);
    }
    let another = log_of_another(snapshot, source, log);
    snapshot.findings.push_all(another);
    let recorded = log.newest_snapshot().map_or(0, |record| record.index);
    let last = log.entries().last().map_or(0, |entry| entry.index).max(recorded);
    if consistent_index > last {
        let what = format!("the db holds the entries up to {consistent_index}, but the log ends at {last}");
        snapshot.findings.push(Finding::error(Code::DbAhead, what).hint(AHEAD));
    }
    if pending.lost > 0 {
        let what =
            format!("{} of the log cannot be reached: entries before are missing", counted(pending.lost, "entry"));
        snapshot.findings.push(Finding::error(Code::LogGap, what));
    }
    let kept = if load.uncommitted == Some(Uncommitted::Keep) { pending.unsure } else { &[] };
    let mut entries: Vec<&Entry<'a>> = pending.sure.iter().chain(kept).collect();
    if let Some(to) = load.to_index {
        let first = consistent_index;
        let last = entries.last().map_or(first, |entry| entry.index);
        if to < first || to > last {
            let what = format!("{}: it cannot be read up to entry {to}", source.name());
            let more = pending.unsure.last().filter(|entry| entry.index > last);
            let more = more.map_or(String::new(), |end| format!("; with --uncommitted keep to {}", end.index));
            let hint = Some(format!("the db holds the entries up to {first}, the log continues to {last}{more}"));
            return Err(Error::not_found(what).hinted_if(hint));
        }
        entries.truncate(entries.partition_point(|entry| entry.index <= to));
    }
    if entries.is_empty() {
        return Ok(replayed);
    }
    let (entries, panic) = decode(entries);
    let committed = pending.sure.len() as u64;
    let halt = apply(snapshot, source, &entries, load.to_revision, &mut replayed)?;
    replayed.uncommitted = replayed.applied.saturating_sub(committed);
    if let Some((entry, what)) = halt.or(panic) {
        let finding = Finding::error(Code::LogEntry, what).file(log.file(entry.segment)).at(entry.offset);
        snapshot.findings.push(finding.hint("the log's later entries are left out"));
    }
    Ok(replayed)
}

/// The number of voters, as far as it matters: whether the member is the only one.
fn voters(log: &Log<'_>, state: &State) -> usize {
    let itself = log.metadata().map(|metadata| metadata.node_id);
    let alone = match log.voters() {
        Some(voters) => itself.is_some_and(|id| voters.len() == 1 && voters.contains(&id)),
        // The log's first entries are purged: only the bucket `members` is left.
        None => {
            let mut voters = state.members.iter().filter(|member| !member.is_learner).map(|member| member.id);
            voters.next().is_some_and(|voter| itself == Some(voter)) && voters.next().is_none()
        }
    };
    if alone { 1 } else { state.members.len().max(2) }
}

type Halt<'a> = (Entry<'a>, String);

/// Decodes the requests of the entries, up to the first that cannot be read.
fn decode<'a>(entries: Vec<&Entry<'a>>) -> (Vec<(Entry<'a>, Option<Request<'a>>)>, Option<Halt<'a>>) {
    let mut decoded = Vec::new();
    for entry in entries {
        match Request::of(entry) {
            Ok(request) => decoded.push((*entry, request)),
            Err(malformed) => {
                let what = format!("etcd panics when it applies entry {}: {malformed}", entry.index);
                return (decoded, Some((*entry, what)));
            }
        }
    }
    (decoded, None)
}

/// Applies the entries to the snapshot, up to the revision `to`; returns the entry that etcd would panic on.
fn apply<'a>(
    snapshot: &mut Snapshot<'a>,
    source: &'a Source,
    entries: &[(Entry<'a>, Option<Request<'a>>)],
    to: Option<i64>,
    replayed: &mut Replayed,
) -> Result<Option<Halt<'a>>> {
    let requests = || entries.iter().filter_map(|(_, request)| request.as_ref());
    let auth = snapshot.state.auth.enabled || requests().any(|request| request.op == Op::Auth(AuthOp::Enable));
    let mut named = NamedInLog::default();
    requests().for_each(|request| named.add(&request.op, auth));
    let mut applier = Applier::new(snapshot, named.find(snapshot), source.spool());
    let (mut halt, mut last) = (None, None);
    for (entry, request) in entries {
        if to.is_some_and(|to| applier.revision >= to) {
            break;
        }
        if let Err(what) = applier.apply(entry, request.as_ref()) {
            halt = Some((*entry, what));
            break;
        }
        replayed.applied = replayed.applied.saturating_add(1);
        last = Some(entry);
    }
    replayed.revision = Some(applier.revision);
    if let Some(last) = last {
        replayed.index = last.index;
        applier.reached(last.index, last.term);
    }
    let Applier { mut state, edits, log_records, leases, users, findings, .. } = applier;
    if edits.buckets().any(|bucket| bucket == "authUsers") {
        state.auth.users = users.values().map(StoredUser::user).collect();
    }
    snapshot.findings.append(findings);
    snapshot.state = State { leases: leases.into_values().collect(), ..state };
    snapshot.edits = edits;
    snapshot.keyspace.log_records = AddedRecords::new(source.keep(log_records.finish()?)?);
    snapshot.keyspace.scheduled = snapshot.state.meta.scheduled_compact_rev;
    Ok(halt)
}
