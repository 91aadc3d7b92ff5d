//! Selection of objects, their order and their fields, as in kubectl: kinds, names and namespaces, labels and fields,
//! sort keys, JSONPath and Go templates.

mod fields;
pub mod gotemplate;
pub mod jsonpath;
mod labels;
mod quantity;
mod sort;

use std::collections::HashMap;

pub use fields::FieldSelector;
pub use labels::LabelSelector;
pub(crate) use quantity::Quantity;
pub use sort::{SortBy, SortKey};

use rayon::prelude::*;

use crate::{
    Error, Result,
    bytes::shell,
    etcd::Range,
    k8s::{Key, ObjectKey, Resource, Resources},
};

/// The selected kinds and objects.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The kinds, each once, in the requested order; empty for every key.
    kinds: Vec<Kind>,
    /// The named objects, in the requested order; empty for every object of the kinds.
    names: Vec<Name>,
    /// The indexes in `names` of each name.
    by_name: HashMap<String, Vec<usize>>,
    namespace: Option<String>,
    /// The range of etcd's keys; `None` for all.
    range: Option<Range<'static>>,
}

/// The words of an error about a kind that is not known.
struct Unknown {
    /// That nothing defines it.
    defined: &'static str,
    /// What to do where no kind with a like name is known.
    hint: &'static str,
}

/// In one backup.
const IN_BACKUP: Unknown =
    Unknown { defined: "the snapshot defines none", hint: "without a KIND, `get` lists everything in the backup" };

/// In the backups of a catalog.
const IN_CATALOG: Unknown = Unknown {
    defined: "no backup in the catalog defines it",
    hint: "`etcdsnap catalog growth` lists the kinds in the backups",
};

/// A selected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The API group of the kind; empty for the core group.
    pub group: String,
    /// The plural name of the kind.
    pub plural: String,
    /// The requested API version, if any.
    pub version: Option<String>,
}

/// An object that is selected by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The object's kind, as it was typed.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The indexes in [`Selection::kinds`] of the kinds that the word names.
    kinds: Vec<usize>,
}

impl Selection {
    /// Parses `KIND[,KIND...] [NAME...]` or `KIND/NAME...` and `-n`. The namespace is ignored for cluster-scoped kinds,
    /// as in kubectl.
    ///
    /// # Errors
    /// When there is no such kind, or a word is neither a kind nor a name.
    pub fn new(words: &[String], namespace: Option<&str>, resources: &Resources) -> Result<Self> {
        Self::parse(words, namespace, resources, &IN_BACKUP)
    }

    /// As [`Selection::new`], for the resources of many backups.
    ///
    /// # Errors
    /// As [`Selection::new`].
    pub fn in_catalog(words: &[String], namespace: Option<&str>, resources: &Resources) -> Result<Self> {
        Self::parse(words, namespace, resources, &IN_CATALOG)
    }

    fn parse(words: &[String], namespace: Option<&str>, resources: &Resources, unknown: &Unknown) -> Result<Self> {
        let mut selection = Self { namespace: namespace.map(str::to_owned), ..Self::default() };
        for (kind, name) in pairs(words)? {
            let kinds = selection.add(kind, resources, unknown)?;
            if let Some(name) = name {
                selection.by_name.entry(name.to_owned()).or_default().push(selection.names.len());
                selection.names.push(Name { kind: kind.to_owned(), name: name.to_owned(), kinds });
            }
        }
        Ok(selection)
    }

    /// Adds a kind, and returns the indexes of the kinds that it names.
    fn add(&mut self, kind: &str, resources: &Resources, unknown: &Unknown) -> Result<Vec<usize>> {
        if matches!(kind, "componentstatuses" | "componentstatus" | "cs") {
            let what = "ComponentStatuses are not stored: an API server computes them for each request";
            return Err(Error::not_found(what));
        }
        let meant = resources.meant(kind);
        if meant.is_empty() {
            let near = resources.nearest(kind).map(|near| format!("did you mean {near}?"));
            let what = format!("no kind {kind:?} is known, and {}", unknown.defined);
            return Err(Error::not_found(what).hinted(near.unwrap_or_else(|| unknown.hint.to_owned())));
        }
        let place = |(resource, version): (&Resource, Option<&str>)| {
            let (group, plural) = (resource.group.to_string(), resource.plural.to_string());
            let have = self.kinds.iter().position(|have| have.group == group && have.plural == plural);
            have.unwrap_or_else(|| {
                self.kinds.push(Kind { group, plural, version: version.map(str::to_owned) });
                self.kinds.len().saturating_sub(1)
            })
        };
        Ok(meant.into_iter().map(place).collect())
    }

    /// Limits the selection to the keys in `range`.
    #[must_use]
    pub fn within(self, range: Option<Range<'static>>) -> Self {
        Self { range, ..self }
    }

    /// The selected kinds, in the requested order; empty for every key.
    #[must_use]
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The objects selected by name, in the requested order; empty for every object of a kind.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether the object under `key` is selected.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        !self.places(key).is_empty()
    }

    /// The indexes of the object under `key` among the names, or among the kinds where there are no names.
    #[must_use]
    pub fn places(&self, key: &[u8]) -> Vec<usize> {
        if self.range.as_ref().is_some_and(|range| !range.contains(key)) {
            return Vec::new();
        }
        if self.kinds.is_empty() && self.namespace.is_none() {
            return vec![0];
        }
        let parsed = Key::new(key);
        let Some(object) = parsed.object().filter(|object| self.is_within(object)) else { return Vec::new() };
        if self.kinds.is_empty() {
            return vec![0];
        }
        let group = object.group.as_deref().unwrap_or_default();
        let kind = self.kinds.iter().position(|kind| kind.group == group && kind.plural == object.resource);
        let Some(kind) = kind else { return Vec::new() };
        if self.names.is_empty() {
            return vec![kind];
        }
        let places = self.by_name.get(object.name).into_iter().flatten().copied();
        places.filter(|at| self.names.get(*at).is_some_and(|name| name.kinds.contains(&kind))).collect()
    }

    /// Whether the namespace matches; that of a cluster-scoped object always does when its kind is named.
    fn is_within(&self, object: &ObjectKey<'_>) -> bool {
        match (self.namespace.as_deref(), object.namespace) {
            (None, _) => true,
            (Some(_), None) => !self.kinds.is_empty(),
            (Some(namespace), Some(have)) => namespace == have,
        }
    }

    /// Filters things by the selection, sorted into the requested order, or else in their own; and returns the names
    /// that none of them has.
    #[must_use]
    pub fn arrange<'k, T: Copy + Send>(
        &self,
        things: impl IntoParallelIterator<Item = T>,
        key: impl Fn(&T) -> &'k [u8] + Sync,
    ) -> (Vec<T>, Vec<&Name>) {
        let places = |thing| self.places(key(&thing)).into_iter().map(move |place| (place, thing));
        let mut placed: Vec<(usize, T)> = things.into_par_iter().flat_map_iter(places).collect();
        placed.sort_by_key(|(place, _)| *place);
        let is_there = |at: usize| placed.binary_search_by_key(&at, |(place, _)| *place).is_ok();
        let missing = self.names.iter().enumerate().filter(|(at, _)| !is_there(*at)).map(|(_, name)| name).collect();
        (placed.into_iter().map(|(_, thing)| thing).collect(), missing)
    }
}

/// Parses kinds, and a name each where there are names (`ResourceTypeOrNameArgs`), kind after kind.
fn pairs(words: &[String]) -> Result<Vec<(&str, Option<&str>)>> {
    let Some((kinds, names)) = words.split_first() else { return Ok(Vec::new()) };
    if words.iter().any(String::is_empty) {
        return Err(usage("resource name may not be empty"));
    }
    match words.iter().filter(|word| word.contains('/')).count() {
        0 if names.is_empty() => Ok(kinds.split(',').map(|kind| (kind, None)).collect()),
        0 => {
            let each = |kind| names.iter().map(move |name| (kind, Some(name.as_str())));
            Ok(kinds.split(',').flat_map(each).collect())
        }
        slashes if slashes == words.len() => words.iter().map(|word| pair(word)).collect(),
        _ => Err(usage(
            "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form",
        )),
    }
}

/// `KIND/NAME` (`splitResourceTypeName`).
fn pair(word: &str) -> Result<(&str, Option<&str>)> {
    match word.split_once('/') {
        Some((_, name)) if name.contains('/') => {
            let error = Error::usage("arguments in resource/name form may not have more than one slash");
            Err(match word.starts_with('/') {
                true => error.hinted(format!("to print the value of a key: `etcdsnap kv FILE {}`", shell(word))),
                false => error.hinted(USAGE),
            })
        }
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !kind.contains(',') => Ok((kind, Some(name))),
        _ => Err(usage("arguments in resource/name form must have a single resource and name")),
    }
}

const USAGE: &str = "KIND[,KIND...] [NAME...], or KIND/NAME...";

fn usage(what: &str) -> Error {
    Error::usage(what).hinted(USAGE)
}
