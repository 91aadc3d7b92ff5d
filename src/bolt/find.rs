//! One bucket by its path, one item by its key.

use super::{
    leaf::Item,
    walk::{Bucket, Root, Walk},
};
use crate::Findings;

impl<'a> Walk<'a> {
    /// The root bucket, which holds all others.
    #[must_use]
    pub fn root(&self) -> Bucket<'a> {
        Bucket { name: b"", root: Root::Page(self.db().meta().root), sequence: 0, offset: 0 }
    }

    /// The bucket that `path` leads to: a name for each level. Without a name it is the root bucket.
    pub fn bucket_at(&self, path: &[&[u8]], findings: &mut Findings) -> Option<Bucket<'a>> {
        let mut bucket = self.root();
        for name in path {
            let item = self.get(&bucket, name, findings).filter(|item| item.bucket)?;
            match Bucket::of(&item) {
                Ok(inner) => bucket = inner,
                Err(finding) => {
                    findings.push(finding);
                    return None;
                }
            }
        }
        Some(bucket)
    }

    /// The item of `bucket` with this key, which may be a bucket itself.
    ///
    /// Where it is not at the place that the branches lead to, all leaves are read before it counts as missing: in a
    /// broken tree it may be at another.
    pub fn get(&self, bucket: &Bucket<'a>, key: &[u8], findings: &mut Findings) -> Option<Item<'a>> {
        let mut on_the_way = Findings::default();
        let found =
            self.seek(bucket, key, &mut on_the_way, |leaf| match leaf.items.iter().find(|item| item.key >= key) {
                Some(item) => Err(Some(*item).filter(|item| item.key == key)),
                None => Ok(()),
            });
        if let Err(Some(item)) = found {
            findings.append(on_the_way);
            return Some(item);
        }
        let fold = self.fold(
            Some(bucket),
            || (),
            || None,
            |(), found, leaf| {
                if found.is_none() {
                    *found = leaf.items.iter().find(|item| item.key == key).copied();
                }
            },
        );
        findings.append(fold.findings);
        fold.parts.into_iter().flatten().next()
    }
}
