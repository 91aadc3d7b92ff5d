//! What it takes to describe a record.

use crate::k8s::{Mask, Resources};

/// Describes records.
#[derive(Debug)]
pub struct Describer {
    /// Masks secrets.
    pub mask: Mask,
    /// Names the kinds.
    pub resources: Resources,
}
