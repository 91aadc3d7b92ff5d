//! What branches prove: the leaf that begins with `a` holds all up to `c`, where `a` and `c` are neighbours in a branch.
//!
//! So when the last record of that leaf is `b`, then `c` follows `b` at once. Only the leaf that was the last of the tree
//! may have grown since, and that shows: revisions are missing then.

use std::collections::{HashMap, HashSet};

use super::{root::revision, set::Set};
use crate::bolt::{Kind, carve::Carve};

/// Branches on top of each other that are followed.
const LEVELS: usize = 8;

/// Marks records as linked where only branches prove it. `firsts` has for a record that ends a leaf the one that begins it,
/// plus 1.
pub(super) fn link(carve: &Carve<'_>, set: &mut Set, firsts: &[u32]) {
    let place = |set: &Set, key: &[u8]| revision(key).and_then(|of| set.find(of).ok());
    let parts = carve.pages(Vec::new, |branches: &mut Vec<Vec<usize>>, scrap| {
        if scrap.page.kind == Kind::Branch
            && let Some(children) = scrap.children()
        {
            let places: Option<Vec<_>> = children.iter().map(|(key, _)| place(set, key)).collect();
            branches.extend(places);
        }
    });
    let mut pairs: HashSet<(usize, usize)> = HashSet::new();
    let mut lasts: HashMap<usize, Vec<usize>> = HashMap::new();
    for places in parts.into_iter().flatten() {
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
        let first = firsts.get(at).and_then(|first| first.checked_sub(1));
        let Some(entry) = set.entries.get_mut(at).filter(|entry| !entry.removed) else { continue };
        if let (Some(first), Some(follower), false) = (first, follower, entry.linked) {
            entry.linked = pairs.contains(&(first as usize, follower));
        }
        follower = Some(at);
    }
}
