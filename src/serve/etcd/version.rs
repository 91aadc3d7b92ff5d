//! One version of a key (`mvccpb.KeyValue` with its revision).

use std::{borrow::Cow, sync::Arc};

use hyper::body::Bytes;

use super::proto::mvccpb;
use crate::etcd::{KeyValue, Revision, tombstone};

/// What a version or a lease takes besides its bytes, about.
pub(super) const OVERHEAD: u64 = 200;

/// A version of a key.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) revision: Revision,
    pub(super) tombstone: bool,
    pub(super) data: Data,
}

/// What a version holds.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// A record of the file, as stored.
    File(&'static [u8]),
    /// What the overlay wrote.
    Memory(Arc<mvccpb::KeyValue>),
    /// A deletion by the overlay.
    Deleted,
}

impl Version {
    /// The record's value as etcd stores it.
    pub(super) fn message(&self, key: &Bytes) -> Cow<'static, [u8]> {
        match &self.data {
            Data::File(message) => (*message).into(),
            Data::Memory(kv) => record(kv).encode().into(),
            Data::Deleted => tombstone(key).into(),
        }
    }
}

/// A message of the API as a record.
pub(super) fn record(kv: &mvccpb::KeyValue) -> KeyValue<'_> {
    let mvccpb::KeyValue { create_revision, mod_revision, version, lease, .. } = *kv;
    KeyValue { key: &kv.key, create_revision, mod_revision, version, value: &kv.value, lease }
}

/// The bytes that the overlay takes for a key, about.
pub(super) fn cost(key: &Bytes, versions: &[Version]) -> u64 {
    let one = |version: &Version| match &version.data {
        Data::File(_) => 0,
        Data::Memory(kv) => put_cost(key, &kv.value),
        Data::Deleted => put_cost(key, b""),
    };
    versions.iter().map(one).fold(0, u64::saturating_add)
}

/// The bytes that a version takes, about.
pub(super) fn put_cost(key: &[u8], value: &[u8]) -> u64 {
    OVERHEAD.saturating_add(key.len() as u64).saturating_add(value.len() as u64)
}

/// Removes the versions of a key that no state from `revision` on needs (`keyIndex.compact`): a deletion at the
/// revision itself is kept.
pub(super) fn compact(versions: &mut Vec<Version>, revision: i64) {
    let after = versions.partition_point(|version| version.revision.main <= revision);
    let Some(last) = after.checked_sub(1) else { return };
    let is_gone = versions.get(last).is_some_and(|last| last.tombstone && last.revision.main < revision);
    let first = if is_gone { after } else { last };
    versions.drain(..first);
}
