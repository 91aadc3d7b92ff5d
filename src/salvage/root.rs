//! The root bucket that the rest is judged by: that of the valid meta, or the newest that is found.

use crate::{
    bolt::{Bucket, PageId, Root, carve::Carve},
    etcd::{Revision, State, rewrite::Items, state::compacted},
};

/// A root bucket.
#[derive(Debug, Clone)]
pub(crate) struct RootOf<'a> {
    /// The number of the root bucket's page.
    pub page: PageId,
    /// Whether the valid meta names this page.
    pub(crate) of_meta: bool,
    /// The buckets in the root bucket, by name.
    pub(crate) buckets: Vec<Bucket<'a>>,
    /// Whether the bucket `meta` is whole.
    pub(crate) has_meta: bool,
    /// `meta/consistent_index`.
    pub(crate) consistent_index: Option<u64>,
    /// `meta/term`.
    pub(crate) term: Option<u64>,
    /// `meta/finishedCompactRev`.
    pub(crate) finished: Option<Revision>,
    /// `meta/scheduledCompactRev`.
    pub(crate) scheduled: Option<Revision>,
    /// The last revision of its bucket `key`, if the pages on the way there are whole.
    pub(crate) head: Option<Revision>,
}

impl<'a> RootOf<'a> {
    /// The root bucket at `page`, if it has a bucket `key`.
    #[must_use]
    pub(crate) fn read(carve: &Carve<'a>, page: PageId, of_meta: bool) -> Option<Self> {
        let mut buckets = Vec::new();
        carve.tree(Root::Page(page), |part| {
            for item in part.leaf.iter().flat_map(|(_, items)| *items).filter(|item| item.bucket) {
                buckets.extend(Bucket::of(item));
            }
        });
        let key = buckets.iter().find(|bucket: &&Bucket<'_>| bucket.name == b"key")?;
        let last = carve.last_key(key.root);
        let head = last.and_then(|key| key.map_or(Some(Revision::default()), revision));
        let mut root = Self {
            page,
            of_meta,
            has_meta: false,
            consistent_index: None,
            term: None,
            finished: None,
            scheduled: None,
            head,
            buckets,
        };
        if let Some((items, true)) = root.items(carve, "meta") {
            let meta = State::default().with_bucket("meta", &items).meta;
            root.has_meta = !items.is_empty();
            (root.consistent_index, root.term) = (meta.consistent_index, meta.term);
            (root.finished, root.scheduled) = (meta.finished_compact_rev, meta.scheduled_compact_rev);
        }
        Some(root)
    }

    /// The revision that it is compacted at, or -1.
    #[must_use]
    pub(crate) fn compacted(&self) -> i64 {
        compacted(self.finished, self.scheduled)
    }

    /// The bucket `name`.
    #[must_use]
    pub(crate) fn bucket(&self, name: &str) -> Option<&Bucket<'a>> {
        self.buckets.iter().find(|bucket| bucket.name == name.as_bytes())
    }

    /// The items of the small bucket `name`, and whether all are there.
    #[must_use]
    pub(crate) fn items(&self, carve: &Carve<'a>, name: &str) -> Option<(Items, bool)> {
        let (mut items, mut whole) = (Items::new(), true);
        carve.tree(self.bucket(name)?.root, |part| match part.leaf {
            Some((_, of)) => items.extend(of.iter().map(|item| (item.key.to_vec(), item.value.to_vec()))),
            None => whole = false,
        });
        Some((items, whole))
    }

    /// How new it is: by its last revision, its compaction, its last entry of the log, and whether the compaction,
    /// which adds none of the others, is finished.
    pub(super) fn age(&self) -> impl Ord + use<> {
        (self.head, self.scheduled, self.consistent_index, self.finished)
    }
}

/// The highest revision that an etcd may have.
pub(super) const HIGHEST: i64 = 1 << 62;

/// The revision that a key of the bucket `key` is, if an etcd may have written it.
#[must_use]
pub(super) fn revision(key: &[u8]) -> Option<Revision> {
    Revision::from_bucket_key(key).ok().map(|(revision, _)| revision).filter(|revision| revision.main <= HIGHEST)
}

/// The root buckets of the pages `found`, best first: that of the valid meta, unless another one is newer by revisions.
#[must_use]
pub(super) fn roots<'a>(carve: &Carve<'a>, found: &[PageId]) -> Vec<RootOf<'a>> {
    let of_meta = carve.meta().map(|meta| meta.root);
    let others = found.iter().filter(|page| Some(**page) != of_meta);
    let mut roots: Vec<_> = others.filter_map(|page| RootOf::read(carve, *page, false)).collect();
    roots.sort_by_cached_key(RootOf::age);
    roots.reverse();
    let Some(root) = of_meta.and_then(|page| RootOf::read(carve, page, true)) else { return roots };
    let is_newer = |other: &RootOf<'_>| root.head.is_some_and(|head| other.head > Some(head));
    let at = if roots.first().is_some_and(is_newer) { 1 } else { 0 };
    roots.insert(at, root);
    roots
}
