//! Whether the log beside a db is of another member, or of another life of it: from before a restore.

use super::{Request, Snapshot, State, boot::known_term, request::Op};
use crate::{
    Code, Finding,
    snap::Snap,
    source::Source,
    wal::{Entry, EntryKind, Log},
};

/// What contradicts that `log` is the one of the db that `snapshot` was opened from.
pub(super) fn log_of_another(snapshot: &Snapshot<'_>, source: &Source, log: &Log<'_>) -> Option<Finding> {
    earlier_life(snapshot, source, log).or_else(|| other_term(log, &snapshot.state))
}

/// That the db is a restored one, and the log, which is there from its first entry on, knows of no restore. A restore
/// makes the `.snap` file and the log's record of it together, where the log's first entries, which add the members, end;
/// without one, each entry leads to one revision at most.
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
            "the db has revision {head} at entry {index}, and the log, which begins with entry 1, knows of no restore"
        )
    } else {
        return None;
    };
    let what = format!("{what}: it is the log of another life of this member, or of another one");
    let finding = Finding::error(Code::LogOfAnother, what).file(log.file(first.segment));
    Some(finding.hint(
        "etcd would apply that log to this db: find the log that the restore has written (etcd's --wal-dir), or leave the log \
         out with --no-wal",
    ))
}

/// Whether there are keys of the v2 API: what was migrated from there (`etcdctl migrate`) is in no entry.
fn may_be_migrated(log: &Log<'_>) -> bool {
    log.entries().iter().any(|entry| match Request::of(entry) {
        Ok(Some(Request { op: Op::V2(request), .. })) => !request.path.starts_with(b"/0/"),
        _ => false,
    })
}

/// That the last entry in the db is another one in the log: raft never changes what was applied. No more than a doubt.
fn other_term(log: &Log<'_>, state: &State) -> Option<Finding> {
    let (index, term) = (state.meta.consistent_index?, known_term(state)?);
    let at = log.entries().binary_search_by_key(&index, |entry| entry.index).ok()?;
    let entry = log.entries().get(at).filter(|entry| entry.term != term)?;
    let what =
        format!("entry {index}, the last in the db, is of term {} in the log, but the db has it of {term}", entry.term);
    let finding = Finding::warning(Code::LogOfAnother, what).file(log.file(entry.segment)).at(entry.offset);
    Some(finding.hint("db and log are not of one member, or not of one life of it; --no-wal leaves the log out"))
}
