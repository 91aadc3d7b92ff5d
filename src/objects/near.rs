//! What may be meant by words that find no object: another name, another namespace, an object that was deleted.

use super::{Cluster, Query};
use crate::k8s::{Key, key_for_messages, nearest};

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
        let objects: Vec<_> = keys.iter().filter_map(Key::object).collect();
        // what a controller names begins with the name of what it makes it for, such as web-546f5ff66b-fj4ch
        let begins = |of: &&str| of.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        let names = || objects.iter().map(|object| object.name);
        let near = nearest(name, names()).or_else(|| names().find(begins).filter(|_| name.len() > 1))?;
        let within = objects.iter().find(|object| object.name == near).and_then(|object| object.namespace);
        let within = within.filter(|_| query.namespace.is_some());
        Some(format!("{kind}/{near}{}", within.map_or(String::new(), |namespace| format!(" -n {namespace}"))))
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
