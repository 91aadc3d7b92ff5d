//! Selection of objects by kinds, names, a namespace, a prefix or one key.

use super::Cluster;
use crate::{
    Result,
    etcd::{KeyValue, Range},
    select::{Name, Selection},
};

/// A query for objects, as in kubectl.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// `KIND[,KIND...] [NAME...]` or `KIND/NAME...`; empty for every key.
    pub what: Vec<String>,
    /// Only this namespace; cluster-scoped kinds are always found.
    pub namespace: Option<String>,
    /// Only keys in this range: below a prefix of the API server's, or one key. `None` for all.
    pub range: Option<Range<'static>>,
}

/// The result of a query.
#[derive(Debug)]
pub struct Found<'a> {
    /// The parsed query.
    pub selection: Selection,
    /// The stored objects: in the order of the kinds or names, and each kind in key order.
    pub objects: Vec<KeyValue<'a>>,
    /// The named objects that do not exist: the kind as it was typed, or `key`, and the name.
    pub missing: Vec<(String, String)>,
}

impl Query {
    /// The range of keys that may have to be read.
    #[must_use]
    pub fn range(&self) -> &Range<'static> {
        self.range.as_ref().unwrap_or(&Range::ALL)
    }

    /// Whether objects are named, or one key, and so not selected.
    #[must_use]
    pub fn names_objects(&self) -> bool {
        self.range().one().is_some() || self.what.len() > 1 || self.what.iter().any(|word| word.contains('/'))
    }
}

impl<'a> Cluster<'a> {
    /// Parses a query.
    ///
    /// # Errors
    /// When there is no such kind, or a word is no object's name.
    pub fn select(&self, query: &Query) -> Result<Selection> {
        let selection = Selection::new(&query.what, query.namespace.as_deref(), &self.resources);
        let selection = selection.map_err(|error| match query.what.first().and_then(|name| self.called(name)) {
            Some(one) => error.hinted(format!("did you mean {one}?")),
            None => error,
        })?;
        Ok(selection.within(query.range.clone()))
    }

    /// Finds the objects of a query.
    ///
    /// # Errors
    /// As [`Cluster::select`].
    pub fn find(&self, query: &Query) -> Result<Found<'a>> {
        let selection = self.select(query)?;
        let (objects, missing) = selection.arrange(self.view.par_range(query.range()), |kv| kv.key);
        let named = |name: &Name| (name.kind.clone(), name.name.clone());
        let mut missing: Vec<_> = missing.into_iter().map(named).collect();
        let key = query.range().one().filter(|_| objects.is_empty());
        missing.extend(key.map(|key| ("key".to_owned(), String::from_utf8_lossy(key).into_owned())));
        Ok(Found { selection, objects, missing })
    }
}
