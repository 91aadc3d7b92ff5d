//! What branches prove: the leaf that begins with `a` holds all up to `c`, where `a` and `c` are neighbours in a
//! branch.
//!
//! So when the last record of that leaf is `b`, then `c` follows `b` at once. Only the leaf that was the last of the
//! tree may have grown since, and that shows: revisions are missing then.

use std::collections::{HashMap, HashSet};

use super::{root::revision, set::Set, walk::Run};
use crate::bolt::{Kind, PageId, carve::Carve};

/// Branches on top of each other that are followed.
pub(super) const LEVELS: usize = 8;

/// A branch over records.
#[derive(Debug)]
pub(super) struct Branch {
    /// The number of the branch page.
    pub page: PageId,
    /// The children of the branch: where the first record of each is, or would be, and the child's page.
    pub children: Vec<(Result<usize, usize>, PageId)>,
}

/// All branches over records that are whole, stale ones too.
pub(super) fn branches(carve: &Carve<'_>, set: &Set) -> Vec<Branch> {
    let parts = carve.pages(Vec::new, |branches: &mut Vec<Branch>, scrap| {
        let children = scrap.children().filter(|_| scrap.page.kind == Kind::Branch).and_then(|children| {
            let place = |(key, page): (&[u8], PageId)| Some((set.find(revision(key)?), page));
            children.into_iter().map(place).collect::<Option<Vec<_>>>()
        });
        branches.extend(children.map(|children| Branch { page: scrap.page.id, children }));
    });
    parts.into_iter().flatten().collect()
}

/// Marks records as linked where only branches prove it.
pub(super) fn link(set: &mut Set, branches: &[Branch], runs: &[Run]) {
    // For a record that ends a leaf the one that begins it, plus 1.
    let mut firsts = vec![0; set.entries.len()];
    for run in runs {
        if let Some(first) = firsts.get_mut(run.last) {
            *first = run.first.saturating_add(1).max(*first);
        }
    }
    let mut pairs: HashSet<(usize, usize)> = HashSet::new();
    let mut lasts: HashMap<usize, Vec<usize>> = HashMap::new();
    for branch in branches {
        let places: Result<Vec<usize>, _> = branch.children.iter().map(|(place, _)| *place).collect();
        let Ok(places) = places else { continue };
        pairs.extend(places.iter().copied().zip(places.iter().copied().skip(1)));
        if let (Some(first), Some(last)) = (places.first(), places.last()) {
            let lasts = lasts.entry(*first).or_default();
            if !lasts.contains(last) && lasts.len() < LEVELS {
                lasts.push(*last);
            }
        }
    }
    // The last child of a branch ends where the branch does.
    let mut added: Vec<_> = pairs.iter().copied().collect();
    for _ in 0..LEVELS {
        let inner =
            added.iter().flat_map(|(first, end)| lasts.get(first).into_iter().flatten().map(|last| (*last, *end)));
        added = inner.filter(|pair| pairs.insert(*pair)).collect::<Vec<_>>();
        if added.is_empty() {
            break;
        }
    }
    let mut follower = None;
    for at in (0..set.entries.len()).rev() {
        let first = firsts.get(at).and_then(|first| first.checked_sub(1_usize));
        let Some(entry) = set.entries.get_mut(at).filter(|entry| !entry.removed) else { continue };
        if let (Some(first), Some(follower), false) = (first, follower, entry.linked) {
            entry.linked = pairs.contains(&(first, follower));
        }
        follower = Some(at);
    }
}
