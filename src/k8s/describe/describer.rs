//! The settings for describing records.

use crate::k8s::{Mask, Resources};

/// Describes records.
#[derive(Debug)]
pub struct Describer {
    /// The mask for secrets.
    pub mask: Mask,
    /// The resources by which kinds are named.
    pub resources: Resources,
}
