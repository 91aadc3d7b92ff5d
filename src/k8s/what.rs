//! Selection of what a decoder reads of an object.

use super::{path::Path, release::Release};

/// Number of `metadata` in every kind.
pub(super) const METADATA: u32 = 1;

/// Number of `spec`, or of `template` in a PodTemplate.
pub(super) const SPEC: u32 = 2;

/// Number of `creationTimestamp` in `ObjectMeta`.
pub(super) const CREATION_TIMESTAMP: u32 = 8;

/// Number of `managedFields` in `ObjectMeta`.
pub(super) const MANAGED_FIELDS: u32 = 17;

/// What is decoded of an object, and for which release.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct What {
    pub(super) managed_fields: ManagedFields,
    pub(super) release: Release,
    pub(super) without: Without,
}

/// Fields that are left out, as bits by their numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Without {
    /// Fields of the object itself.
    pub(super) object: u64,
    /// Fields of its metadata.
    pub(super) metadata: u64,
}

impl Without {
    /// The bit of a field; 0 for a number that has none.
    pub(super) fn bit(number: u32) -> u64 {
        1_u64.checked_shl(number).unwrap_or_default()
    }

    /// The fields that are left out of the message at `path`.
    pub(super) fn at(&self, path: &Path<'_>) -> u64 {
        if path.is_root() {
            self.object
        } else if self.metadata != 0 && path.is(&["metadata"]) {
            self.metadata
        } else {
            0
        }
    }
}

/// Handling of `metadata.managedFields`, often half of an object. Those of a template in it are kept, as in kubectl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ManagedFields {
    /// The entries are decoded.
    #[default]
    Keep,
    /// The entries are decoded without `fieldsV1`: only managers and times.
    Names,
    /// The entries are left out, as kubectl hides them; errors in their messages are still reported.
    Hide,
}
