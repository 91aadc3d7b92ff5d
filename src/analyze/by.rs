//! What keys are grouped by.

use std::fmt::{self, Write as _};

use crate::k8s::{Key, Mask, Weights};

/// What keys are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The kind, as `deployments.apps`.
    Kind,
    /// The namespace.
    Namespace,
    /// The kind, a tab, and the namespace.
    KindAndNamespace,
    /// The object: `deployments.apps/web -n shop`.
    Name,
    /// The value of a label.
    Label(String),
    /// The manager whose entry in managedFields is the newest.
    Manager,
}

/// The group of keys that have none.
pub(super) const NONE: &str = "-";

impl By {
    /// The label that is looked for.
    pub(super) fn label(&self) -> Option<&str> {
        match self {
            Self::Label(label) => Some(label),
            _ => None,
        }
    }

    /// Writes the name of a key's group.
    pub(super) fn name(&self, to: &mut String, etcd_key: &[u8], key: &Key<'_>, weights: &Weights<'_>, mask: &Mask) {
        to.clear();
        match self {
            Self::Kind => kind(to, key),
            Self::Namespace => to.push_str(key.object().and_then(|object| object.namespace).unwrap_or(NONE)),
            Self::KindAndNamespace => {
                kind(to, key);
                to.extend(["\t", key.object().and_then(|object| object.namespace).unwrap_or(NONE)]);
            }
            Self::Name => object(to, etcd_key, key, mask),
            Self::Label(_) => to.push_str(weights.label.as_deref().unwrap_or(NONE)),
            Self::Manager if weights.manager.is_empty() => to.push_str(NONE),
            Self::Manager => to.push_str(&weights.manager),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("kind"),
            Self::Namespace => f.write_str("namespace"),
            Self::KindAndNamespace => f.write_str("kind and namespace"),
            Self::Name => f.write_str("name"),
            Self::Label(label) => write!(f, "label {label}"),
            Self::Manager => f.write_str("manager"),
        }
    }
}

/// Writes the kind of a key: `deployments.apps`.
pub(super) fn kind(to: &mut String, key: &Key<'_>) {
    match key {
        Key::Object(object) => {
            to.push_str(&object.resource);
            if let Some(group) = object.group.as_deref().filter(|group| !group.is_empty()) {
                to.extend([".", group]);
            }
        }
        Key::Range(_) => to.push_str("ranges"),
        Key::MasterLease(_) => to.push_str("masterleases"),
        Key::PeerLease(_) => to.push_str("peerserverleases"),
        Key::CompactRev => to.push_str("compact_rev_key"),
        Key::Bootstrap(_) => to.push_str("bootstrap"),
        Key::Other => to.push_str(NONE),
    }
}

/// Writes the name of an object, or the key where it is none; a name that is a secret is masked.
pub(super) fn object(to: &mut String, etcd_key: &[u8], key: &Key<'_>, mask: &Mask) {
    let Some(object) = key.object() else {
        to.push_str(&String::from_utf8_lossy(&mask.key(etcd_key)));
        return;
    };
    kind(to, key);
    // Writing to a string cannot fail.
    let _ = write!(to, "/{}", mask.name(object));
    if let Some(namespace) = object.namespace {
        to.extend([" -n ", namespace]);
    }
}
