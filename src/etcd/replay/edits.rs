//! Changes of the small buckets by the log, as etcd would write them.

use std::collections::BTreeMap;

/// Items of the small buckets that the log writes after the db; `None` for those that it deletes.
#[derive(Debug, Clone, Default)]
pub(in crate::etcd) struct Edits(BTreeMap<&'static str, BTreeMap<Vec<u8>, Option<Vec<u8>>>>);

impl Edits {
    pub(super) fn put(&mut self, bucket: &'static str, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.entry(bucket).or_default().insert(key.into(), Some(value.into()));
    }

    pub(super) fn delete(&mut self, bucket: &'static str, key: impl Into<Vec<u8>>) {
        self.0.entry(bucket).or_default().insert(key.into(), None);
    }

    /// The buckets that are changed.
    pub(in crate::etcd) fn buckets(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Applies the changes of `bucket` to its items.
    pub(in crate::etcd) fn apply(&self, bucket: &str, items: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        for (key, value) in self.0.get(bucket).into_iter().flatten() {
            match value {
                Some(value) => items.insert(key.clone(), value.clone()),
                None => items.remove(key),
            };
        }
    }
}
