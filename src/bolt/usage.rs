//! What each page of a file is used for.

use super::{
    db::Db,
    freelist::Freelist,
    layout::{PageHeader, PageId},
    nested::Nested,
    walk::Walk,
};
use crate::Findings;

/// What a page is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A meta page.
    Meta,
    /// A page of the freelist.
    Freelist,
    /// A page in the tree of the bucket with this number ([`Usage::path`]).
    Bucket(usize),
    /// A free page: what it holds is left from an older transaction, or was never written.
    Free,
    /// A page that is not known to be free, and that no readable tree leads to.
    Unknown,
}

/// What each page is used for, by the trees of all buckets and the freelist.
#[derive(Debug)]
pub struct Usage<'a> {
    /// Four bytes a page: [`META`], [`FREELIST`], [`LISTED`], or [`FIRST`] and the number of a bucket; with
    /// [`OVERFLOW`] for the overflow pages of a page.
    owners: Vec<u32>,
    buckets: Vec<Nested<'a>>,
    /// Whether a page that nothing leads to is free.
    rest_is_free: bool,
}

const META: u32 = 1;
const FREELIST: u32 = 2;
const LISTED: u32 = 3;
const FIRST: u32 = 4;
const OVERFLOW: u32 = 1 << 31;

/// A row of the list of pages.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// The page's number.
    pub id: PageId,
    /// The page's header, unchecked.
    pub header: PageHeader,
    /// What the page is used for.
    pub used: Use,
}

impl<'a> Usage<'a> {
    /// Visits every tree of the file, and compares them with the freelist.
    ///
    /// Without a freelist on disk, what no tree leads to is free; but only if nothing was wrong on the way, and by the
    /// root of a meta that counts.
    #[must_use]
    pub fn of(db: &Db<'a>, findings: &mut Findings) -> Self {
        let mut wrong = Findings::default();
        let mut owners = vec![0; usize::try_from(db.pages()).unwrap_or(0)];
        let mut own = |id: u64, overflow: u32, owner: u32| {
            let pages = usize::try_from(id).ok().and_then(|id| owners.get_mut(id..)).unwrap_or_default();
            let count = usize::try_from(overflow).unwrap_or(0).saturating_add(1);
            for (n, page) in pages.iter_mut().take(count).enumerate().filter(|(_, page)| **page == 0) {
                *page = if n == 0 { owner } else { owner | OVERFLOW };
            }
        };
        own(0, 0, META);
        own(1, 0, META);
        let mut walk = Walk::new(db.clone());
        let root = walk.root();
        let buckets = match db.has_root() {
            true => walk.each_page(&root, &mut wrong, |visit| {
                let owner = u32::try_from(visit.bucket).unwrap_or(u32::MAX).saturating_add(FIRST) & !OVERFLOW;
                if !visit.inline {
                    own(visit.page.id.0, visit.page.overflow, owner);
                }
            }),
            false => Vec::new(),
        };
        if db.current().is_some() {
            db.check_pages(&walk.met, &mut wrong);
        }
        let mut rest_is_free = false;
        match Freelist::read(db) {
            // The check has found it, too.
            Err(_) => {}
            Ok(Freelist::NotPersisted) => rest_is_free = db.current().is_some() && !wrong.damaged(),
            Ok(freelist @ Freelist::Persisted { page, overflow, .. }) => {
                own(page.0, overflow, FREELIST);
                freelist.ids().for_each(|(id, _)| own(id.0, 0, LISTED));
            }
        }
        findings.append(wrong);
        Self { owners, buckets, rest_is_free }
    }

    /// What the page is used for; for one after the high-water mark, [`Use::Free`].
    #[must_use]
    pub fn of_page(&self, id: PageId) -> Use {
        match self.owner(id).map(|owner| owner & !OVERFLOW) {
            None => Use::Free,
            Some(0) if self.rest_is_free => Use::Free,
            Some(0) => Use::Unknown,
            Some(META) => Use::Meta,
            Some(FREELIST) => Use::Freelist,
            Some(LISTED) => Use::Free,
            Some(owner) => Use::Bucket(owner.saturating_sub(FIRST) as usize),
        }
    }

    fn owner(&self, id: PageId) -> Option<u32> {
        usize::try_from(id.0).ok().and_then(|id| self.owners.get(id)).copied()
    }

    /// The page of which page `id` is an overflow page.
    #[must_use]
    pub fn overflow_of(&self, id: PageId) -> Option<PageId> {
        let is_one = |id: PageId| self.owner(id).is_some_and(|owner| owner & OVERFLOW != 0);
        let before = (0..id.0).rev().map(PageId);
        before.take(if is_one(id) { usize::MAX } else { 0 }).find(|id| !is_one(*id))
    }

    /// How many of the `overflow` pages after page `id` are its own; of a page that no tree leads to, how many are
    /// neither used for anything else nor overwritten by another page.
    #[must_use]
    pub fn together(&self, db: &Db<'a>, id: PageId, overflow: u32) -> u64 {
        let used = self.of_page(id);
        let own = self.owner(id).map(|owner| owner | OVERFLOW);
        let is_own = |id: PageId| match used {
            Use::Free | Use::Unknown => self.of_page(id) == used && db.peek(id).is_none(),
            _ => self.owner(id) == own,
        };
        let overflow = u64::from(overflow).min(self.owners.len() as u64);
        let after = (1..=overflow).map(|n| PageId(id.0.saturating_add(n)));
        after.take_while(|id| is_own(*id)).fold(0, |n, _| n.saturating_add(1))
    }

    /// The names from the outermost bucket to the one with this number, of the innermost `limit` levels; none for the
    /// root bucket.
    #[must_use]
    pub fn path(&self, bucket: usize, limit: usize) -> Vec<&'a [u8]> {
        let mut names = Vec::new();
        let mut next = self.buckets.get(bucket);
        while let Some(Nested { bucket, parent: Some(parent) }) = next.filter(|_| names.len() < limit) {
            names.push(bucket.name);
            next = self.buckets.get(*parent);
        }
        names.reverse();
        names
    }

    /// The pages in the order of the file, without the overflow pages of those before them.
    pub fn pages(&self, db: &Db<'a>) -> impl Iterator<Item = Listed> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let id = PageId(next);
            let header = db.raw_page(id).filter(|_| id.0 < db.pages())?.header;
            let used = self.of_page(id);
            // A free page is no more than itself; so is one whose header does not hold.
            let covered = if used == Use::Free || header.id != id.0 || header.kind().is_none() {
                0
            } else {
                self.together(db, id, header.overflow)
            };
            next = id.0.saturating_add(1).saturating_add(covered);
            Some(Listed { id, header, used })
        })
    }
}

impl Db<'_> {
    /// Whether there is a root bucket to begin at: always, but in a file of which no meta holds.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.current().is_some() || self.meta().root.0 > 1
    }
}
