//! What can happen to a file: pages that are lost, overwritten or out of date, ends that are missing. The same for the
//! same seed.

use std::{collections::BTreeSet, ops::Range};

use super::pages::{LEAF, Meta, Pages, Tree, meta_with_root};
use crate::common::random::Random;

const SECTOR: usize = 512;

/// One thing that happens to a file.
pub struct Damage {
    /// The row of the table that it is counted in.
    pub kind: &'static str,
    /// With its place.
    pub what: String,
    writes: Vec<(usize, Vec<u8>)>,
    /// The part of the file that is left.
    keep: Range<usize>,
    /// What is around that.
    around: [usize; 2],
}

impl Damage {
    /// What is left of the file, and where page 0 is in it.
    pub fn on(&self, whole: &[u8]) -> (Vec<u8>, isize) {
        let mut bytes = whole.to_vec();
        for (at, new) in &self.writes {
            bytes[*at..at + new.len()].copy_from_slice(new);
        }
        let [before, after] = self.around;
        let mut random = Random::seeded(3);
        let bytes = [&garbage(before, &mut random), &bytes[self.keep.clone()], &garbage(after, &mut random)].concat();
        (bytes, isize::try_from(before).unwrap() - isize::try_from(self.keep.start).unwrap())
    }

    /// The pages of which bytes are overwritten.
    pub fn overwritten(&self, page_size: usize) -> BTreeSet<usize> {
        self.writes.iter().flat_map(|(at, new)| at / page_size..=(at + new.len() - 1) / page_size).collect()
    }
}

fn garbage(len: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes()[..6]);
    }
    bytes.truncate(len);
    bytes
}

/// A whole file and what is in it, to be damaged.
pub struct Maker<'a> {
    pages: Pages<'a>,
    metas: Vec<Meta>,
    /// The tree of the bucket `key`.
    pub key: Tree,
    /// Pages that no tree holds.
    pub free: Vec<usize>,
    random: Random,
}

impl<'a> Maker<'a> {
    #[track_caller]
    pub fn new(bytes: &'a [u8], seed: u64) -> Self {
        let (pages, metas) = Pages::of(bytes);
        let buckets = pages.buckets(metas[0].root);
        let trees: Vec<_> = buckets.iter().filter(|(_, root)| **root != 0).map(|(_, root)| pages.tree(*root)).collect();
        let key = pages.tree(buckets["key"]);
        let held = trees.iter().flat_map(|tree| tree.branches.iter().chain(&tree.leaves)).copied();
        let mut held: Vec<_> = held.chain(metas[0].freelist).chain([0, 1, metas[0].root]).collect();
        held.sort_unstable();
        let over = |id: usize| id..=id + pages.header(id).map_or(0, |header| header.overflow);
        let held: BTreeSet<_> = held.into_iter().flat_map(over).collect();
        let free = (0..metas[0].high).filter(|id| !held.contains(id)).collect();
        Self { pages, metas, key, free, random: Random::seeded(seed) }
    }

    /// Every damage that there is; single pages one by one.
    pub fn all(&mut self) -> Vec<Damage> {
        let mut all = vec![self.none(), self.leaf(), self.root(), self.key_root(), self.both_metas(), self.half()];
        all.extend(self.branch());
        all.extend((0..20).map(|_| self.single_page()));
        all.extend([self.pages_lost(20), self.garbage_in_100_places(), self.no_way_in()]);
        all.extend(self.free_pages());
        all.extend(self.stale_roots());
        all.extend([self.without_its_beginning(), self.in_an_image()]);
        all.extend(self.several());
        all
    }

    fn damage(&self, kind: &'static str, what: String, writes: Vec<(usize, Vec<u8>)>) -> Damage {
        let what = if what.is_empty() { kind.to_owned() } else { format!("{kind}: {what}") };
        Damage { kind, what, writes, keep: 0..self.pages.bytes.len(), around: [0, 0] }
    }

    fn none(&self) -> Damage {
        self.damage("none", String::new(), Vec::new())
    }

    /// Zeros, ones, or anything, over one physical page.
    fn lose(&mut self, id: usize) -> (usize, Vec<u8>) {
        let size = self.pages.size;
        let new = match self.random.next() % 3 {
            0 => vec![0; size],
            1 => vec![0xff; size],
            _ => garbage(size, &mut self.random),
        };
        (id * size, new)
    }

    fn lose_all(&mut self, kind: &'static str, ids: Vec<usize>) -> Damage {
        let what = if ids.len() > 20 { format!("{} pages", ids.len()) } else { format!("pages {ids:?}") };
        let writes = ids.into_iter().map(|id| self.lose(id)).collect();
        self.damage(kind, what, writes)
    }

    fn one_of(&mut self, ids: &[usize]) -> usize {
        ids[self.random.next() % ids.len()]
    }

    fn leaf(&mut self) -> Damage {
        let leaf = self.one_of(&self.key.leaves.clone());
        self.lose_all("one leaf", vec![leaf])
    }

    /// A branch that is not the bucket's root, where there is one.
    fn branch(&mut self) -> Option<Damage> {
        let inner = self.key.branches.get(1..).filter(|inner| !inner.is_empty())?.to_vec();
        let branch = self.one_of(&inner);
        Some(self.lose_all("one branch", vec![branch]))
    }

    fn root(&mut self) -> Damage {
        let root = self.metas[0].root;
        self.lose_all("the root", vec![root])
    }

    fn key_root(&mut self) -> Damage {
        let root = self.key.branches.first().or(self.key.leaves.first()).copied();
        self.lose_all("the root of `key`", root.into_iter().collect())
    }

    fn both_metas(&mut self) -> Damage {
        self.lose_all("both metas", vec![0, 1])
    }

    /// Both metas, the root and every branch.
    fn no_way_in(&mut self) -> Damage {
        let ids = [&[0, 1, self.metas[0].root], &self.key.branches[..]].concat();
        self.lose_all("metas, root, branches", ids)
    }

    fn half(&self) -> Damage {
        let cut = self.pages.bytes.len() / 2;
        Damage { keep: 0..cut, ..self.damage("cut in half", format!("{cut} bytes"), Vec::new()) }
    }

    fn any_page(&mut self) -> usize {
        2 + self.random.next() % (self.metas[0].high - 2)
    }

    fn single_page(&mut self) -> Damage {
        let id = self.any_page();
        let zeros = vec![0; self.pages.size];
        self.damage("one page zeroed", format!("page {id}"), vec![(id * self.pages.size, zeros)])
    }

    /// As many pages at once.
    fn pages_lost(&mut self, count: usize) -> Damage {
        let ids = (0..count).map(|_| self.any_page()).collect();
        self.lose_all("20 pages", ids)
    }

    /// 4 KiB in each place, wherever pages begin; in fewer places where a file is small, so that there is a rest of it.
    fn garbage_in_100_places(&mut self) -> Damage {
        let end = self.metas[0].high * self.pages.size - 4096;
        let place = |random: &mut Random| (random.next() % end, garbage(4096, random));
        let places = (end / 4096 / 4).min(100);
        let writes = (0..places).map(|_| place(&mut self.random)).collect();
        self.damage("garbage in 100 places", format!("{places} places"), writes)
    }

    /// Every page that is free, and those that list them.
    fn free_pages(&mut self) -> Option<Damage> {
        let mut ids = self.free.clone();
        if let Some(list) = self.metas[0].freelist {
            ids.extend(list..=list + self.pages.header(list).unwrap().overflow);
        }
        let size = self.pages.size;
        let writes = ids.iter().map(|id| (id * size, garbage(size, &mut self.random))).collect();
        let damage = self.damage("free pages overwritten", format!("{} pages", ids.len()), writes);
        (!ids.is_empty()).then_some(damage)
    }

    /// Root leaves that were once the root, with the root of `key` in them, the newest first.
    pub fn old_roots(&self) -> Vec<(usize, usize)> {
        let now = self.pages.buckets(self.metas[0].root)["key"];
        let root = |id: &usize| {
            self.pages.header(*id).filter(|header| header.flags == LEAF)?;
            let key = *self.pages.buckets(*id).get("key").filter(|key| **key != now && **key > 1)?;
            // its pages are given away, but what is at its place is a page
            self.pages.header(key)?;
            Some((self.pages.consistent_index(*id)?, (*id, key)))
        };
        let mut roots: Vec<_> = self.free.iter().filter_map(root).collect();
        roots.sort_unstable_by_key(|(index, _)| std::cmp::Reverse(*index));
        roots.into_iter().map(|(_, root)| root).collect()
    }

    /// Valid metas that name an older root, and a root that names an older root of `key`: the newest and the oldest.
    fn stale_roots(&mut self) -> Vec<Damage> {
        let old = self.old_roots();
        let ends: BTreeSet<_> = [old.first(), old.get(old.len() / 2), old.last()].into_iter().flatten().collect();
        ends.into_iter().flat_map(|(root, key)| [self.older_root(*root), self.older_root_of_key(*key)]).collect()
    }

    fn older_root(&self, root: usize) -> Damage {
        let metas = self.metas.iter();
        let metas = metas.map(|meta| (meta.at + 16, meta_with_root(self.pages.bytes, meta, root))).collect();
        self.damage("the metas name an older root", format!("page {root}"), metas)
    }

    pub fn older_root_of_key(&self, key: usize) -> Damage {
        let of_key = self.pages.leaf(self.metas[0].root).into_iter();
        let of_key = of_key.filter(|item| &self.pages.bytes[item.key.clone()] == b"key");
        let of_key = of_key.map(|item| (item.value.start, (key as u64).to_le_bytes().to_vec())).collect();
        self.damage("the root names an older root of `key`", format!("page {key}"), of_key)
    }

    /// The newer meta, and more than one thing at once.
    fn several(&mut self) -> [Damage; 4] {
        let (newer, root) = (self.metas[0].at / self.pages.size, self.metas[0].root);
        let many: Vec<_> = (0..20).map(|_| self.any_page()).collect();
        let leaves: Vec<_> = (0..4).map(|_| self.one_of(&self.key.leaves.clone())).collect();
        let half = Damage { keep: self.half().keep, ..self.lose_all("metas, root, second half", vec![0, 1, root]) };
        [
            self.lose_all("the newer meta", vec![newer]),
            self.lose_all("metas, root, 20 pages", [&[0, 1, root], &many[..]].concat()),
            self.lose_all("metas, root, branches, 4 leaves", [&[0, 1, root], &self.key.branches[..], &leaves].concat()),
            half,
        ]
    }

    /// The first MiB is missing, or a third of a small file, and what is left does not begin with a page.
    fn without_its_beginning(&self) -> Damage {
        let len = self.pages.bytes.len();
        let cut = (1 << 20).min(len / 3 / SECTOR * SECTOR);
        Damage { keep: cut..len, ..self.damage("the beginning is missing", format!("{cut} bytes"), Vec::new()) }
    }

    /// Somewhere on a disk.
    fn in_an_image(&mut self) -> Damage {
        let before = SECTOR * (37 + 8 * (self.random.next() % 100));
        Damage { around: [before, 77_777], ..self.damage("within an image", format!("at {before}"), Vec::new()) }
    }
}
