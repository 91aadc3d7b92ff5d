//! All records of a file, by revision, each once.

use hashbrown::{DefaultHashBuilder, HashTable};
use rayon::prelude::*;
use std::hash::BuildHasher as _;

use super::{
    entry::{Entry, NO_KEY},
    raw,
    root::HIGHEST,
};
use crate::{
    bolt::{
        Bucket, Kind, PageId, Root,
        carve::{Carve, Scrap, WholePages},
    },
    etcd::Revision,
};

/// Revisions at most between a record and the next one: `restore --bump-revision` raises it by less.
const FAR: i64 = 1 << 32;

/// What the pages of a file hold.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// The records, by revision.
    pub(crate) entries: Vec<Entry>,
    /// How many keys they change.
    pub(crate) keys: u32,
    /// How many equal copies were merged.
    pub(crate) copies: u64,
    /// How many revisions have copies that differ.
    pub(crate) conflicts: u64,
    /// The pages that are lost: the first of each run, and how many.
    pub(crate) lost: Vec<(PageId, u64)>,
    /// Pages that may be the root of a root bucket, by number.
    pub(crate) roots: Vec<PageId>,
    /// How many pages were found.
    pub(crate) pages: Pages,
}

/// Pages, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pages {
    /// Leaves that hold records.
    pub(crate) leaves: u64,
    /// Branches.
    pub(crate) branches: u64,
    /// All others that carry their number.
    pub(crate) other: u64,
}

#[derive(Default)]
struct FromPages {
    entries: Vec<Entry>,
    roots: Vec<PageId>,
    pages: Pages,
}

impl Set {
    /// Reads every page.
    #[must_use]
    pub(crate) fn collect(carve: &Carve<'_>) -> Self {
        let first = carve.range().start;
        let known = WholePages::new(carve);
        let found = carve.pages(FromPages::default, |found, scrap| {
            if found.take(scrap, first) {
                known.add(scrap);
            }
        });
        let (mut entries, mut roots, mut pages) = (Vec::new(), Vec::new(), Pages::default());
        entries.reserve_exact(found.iter().map(|part| part.entries.len()).sum());
        for part in found {
            entries.extend(part.entries);
            roots.extend(part.roots);
            pages.leaves = pages.leaves.saturating_add(part.pages.leaves);
            pages.branches = pages.branches.saturating_add(part.pages.branches);
            pages.other = pages.other.saturating_add(part.pages.other);
        }
        let lost = known.lost();
        entries.extend(raw::records(carve, &lost));
        entries.par_sort_unstable_by_key(|entry| (entry.revision, entry.at));
        let mut set = Self { entries, lost, roots, pages, ..Self::default() };
        set.merge(carve);
        set
    }

    /// The last revision.
    #[must_use]
    pub(crate) fn last(&self) -> Option<Revision> {
        self.entries.last().map(|entry| entry.revision)
    }

    /// Takes away records whose revision is far above all others, unless a tree holds them: its last revision is
    /// `head`. No etcd has written them. Those above [`HIGHEST`] no tree excuses: etcd fails at the next put, for the
    /// revision overflows. Returns how many.
    pub(super) fn drop_far(&mut self, head: i64) -> u64 {
        let mut last = head.max(0);
        let is_near = |entry: &&Entry| {
            let main = entry.revision.main;
            let near = main <= HIGHEST && (main <= head || main.saturating_sub(last) <= FAR);
            last = last.max(main);
            near
        };
        let near = self.entries.iter().take_while(is_near).count();
        self.entries.split_off(near).len() as u64
    }

    /// Forgets what was proved about the records.
    pub(super) fn forget(&mut self) {
        for entry in &mut self.entries {
            (entry.reached, entry.removed, entry.linked) = (false, false, false);
        }
    }

    /// Leaves one of the copies of each revision.
    fn merge(&mut self, carve: &Carve<'_>) {
        let (mut copies, mut conflicts, bytes) = (0_u64, 0_u64, carve.bytes());
        let is_on_one_page = |of: &Entry| carve.page_at(of.at) == carve.page_at(of.end().saturating_sub(1));
        self.entries.dedup_by(|next, kept| {
            if next.revision != kept.revision {
                return false;
            }
            if next.at == kept.at {
                // A record of a broken page, found in two ways.
                kept.erased &= next.erased;
            } else if next.stored(bytes) == kept.stored(bytes) {
                kept.erased &= next.erased;
                kept.copies = kept.copies.saturating_add(1);
                copies = copies.saturating_add(1);
            } else if next.erased != kept.erased {
                // One of the two has lost a page. The page of the other shows that it is whole, the pages after it
                // nothing.
                let other = if kept.erased { std::mem::replace(kept, *next) } else { *next };
                if other.torn && !is_on_one_page(kept) && !std::mem::replace(&mut kept.differs, true) {
                    conflicts = conflicts.saturating_add(1);
                }
            } else if !std::mem::replace(&mut kept.differs, true) {
                conflicts = conflicts.saturating_add(1);
            }
            true
        });
        self.entries.shrink_to_fit();
        (self.copies, self.conflicts) = (copies, conflicts);
    }

    /// Numbers the keys, when it is decided which copy of each record counts.
    pub(crate) fn number(&mut self, bytes: &[u8]) {
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<(u32, u32)> = HashTable::new();
        let mut keys = 0_u32;
        for index in 0..self.entries.len() {
            let Some(entry) = self.entries.get(index).filter(|entry| entry.key != NO_KEY) else { continue };
            let key = entry.kv(bytes).key;
            let of = |at: u32| self.entries.get(at as usize).map_or(&b""[..], |entry| entry.kv(bytes).key);
            let hash = hasher.hash_one(key);
            let number = match table.entry(hash, |(at, _)| of(*at) == key, |(at, _)| hasher.hash_one(of(*at))) {
                hashbrown::hash_table::Entry::Occupied(known) => known.get().1,
                hashbrown::hash_table::Entry::Vacant(free) => {
                    let number = keys;
                    free.insert((u32::try_from(index).unwrap_or(u32::MAX), number));
                    keys = keys.saturating_add(1);
                    number
                }
            };
            if let Some(entry) = self.entries.get_mut(index) {
                entry.key = number;
            }
        }
        self.keys = keys;
    }

    /// The place of a revision among the records.
    pub(crate) fn find(&self, revision: Revision) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&revision, |entry| entry.revision)
    }
}

impl FromPages {
    /// Takes what is on a page. Returns whether the page is whole.
    fn take(&mut self, scrap: &Scrap<'_>, first: u64) -> bool {
        let mut items = Vec::new();
        let pages = &mut self.pages;
        let count = match scrap.page.kind {
            Kind::Leaf => &mut pages.other,
            Kind::Branch => &mut pages.branches,
            _ => &mut pages.other,
        };
        *count = count.saturating_add(1);
        if is_root_branch(scrap) {
            self.roots.push(scrap.page.id);
        }
        if scrap.page.kind != Kind::Leaf {
            return scrap.page.kind != Kind::Branch || scrap.children().is_some();
        }
        let whole = scrap.items(&mut items);
        let before = self.entries.len();
        let mut broken = !whole || !scrap.ends_with(&items);
        let page = u32::try_from(scrap.page.id.0.saturating_sub(first)).unwrap_or(u32::MAX);
        for item in &items {
            if item.bucket {
                match Bucket::of(item) {
                    Ok(bucket) if bucket.name == b"key" => {
                        self.roots.push(scrap.page.id);
                        if let Root::Inline(inline) = bucket.root {
                            let mut inner = Vec::new();
                            Scrap::inline(inline).items(&mut inner);
                            self.entries.extend(inner.iter().filter_map(Entry::of).map(|of| Entry { page, ..of }));
                        }
                    }
                    _ => {}
                }
            } else if let Some(entry) = Entry::of(item) {
                self.entries.push(Entry { page, erased: scrap.may_be_erased(item), ..entry });
            } else {
                broken = true;
            }
        }
        if broken {
            // What hit one item may have hit the values of others, where nothing shows.
            self.entries.iter_mut().skip(before).for_each(|entry| (entry.erased, entry.torn) = (true, true));
        }
        if self.entries.len() > before {
            let pages = &mut self.pages;
            (pages.leaves, pages.other) = (pages.leaves.saturating_add(1), pages.other.saturating_sub(1));
        }
        whole
    }
}

/// Whether the page is a branch over the names of buckets, of which `alarm` is the first.
fn is_root_branch(scrap: &Scrap<'_>) -> bool {
    scrap.page.kind == Kind::Branch && scrap.children().is_some_and(|of| of.first().is_some_and(|of| of.0 == b"alarm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_copies_the_whole_one_counts_unless_either_may_be_right() {
        // The value of the first is on pages 0 and 1, the others are on page 2.
        let mut bytes = vec![0; 300];
        for (at, byte) in [(90, 1), (210, 2), (240, 1)] {
            bytes[at..at + 27].fill(byte);
        }
        let carve = Carve::new(&bytes, Some(100));
        let at = |at, erased, torn| Entry { at, len: 10, erased, torn, copies: 1, ..Entry::default() };
        let merged = |a: Entry, b: Entry| {
            let mut set = Set { entries: vec![a, b], ..Set::default() };
            set.merge(&carve);
            (set.entries[0].at, set.entries[0].differs, set.conflicts, set.copies)
        };
        let (whole, broken) = ((false, false), (true, true));
        let of = |from, (erased, torn)| at(from, erased, torn);
        assert_eq!(merged(of(90, whole), of(240, broken)), (90, false, 0, 1), "equal copies");
        assert_eq!(merged(of(90, whole), of(210, broken)), (90, true, 1, 0), "either may be right");
        assert_eq!(merged(of(90, broken), of(210, whole)), (210, false, 0, 0), "its page shows that it is whole");
        assert_eq!(merged(of(90, whole), at(210, true, false)), (90, false, 0, 0), "the other has lost a page");
        assert_eq!(merged(of(90, whole), of(210, whole)), (90, true, 1, 0));
    }

    #[test]
    fn a_revision_far_above_all_others_is_dropped() {
        let kept = |revisions: &[i64], head| {
            let entry = |main: &i64| Entry { revision: Revision::first(*main), ..Entry::default() };
            let mut set = Set { entries: revisions.iter().map(entry).collect(), ..Set::default() };
            (set.drop_far(head), set.entries.len())
        };
        assert_eq!(kept(&[2, 3, 1_000_000_003], 3), (0, 3));
        assert_eq!(kept(&[2, 3, 3 + (1 << 32), 4 + (1 << 33)], 3), (1, 3));
        assert_eq!(kept(&[2, i64::MAX - 1, i64::MAX], 0), (2, 1));
        // A tree holds them.
        assert_eq!(kept(&[2, 1 << 40, (1 << 40) + 1], 1 << 40), (0, 3));
        assert_eq!(kept(&[2, i64::MAX], i64::MAX), (1, 1));
        assert_eq!(kept(&[], 0), (0, 0));
    }
}
