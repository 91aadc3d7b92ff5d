//! Pairs of values that are compared.

use std::cmp::Ordering;

use super::ignore::Ignore;
use crate::{
    etcd::{Generation, KeyValue},
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

    /// Whether one history can have the old state at the revision `from`, and the new one at `to`.
    pub(super) fn is_of_one_history(&self, from: i64, to: i64) -> bool {
        let (old, new) = (self.old.map(|kv| kv.generation()), self.new.map(|kv| kv.generation()));
        // The same record has the same value.
        let is_same = old.is_some() && old == new;
        let follows = |later: Option<Generation>, earlier, head| later.is_none_or(|of| of.can_follow(earlier, head));
        match from.cmp(&to) {
            _ if is_same => self.old == self.new,
            Ordering::Less => follows(new, old, from),
            Ordering::Equal => old == new,
            Ordering::Greater => follows(old, new, to),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let len = |kv: Option<KeyValue<'_>>| kv.map_or(0, |kv| kv.value.len());
        len(self.old).saturating_add(len(self.new))
    }
}

/// What two states have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Common<'a> {
    /// Whether they have a record in common: the same key, value and revisions.
    pub related: bool,
    /// The first key of which no history has both states: neither continues from the other.
    pub apart: Option<&'a [u8]>,
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
