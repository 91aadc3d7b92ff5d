//! Objects that exported objects need and the export does not hold: Namespaces, definitions, classes, Secrets, ...
//!
//! ```text
//! fields       the fields of each kind that refer to others
//! references   the objects that one object refers to, as keys of etcd
//! Needs        all references, with the first object that has each
//! Need         one that is not exported, and why: not selected, left out, or not in the backup
//! ```

mod fields;
mod references;

use std::fmt;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

pub use self::references::Reference;
pub(super) use self::references::{pod_spec, references};
use super::left_out::LeftOut;
use crate::k8s::ObjectKey;

/// The references of an export's objects, and which of them are exported.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    named: HashMap<Vec<u8>, Naming<'a>>,
    exported: HashSet<&'a [u8]>,
}

#[derive(Debug)]
struct Naming<'a> {
    must: bool,
    by: &'a [u8],
    count: u64,
}

/// An object that exported objects need and that is not exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The key in etcd of the object that is needed.
    pub key: Vec<u8>,
    /// The key of the first object that needs it.
    pub by: Vec<u8>,
    /// Number of objects that need it.
    pub count: u64,
    /// The reason why it is not exported.
    pub lack: Lack,
}

/// The reason why a needed object is not exported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lack {
    /// The backup holds it, and it was not selected.
    NotSelected,
    /// The backup holds it, and it is left out.
    LeftOut(LeftOut),
    /// The backup does not hold it.
    Absent,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSelected => f.write_str("in the backup: --with-deps exports it"),
            Self::LeftOut(left_out) => write!(f, "in the backup: {left_out}"),
            Self::Absent => f.write_str("not in the backup"),
        }
    }
}

impl<'a> Needs<'a> {
    /// Adds an exported object and its references.
    pub(super) fn note(&mut self, key: &'a [u8], references: Vec<Reference>) {
        self.exported.insert(key);
        for reference in references {
            let naming = Naming { must: false, by: key, count: 0 };
            let naming = self.named.entry(reference.key).or_insert(naming);
            naming.must |= reference.must;
            naming.count = naming.count.saturating_add(1);
        }
    }

    /// The needed objects that are not exported, in key order; `lack` returns the reason, or `None` to leave one out.
    pub(super) fn list(&self, lack: impl Fn(&[u8], bool) -> Option<Lack> + Sync) -> Vec<Need> {
        let mut lacking: Vec<_> =
            self.named.iter().filter(|(key, _)| !self.exported.contains(key.as_slice())).collect();
        lacking.sort_unstable_by_key(|(key, _)| *key);
        let need = |(key, naming): (&Vec<u8>, &Naming<'a>)| {
            let lack = lack(key, naming.must)?;
            Some(Need { key: key.clone(), by: naming.by.to_vec(), count: naming.count, lack })
        };
        lacking.into_par_iter().filter_map(need).collect()
    }
}

/// Whether every cluster creates an object of this name itself.
pub(super) fn is_everywhere(key: &ObjectKey<'_>) -> bool {
    match (&*key.resource, key.name) {
        ("namespaces", name) => matches!(name, "default" | "kube-system" | "kube-public" | "kube-node-lease"),
        ("serviceaccounts", name) => name == "default",
        ("configmaps", name) => name == "kube-root-ca.crt",
        ("priorityclasses" | "clusterroles", name) if name.starts_with("system-") || name.starts_with("system:") => {
            true
        }
        ("clusterroles", name) => matches!(name, "admin" | "cluster-admin" | "edit" | "view"),
        ("roles", name) => name.starts_with("system:") || name == "extension-apiserver-authentication-reader",
        ("prioritylevelconfigurations", name) => matches!(name, "exempt" | "catch-all"),
        _ => false,
    }
}
