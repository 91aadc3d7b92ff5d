//! Which objects are meant, in which order, and what of them: kinds, names and namespaces, labels and fields, sort keys and
//! JSONPath templates, as kubectl has them.

mod fields;
pub mod jsonpath;
mod labels;
mod quantity;
mod sort;

use std::collections::BTreeSet;

pub use fields::FieldSelector;
pub use labels::LabelSelector;
pub use sort::{SortBy, SortKey};

use crate::{
    Error, Result,
    etcd::Range,
    k8s::{Key, Resources},
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Group and plural name; empty for every key.
    kinds: Vec<(String, String)>,
    names: BTreeSet<String>,
    namespace: Option<String>,
    /// Of the keys of etcd; none for all.
    range: Option<Range<'static>>,
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
                    .hinted(resources.nearest(kind).map_or_else(
                        || "without a KIND, `get` lists everything that is there".to_owned(),
                        |near| format!("did you mean {near}?"),
                    )));
            }
            let names = found.iter().map(|resource| (resource.group.to_string(), resource.plural.to_string()));
            selection.kinds.extend(names);
        }
        Ok(selection)
    }

    /// The same, of the keys in `range` only.
    #[must_use]
    pub fn within(self, range: Option<Range<'static>>) -> Self {
        Self { range, ..self }
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
        if self.range.as_ref().is_some_and(|range| !range.contains(key)) {
            return false;
        }
        if self.kinds.is_empty() && self.namespace.is_none() {
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
