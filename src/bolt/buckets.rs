//! The top-level buckets of a file.

use super::walk::{Bucket, Walk};
use crate::{Code, Finding, Findings};

impl<'a> Walk<'a> {
    /// The top-level buckets, in key order.
    pub fn buckets(&mut self, findings: &mut Findings) -> Vec<Bucket<'a>> {
        let root = self.root();
        let mut buckets = Vec::new();
        let fold = self.fold(
            Some(&root),
            || (),
            Vec::new,
            |(), found: &mut Vec<_>, leaf| {
                found.extend(leaf.items.iter().map(|item| (*item, leaf.page.id)));
            },
        );
        for (item, page) in fold.parts.iter().flatten() {
            if !item.bucket {
                let what = "the root bucket holds a key that is not a bucket";
                findings.push(Finding::error(Code::RootKey, what).page(page.0).at(item.offset).key(item.key));
                continue;
            }
            match Bucket::of(item) {
                Ok(bucket) => buckets.push(bucket),
                Err(finding) => findings.push(finding.page(page.0)),
            }
        }
        self.enter(fold, findings);
        buckets
    }
}
