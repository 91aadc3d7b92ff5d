//! Several backups of one cluster, and an object's records in all of them.

use std::collections::BTreeMap;

use etcdsnap::{
    Error, Result,
    etcd::{Range, Record, Revision, Snapshot, View},
    k8s::{Clock, Gap, Resources, Ring, identity},
    select::{Selection, resources},
    source::Source,
};

use crate::args::Keys;

/// One backup.
pub(super) struct Backup<'s> {
    pub(super) source: &'s Source,
    pub(super) snapshot: Snapshot<'s>,
    pub(super) view: View<'s>,
    pub(super) ring: Ring,
    pub(super) resources: Resources,
    pub(super) clock: Clock,
}

/// A record, and which of the backups it is from.
#[derive(Debug, Clone)]
pub(super) struct Stored<'s> {
    pub(super) record: Record<'s>,
    pub(super) backup: usize,
    /// Which of them hold it.
    held: Vec<usize>,
}

impl<'s> Backup<'s> {
    pub(super) fn new(source: &'s Source, snapshot: Snapshot<'s>, keys: &Keys) -> Result<Self> {
        let view = snapshot.view(None, &Range::ALL)?;
        let mut ring = keys.ring()?;
        ring.learn(view.iter());
        let (clock, resources) = (Clock::of(&snapshot, &ring), resources(&view, &ring));
        Ok(Self { source, snapshot, view, ring, resources, clock })
    }

    /// The revisions that it holds whole.
    pub(super) fn window(&self) -> (i64, i64) {
        (self.snapshot.keyspace.compacted().saturating_add(1).max(1), self.view.head)
    }
}

/// When `revision` was written, by the clock that knows best.
pub(super) fn gap(backups: &[Backup<'_>], revision: i64) -> Gap {
    let gaps = backups.iter().map(|backup| backup.clock.gap(revision));
    gaps.min_by_key(|gap| (gap.after.is_none(), gap.width().unwrap_or(i128::MAX))).unwrap_or_default()
}

/// The objects that `what` names in any of the backups: a kind may be defined in some of them only.
pub(super) fn select(what: &[String], namespace: Option<&str>, backups: &[Backup<'_>]) -> Result<Selection> {
    let mut selections = backups.iter().map(|backup| Selection::new(what, namespace, &backup.resources));
    let first = selections.next().unwrap_or_else(|| Ok(Selection::default()));
    let selection = first.or_else(|error| selections.find_map(Result::ok).ok_or(error))?;
    if selection.names().is_empty() {
        let what = "history takes an object: KIND/NAME".to_owned();
        let hint = Some("`timeline` shows what was done to all".to_owned());
        return Err(Error::usage(what).hinted_if(hint));
    }
    Ok(selection)
}

/// The records of the keys that are `wanted`, by key, in order of their revisions.
///
/// # Errors
/// When the backups are not of one cluster, or it was restored in between: what one holds of a revision the other must
/// hold too, if it holds that revision at all.
pub(super) fn find<'s>(
    backups: &[Backup<'s>],
    wanted: impl Fn(&[u8]) -> bool + Sync,
) -> Result<BTreeMap<&'s [u8], Vec<Stored<'s>>>> {
    let known = |backup: &Backup<'_>| Some((backup.source.name().to_owned(), identity(&backup.view, &backup.ring)?));
    let identities: Vec<_> = backups.iter().filter_map(known).collect();
    if let Some(((name, _), (other, _))) =
        identities.iter().zip(identities.iter().skip(1)).find(|((_, a), (_, b))| a != b)
    {
        let what = format!("{name} and {other} are not of the same cluster");
        return Err(Error::not_found(what).hinted("kube-system has another uid there"));
    }
    let mut found: BTreeMap<&[u8], BTreeMap<Revision, Stored<'s>>> = BTreeMap::new();
    for (at, backup) in backups.iter().enumerate() {
        for record in backup.snapshot.records(&wanted) {
            let first = || Stored { record, backup: at, held: Vec::new() };
            let stored = found.entry(record.kv.key).or_default().entry(record.revision).or_insert_with(first);
            if stored.record.message != record.message {
                return Err(restored(backups, stored.backup, at, record.revision));
            }
            stored.held.push(at);
        }
    }
    for stored in found.values().flat_map(BTreeMap::values) {
        let main = stored.record.revision.main;
        let lacks = |(at, backup): &(usize, &Backup<'_>)| {
            let (first, last) = backup.window();
            (first..=last).contains(&main) && !stored.held.contains(at) && !backup.view.findings.damaged()
        };
        if let Some((at, _)) = backups.iter().enumerate().find(lacks) {
            return Err(restored(backups, stored.backup, at, stored.record.revision));
        }
    }
    Ok(found.into_iter().map(|(key, records)| (key, records.into_values().collect())).collect())
}

fn restored(backups: &[Backup<'_>], one: usize, other: usize, revision: Revision) -> Error {
    let name = |at: usize| backups.get(at).map_or("", |backup| backup.source.name());
    let (one, other) = (name(one), name(other));
    Error::not_found(format!(
        "{one} and {other} hold different things at revision {revision}: the cluster was restored in between"
    ))
    .hinted("ask each for its own history")
}
