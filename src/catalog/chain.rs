//! How a backup joins a lineage, key by key: whether it continues what is known, and what that changes.
//!
//! `heads` are the last revisions of the backups of a lineage, ascending, `head` that of the backup that is added,
//! `seen` the version of the key in it, `runs` the versions of the key that are known.

use super::version::{OPEN, Version};

/// The highest revision up to which the lineage may hold the same history as the backup, by what is known of one key:
/// the backups with a greater last revision contradict it. [`i64::MAX`] where nothing does.
///
/// A version is live from its revision to the next change of its key, in every backup from in between.
pub(super) fn bound(heads: &[i64], runs: &[Version], seen: Option<&Version>, head: i64) -> i64 {
    let mut bound = i64::MAX;
    // The first backup from `at` on, if it is one up to `to`, contradicts.
    let mut contradicts = |at: i64, to: i64| {
        let first = heads.get(heads.partition_point(|have| *have < at)).filter(|have| **have <= to);
        bound = first.map_or(bound, |first| bound.min(first.saturating_sub(1)));
    };
    if let Some(seen) = seen {
        match runs.iter().find(|run| run.mod_revision == seen.mod_revision) {
            Some(run) if run.is_same(seen) => {
                if run.last != OPEN {
                    contradicts(run.last.saturating_add(1), head);
                }
            }
            Some(_) => contradicts(seen.mod_revision, i64::MAX),
            None => contradicts(seen.mod_revision, head),
        }
    }
    for run in runs {
        if seen.is_none_or(|seen| seen.mod_revision != run.mod_revision) && run.mod_revision <= head {
            contradicts(head, run.last);
        }
    }
    bound
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

/// The versions of a key in those backups of a lineage whose last revision is `head` or lower; `head` is one of them.
pub(super) fn until(runs: &[Version], head: i64) -> Vec<Version> {
    let before = runs.iter().filter(|run| run.mod_revision <= head);
    before.map(|run| Version { last: if run.last >= head { OPEN } else { run.last }, ..run.clone() }).collect()
}

/// The version of a key in the backup whose last revision is `head`.
pub(super) fn at(runs: &[Version], head: i64) -> Option<&Version> {
    runs.iter().rev().find(|run| run.mod_revision <= head).filter(|run| head <= run.last)
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
        rows: Rows,
    }

    fn add(all: &mut Vec<Known>, head: i64, state: &State) {
        let keys = |known: &Known| -> Vec<u8> {
            let mut keys: Vec<u8> = known.rows.keys().chain(state.keys()).copied().collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
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
        };
        let (mut joined, mut best) = (false, (0, i64::MIN, 0));
        for (at, known) in all.iter_mut().enumerate() {
            let of = |key: &u8| known.rows.get(key).map_or(&[][..], Vec::as_slice);
            let bound = keys(known).iter().map(|key| bound(&known.heads, of(key), state.get(key), head)).min();
            let bound = bound.unwrap_or(i64::MAX);
            if bound == i64::MAX {
                join(known);
                joined = true;
            } else {
                let shared = known.heads.partition_point(|have| *have <= bound);
                if shared > best.0 {
                    best = (shared, known.heads[shared - 1], at);
                }
            }
        }
        if !joined {
            let mut fork = Known::default();
            if best.0 > 0 {
                let from = &all[best.2];
                fork.heads = from.heads[..best.0].to_vec();
                fork.rows = from.rows.iter().map(|(key, runs)| (*key, until(runs, best.1))).collect();
                fork.rows.retain(|_, runs| !runs.is_empty());
            }
            join(&mut fork);
            all.push(fork);
        }
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
            if value % 4 == 0 && state.contains_key(key) {
                state.remove(key);
            } else {
                state.insert(*key, version(revision, *value, OPEN));
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

    proptest! {
        #[test]
        fn the_order_of_adding_is_of_no_matter(steps in steps(), seed in any::<u64>()) {
            let backups = play(start(), 1, &steps);
            let mut shuffled = backups.clone();
            let mut random = seed;
            shuffled.sort_by_cached_key(|_| { random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); random >> 20 });
            let (in_order, shuffled) = (all_of(&backups), all_of(&shuffled));
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
            let mut order: Vec<usize> = (0..backups.len()).collect();
            let mut random = seed;
            order.sort_by_cached_key(|_| { random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); random >> 20 });
            let shuffled: Vec<_> = order.iter().map(|at| backups[*at].clone()).collect();
            let (in_order, shuffled) = (all_of(&backups), all_of(&shuffled));
            prop_assert_eq!(in_order.len(), 2, "{:?}", first);
            prop_assert_eq!(dump(&in_order), dump(&shuffled));
        }
    }
}
