//! Objects by what they are called: kinds, names, a namespace, a prefix or one key.

use super::Cluster;
use crate::{
    Result,
    etcd::{KeyValue, Range},
    k8s::Key,
    select::Selection,
};

/// Which objects, in kubectl's words.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `KIND[,KIND...][/NAME] [NAME...]`; empty for every key.
    pub what: Vec<String>,
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only keys in this range: below a prefix of the API server's, or one key. `None` for all.
    pub range: Option<Range<'static>>,
}

/// What was found.
#[derive(Debug)]
pub struct Found<'a> {
    /// The words, read.
    pub selection: Selection,
    /// What is called so, in key order, as it is stored.
    pub objects: Vec<KeyValue<'a>>,
    /// What was named and is not there: names, or the key.
    pub missing: Vec<String>,
}

impl Query {
    /// The keys that may have to be read.
    #[must_use]
    pub fn range(&self) -> &Range<'static> {
        self.range.as_ref().unwrap_or(&Range::ALL)
    }
}

impl<'a> Cluster<'a> {
    /// Reads the words of a query.
    ///
    /// # Errors
    /// When there is no such kind, or a word is no object's name.
    pub fn select(&self, query: &Query) -> Result<Selection> {
        let selection = Selection::new(&query.what, query.namespace.as_deref(), &self.resources)?;
        Ok(selection.within(query.range.clone()))
    }

    /// Finds what is called so.
    ///
    /// # Errors
    /// As [`Cluster::select`].
    pub fn find(&self, query: &Query) -> Result<Found<'a>> {
        let selection = self.select(query)?;
        let objects: Vec<_> = self.view.range(query.range()).filter(|kv| selection.matches(kv.key)).collect();
        let key = query.range().one().filter(|_| objects.is_empty());
        let mut missing = Vec::new();
        if !selection.names().is_empty() {
            let keys = objects.iter().map(|kv| Key::new(kv.key));
            let have: Vec<_> = keys.filter_map(|key| key.object().map(|object| object.name.to_owned())).collect();
            missing.extend(selection.names().iter().filter(|name| !have.contains(name)).cloned());
        }
        missing.extend(key.map(|key| String::from_utf8_lossy(key).into_owned()));
        Ok(Found { selection, objects, missing })
    }
}
