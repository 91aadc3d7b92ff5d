//! Checks whether the log beside a db is of another member, or of the same member before a restore.

use super::{Request, Snapshot, State, boot::known_term, request::Op};
use crate::{
    Code, Finding,
    snap::Snap,
    source::Source,
    wal::{Entry, EntryKind, Log},
};

/// Contradiction between `log` and the db of `snapshot` that shows that the two do not belong together.
pub(super) fn log_of_another(snapshot: &Snapshot<'_>, source: &Source, log: &Log<'_>) -> Option<Finding> {
    earlier_life(snapshot, source, log).or_else(|| other_term(log, &snapshot.state))
}

/// Finding that the db is a restored one, and that the log, which begins with entry 1, has no record of a restore. A
/// restore writes the `.snap` file and the log's record of it together, after the log's first entries, which add the
/// members; without a restore, each entry makes one revision at most.
fn earlier_life(snapshot: &Snapshot<'_>, source: &Source, log: &Log<'_>) -> Option<Finding> {
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
    let at = log.entries().binary_search_by_key(&index, |entry| entry.index).ok()?;
    let entry = log.entries().get(at).filter(|entry| entry.term != term)?;
    let what =
        format!("entry {index}, the last in the db, has term {} in the log, but term {term} in the db", entry.term);
    let finding = Finding::warning(Code::LogOfAnother, what).file(log.file(entry.segment)).at(entry.offset);
    Some(
        finding
            .hint("db and log are of different members, or one is from before a restore; --no-wal leaves out the log"),
    )
}
