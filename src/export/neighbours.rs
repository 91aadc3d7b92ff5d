//! What else the cluster holds that decides whether an object is left out.

use std::collections::HashSet;

use crate::{
    k8s::{Key, ObjectKey, Value},
    objects::Cluster,
};

/// The other objects of the cluster.
#[derive(Debug)]
pub(super) struct Neighbours<'v, 'a> {
    cluster: &'v Cluster<'a>,
    /// Prefix and name of the Namespaces that are being deleted.
    ending: HashSet<(&'a str, &'a str)>,
}

impl<'v, 'a> Neighbours<'v, 'a> {
    /// Looks for the Namespaces of `cluster` that are being deleted.
    pub(super) fn of(cluster: &'v Cluster<'a>) -> Self {
        let mut ending = HashSet::new();
        for kv in cluster.view.iter() {
            let maybe = kv.key.windows(12).any(|part| part == b"/namespaces/");
            if maybe
                && let Key::Object(key @ ObjectKey { namespace: None, .. }) = Key::new(kv.key)
                && key.resource == "namespaces"
                && cluster.ring.object(kv.key, kv.value).is_ok_and(|object| is_deleted(&object.value))
            {
                ending.insert((key.prefix, key.name));
            }
        }
        Self { cluster, ending }
    }

    /// The object of the same name, of another resource: `services/specs`.
    pub(super) fn namesake(&self, key: &ObjectKey<'_>, stored: &str) -> Option<Value<'a>> {
        let path = format!("{}/{stored}/{}/{}", key.prefix, key.namespace?, key.name);
        let kv = self.cluster.view.get(path.as_bytes())?;
        self.cluster.ring.object(kv.key, kv.value).ok().map(|object| object.value)
    }

    /// Whether the Namespace of an object is being deleted.
    pub(super) fn is_ending(&self, key: &ObjectKey<'_>) -> bool {
        key.namespace.is_some_and(|namespace| self.ending.contains(&(key.prefix, namespace)))
    }
}

/// Whether an object is being deleted.
pub(super) fn is_deleted(object: &Value<'_>) -> bool {
    let at = object.at(&["metadata", "deletionTimestamp"]).and_then(Value::as_str);
    at.is_some_and(|at| !at.is_empty())
}
