//! Which objects are meant, in which order, and what of them: kinds, names and namespaces, labels and fields, sort keys and
//! JSONPath templates, as kubectl has them.

mod family;
mod fields;
pub mod jsonpath;
mod labels;
mod quantity;
mod sort;

use std::collections::BTreeSet;

pub use family::{Family, Relative, Said, events};
pub use fields::FieldSelector;
pub use labels::LabelSelector;
pub use sort::{SortBy, SortKey};

use crate::{
    Error, Result,
    etcd::View,
    k8s::{Key, ObjectKey, Resource, Resources, Ring},
};

/// The resources of a keyspace: the built-in ones and those its CustomResourceDefinitions define.
#[must_use]
pub fn resources(view: &View<'_>, ring: &Ring) -> Resources {
    let mut resources = Resources::default();
    let is_definition = |object: &ObjectKey<'_>| object.resource == "customresourcedefinitions";
    for key in view.keys().filter(|key| Key::new(key).object().is_some_and(is_definition)) {
        if let Some(kv) = view.get(key)
            && let Ok(object) = ring.object(kv.key, kv.value)
            && let Some(resource) = Resource::of_definition(&object.value)
        {
            resources.add(resource);
        }
    }
    resources
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Group and plural name; empty for every key.
    kinds: Vec<(String, String)>,
    names: BTreeSet<String>,
    namespace: Option<String>,
}

impl Selection {
    /// What `KIND[,KIND...][/NAME] [NAME...]` and `-n` mean.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn new(words: &[String], namespace: Option<&str>, resources: &Resources) -> Result<Self> {
        let mut selection = Self { namespace: namespace.map(str::to_owned), ..Self::default() };
        let Some((kinds, names)) = words.split_first() else { return Ok(selection) };
        selection.names = names.iter().cloned().collect();
        let kinds = match kinds.split_once('/') {
            Some((kind, name)) => {
                selection.names.insert(name.to_owned());
                kind
            }
            None => kinds,
        };
        if let Some(word) = selection.names.iter().find(|name| name.is_empty() || name.contains('/')) {
            return Err(Error::usage(format!("{word:?} is no object's name"))
                .hinted("one kind at a time: KIND NAME..., or KIND/NAME"));
        }
        for kind in kinds.split(',') {
            if matches!(kind, "componentstatuses" | "componentstatus" | "cs") {
                return Err(Error::not_found(
                    "ComponentStatuses are not stored: an API server makes them up when it is asked",
                ));
            }
            let found = resources.find(kind);
            if found.is_empty() {
                return Err(Error::not_found(format!("no kind {kind:?} is known, and the snapshot defines none"))
                    .hinted("without a KIND, `get` lists everything that is there"));
            }
            let names = found.iter().map(|resource| (resource.group.to_string(), resource.plural.to_string()));
            selection.kinds.extend(names);
        }
        Ok(selection)
    }

    /// Whether every key is asked for.
    fn is_everything(&self) -> bool {
        self.kinds.is_empty() && self.namespace.is_none()
    }

    /// The kinds that are asked for, in that order, by group and plural name; none for every key.
    #[must_use]
    pub fn kinds(&self) -> &[(String, String)] {
        &self.kinds
    }

    /// The names that are asked for; none for every object of a kind.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Whether the object under `key` is asked for.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        if self.is_everything() {
            return true;
        }
        let key = Key::new(key);
        let Some(object) = key.object() else { return false };
        let group = object.group.as_deref().unwrap_or_default();
        let kind = |(g, plural): &(String, String)| g == group && *plural == object.resource;
        (self.kinds.is_empty() || self.kinds.iter().any(kind))
            && (self.names.is_empty() || self.names.contains(object.name))
            && self.namespace.as_deref().is_none_or(|namespace| object.namespace == Some(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        etcd::{Load, Range, Snapshot},
        source::{Options, Source},
    };

    #[test]
    fn objects_are_stored_in_a_version_of_their_resource() {
        let source = Source::open("fixtures/kube.db".as_ref(), &Options::default()).unwrap();
        let view = Snapshot::load(&source, &Load::default()).unwrap().view(None, &Range::ALL).unwrap();
        let ring = Ring::default();
        let resources = resources(&view, &ring);
        let widgets = resources.get("acme.io", "widgets").unwrap();
        assert!(widgets.versions.len() == 1 && widgets.preferred().is_some_and(|v| v.name == "v1" && v.stored));
        let mut checked = 0;
        for kv in view.iter() {
            let key = Key::new(kv.key);
            let Some(key) = key.object() else { continue };
            let (group, plural) = (key.group.as_deref().unwrap_or_default(), &*key.resource);
            let (Some(resource), Ok(object)) = (resources.get(group, plural), ring.object(kv.key, kv.value)) else {
                continue;
            };
            let api_version = object.value.get("apiVersion").and_then(crate::k8s::Value::as_str).unwrap();
            let version = api_version.rsplit('/').next().unwrap();
            assert!(resource.versions.iter().any(|have| have.served && have.name == version), "{api_version} {plural}");
            checked += 1;
        }
        assert!(checked > 200, "{checked}");
    }
}
