//! The small buckets: from the tree, from an older root bucket, or made.

use serde::Serialize;

use super::root::RootOf;
use crate::{
    bolt::carve::Carve,
    etcd::{BUCKETS, Revision, State, rewrite::Items},
};

/// Where a bucket comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// The tree that the valid meta names.
    Tree,
    /// A root bucket that was found without a meta.
    Page,
    /// Nowhere: it is made, empty.
    Made,
}

/// A small bucket, with its items.
#[derive(Debug, Clone)]
pub(crate) struct Small {
    /// The name of the bucket.
    pub name: &'static str,
    /// The tree or the page that the bucket was read from.
    pub from: From,
    /// The page of the root bucket that names this bucket.
    pub page: Option<u64>,
    /// Whether items of the bucket are missing, or cannot be read.
    pub partial: bool,
    /// Keys and values of the bucket.
    pub items: Items,
}

/// Each small bucket from the first of `roots` in which it is whole, else from the first that has some of it.
#[must_use]
pub(super) fn small_buckets(carve: &Carve<'_>, roots: &[RootOf<'_>]) -> Vec<Small> {
    let found = |name: &'static str| {
        let in_root = |root: &RootOf<'_>| {
            let (mut items, mut whole) = root.items(carve, name)?;
            let all = items.len();
            // Of some an etcd would panic.
            items.retain(|(key, value)| State::is_readable(name, key, value));
            whole &= items.len() == all;
            let from = if root.of_meta { From::Tree } else { From::Page };
            let usable = name != "meta" || items.iter().any(|(key, _)| key == b"consistent_index");
            usable.then_some(Small { name, from, page: Some(root.page.0), partial: !whole, items })
        };
        let mut all = roots.iter().filter_map(in_root);
        let first = all.next();
        let whole = first.as_ref().filter(|first| first.partial).and_then(|_| all.find(|small| !small.partial));
        whole.or(first).unwrap_or_else(|| Small {
            name,
            from: From::Made,
            page: None,
            partial: false,
            items: Items::new(),
        })
    };
    BUCKETS.into_iter().filter(|name| *name != "key").map(found).collect()
}

/// The last compaction that the bucket `meta` among `buckets` names; -1 for none.
#[must_use]
pub(super) fn compaction_of(buckets: &[Small]) -> i64 {
    let meta = buckets.iter().find(|small| small.name == "meta");
    meta.map_or(-1, |small| State::default().with_bucket(small.name, &small.items).meta.compacted())
}

/// The bucket `meta` with a compaction at `revision`, finished. No log continues from a state of which something is
/// missing: unless `continues`, it does not say which entry it holds.
#[must_use]
pub(super) fn compacted_at(mut meta: Items, revision: i64, continues: bool) -> Items {
    let dropped: &[&[u8]] = &[b"finishedCompactRev", b"scheduledCompactRev", b"consistent_index", b"term"];
    let dropped = dropped.get(..if continues { 2 } else { 4 }).unwrap_or(dropped);
    meta.retain(|(key, _)| !dropped.contains(&key.as_slice()));
    let value = Revision::first(revision).to_bucket_key(false);
    let keys = ["finishedCompactRev", "scheduledCompactRev"];
    meta.extend(keys.map(|key| (key.as_bytes().to_vec(), value.clone())));
    meta.sort();
    meta
}
