//! Every invariant of bbolt's `tx.Check`; all violations are reported.

use super::{
    db::Db,
    freelist::Freelist,
    pages::PageSet,
    walk::{Bucket, Walk},
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
    let mut left = walk.buckets(&mut findings);
    left.reverse();
    while let Some(bucket) = left.pop() {
        let inner = walk.check_bucket(&bucket, &mut findings);
        left.extend(inner.into_iter().rev());
    }
    walk.db().check_pages(&walk.met, &mut findings);
    findings
}

impl<'a> Walk<'a> {
    /// Checks one bucket's tree and returns the buckets inside it.
    fn check_bucket(&mut self, bucket: &Bucket<'a>, findings: &mut Findings) -> Vec<Bucket<'a>> {
        let fold = self.fold(
            Some(bucket),
            || (),
            Vec::new,
            |(), inner: &mut Vec<_>, leaf| {
                inner.extend(leaf.items.iter().filter(|item| item.bucket).map(|item| {
                    let offset = item.offset.saturating_add(item.key.len() as u64);
                    Bucket::read(item.key, item.value, offset)
                }));
            },
        );
        let mut buckets = Vec::new();
        for inner in fold.parts.iter().flatten() {
            match inner {
                Ok(inner) => buckets.push(*inner),
                Err(finding) => findings.push(finding.clone()),
            }
        }
        self.enter(fold, findings);
        buckets
    }
}

impl Db<'_> {
    /// Compares the freelist with `met`, the pages that the trees of all buckets reach.
    ///
    /// Without a freelist on disk every page that was not met is free, and nothing can be wrong. When `findings` already
    /// hold damage, pages below it were not met, and unreachable pages are not reported.
    pub fn check_pages(&self, met: &PageSet, findings: &mut Findings) {
        let whole = !findings.damaged();
        let freelist = match Freelist::read(self) {
            Ok(freelist) => freelist,
            Err(finding) => return findings.push(finding),
        };
        let Freelist::Persisted { page, overflow, .. } = freelist else { return };
        let (free, pages) = (PageSet::new(self.pages()), self.pages());
        for (id, offset) in freelist.ids() {
            let fault = |code, what: &str| Finding::error(code, what).page(id.0).at(offset);
            if id.0 < 2 || id.0 >= pages {
                findings.push(fault(Code::FreelistBounds, "the freelist holds a page that the file does not have"));
            } else if !free.insert(id.0) {
                findings.push(fault(Code::FreelistTwice, "already freed: it is in the freelist twice"));
            } else if met.contains(id) {
                findings.push(fault(Code::PageReachableFree, "reachable, but the freelist holds it"));
            }
        }
        if !whole {
            return;
        }
        for id in page.0..=page.0.saturating_add(overflow.into()) {
            free.insert(id);
        }
        let lost = |id: &u64| {
            let id = super::PageId(*id);
            !met.contains(id) && !free.contains(id)
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
