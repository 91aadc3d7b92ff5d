//! What is compared with what.

use super::ignore::Ignore;
use crate::{
    etcd::KeyValue,
    k8s::{ManagedFields, Mask},
    objects::Cluster,
};

/// So many pairs are compared at once, or as many as have so many bytes; what they come to is held until it is handed
/// on in order.
pub(super) const WAVE: usize = 1024;
pub(super) const WAVE_BYTES: usize = 4 << 20;

/// A key that is on one side, or on both with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What the old side has.
    pub old: Option<KeyValue<'a>>,
    /// What the new side has.
    pub new: Option<KeyValue<'a>>,
}

impl<'a> Pair<'a> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.old.or(self.new).map_or(&[], |kv| kv.key)
    }

    pub(super) fn bytes(&self) -> usize {
        let len = |kv: Option<KeyValue<'_>>| kv.map_or(0, |kv| kv.value.len());
        len(self.old).saturating_add(len(self.new))
    }
}

/// A comparison of two states.
#[derive(Debug, Clone, Copy)]
pub struct Diff<'s, 'a> {
    /// The old side.
    pub old: &'s Cluster<'a>,
    /// The new side.
    pub new: &'s Cluster<'a>,
    /// What does not count.
    pub ignore: &'s Ignore,
    /// What is not shown. Equality is found out before it is masked.
    pub mask: &'s Mask,
    /// Keys and their bytes are compared, whatever they are.
    pub raw: bool,
    /// How much of managedFields is decoded and compared, where they do not count.
    pub managed_fields: ManagedFields,
}
