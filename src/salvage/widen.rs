//! What branches prove of removed records: a leaf begins with `a`, and its branch has `c` after `a`. Then the leaf held
//! all between these two, and what it lacks at its end was removed, whatever the age of the branch.
//!
//! Only the page that the branch names counts. It may have been written again with the same first record and another
//! end, after leaves were merged and split: then what it lacks is in another leaf, which is newer. That a leaf is not
//! the newest of its records shows when something in it was removed, for a compaction leaves no page as it was that it
//! removes something from. A leaf of which nothing was removed may be newer, unless all of it is between the end and
//! `c`: then it was removed with the rest.

use std::collections::HashMap;

use super::{
    cover::Cover,
    links::{Branch, LEVELS},
    walk::Run,
};
use crate::bolt::PageId;

/// How often what was proved is used to prove more.
const ROUNDS: usize = 8;
/// Records that are looked at, for each record that there is and each child of a branch.
const WORK: usize = 16;

/// Adds to `cover` what `branches` prove with the leaves `runs`, which are by page, about `records` records.
pub(super) fn widen(branches: &[Branch], runs: &[Run], records: usize, cover: &Cover) {
    let spans = spans(branches, runs);
    let mut work = records.saturating_add(spans.len()).saturating_mul(WORK);
    for _ in 0..ROUNDS {
        let removed = cover.removed();
        let newest = Newest::of(runs, &removed);
        let mut more = false;
        for span in &spans {
            if span.is_loose && newest.begins_within(span) {
                continue;
            }
            let places = span.last.saturating_add(1)..span.until;
            work = work.saturating_sub(places.len());
            if work == 0 {
                return;
            }
            let gone = |at: usize| removed.get(at) == Some(&false) && !newest.may_hold(at, span);
            for at in places.filter(|at| gone(*at)) {
                cover.remove(at, at.saturating_add(1));
                more = true;
            }
        }
        if !more {
            break;
        }
    }
}

/// What a leaf held by the word of a branch, beyond its last record.
struct Span {
    /// Its first record.
    first: usize,
    /// Its last record.
    last: usize,
    /// The first record after it.
    until: usize,
    /// Whether a higher branch shows the end. The branch may have been written again, too, and then have ended earlier.
    is_loose: bool,
}

fn spans(branches: &[Branch], runs: &[Run]) -> Vec<Span> {
    let ends = ends(branches);
    let mut spans = Vec::new();
    for branch in branches {
        let after = branch.children.iter().skip(1).map(|(place, _)| Some(either(*place))).chain([None]);
        for ((place, page), next) in branch.children.iter().zip(after) {
            let run = runs.binary_search_by_key(page, |run| run.page).ok().and_then(|at| runs.get(at));
            let Some(Run { first, last, .. }) = run.filter(|run| *place == Ok(run.first)) else { continue };
            let until = next.or_else(|| ends.get(&branch.page).copied()).filter(|until| last < until);
            let span = |until| Span { first: *first, last: *last, until, is_loose: next.is_none() };
            spans.extend(until.map(span));
        }
    }
    spans
}

/// The leaves that may be the newest of their records: nothing in them was removed.
struct Newest {
    /// For each record the first record of these leaves, and the last that such a leaf, or an older one that begins as
    /// it does, ends with.
    of: Vec<(usize, usize)>,
    /// The first records of these leaves, in order.
    starts: Vec<usize>,
}

impl Newest {
    fn of(runs: &[Run], removed: &[bool]) -> Self {
        let mut lasts: HashMap<usize, usize> = HashMap::new();
        for run in runs {
            let last = lasts.entry(run.first).or_default();
            *last = run.last.max(*last);
        }
        let (mut of, mut starts) = (vec![(usize::MAX, 0); removed.len()], Vec::new());
        let is_gone = |at: &u32| removed.get(*at as usize) == Some(&true);
        for run in runs.iter().filter(|run| !run.places.iter().any(is_gone)) {
            starts.push(run.first);
            let end = lasts.get(&run.first).copied().unwrap_or(run.last);
            for at in &run.places {
                if let Some((first, last)) = of.get_mut(*at as usize) {
                    (*first, *last) = (run.first.min(*first), end.max(*last));
                }
            }
        }
        starts.sort_unstable();
        Self { of, starts }
    }

    /// Whether a leaf that may be newer than that of `span` holds the record at `at`.
    fn may_hold(&self, at: usize, span: &Span) -> bool {
        self.of.get(at).is_some_and(|(first, last)| *first <= span.last || *last >= span.until)
    }

    /// Whether one of them begins within `span`.
    fn begins_within(&self, span: &Span) -> bool {
        let next = self.starts.get(self.starts.partition_point(|start| *start <= span.first));
        next.is_some_and(|start| *start < span.until)
    }
}

fn either(place: Result<usize, usize>) -> usize {
    let (Ok(at) | Err(at)) = place;
    at
}

/// Where each branch ends that a higher branch names.
fn ends(branches: &[Branch]) -> HashMap<PageId, usize> {
    let first = |branch: &Branch| branch.children.first().map(|(place, _)| *place);
    let firsts: HashMap<PageId, _> = branches.iter().map(|branch| (branch.page, first(branch))).collect();
    let mut ends: HashMap<PageId, usize> = HashMap::new();
    for _ in 0..LEVELS {
        let mut changed = false;
        for branch in branches {
            let end = ends.get(&branch.page).copied();
            let after = branch.children.iter().skip(1).map(|(place, _)| Some(either(*place))).chain([end]);
            for ((place, page), end) in branch.children.iter().zip(after) {
                let Some(end) = end.filter(|_| firsts.get(page) == Some(&Some(*place))) else { continue };
                let known = ends.entry(*page).or_insert(usize::MAX);
                changed |= end < *known;
                *known = end.min(*known);
            }
        }
        if !changed {
            break;
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::*;

    fn removed(branches: &[Branch], runs: &[(u64, usize, usize)], records: usize) -> Vec<usize> {
        let run = |(page, first, last): &(u64, usize, usize)| {
            let (page, places) = (PageId(*page), (*first as u32..=*last as u32).collect());
            Run { page, first: *first, last: *last, places }
        };
        let (cover, mut entries) = (Cover::new(records), vec![Entry::default(); records]);
        widen(branches, &runs.iter().map(run).collect::<Vec<_>>(), records, &cover);
        cover.apply(&mut entries);
        (0..records).filter(|at| entries[*at].removed).collect()
    }

    fn branch(page: u64, children: &[(usize, u64)]) -> Branch {
        Branch { page: PageId(page), children: children.iter().map(|(at, page)| (Ok(*at), PageId(*page))).collect() }
    }

    #[test]
    fn what_a_leaf_lacks_at_its_end_was_removed() {
        let whole = [branch(9, &[(0, 3), (5, 4)])];
        assert_eq!(removed(&whole, &[(3, 0, 2), (4, 5, 6)], 8), [3, 4]);
        // An older leaf of what was removed is no contradiction.
        assert_eq!(removed(&whole, &[(3, 0, 2), (4, 5, 6), (7, 3, 4)], 8), [3, 4]);
        // Leaves were split elsewhere later.
        assert_eq!(removed(&whole, &[(3, 0, 2), (4, 5, 6), (7, 3, 6)], 8), [0_usize; 0]);
        assert_eq!(removed(&whole, &[(3, 0, 2), (4, 5, 6), (7, 1, 4)], 8), [0_usize; 0]);
        // The page was given to something else.
        assert_eq!(removed(&whole, &[(3, 1, 2), (4, 5, 6)], 8), [0_usize; 0]);
        assert_eq!(removed(&whole, &[(3, 0, 6), (4, 5, 6)], 8), [0_usize; 0]);
        assert_eq!(removed(&whole, &[], 8), [0_usize; 0]);
    }

    #[test]
    fn the_last_leaf_ends_where_its_branch_does() {
        let two = [branch(8, &[(0, 3), (2, 4)]), branch(9, &[(0, 8), (6, 7)])];
        assert_eq!(removed(&two, &[(3, 0, 1), (4, 2, 3)], 8), [4, 5]);
        // Not where another leaf begins there, nor where no branch shows the end.
        assert_eq!(removed(&two, &[(3, 0, 1), (4, 2, 3), (5, 4, 4)], 8), [0_usize; 0]);
        assert_eq!(removed(&two[..1], &[(3, 0, 1), (4, 2, 3)], 8), [0_usize; 0]);
        // Nor where its page was given to another branch.
        let other = [branch(8, &[(1, 3), (2, 4)]), branch(9, &[(0, 8), (6, 7)])];
        assert_eq!(removed(&other, &[(4, 2, 3)], 8), [0_usize; 0]);
    }
}
