//! Sums of the keys of one group.

use hashbrown::HashMap;
use serde::Serialize;

use super::held::Held;
use crate::{etcd::KeyValue, k8s::Weights};

/// Sums of the keys of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The group.
    pub name: String,
    /// Number of live keys.
    pub keys: u64,
    /// Bytes of the live keys themselves.
    pub key_bytes: u64,
    /// Bytes of the live keys' values.
    pub value_bytes: u64,
    /// Bytes of the live records.
    pub live: u64,
    /// Number of records that a compaction removes, without tombstones.
    pub old_records: u64,
    /// Bytes of the records that a compaction removes.
    pub old: u64,
    /// Number of tombstones.
    pub tombstone_records: u64,
    /// Bytes of the tombstones.
    pub tombstones: u64,
    /// Bytes of managedFields in the live values.
    pub managed_fields: u64,
    /// Bytes of the manifests that `kubectl apply` keeps in the live values.
    pub last_applied: u64,
    /// Live values that are encrypted.
    pub encrypted: u64,
}

impl Group {
    /// Bytes of all its records.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.live.saturating_add(self.old).saturating_add(self.tombstones)
    }

    pub(super) fn take(&mut self, held: &Held<'_>, kv: &KeyValue<'_>, weights: &Weights<'_>, sealed: bool) {
        let live = !held.deleted;
        self.join(&Self {
            name: String::new(),
            keys: live.into(),
            key_bytes: if live { kv.key.len() as u64 } else { 0 },
            value_bytes: if live { kv.value.len() as u64 } else { 0 },
            live: held.live(),
            old_records: held.old_records().into(),
            old: held.old(),
            tombstone_records: held.tombstones.into(),
            tombstones: held.tombstone_bytes,
            managed_fields: weights.managed_fields,
            last_applied: weights.last_applied,
            encrypted: sealed.into(),
        });
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.keys, other.keys),
            (&mut self.key_bytes, other.key_bytes),
            (&mut self.value_bytes, other.value_bytes),
            (&mut self.live, other.live),
            (&mut self.old_records, other.old_records),
            (&mut self.old, other.old),
            (&mut self.tombstone_records, other.tombstone_records),
            (&mut self.tombstones, other.tombstones),
            (&mut self.managed_fields, other.managed_fields),
            (&mut self.last_applied, other.last_applied),
            (&mut self.encrypted, other.encrypted),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Groups by name.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<String, Group>);

impl Groups {
    /// The group of this name.
    pub(super) fn of(&mut self, name: &str) -> &mut Group {
        self.0.entry_ref(name).or_insert_with(|| Group { name: name.to_owned(), ..Group::default() })
    }

    pub(super) fn join(&mut self, other: Self) {
        for (name, group) in other.0 {
            self.of(&name).join(&group);
        }
    }

    /// The groups, the one with the most bytes first.
    pub(super) fn sorted(self) -> Vec<Group> {
        let mut groups: Vec<_> = self.0.into_values().collect();
        groups.sort_by(|a, b| b.bytes().cmp(&a.bytes()).then_with(|| a.name.cmp(&b.name)));
        groups
    }
}
