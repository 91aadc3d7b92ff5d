//! Which pages may be of the latest tree, where its root is lost or nothing names it.
//!
//! A branch of the latest tree names pages that are as it has them: each begins with the key that the branch has for
//! it, ends before the next one, and holds nothing that was removed; all its children are of one level. Most older
//! branches do not, for their pages were written again. A leaf of the latest tree is named by such a branch, unless
//! that is lost.
//!
//! So a record up to the last compaction was removed where both are so:
//!
//! - such a branch covers its place with a leaf that lacks it, and another such branch names that branch;
//! - no leaf that such a branch names holds it, and no such branch covers its place with a page that is lost.
//!
//! The lowest branches count only where another one names them: what took the place of one that nothing names may be
//! lost.

use std::{collections::HashMap, ops::Range};

use super::{
    links::{Branch, LEVELS},
    walk::Run,
};
use crate::bolt::PageId;

/// What a branch has as a child.
enum Child {
    /// A leaf, by its place among the runs.
    Leaf(usize),
    /// A branch, by its place.
    Branch(usize),
    /// A page that is lost, or no page of records.
    Unknown,
}

/// Branches with the leaves that they name.
pub(super) struct Candidates<'a> {
    branches: &'a [Branch],
    runs: &'a [Run],
    by_page: HashMap<PageId, usize>,
    /// For each branch how many branches are between it and the leaves, plus 1; 0 where it is not of the latest tree.
    levels: Vec<usize>,
}

impl<'a> Candidates<'a> {
    /// Those of `branches` and `runs`, which are by page; `removed` has the records that were removed.
    pub(super) fn new(branches: &'a [Branch], runs: &'a [Run], removed: &[bool]) -> Self {
        let by_page = branches.iter().enumerate().map(|(at, branch)| (branch.page, at)).collect();
        let mut all = Self { branches, runs, by_page, levels: vec![0; branches.len()] };
        let is_gone = |at: &u32| removed.get(*at as usize) == Some(&true);
        let clean: Vec<bool> = runs.iter().map(|run| !run.places.iter().any(is_gone)).collect();
        for level in 1..=LEVELS {
            let fit: Vec<usize> = (0..branches.len()).filter(|at| all.fits(*at, level, &clean)).collect();
            if fit.is_empty() {
                break;
            }
            fit.into_iter().filter_map(|at| all.levels.get_mut(at).map(|of| *of = level)).count();
        }
        all
    }

    fn child(&self, page: PageId) -> Child {
        match (self.runs.binary_search_by_key(&page, |run| run.page), self.by_page.get(&page)) {
            (Ok(run), _) => Child::Leaf(run),
            (_, Some(branch)) => Child::Branch(*branch),
            _ => Child::Unknown,
        }
    }

    /// The children of the branch at `at`, each with its place and the first place after it, if the branch shows that.
    fn children(&self, at: usize) -> impl Iterator<Item = (Result<usize, usize>, Option<usize>, Child)> {
        let of = self.branches.get(at).map_or(&[][..], |branch| &branch.children);
        let after = of.iter().skip(1).map(|(place, _)| Some(either(*place))).chain([None]);
        of.iter().zip(after).map(|((place, page), next)| (*place, next, self.child(*page)))
    }

    /// Whether the branch at `at` may be of the latest tree, on this level.
    fn fits(&self, at: usize, level: usize, clean: &[bool]) -> bool {
        let mut known = false;
        let all = self.children(at).all(|(place, next, child)| {
            let (first, last) = match child {
                Child::Leaf(run) if level == 1 && clean.get(run) == Some(&true) => match self.runs.get(run) {
                    Some(run) => (Ok(run.first), run.last),
                    None => return false,
                },
                Child::Branch(of) if level > 1 && self.levels.get(of).copied() == level.checked_sub(1) => {
                    let of = self.branches.get(of).map_or(&[][..], |branch| &branch.children);
                    match (of.first(), of.last()) {
                        (Some((first, _)), Some((last, _))) => (*first, either(*last)),
                        _ => return false,
                    }
                }
                Child::Unknown => return true,
                Child::Leaf(_) | Child::Branch(_) => return false,
            };
            known = true;
            place == first && next.is_none_or(|next| last < next)
        });
        all && known
    }

    /// The records up to `until` that were removed; there are `records`.
    pub(super) fn removed(&self, records: usize, until: usize) -> Vec<usize> {
        let top = self.levels.iter().copied().max().unwrap_or(0);
        let mut held = vec![false; records];
        let (mut lacked, mut lost) = (Stretches::new(records), Stretches::new(records));
        // Where each branch ends that another one names.
        let mut ends: HashMap<usize, Option<usize>> = HashMap::new();
        for level in (1..=top).rev() {
            for at in (0..self.branches.len()).filter(|at| self.levels.get(*at) == Some(&level)) {
                let named = ends.get(&at).copied();
                let end = named.flatten();
                for (place, next, child) in self.children(at) {
                    let next = next.or(end);
                    match child {
                        Child::Leaf(run) => {
                            let Some(run) = self.runs.get(run) else { continue };
                            for at in &run.places {
                                if let Some(held) = held.get_mut(*at as usize) {
                                    *held = true;
                                }
                            }
                            if let (Some(_), Some(next)) = (named, next) {
                                lacked.add(run.last.saturating_add(1)..next);
                            }
                        }
                        Child::Branch(of) => {
                            let known = ends.entry(of).or_insert(next);
                            *known = [*known, next].into_iter().flatten().min();
                        }
                        Child::Unknown if named.is_some() || level > 1 => {
                            lost.add(either(place)..next.unwrap_or(records));
                        }
                        Child::Unknown => {}
                    }
                }
            }
        }
        let (lacked, lost) = (lacked.all(), lost.all());
        let gone = |at: &usize| {
            [(&lacked, true), (&lost, false), (&held, false)].iter().all(|(of, is)| of.get(*at) == Some(is))
        };
        (0..records.min(until)).filter(gone).collect()
    }
}

/// Stretches of records, which may overlap.
struct Stretches(Vec<i32>);

impl Stretches {
    fn new(records: usize) -> Self {
        Self(vec![0; records.saturating_add(1)])
    }

    fn add(&mut self, Range { start, end }: Range<usize>) {
        if start < end && end < self.0.len() {
            for (at, by) in [(start, 1), (end, -1)] {
                if let Some(of) = self.0.get_mut(at) {
                    *of = of.saturating_add(by);
                }
            }
        }
    }

    /// For each record whether it is in one.
    fn all(&self) -> Vec<bool> {
        let inside = self.0.iter().scan(0_i32, |inside, change| {
            *inside = inside.saturating_add(*change);
            Some(*inside > 0)
        });
        inside.collect()
    }
}

fn either(place: Result<usize, usize>) -> usize {
    let (Ok(at) | Err(at)) = place;
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(branches: &[(u64, &[(usize, u64)])], leaves: &[(u64, &[u32])], gone: &[usize]) -> Vec<usize> {
        let run = |(page, places): &(u64, &[u32])| {
            let (first, last) = (places[0] as usize, places[places.len() - 1] as usize);
            Run { page: PageId(*page), first, last, places: (*places).into() }
        };
        let child = |(at, page): &(usize, u64)| (Ok(*at), PageId(*page));
        let branch = |(page, of): &(u64, &[(usize, u64)])| Branch {
            page: PageId(*page),
            children: of.iter().map(child).collect(),
        };
        let (branches, runs): (Vec<_>, Vec<_>) =
            (branches.iter().map(branch).collect(), leaves.iter().map(run).collect());
        let mut all = vec![false; 10];
        gone.iter().for_each(|at| all[*at] = true);
        Candidates::new(&branches, &runs, &all).removed(10, 9)
    }

    #[test]
    fn what_no_candidate_holds_was_removed() {
        // A root over two branches, and what is left of a leaf that held 2, too.
        let root: (u64, &[_]) = (30, &[(0, 20), (5, 21)]);
        let both: [(u64, &[_]); 2] = [(20, &[(0, 10), (3, 11)]), (21, &[(5, 12), (7, 13)])];
        let leaves: [(u64, &[u32]); 5] = [(10, &[0, 1]), (11, &[3]), (12, &[5, 6]), (13, &[7]), (14, &[0, 1, 2])];
        assert_eq!(removed(&[root, both[0], both[1]], &leaves, &[]), [2, 4]);
        // An older root names one of them.
        assert_eq!(removed(&[(31, &[(0, 20), (6, 29)]), both[0], both[1]], &leaves, &[]), [2, 4]);
        // Nothing names them: what took the place of one may be lost.
        assert_eq!(removed(&both, &leaves, &[]), [0_usize; 0]);
        // A branch names the other leaf.
        let other: (u64, &[_]) = (22, &[(0, 14), (3, 11)]);
        assert_eq!(removed(&[root, both[0], both[1], other], &leaves, &[]), [4]);
        // It is older: its leaf, or another one of it, holds what was removed, or was written again.
        assert_eq!(removed(&[root, both[0], both[1], other], &leaves, &[2]), [2, 4]);
        let other: (u64, &[_]) = (22, &[(0, 14), (3, 12)]);
        assert_eq!(removed(&[root, both[0], both[1], other], &leaves, &[]), [2, 4]);
        // What it covers with a page that is lost stays, if another one names it.
        let other: (u64, &[_]) = (22, &[(0, 9), (3, 11)]);
        assert_eq!(removed(&[root, both[0], both[1], other], &leaves, &[]), [2, 4]);
        assert_eq!(removed(&[root, both[0], both[1], other, (31, &[(0, 22), (5, 21)])], &leaves, &[]), [4]);
        // So does what is after the last compaction, and what is in a branch that is not of the tree.
        assert_eq!(removed(&[root, both[0], both[1]], &leaves[..1], &[]), [0_usize; 0]);
        assert_eq!(removed(&[root, both[0], (21, &[(5, 12), (6, 13)])], &leaves, &[]), [0_usize; 0]);
    }
}
