//! Keys that are not of Kubernetes.

use std::collections::BTreeSet;

use crate::{etcd::View, k8s::Key};

/// The prefixes below which API servers store their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefixes(BTreeSet<Vec<u8>>);

impl Prefixes {
    /// Finds them in a view of all keys: those of the objects whose keys are recognised, such as `/registry`.
    #[must_use]
    pub fn of(view: &View<'_>) -> Self {
        let prefix = |key| Key::new(key).object().map(|object| object.prefix.as_bytes().to_vec());
        Self(view.keys().filter_map(prefix).collect())
    }

    /// Whether a key is one of Kubernetes, or of its installer: by its own form, or because it is below a prefix.
    #[must_use]
    pub fn have(&self, key: &[u8]) -> bool {
        let below = |prefix: &Vec<u8>| key.strip_prefix(prefix.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        Key::new(key) != Key::Other || self.0.iter().any(below)
    }
}
