//! Every invariant of bbolt's `tx.Check`; all violations are reported.

use super::{
    db::Db,
    freelist::Freelist,
    layout::PageId,
    leaf::Leaf,
    pages::PageSet,
    usage::{Usage, Use},
    walk::{Bucket, Root, Walk},
};
use crate::{Code, Finding, Findings};

/// Checks the whole file at the page level.
///
/// Unlike bbolt, nothing ends the check: a page that cannot be read is reported, and the pages below it are not
/// counted as unreachable.
#[must_use]
pub fn check(db: &Db<'_>) -> Findings {
    let mut findings = db.check_metas();
    let mut walk = Walk::new(db.clone());
    let buckets = walk.buckets(&mut findings);
    walk.check_buckets(buckets, &mut findings);
    if db.current().is_some() {
        // By another root than that of a meta, other pages are free.
        walk.db().check_pages(&walk.met, &mut findings);
    }
    findings
}

/// Checks the tree below page `id`, and the buckets in it.
#[must_use]
pub fn check_from(db: &Db<'_>, id: PageId) -> Findings {
    let mut findings = Findings::default();
    if id.0 < 2 || id >= db.meta().high_water {
        let what = format!("page ID ({id}) out of range [2, {})", db.meta().high_water);
        findings.push(Finding::error(Code::PageOutOfBounds, what));
        return findings;
    }
    let mut walk = Walk::new(db.clone());
    let tree = Bucket { root: Root::Page(id), ..walk.root() };
    walk.check_buckets(vec![tree], &mut findings);
    db.check_not_free(id, &walk.met, &mut findings);
    findings
}

impl<'a> Walk<'a> {
    /// Checks the trees of `left` and of the buckets in them, in order.
    fn check_buckets(&mut self, mut left: Vec<Bucket<'a>>, findings: &mut Findings) {
        left.reverse();
        while let Some(bucket) = left.pop() {
            let inner = self.check_bucket(&bucket, findings);
            left.extend(inner.into_iter().rev());
        }
    }

    /// Checks one bucket's tree and returns the buckets inside it.
    fn check_bucket(&mut self, bucket: &Bucket<'a>, findings: &mut Findings) -> Vec<Bucket<'a>> {
        let mut buckets = Vec::new();
        let mut take = |inner: Result<Bucket<'a>, Finding>, findings: &mut Findings| match inner {
            Ok(inner) => buckets.push(inner),
            Err(finding) => findings.push(finding),
        };
        if let Root::Inline(page) = bucket.root {
            // Without a copy of what was met: a file may hold millions of these.
            let mut items = Vec::new();
            let leaf = Leaf::read(page, &mut items, findings);
            leaf.items.iter().filter(|item| item.bucket).for_each(|item| take(Bucket::of(item), findings));
            return buckets;
        }
        let fold = self.fold(
            Some(bucket),
            || (),
            Vec::new,
            |(), found: &mut Vec<_>, leaf| {
                found.extend(leaf.items.iter().filter(|item| item.bucket).map(Bucket::of));
            },
        );
        fold.parts.iter().flatten().for_each(|inner| take(inner.clone(), findings));
        self.enter(fold, findings);
        buckets
    }
}

impl Db<'_> {
    /// Checks that none of the pages `met` below page `id` is free.
    fn check_not_free(&self, id: PageId, met: &PageSet, findings: &mut Findings) {
        let fault = |id: PageId, what: &str| Finding::error(Code::PageReachableFree, what).page(id.0);
        match Freelist::read(self) {
            Ok(Freelist::NotPersisted) => {
                if Usage::of(self, &mut Findings::default()).of_page(id) == Use::Free {
                    let what = "it is free: no bucket leads to it, and it holds what an older transaction left";
                    findings.push(fault(id, what));
                }
            }
            Ok(freelist) => {
                for (id, at) in freelist.ids().filter(|(id, _)| id.0 > 1 && met.contains(*id)) {
                    findings.push(fault(id, "reachable, but the freelist holds it").at(at));
                }
            }
            Err(finding) => findings.push(finding),
        }
    }

    /// Compares the freelist with `met`, the pages that the trees of all buckets reach.
    ///
    /// Without a freelist on disk every page that was not met is free, and nothing can be wrong. When `findings`
    /// already hold damage, pages below it were not met, and unreachable pages are not reported.
    pub(crate) fn check_pages(&self, met: &PageSet, findings: &mut Findings) {
        let whole = !findings.damaged();
        let freelist = match Freelist::read(self) {
            Ok(freelist) => freelist,
            Err(finding) => return findings.push(finding),
        };
        let Freelist::Persisted { page, overflow, .. } = freelist else { return };
        let (free, own, pages) = (PageSet::new(self.pages()), PageSet::new(self.pages()), self.pages());
        for id in page.0..=page.0.saturating_add(overflow.into()) {
            own.insert(id);
            if met.contains(PageId(id)) {
                let offset = id.saturating_mul(self.page_size());
                let what = "multiple references: a page of a tree, and of the freelist";
                findings.push(Finding::error(Code::PageMultipleReferences, what).page(id).at(offset));
            }
        }
        for (id, offset) in freelist.ids() {
            let fault = |code, what: &str| Finding::error(code, what).page(id.0).at(offset);
            if id.0 < 2 || id.0 >= pages {
                findings.push(fault(Code::FreelistBounds, "the freelist holds a page that the file does not have"));
            } else if !free.insert(id.0) {
                findings.push(fault(Code::FreelistTwice, "already freed: it is in the freelist twice"));
            } else if met.contains(id) || own.contains(id) {
                findings.push(fault(Code::PageReachableFree, "reachable, but the freelist holds it"));
            }
        }
        if !whole {
            return;
        }
        let lost = |id: &u64| {
            let id = PageId(*id);
            !met.contains(id) && !free.contains(id) && !own.contains(id)
        };
        let mut ids = (2..pages).filter(lost).peekable();
        while let Some(first) = ids.next() {
            let mut last = first;
            while let Some(next) = ids.next_if(|next| *next == last.saturating_add(1)) {
                last = next;
            }
            let what = if first == last {
                "neither reachable nor free".to_owned()
            } else {
                format!("pages {first} to {last} are neither reachable nor free")
            };
            let offset = first.saturating_mul(self.page_size());
            findings.push(Finding::error(Code::PageUnreachable, what).page(first).at(offset));
        }
    }
}
