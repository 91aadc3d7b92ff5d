//! Former kinds: their CustomResourceDefinitions were deleted before the backup.

use super::{Cluster, Query};
use crate::{
    Result,
    k8s::{Key, Resource, Resources},
    select::Selection,
};

impl Cluster<'_> {
    /// As [`Cluster::select`]; an unknown kind is also looked up in the older records of CustomResourceDefinitions and
    /// in the keys of custom resources.
    ///
    /// # Errors
    /// As [`Cluster::select`].
    pub fn select_former(&self, query: &Query) -> Result<Selection> {
        self.select(query).or_else(|error| {
            let selection = Selection::new(&query.what, query.namespace.as_deref(), &self.former_resources());
            selection.map(|selection| selection.within(query.range.clone())).map_err(|_| error)
        })
    }

    /// The present and former resources, by all records.
    fn former_resources(&self) -> Resources {
        let mut resources = self.resources.clone();
        let is_custom = |key: &[u8]| {
            Key::new(key).object().is_some_and(|object| {
                object.resource == "customresourcedefinitions"
                    || object
                        .group
                        .as_deref()
                        .is_some_and(|group| self.resources.get(group, &object.resource).is_none())
            })
        };
        let records = self.snapshot.records(is_custom);
        let defined = records.iter().filter_map(|record| {
            let object = self.ring.object(record.kv.key, record.kv.value).ok()?;
            Resource::of_definition(&object.value)
        });
        // a definition has more of the resource than a key
        let by_key = records.iter().filter_map(|record| of_key(record.kv.key));
        for resource in defined.chain(by_key) {
            if resources.get(&resource.group, &resource.plural).is_none() {
                resources.add(resource);
            }
        }
        resources
    }
}

/// The resource as far as the key of one of its objects shows it.
fn of_key(key: &[u8]) -> Option<Resource> {
    let key = Key::new(key);
    let object = key.object()?;
    let (group, plural) = (object.group.clone()?.into_owned(), object.resource.clone().into_owned());
    Some(Resource {
        stored: format!("{group}/{plural}").into(),
        singular: plural.clone().into(),
        kind: plural.clone().into(),
        versions: Vec::new(),
        namespaced: object.namespace.is_some(),
        short: Vec::new(),
        categories: Vec::new(),
        group: group.into(),
        plural: plural.into(),
    })
}
