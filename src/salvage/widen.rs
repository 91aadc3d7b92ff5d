//! What branches prove of removed records: a leaf begins with `a`, and its branch has `c` after `a`. Then the leaf held all
//! between these two, and what it lacks at its end was removed, whatever the age of the branch.
//!
//! Only the page that the branch names counts. It may have been written again with the same first record and another end,
//! after leaves were merged and split: then a leaf begins between `a` and `c` and goes beyond `c`, and nothing is proved.

use std::collections::HashMap;

use super::{
    cover::Cover,
    links::{Branch, LEVELS},
    walk::Run,
};
use crate::bolt::PageId;

/// Adds to `cover` what `branches` prove with the leaves `runs`, which are by page, about `records` records.
pub(super) fn widen(branches: &[Branch], runs: &[Run], records: usize, cover: &Cover) {
    let mut starts: Vec<(usize, usize)> = runs.iter().map(|run| (run.first, run.last)).collect();
    starts.sort_unstable();
    let (crossed, ends) = (crossed(&starts, records), ends(branches));
    for branch in branches {
        let after = branch.children.iter().skip(1).map(|(place, _)| Some(either(*place))).chain([None]);
        for ((place, page), next) in branch.children.iter().zip(after) {
            let run = runs.binary_search_by_key(page, |run| run.page).ok().and_then(|at| runs.get(at));
            let Some(Run { first, last, .. }) = run.filter(|run| *place == Ok(run.first)).copied() else { continue };
            let until = next.filter(|until| crossed.get(*until).is_none_or(|start| *start <= first.saturating_add(1)));
            // The branch may have been written again, too, and then have ended earlier: its last child is the less sure.
            let until = until.or_else(|| {
                let until = ends.get(&branch.page).copied().filter(|_| next.is_none())?;
                let next = starts.get(starts.partition_point(|(start, _)| *start <= first));
                next.is_none_or(|(start, _)| *start >= until).then_some(until)
            });
            if let Some(until) = until.filter(|until| last < *until) {
                cover.remove(last.saturating_add(1), until);
            }
        }
    }
}

fn either(place: Result<usize, usize>) -> usize {
    let (Ok(at) | Err(at)) = place;
    at
}

/// For each place the last leaf that begins before it and ends there or later, by its first record plus 1; 0 for none.
fn crossed(starts: &[(usize, usize)], records: usize) -> Vec<usize> {
    let (mut crossed, mut open, mut starts) = (Vec::with_capacity(records), Vec::new(), starts.iter().peekable());
    for at in 0..records {
        while open.last().is_some_and(|(_, last)| *last < at) {
            open.pop();
        }
        crossed.push(open.last().map_or(0, |(first, _): &(usize, usize)| first.saturating_add(1)));
        while let Some(start) = starts.next_if(|(first, _)| *first <= at) {
            // Of the leaves with the same first record the longest comes last.
            open.push(*start);
        }
    }
    crossed
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
    use super::*;
    use crate::salvage::Entry;

    fn removed(branches: &[Branch], runs: &[(u64, usize, usize)], records: usize) -> Vec<usize> {
        let run = |(page, first, last): &(u64, usize, usize)| Run { page: PageId(*page), first: *first, last: *last };
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
