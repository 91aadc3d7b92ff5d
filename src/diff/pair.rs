//! Pairs of values that are compared.

use super::ignore::Ignore;
use crate::{
    etcd::KeyValue,
    k8s::{ManagedFields, Mask},
    objects::Cluster,
};

/// Number of pairs that are compared at once, and their size in bytes; the results are kept until they are passed
/// on in order.
pub(super) const WAVE: usize = 1024;
pub(super) const WAVE_BYTES: usize = 4 << 20;

/// A key that is on one side, or on both with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The old value.
    pub old: Option<KeyValue<'a>>,
    /// The new value.
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
    /// The ignored differences.
    pub ignore: &'s Ignore,
    /// The mask for secrets. Values are compared before they are masked.
    pub mask: &'s Mask,
    /// Whether keys and bytes are compared, without decoding.
    pub raw: bool,
    /// Handling of managedFields where they are ignored.
    pub managed_fields: ManagedFields,
}
