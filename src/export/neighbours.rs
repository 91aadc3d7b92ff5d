//! Other objects of the cluster that decide whether an object is left out, and in which version it is exported.

use std::{collections::HashMap, sync::OnceLock};

use memchr::memmem;

use super::prune::Schema;
use crate::{
    k8s::{Key, ObjectKey, Resource, Value},
    objects::Cluster,
};

/// The other objects of the cluster.
#[derive(Debug)]
pub(super) struct Neighbours<'v, 'a> {
    cluster: &'v Cluster<'a>,
    /// Namespaces that are being deleted, by prefix and name, with the time.
    ending: HashMap<(&'a str, &'a str), String>,
    /// The CustomResourceDefinitions, by group and plural name.
    definitions: HashMap<String, HashMap<String, Definition<'a>>>,
}

/// The versions in a CustomResourceDefinition.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    key: &'a [u8],
    /// The schemas by version; read when an object is exported.
    schemas: OnceLock<HashMap<String, Schema>>,
    pub(super) resource: Resource,
    /// Whether versions differ in more than their names.
    pub(super) webhook: bool,
}

impl<'v, 'a> Neighbours<'v, 'a> {
    /// Finds the Namespaces of `cluster` that are being deleted, and its CustomResourceDefinitions.
    pub(super) fn of(cluster: &'v Cluster<'a>) -> Self {
        let mut neighbours = Self { cluster, ending: HashMap::new(), definitions: HashMap::new() };
        let parts = ["/namespaces/", "/customresourcedefinitions/"].map(memmem::Finder::new);
        let wanted = |key: &[u8]| parts.iter().any(|part| part.find(key).is_some());
        for kv in cluster.view.matching(wanted) {
            if let Key::Object(key @ ObjectKey { namespace: None, .. }) = Key::new(kv.key)
                && let Ok(mut object) = cluster.ring.object(kv.key, kv.value)
            {
                object.as_served(kv.mod_revision);
                match &*key.resource {
                    "namespaces" => {
                        let since = deleted_at(&object.value).map(str::to_owned);
                        neighbours.ending.extend(since.map(|since| ((key.prefix, key.name), since)));
                    }
                    "customresourcedefinitions" => neighbours.define(kv.key, &object.value),
                    _ => {}
                }
            }
        }
        neighbours
    }

    fn define(&mut self, key: &'a [u8], definition: &Value<'_>) {
        let Some(resource) = Resource::of_definition(definition) else { return };
        let webhook = definition.at(&["spec", "conversion", "strategy"]).and_then(Value::as_str) == Some("Webhook");
        let of_group = self.definitions.entry(resource.group.to_string()).or_default();
        of_group.insert(resource.plural.to_string(), Definition { key, schemas: OnceLock::new(), resource, webhook });
    }

    /// The object of the same name, of another resource: `services/specs`.
    pub(super) fn namesake(&self, key: &ObjectKey<'_>, stored: &str) -> Option<Value<'a>> {
        let path = format!("{}/{stored}/{}/{}", key.prefix, key.namespace?, key.name);
        let kv = self.cluster.view.get(path.as_bytes())?;
        self.cluster.ring.object(kv.key, kv.value).ok().map(|object| object.value)
    }

    /// The time since which the Namespace of an object is being deleted, if it is.
    pub(super) fn ends_since<'s>(&'s self, key: &'s ObjectKey<'_>) -> Option<&'s str> {
        // the keys live as long as the backup, and a map of them can only be asked with a shorter life through a
        // reborrow
        let ending: &HashMap<(&str, &str), String> = &self.ending;
        ending.get(&(key.prefix, key.namespace?)).map(String::as_str)
    }

    /// The definition of a custom resource.
    pub(super) fn defined(&self, group: &str, plural: &str) -> Option<&Definition<'a>> {
        self.definitions.get(group)?.get(plural)
    }

    /// The schema of a version; `None` when every field is kept.
    pub(super) fn schema<'d>(&self, definition: &'d Definition<'a>, version: &str) -> Option<&'d Schema> {
        definition.schemas.get_or_init(|| self.schemas(definition.key).unwrap_or_default()).get(version)
    }

    fn schemas(&self, key: &[u8]) -> Option<HashMap<String, Schema>> {
        let kv = self.cluster.view.get(key)?;
        let definition = self.cluster.object(&kv).ok()?.value;
        if definition.at(&["spec", "preserveUnknownFields"]) == Some(&Value::Bool(true)) {
            return None;
        }
        let versions = definition.at(&["spec", "versions"])?.as_list()?.iter();
        let schema = |version: &Value<'_>| {
            let schema = version.at(&["schema", "openAPIV3Schema"])?;
            Some((version.get("name")?.as_str()?.to_owned(), Schema::of_object(schema)))
        };
        Some(versions.filter_map(schema).collect())
    }
}

/// The deletion time of an object, if it was being deleted.
pub(super) fn deleted_at<'o>(object: &'o Value<'_>) -> Option<&'o str> {
    let at = object.at(&["metadata", "deletionTimestamp"]).and_then(Value::as_str);
    at.filter(|at| !at.is_empty())
}
