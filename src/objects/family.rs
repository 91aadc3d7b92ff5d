//! The owners of an object, and the objects it owns.

use std::collections::{HashMap, HashSet};

use super::Cluster;
use crate::k8s::{Key, Mask, Meta, kind_of};

/// Limit on the levels of owners that are followed.
const MAX_DEPTH: usize = 16;

/// An owner of an object, or an object that it owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Distance: 1 for a direct owner, or an object that is owned directly.
    pub depth: usize,
    /// `replicaset.apps`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// Whether the object is only named as an owner, and is not in the snapshot.
    pub gone: bool,
}

/// The owner references of a keyspace, by uid.
#[derive(Debug, Default)]
pub struct Family {
    known: HashMap<String, Entry>,
    owned: HashMap<String, Vec<String>>,
    /// Number of objects whose owners and uid are not known: encrypted without a key, or broken.
    pub unopened: usize,
}

#[derive(Debug, Default)]
struct Entry {
    kind: String,
    name: String,
    owners: Vec<(String, String, String)>,
}

impl Family {
    /// Reads the metadata of every object; those that cannot be decrypted, and broken ones, have none. Names that are
    /// secrets are masked.
    #[must_use]
    pub fn of(cluster: &Cluster<'_>, mask: &Mask) -> Self {
        let mut family = Self::default();
        for kv in cluster.view.iter() {
            let key = Key::new(kv.key);
            if key.object().is_none() {
                continue;
            }
            let opened = cluster.ring.open(kv.key, kv.value).ok();
            let Some(meta) = opened.as_deref().and_then(|value| Meta::read(value).ok()) else {
                family.unopened = family.unopened.saturating_add(1);
                continue;
            };
            if meta.uid.is_empty() {
                continue;
            }
            let kind = kind_of(&key, &meta, &cluster.resources);
            let uid = meta.uid.to_string();
            for owner in &meta.owners {
                family.owned.entry(owner.uid.to_string()).or_default().push(uid.clone());
            }
            let owners = meta.owners.iter();
            let owners = owners.map(|o| {
                let name = mask.name_of(&Key::Other, &o.kind, &o.name).into_owned();
                (o.uid.to_string(), o.kind.to_lowercase(), name)
            });
            let name = mask.name_of(&key, &meta.kind, &meta.name).into_owned();
            family.known.insert(uid, Entry { kind, name, owners: owners.collect() });
        }
        family
    }

    /// The owners of the object with this uid, their owners, and so on.
    #[must_use]
    pub fn owners(&self, uid: &str) -> Vec<Relative> {
        let (mut found, mut seen, mut level) = (Vec::new(), HashSet::from([uid]), vec![uid]);
        for depth in 1..=MAX_DEPTH {
            let mut next = Vec::new();
            for (uid, kind, name) in level.iter().filter_map(|uid| self.known.get(*uid)).flat_map(|e| &e.owners) {
                if seen.insert(uid) {
                    let known = self.known.get(uid);
                    let kind = known.map_or(kind, |entry| &entry.kind).clone();
                    found.push(Relative { depth, kind, name: name.clone(), gone: known.is_none() });
                    next.push(uid.as_str());
                }
            }
            level = next;
        }
        found
    }

    /// The objects that the object with this uid owns, and those that these own, each after its owner.
    #[must_use]
    pub fn owned(&self, uid: &str) -> Vec<Relative> {
        let (mut found, mut seen) = (Vec::new(), HashSet::from([uid.to_owned()]));
        let mut stack: Vec<(usize, &str)> = vec![(0, uid)];
        while let Some((depth, uid)) = stack.pop() {
            if let Some(entry) = self.known.get(uid).filter(|_| depth > 0) {
                found.push(Relative { depth, kind: entry.kind.clone(), name: entry.name.clone(), gone: false });
            }
            let children = self.owned.get(uid).into_iter().flatten().rev();
            if depth < MAX_DEPTH {
                for child in children {
                    if seen.insert(child.clone()) {
                        stack.push((depth.saturating_add(1), child));
                    }
                }
            }
        }
        found
    }
}
