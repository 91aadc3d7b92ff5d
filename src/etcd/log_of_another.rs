//! Checks whether the log beside a db is of another member, or of the same member before a restore.

use super::{
    Request, Snapshot, State, boot::known_term, log_match::added, log_overlap::Overlap, request::Op, retrace::before,
};
use crate::{
    Code, Finding,
    document::Id,
    snap::{Snap, V2Store},
    source::Source,
    wal::{Entry, EntryKind, Log},
};

/// The number of the db's last entries whose changes are compared.
const COMPARED: usize = 1024;

const HINT: &str = "db and log are of different members, or one is from before a restore; --no-wal leaves out the log";

/// Contradiction between `log` and the db of `snapshot` that shows that the two do not belong together.
pub(super) fn log_of_another<'a>(snapshot: &Snapshot<'a>, source: &Source, log: &Log<'a>) -> Option<Finding> {
    let earlier = earlier_life(snapshot, source, log).or_else(|| other_term(log, &snapshot.state));
    earlier.or_else(|| other_changes(snapshot, log)).or_else(|| log_named_wrongly(snapshot, source, log))
}

/// Finding that the log in a folder that the user named does not fit as well as one has to that is named to `restore`.
fn log_named_wrongly<'a>(snapshot: &Snapshot<'a>, source: &Source, log: &Log<'a>) -> Option<Finding> {
    if !source.log_is_elsewhere() || snapshot.findings.damaged() {
        return None;
    }
    // What cannot be read of the db is reported by the check of it.
    let what = snapshot.contradicted(source, log, false).ok()??;
    let finding = Finding::warning(Code::LogOfAnother, what).hint(HINT);
    Some(match log.entries().first() {
        Some(first) => finding.file(log.file(first.segment)),
        None => finding,
    })
}

/// Finding that neither the db of `snapshot` nor a `.snap` file lists the member that wrote `log`. It is an error where
/// nothing speaks for the log: etcd, too, cannot start on the two.
///
/// A member that joins a cluster gets the entries before its own addition first: those add members that the db lists.
pub(crate) fn log_of_stranger(snapshot: &Snapshot<'_>, source: &Source, log: &Log<'_>) -> Option<Finding> {
    let state = &snapshot.state;
    let index = state.meta.consistent_index.filter(|index| *index > 0)?;
    let own = log.metadata()?.node_id;
    if state.members.is_empty() || state.has_listed(own) {
        return None;
    }
    // `etcdctl snapshot restore` of 3.4 writes the new members into the `.snap` file only.
    let snaps = source.snaps().iter().filter_map(|part| Snap::decode(part.bytes()).ok());
    let stores: Vec<_> = snaps.filter_map(|snap| V2Store::decode(&snap.store).ok()).collect();
    let known = |id: Id| {
        let stored = |store: &V2Store| store.removed.contains(&id) || store.members.iter().any(|of| of.id == id);
        state.has_listed(id) || stores.iter().any(stored)
    };
    let earlier: Vec<Id> = before(log.entries(), index).iter().filter_map(added).collect();
    let joins = || log.entries().iter().any(|entry| entry.index > index && added(entry) == Some(own));
    let is_of_cluster = earlier.iter().any(|id| known(*id));
    if known(own) || (is_of_cluster && !earlier.contains(&own)) || (earlier.is_empty() && joins()) {
        return None;
    }
    let what = format!("the log is of member {own:x}, which is not in the backup");
    // Of a damaged db a member may be lost.
    let finding = if is_of_cluster || snapshot.findings.damaged() {
        Finding::warning(Code::LogOfAnother, what).hint(HINT)
    } else {
        Finding::error(Code::LogOfAnother, format!("{what}: its entries are not applied"))
            .hint("find the log of this member (etcd's --wal-dir), or leave out the log with --no-wal")
    };
    Some(match log.entries().first() {
        Some(first) => finding.file(log.file(first.segment)),
        None => finding,
    })
}

/// Finding that the db is a restored one, and that the log, which begins with entry 1, has no record of a restore. A
/// restore writes the `.snap` file and the log's record of it together, after the log's first entries, which add the
/// members; without a restore, each entry makes one revision at most.
pub(super) fn earlier_life(snapshot: &Snapshot<'_>, source: &Source, log: &Log<'_>) -> Option<Finding> {
    let first = log.entries().first().filter(|entry| entry.index == 1)?;
    let adds = |entry: &&Entry<'_>| entry.kind == EntryKind::ConfChange;
    let added = log.entries().iter().take_while(adds).count() as u64;
    let recorded = |index: u64| log.snapshots().iter().any(|record| record.index == index);
    let snaps = source.snaps().iter().filter_map(|part| Some((part.name(), Snap::decode(part.bytes()).ok()?)));
    let unknown = |snap: &Snap| snap.index > 0 && snap.index <= added && !recorded(snap.index);
    let restored = (1..=added).any(recorded);
    let (index, head) = (snapshot.state.meta.consistent_index?, snapshot.head().ok()?);
    let what = if let Some((name, _)) = snaps.into_iter().find(|(_, snap)| unknown(snap)) {
        let name = name.rsplit('/').next().unwrap_or_default();
        format!("the db was restored, with {name}, and the log has no record of that")
    } else if !restored && head > index.saturating_add(1).try_into().unwrap_or(i64::MAX) && !may_be_migrated(log) {
        format!(
            "the db has revision {head} at entry {index}, and the log, which begins with entry 1, has no record of a restore"
        )
    } else {
        return None;
    };
    let what = format!("{what}: it is the log of this member before a restore, or of another member");
    let finding = Finding::error(Code::LogOfAnother, what).file(log.file(first.segment));
    Some(finding.hint(
        "etcd would apply that log to this db: find the log that the restore wrote (etcd's --wal-dir), or leave out the log \
         with --no-wal",
    ))
}

/// Whether the log has keys of the v2 API: keys that `etcdctl migrate` copied from there are in no entry.
fn may_be_migrated(log: &Log<'_>) -> bool {
    log.entries().iter().any(|entry| match Request::of(entry) {
        Ok(Some(Request { op: Op::V2(request), .. })) => !request.path.starts_with(b"/0/"),
        _ => false,
    })
}

/// Finding that the last entry in the db has another term in the log: raft never changes an applied entry. It is only a
/// doubt.
fn other_term(log: &Log<'_>, state: &State) -> Option<Finding> {
    let (index, term) = (state.meta.consistent_index?, known_term(state)?);
    if log.replaced().iter().any(|entry| (entry.index, entry.term) == (index, term)) {
        return None;
    }
    let at = log.entries().binary_search_by_key(&index, |entry| entry.index).ok()?;
    let entry = log.entries().get(at).filter(|entry| entry.term != term)?;
    let what =
        format!("entry {index}, the last in the db, has term {} in the log, but term {term} in the db", entry.term);
    let finding = Finding::warning(Code::LogOfAnother, what).file(log.file(entry.segment)).at(entry.offset);
    Some(finding.hint(HINT))
}

/// Finding that the last entries that the db holds write something else than it holds. It is only a doubt: a db that
/// was edited shows the same.
fn other_changes<'a>(snapshot: &Snapshot<'a>, log: &Log<'a>) -> Option<Finding> {
    let index = snapshot.state.meta.consistent_index?;
    if snapshot.findings.damaged() {
        return None;
    }
    let entries = before(log.entries(), index);
    let entries = entries.get(entries.len().saturating_sub(COMPARED)..)?;
    let (last, head) = (entries.last()?, snapshot.head().ok()?);
    let what = Overlap::of(snapshot, log, entries, head).contradiction()?;
    Some(Finding::warning(Code::LogOfAnother, what).file(log.file(last.segment)).hint(HINT))
}
