//! The best tree and all leaves, as proof about the records.

use super::{cover::Cover, entry::Entry, root::revision, set::Set};
use crate::{
    bolt::{
        Bucket, Item, Kind, Page, PageId, Root,
        carve::{Carve, Scrap},
    },
    etcd::Revision,
};

/// What the walk over the best tree has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Walked {
    /// The last revision; `None` where the tree's end is missing.
    pub(crate) head: Option<Revision>,
    /// Whether the tree's start is there.
    pub(crate) begins: bool,
    /// The place of the first record, if the tree's start is there.
    pub(crate) first: Option<usize>,
    /// How many parts of the tree are missing.
    pub(crate) holes: u64,
    /// How many leaves were reached.
    pub(crate) leaves: u64,
}

/// What a tree shows between its leaves, which counts only where the tree is the latest one: the last record before,
/// the first after, and whether it follows at once.
pub(super) type Seams = Vec<(usize, usize, bool)>;

/// Walks the tree of `bucket`: marks the records that it reaches.
pub(super) fn walk(carve: &Carve<'_>, bucket: &Bucket<'_>, set: &mut Set) -> (Walked, Seams) {
    let (mut walked, mut seams, mut first) = (Walked::default(), Seams::new(), true);
    // The last record that was met, and whether the next one to come follows it at once.
    let (mut last, mut at_once) = (None::<usize>, false);
    carve.tree(bucket.root, |part| {
        let low = part.low.and_then(revision);
        let Some((page, items)) = part.leaf else {
            walked.holes = walked.holes.saturating_add(1);
            if let (Some(last), Some(low)) = (last, low) {
                let (Ok(until) | Err(until)) = set.find(low);
                seams.push((last, until, false));
            }
            (last, at_once, first) = (None, false, false);
            walked.head = None;
            return;
        };
        walked.leaves = walked.leaves.saturating_add(1);
        walked.begins |= part.low.is_none();
        let mut inside = false;
        for item in items {
            let Some(of) = revision(item.key) else {
                at_once = false;
                continue;
            };
            let found = set.find(of);
            walked.head = Some(of);
            let Ok(at) = found else {
                at_once = false;
                continue;
            };
            reach(set, at, item, carve, &page);
            match last {
                Some(_) if inside => {}
                Some(last) => seams.push((last, at, at_once)),
                None => walked.first = walked.first.or(first.then_some(at)),
            }
            (last, at_once, first, inside) = (Some(at), true, false, true);
        }
        if items.is_empty() && part.high.is_none() && part.low.is_none() {
            walked.head = Some(Revision::default());
        }
    });
    (walked, seams)
}

/// Marks the record at `at` as reached; where its copies differ, the one that is reached counts.
fn reach(set: &mut Set, at: usize, item: &Item<'_>, carve: &Carve<'_>, page: &Page<'_>) {
    let Some(entry) = set.entries.get_mut(at) else { return };
    if entry.stored(carve.bytes()) != (item.key, item.value) {
        // What is here may have lost its form; then another copy is left.
        let Some(own) = Entry::of(item).filter(|_| entry.differs) else { return };
        *entry = Entry { copies: entry.copies, differs: true, page: entry.page, ..own };
    }
    // The page of an inline bucket has no number of its own.
    let id = if page.id.0 == 0 { carve.page_at(item.offset) } else { page.id.0 };
    entry.page = u32::try_from(id.saturating_sub(carve.range().start)).unwrap_or(u32::MAX);
    entry.at = item.offset;
    entry.reached = true;
}

/// A leaf that is whole, with the places of its records.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// The number of the leaf's page.
    pub page: PageId,
    /// The place of the leaf's first record.
    pub(crate) first: usize,
    /// The place of the leaf's last record.
    pub(crate) last: usize,
    /// All of its records.
    pub(crate) places: Box<[u32]>,
}

/// Adds what all leaves that are whole prove, stale ones too. Returns these, by page.
pub(super) fn leaves(carve: &Carve<'_>, set: &Set, cover: &Cover) -> Vec<Run> {
    let parts = carve.pages(Vec::new, |runs: &mut Vec<Run>, scrap| {
        if scrap.page.kind != Kind::Leaf {
            return;
        }
        let mut items = Vec::new();
        let whole = scrap.items(&mut items);
        let page = scrap.page.id;
        let run = |(first, last, places): (usize, usize, Vec<u32>)| Run { page, first, last, places: places.into() };
        for item in items.iter().filter(|item| item.bucket && item.key == b"key") {
            if let Ok(Bucket { root: Root::Inline(page), .. }) = Bucket::of(item) {
                let mut inner = Vec::new();
                if Scrap::inline(page).items(&mut inner) {
                    runs.extend(leaf(set, &inner, cover).map(run));
                }
            }
        }
        if whole {
            runs.extend(leaf(set, &items, cover).map(run));
        }
    });
    parts.into_iter().flatten().collect()
}

/// Adds what a leaf proves, if all its keys are revisions. Returns its first, its last and all of its records, if the
/// first and the last are known.
fn leaf(set: &Set, items: &[Item<'_>], cover: &Cover) -> Option<(usize, usize, Vec<u32>)> {
    let revisions: Option<Vec<_>> = items.iter().map(|item| revision(item.key).filter(|_| !item.bucket)).collect();
    let (mut first, mut last, mut at_once, mut from, mut places) = (None, None, false, 0, Vec::new());
    for (index, revision) in revisions?.into_iter().enumerate() {
        // Most records of a leaf follow each other in the list, too.
        let found = match set.entries.get(from) {
            Some(entry) if entry.revision == revision => Ok(from),
            _ => set.find(revision),
        };
        let Ok(at) = found else {
            at_once = false;
            continue;
        };
        if let Some(last) = last {
            cover.follow(last, at, at_once);
        }
        first = first.or((index == 0).then_some(at));
        places.push(u32::try_from(at).unwrap_or(u32::MAX));
        (last, at_once, from) = (Some(at), true, at.saturating_add(1));
    }
    first.zip(last.filter(|_| at_once)).map(|(first, last)| (first, last, places))
}
