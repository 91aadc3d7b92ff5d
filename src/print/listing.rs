//! The found objects as one table for each kind.

use std::collections::HashMap;

use super::TablePrinter;
use crate::{
    etcd::{KeyValue, View},
    k8s::{Key, ObjectKey, Resource, Resources, Ring, Summary},
    select::Selection,
};

/// The objects of one kind, which go into one table.
#[derive(Debug, Clone)]
pub struct Listing<'f, 'a> {
    /// The kind of the objects.
    pub resource: Resource,
    /// The objects, in the order they were found.
    pub found: Vec<&'f KeyValue<'a>>,
    /// The requested API version.
    version: Option<String>,
    /// The API server's prefix of their keys.
    prefix: &'a str,
}

impl<'f, 'a> Listing<'f, 'a> {
    /// Groups found objects by kind: first the kinds that `selection` names, in its order and with or without objects,
    /// then others in the order they were found. Consecutive named objects of one kind are in one table, as in kubectl.
    /// Keys that hold no object are left out.
    #[must_use]
    pub fn of(selection: &Selection, found: &'f [KeyValue<'a>], resources: &Resources) -> Vec<Self> {
        let mut listings: Vec<Self> = Vec::new();
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        let named = !selection.names().is_empty();
        let asked = |group: &str, plural: &str| {
            selection.kinds().iter().find(|kind| kind.group == group && kind.plural == plural)?.version.clone()
        };
        for kind in selection.kinds().iter().filter(|_| !named) {
            if let Some(resource) = resources.get(&kind.group, &kind.plural) {
                places.insert((kind.group.clone(), kind.plural.clone()), listings.len());
                let (resource, version) = (resource.clone(), kind.version.clone());
                listings.push(Self { resource, found: Vec::new(), version, prefix: "/registry" });
            }
        }
        let mut last = None;
        for kv in found {
            let key = Key::new(kv.key);
            let Some(object) = key.object() else { continue };
            let id = (object.group.as_deref().unwrap_or_default().to_owned(), object.resource.to_string());
            if named && places.get(&id).copied() != last {
                places.remove(&id);
            }
            let place = *places.entry(id).or_insert_with_key(|(group, plural)| {
                let resource = resources.get(group, plural).cloned().unwrap_or_else(|| unknown(object, kv, resources));
                let version = asked(group, plural);
                listings.push(Self { resource, found: Vec::new(), version, prefix: object.prefix });
                listings.len().saturating_sub(1)
            });
            last = Some(place);
            if let Some(listing) = listings.get_mut(place) {
                listing.prefix = object.prefix;
                listing.found.push(kv);
            }
        }
        listings
    }

    /// The printer of the kind; of a custom one, by its definition in `view`.
    #[must_use]
    pub fn printer(&self, view: &View<'_>, ring: &Ring) -> TablePrinter {
        let name = self.resource.full_name();
        let key = format!("{}/apiextensions.k8s.io/customresourcedefinitions/{name}", self.prefix);
        let kv = view.get(key.as_bytes());
        let definition = kv.and_then(|kv| {
            let mut object = ring.object(kv.key, kv.value).ok()?;
            object.as_served(kv.mod_revision);
            Some(object)
        });
        let definition = definition.as_ref().map(|object| &object.value);
        TablePrinter::new(&self.resource, definition, self.version.as_deref())
    }
}

/// A resource that is known only by its keys.
fn unknown(key: &ObjectKey<'_>, kv: &KeyValue<'_>, resources: &Resources) -> Resource {
    let kind = match Summary::new(kv.key, kv.value, resources) {
        Summary::Object { meta, .. } => meta.kind.into_owned(),
        _ => key.resource.to_string(),
    };
    Resource {
        group: key.group.as_deref().unwrap_or_default().to_owned().into(),
        plural: key.resource.to_string().into(),
        singular: kind.to_lowercase().into(),
        kind: kind.into(),
        versions: Vec::new(),
        namespaced: key.namespace.is_some(),
        short: Vec::new(),
        categories: Vec::new(),
        stored: key.resource.to_string().into(),
    }
}
