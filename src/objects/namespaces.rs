//! The names of a state that are near to what was typed: namespaces, and objects of a kind.

use std::collections::BTreeSet;

use super::{Cluster, Query};
use crate::k8s::{Key, key_for_messages, nearest};

/// A namespace that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoNamespace {
    /// The existing namespace with the nearest name.
    pub nearest: Option<String>,
    /// The existing namespaces.
    pub there: Vec<String>,
}

impl NoNamespace {
    /// The existing namespaces of the last of `clusters`, when `name` is a namespace of none; else `None`.
    #[must_use]
    pub fn in_all(clusters: &[&Cluster<'_>], name: &str) -> Option<Self> {
        let (last, others) = clusters.split_last()?;
        let absent = last.no_namespace(name)?;
        others.iter().all(|cluster| !cluster.namespaces().contains(name)).then_some(absent)
    }
}

impl<'a> Cluster<'a> {
    /// The namespaces that have an object of their own, or objects in them.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for key in self.view.keys() {
            let key = Key::new(key);
            let Some(object) = key.object() else { continue };
            names.extend(if object.resource == "namespaces" { Some(object.name) } else { object.namespace });
        }
        names
    }

    /// The existing namespaces, when `name` is none of them; else `None`.
    #[must_use]
    pub fn no_namespace(&self, name: &str) -> Option<NoNamespace> {
        let there = self.namespaces();
        let absent = !there.contains(name);
        absent.then(|| NoNamespace {
            nearest: nearest(name, there.iter().copied()).map(str::to_owned),
            there: there.into_iter().map(str::to_owned).collect(),
        })
    }
}

impl Cluster<'_> {
    /// The words for the first object called `name`, of any kind but Event.
    pub(super) fn called(&self, name: &str) -> Option<String> {
        let is_it = |key: &&[u8]| {
            let key = Key::new(key);
            key.object().is_some_and(|object| object.name == name && object.resource != "events")
        };
        let key = self.view.keys().find(is_it).filter(|key| *key_for_messages(key) == **key)?;
        let key = Key::new(key);
        let object = key.object()?;
        let place = object.namespace.map_or_else(String::new, |namespace| format!(" -n {namespace}"));
        Some(format!("{}/{}{place}", object.resource, object.name))
    }

    /// For an object of `kind` that `query` does not find under `name`: the words that name the one which may be meant.
    /// That is the one of this name in another namespace, or else the nearest name.
    #[must_use]
    pub fn near(&self, query: &Query, kind: &str, name: &str) -> Option<String> {
        let of = |namespace: Option<&str>| {
            let what = vec![kind.to_owned()];
            let query = Query { what, namespace: namespace.map(str::to_owned), range: query.range.clone() };
            let mut found = self.find(&query).map(|found| found.objects).unwrap_or_default();
            // a name that is a secret, such as that of an OAuth token, is not proposed
            found.retain(|kv| *key_for_messages(kv.key) == *kv.key);
            found
        };
        let everywhere = of(None);
        let keys: Vec<_> = everywhere.iter().map(|kv| Key::new(kv.key)).collect();
        let named = keys.iter().filter_map(Key::object).find(|object| object.name == name);
        if let Some(namespace) = named.and_then(|object| object.namespace) {
            return Some(format!("{kind}/{name} -n {namespace}"));
        }
        let inside = of(query.namespace.as_deref());
        let keys: Vec<_> = inside.iter().map(|kv| Key::new(kv.key)).collect();
        let near = nearest(name, keys.iter().filter_map(Key::object).map(|object| object.name))?;
        Some(format!("{kind}/{near}"))
    }

    /// For an object of `kind` that `query` does not find under `name`: the revision of its deletion up to the revision
    /// that is viewed, and whether a record still holds the object as it was before.
    #[must_use]
    pub fn deletion(&self, query: &Query, kind: &str, name: &str) -> Option<(i64, bool)> {
        let named = Query { what: vec![format!("{kind}/{name}")], ..query.clone() };
        let selection = self.select(&named).ok()?;
        let mut records = self.snapshot.records(|key| selection.matches(key));
        records.retain(|record| record.revision.main <= self.view.revision);
        let last = records.iter().rposition(|record| record.tombstone)?;
        let (before, deleted) = (records.get(..last)?, records.get(last)?);
        let newest = before.iter().rfind(|record| record.kv.key == deleted.kv.key);
        Some((deleted.revision.main, newest.is_some_and(|record| !record.tombstone)))
    }
}
