//! What changed, by minute, and the last changes.

use std::collections::{BTreeMap, VecDeque};

use super::names::is_hidden;
use crate::{
    Findings,
    diff::{Change, Detail, Diff, Ignore, Verb, changes},
    k8s::{Gap, Key, ManagedFields, Mask},
    objects::Cluster,
};

/// The most changes in the list.
const LISTED: usize = 500;

/// The most that are looked at for it, beside renewals of Leases: not all of them are listed.
const LOOKED_AT: usize = 5000;

/// The most bars of the chart.
const BARS: usize = 120;

/// A change in the list: revision, time, verb, object, namespace, program, and how much later than the time it was
/// written at most. Time and program are as `timeline` prints them.
pub(crate) type Listed = (i64, String, String, String, String, String, String);

/// What changed in the time that the backup holds.
#[derive(Debug, Default)]
pub struct Changes {
    /// A minute, and how much was created, updated and deleted in it; several minutes together where there are many.
    pub minutes: Vec<(String, u64, u64, u64)>,
    /// The last changes, the newest first.
    pub last: Vec<Listed>,
    /// What is not listed.
    pub note: Option<String>,
}

impl Changes {
    /// Reads all changes of the backup.
    #[must_use]
    pub fn of(cluster: &Cluster<'_>, mask: &Mask) -> Self {
        Self::among(cluster, mask, LOOKED_AT)
    }

    /// The same, with a list of what counts among the last `looked_at` changes.
    fn among(cluster: &Cluster<'_>, mask: &Mask, looked_at: usize) -> Self {
        let clock = cluster.clock();
        let mut minutes = BTreeMap::<String, [u64; 3]>::new();
        let (mut last, mut all) = (VecDeque::new(), 0_u64);
        let ignore = Ignore { all: false, status: true, events: true, paths: Vec::new() };
        let diff = Diff {
            old: cluster,
            new: cluster,
            ignore: &ignore,
            mask,
            raw: false,
            managed_fields: ManagedFields::Names,
        };
        // On a busy cluster most changes are of this kind: they would take the place of all others.
        let is_renewal = |change: &Change<'_>, gap: Gap| {
            let key = Key::new(change.key());
            let is_lease = key.object().is_some_and(|object| object.resource == "leases");
            ignore.key(&key).is_some()
                || is_lease && change.old.is_some() && Detail::new(*change, &diff, gap, false).is_quiet()
        };
        // The findings are the cluster's, and nothing fails.
        let _: Result<(), ()> = changes(
            cluster.snapshot,
            &mut Findings::default(),
            |_| true,
            |wave| {
                for change in wave {
                    let gap = clock.gap(change.record.revision.main);
                    if let Some(after) = gap.after {
                        let minute: String = after.to_string().chars().take("2026-11-21T02:04".len()).collect();
                        let at = match change.verb() {
                            Verb::Create => 0,
                            Verb::Update | Verb::Put => 1,
                            Verb::Delete => 2,
                        };
                        if let Some(count) = minutes.entry(minute).or_default().get_mut(at) {
                            *count = count.saturating_add(1);
                        }
                    }
                    if is_renewal(&change, gap) {
                        continue;
                    }
                    all = all.saturating_add(1);
                    if last.len() >= looked_at {
                        last.pop_front();
                    }
                    last.push_back(change);
                }
                Ok(())
            },
        );
        let row = |change: Change<'_>| {
            let revision = change.record.revision.main;
            let key = Key::new(change.key());
            let namespace = key.object().and_then(|object| object.namespace).unwrap_or("-").to_owned();
            let pair = change.pair();
            let value = pair.new.or(pair.old).map(|kv| kv.value);
            let name = key.object().filter(|_| is_hidden(change.key(), value, &cluster.ring));
            let hidden = name.and_then(|object| mask.bytes(object.name.as_bytes()));
            let detail = Detail::new(change, &diff, clock.gap(revision), false);
            if detail.is_quiet() {
                return None;
            }
            let name = detail.name();
            let kind = name.split_once('/').map_or("", |(kind, _)| kind);
            let name = hidden.map_or_else(|| name.clone(), |hidden| format!("{kind}/{hidden}"));
            let manager = detail.writer.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let [time, within] = detail.gap.cells();
            Some((revision, time, detail.verb().to_owned(), name, namespace, manager, within))
        };
        let beyond = all > last.len() as u64;
        let mut last: Vec<_> = last.into_iter().rev().filter_map(row).take(LISTED.saturating_add(1)).collect();
        let note = match last.len() > LISTED {
            true => Some(format!("Only the last {LISTED} changes are listed.")),
            false if beyond => Some(format!(
                "The list of changes is from the last {looked_at} of {all} changes; those that change nothing but \
                 ignored fields are left out."
            )),
            false => None,
        };
        last.truncate(LISTED);
        let width = minutes.len().div_ceil(BARS).max(1);
        let all: Vec<_> = minutes.into_iter().collect();
        let sum = |minutes: &[(String, [u64; 3])]| {
            let name = minutes.first().map_or_else(String::new, |(minute, _)| minute.clone());
            let count = |at: usize| {
                minutes.iter().filter_map(|(_, counts)| counts.get(at)).fold(0_u64, |sum, n| sum.saturating_add(*n))
            };
            (name, count(0), count(1), count(2))
        };
        Self { minutes: all.chunks(width).map(sum).collect(), last, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        etcd::{Load, Snapshot},
        k8s::Ring,
        objects::At,
        source::{Options, Source},
    };

    #[test]
    fn renewals_take_no_place_of_other_changes() {
        let source = Source::open("fixtures/kube.db".as_ref(), &Options::default()).unwrap();
        let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
        let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let all = Changes::of(&cluster, &Mask::reveal());
        assert_eq!(all.note, None);
        let some = Changes::among(&cluster, &Mask::reveal(), 5);
        let revisions: Vec<_> = some.last.iter().map(|change| change.0).collect();
        assert_eq!(revisions, [451, 450, 446, 445, 444]);
        assert!(some.note.is_some_and(|note| note.contains("from the last 5 of ")), "{revisions:?}");
    }
}
