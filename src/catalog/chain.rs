//! How a backup joins a lineage, key by key: whether it continues what is known, and what that changes.
//!
//! `heads` are the last revisions of the backups of a lineage, ascending, `head` that of the backup that is added,
//! `seen` the version of the key in it, `runs` the versions of the key that are known.

use std::collections::BTreeSet;

use super::version::{OPEN, Version};

/// The backups of a lineage that contradict one that is added: all whose last revision is from `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conflict {
    first: i64,
    last: i64,
}

impl Conflict {
    /// Whether a backup is one of them, by its last revision.
    pub(super) fn has(&self, head: i64) -> bool {
        (self.first..=self.last).contains(&head)
    }

    /// Those that are in one of the two.
    pub(super) fn with(self, other: Option<Self>) -> Self {
        other.map_or(self, |of| Self { first: self.first.min(of.first), last: self.last.max(of.last) })
    }
}

/// The backups that contradict the new one, by what is known of one key.
///
/// The states of a lineage can each follow the one before, and what can follow a state can follow all before it. So of
/// the backups before the new one the last ones contradict it, and of those after it the first ones.
pub(super) fn conflict(heads: &[i64], runs: &[Version], seen: Option<&Version>, head: i64) -> Option<Conflict> {
    let (before, after) = heads.split_at(heads.partition_point(|have| *have < head));
    let can_precede = |have: &i64| can_follow(seen, at(runs, *have), *have);
    let before = match before.last().is_none_or(can_precede) {
        true => &[],
        false => before.get(before.partition_point(can_precede)..).unwrap_or_default(),
    };
    // One of the same revision, and the next.
    let contradicts = |have: &i64| match at(runs, *have) {
        known if *have == head => !is_same(seen, known),
        known => !can_follow(known, seen, head),
    };
    let after = match after.first().is_some_and(contradicts) || after.get(1).is_some_and(contradicts) {
        false => &[],
        true => after.get(..after.partition_point(|have| *have == head || contradicts(have))).unwrap_or_default(),
    };
    let ends = |part: &[i64]| Some(Conflict { first: *part.first()?, last: *part.last()? });
    match (ends(before), ends(after)) {
        (Some(before), after) => Some(before.with(after)),
        (None, after) => after,
    }
}

/// Of which lineages a part is one of its own together with a backup that is added: those of which `parts` holds the
/// backups that do not contradict it, unless all of these are in another part. `true`: it contradicts none, and joins.
///
/// So the lineages are all the longest rows of backups of which each can follow the one before, in whatever order they
/// are added.
pub(super) fn forks<Id: Ord>(parts: &[(BTreeSet<Id>, bool)]) -> Vec<usize> {
    let is_within = |(at, part): (usize, &BTreeSet<Id>)| {
        parts.iter().enumerate().any(|(other, (all, joins))| {
            let is_first = *joins || all.len() > part.len() || other < at;
            other != at && is_first && part.is_subset(all)
        })
    };
    let parts = parts.iter().enumerate().filter(|(_, (part, joins))| !joins && !part.is_empty());
    parts.filter(|(at, (part, _))| !is_within((*at, part))).map(|(at, _)| at).collect()
}

/// Whether the state `later` of a key can follow `earlier`, its state at the revision `head`.
fn can_follow(later: Option<&Version>, earlier: Option<&Version>, head: i64) -> bool {
    match later {
        Some(later) if later.mod_revision <= head => is_same(Some(later), earlier),
        Some(later) => later.generation().can_follow(earlier.map(Version::generation), head),
        None => true,
    }
}

fn is_same(one: Option<&Version>, other: Option<&Version>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.is_same(other),
        (None, None) => true,
        _ => false,
    }
}

/// The versions of a key after a backup joined a lineage that it does not contradict; `None` where nothing changes.
/// `newest` is the greatest of `heads`.
pub(super) fn merged(newest: Option<i64>, runs: &[Version], seen: Option<&Version>, head: i64) -> Option<Vec<Version>> {
    let is_newest = newest.is_none_or(|newest| newest < head);
    let mut after = runs.to_vec();
    let mut changed = false;
    for run in &mut after {
        match seen.filter(|seen| seen.mod_revision == run.mod_revision) {
            Some(seen) => {
                if run.learns(seen) {
                    (run.content, run.uid, run.facts) = (seen.content, seen.uid, seen.facts);
                    changed = true;
                }
                if run.last < head {
                    run.last = head;
                    changed = true;
                }
            }
            None if is_newest && run.last == OPEN => {
                run.last = newest.unwrap_or(head);
                changed = true;
            }
            None => {}
        }
    }
    if let Some(seen) = seen
        && let Err(at) = after.binary_search_by_key(&seen.mod_revision, |run| run.mod_revision)
    {
        let last = if is_newest || newest == Some(head) { OPEN } else { head };
        after.insert(at, Version { last, ..seen.clone() });
        changed = true;
    }
    changed.then_some(after)
}

/// The versions of a key in those backups of a lineage whose last revisions are `heads`.
pub(super) fn within(runs: &[Version], heads: &[i64]) -> Vec<Version> {
    let last = |run: &Version| {
        let until = heads.partition_point(|head| *head <= run.last);
        heads.get(..until)?.last().copied().filter(|last| run.mod_revision <= *last)
    };
    let newest = heads.last().copied();
    let held = runs.iter().filter_map(|run| Some((run, last(run)?)));
    held.map(|(run, last)| Version { last: if Some(last) == newest { OPEN } else { last }, ..run.clone() }).collect()
}

/// The version of a key in the backup whose last revision is `head`.
pub(super) fn at(runs: &[Version], head: i64) -> Option<&Version> {
    let before = runs.partition_point(|run| run.mod_revision <= head);
    runs.get(before.checked_sub(1)?).filter(|run| head <= run.last)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::catalog::version::tests::version;

    type State = BTreeMap<u8, Version>;
    type Rows = BTreeMap<u8, Vec<Version>>;

    /// Revision, value and last revision of a version.
    type Run = (i64, u8, i64);

    /// A lineage in memory, as the writer keeps it in the file.
    #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
    struct Lineage {
        heads: Vec<i64>,
        rows: Vec<(u8, Vec<Run>)>,
    }

    #[derive(Debug, Clone, Default)]
    struct Known {
        heads: Vec<i64>,
        ids: BTreeSet<(i64, String)>,
        rows: Rows,
    }

    fn add(all: &mut Vec<Known>, head: i64, state: &State) {
        let keys = |known: &Known| -> Vec<u8> {
            let mut keys: Vec<u8> = known.rows.keys().chain(state.keys()).copied().collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let id = format!("{:?}", state.iter().map(|(key, of)| (key, of.mod_revision, of.stored)).collect::<Vec<_>>());
        let join = |known: &mut Known| {
            for key in keys(known) {
                let runs = known.rows.get(&key).cloned().unwrap_or_default();
                if let Some(after) = merged(known.heads.last().copied(), &runs, state.get(&key), head) {
                    known.rows.insert(key, after);
                }
            }
            if let Err(at) = known.heads.binary_search(&head) {
                known.heads.insert(at, head);
            }
            known.ids.insert((head, id.clone()));
        };
        let conflict = |known: &Known| {
            let of = |key: &u8| known.rows.get(key).map_or(&[][..], Vec::as_slice);
            let all = keys(known).into_iter().map(|key| conflict(&known.heads, of(&key), state.get(&key), head));
            all.flatten().reduce(|a, b| a.with(Some(b)))
        };
        let conflicts: Vec<_> = all.iter().map(conflict).collect();
        let part = |(known, conflict): (&Known, &Option<Conflict>)| {
            let has = |(at, _): &&(i64, String)| conflict.is_none_or(|conflict| !conflict.has(*at));
            (known.ids.iter().filter(has).cloned().collect(), conflict.is_none())
        };
        let parts: Vec<_> = all.iter().zip(&conflicts).map(part).collect();
        let mut new: Vec<Known> = Vec::new();
        for at in forks(&parts) {
            let (from, ids) = (&all[at], parts[at].0.clone());
            let mut heads: Vec<i64> = ids.iter().map(|(head, _)| *head).collect();
            heads.dedup();
            let mut rows: Rows = from.rows.iter().map(|(key, runs)| (*key, within(runs, &heads))).collect();
            rows.retain(|_, runs| !runs.is_empty());
            new.push(Known { heads, ids, rows });
        }
        all.iter_mut().zip(&conflicts).filter(|(_, conflict)| conflict.is_none()).for_each(|(known, _)| join(known));
        if new.is_empty() && conflicts.iter().all(Option::is_some) {
            new.push(Known::default());
        }
        new.iter_mut().for_each(join);
        all.extend(new);
    }

    fn dump(all: &[Known]) -> Vec<Lineage> {
        let row = |(key, runs): (&u8, &Vec<Version>)| {
            (*key, runs.iter().map(|run| (run.mod_revision, run.stored[0], run.last)).collect())
        };
        let one = |known: &Known| Lineage { heads: known.heads.clone(), rows: known.rows.iter().map(row).collect() };
        let mut dump: Vec<_> = all.iter().map(one).collect();
        dump.sort();
        dump
    }

    /// A history: what each step does to which key, and after which steps a backup is taken.
    fn steps() -> impl Strategy<Value = Vec<(u8, u8, bool)>> {
        prop::collection::vec((0_u8..12, any::<u8>(), prop::bool::weighted(0.3)), 1..60)
    }

    /// The states of the backups of a history that begins at `state`; key 200 is never changed, as kube-system is not.
    fn play(mut state: State, mut revision: i64, steps: &[(u8, u8, bool)]) -> Vec<(i64, State)> {
        let mut taken = Vec::new();
        for (key, value, backup) in steps {
            revision += 1;
            match state.get(key) {
                Some(_) if value % 4 == 0 => drop(state.remove(key)),
                old => {
                    let mut new = version(revision, *value, OPEN);
                    if let Some(old) = old {
                        (new.create_revision, new.version) = (old.create_revision, old.version + 1);
                    }
                    state.insert(*key, new);
                }
            }
            if *backup {
                taken.push((revision, state.clone()));
            }
        }
        taken
    }

    fn start() -> State {
        State::from([(200, version(1, 1, OPEN))])
    }

    fn all_of(backups: &[(i64, State)]) -> Vec<Known> {
        let mut all = Vec::new();
        backups.iter().for_each(|(head, state)| add(&mut all, *head, state));
        all
    }

    fn shuffled(mut backups: Vec<(i64, State)>, seed: u64) -> Vec<(i64, State)> {
        let mut random = seed;
        backups.sort_by_cached_key(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random >> 20
        });
        backups
    }

    proptest! {
        #[test]
        fn the_order_of_adding_is_of_no_matter(steps in steps(), seed in any::<u64>()) {
            let backups = play(start(), 1, &steps);
            let (in_order, shuffled) = (all_of(&backups), all_of(&shuffled(backups.clone(), seed)));
            prop_assert_eq!(dump(&in_order), dump(&shuffled));
            prop_assert!(in_order.len() <= 1);
            for known in &in_order {
                for (head, state) in &backups {
                    for key in known.rows.keys() {
                        let have = at(&known.rows[key], *head).map(|version| (version.mod_revision, version.stored));
                        prop_assert_eq!(have, state.get(key).map(|version| (version.mod_revision, version.stored)));
                    }
                }
            }
        }

        #[test]
        fn branches_of_which_little_is_known_are_the_same_in_any_order(
            before in steps(), one in steps(), other in steps(), seed in any::<u64>()
        ) {
            let base = play(start(), 1, &[&before[..], &[(100, 1, true)]].concat());
            let (revision, state) = base.last().unwrap().clone();
            let sides = [play(state.clone(), revision, &one), play(state, revision, &other)];
            let backups: Vec<_> = base.into_iter().chain(sides.into_iter().flatten()).collect();
            let all = all_of(&backups);
            prop_assert_eq!(dump(&all), dump(&all_of(&shuffled(backups, seed))));
            for known in &all {
                for runs in known.rows.values() {
                    let states = known.heads.iter().map(|head| (*head, at(runs, *head)));
                    let states: Vec<_> = states.collect();
                    for pair in states.windows(2) {
                        prop_assert!(can_follow(pair[1].1, pair[0].1, pair[0].0), "{:?}", pair);
                    }
                }
            }
        }

        #[test]
        fn a_fork_is_told_apart_in_any_order(before in steps(), one in steps(), other in steps(), seed in any::<u64>()) {
            // The fork begins with a change that the other side does not have.
            let base = play(start(), 1, &[&before[..], &[(100, 1, true)]].concat());
            let (revision, state) = base.last().unwrap().clone();
            let side = |mark: u8, steps: &[(u8, u8, bool)]| {
                play(state.clone(), revision, &[&[(101, mark, true)][..], steps].concat())
            };
            let mut backups = base.clone();
            backups.extend(side(1, &one));
            let first = backups.len();
            backups.extend(side(3, &other));
            let (in_order, shuffled) = (all_of(&backups), all_of(&shuffled(backups, seed)));
            prop_assert_eq!(in_order.len(), 2, "{:?}", first);
            prop_assert_eq!(dump(&in_order), dump(&shuffled));
        }
    }
}
