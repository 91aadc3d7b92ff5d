//! Which objects are meant, in which order, and what of them: kinds, names and namespaces, labels and fields, sort keys and
//! JSONPath and Go templates, as kubectl has them.

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

use crate::{
    Error, Result,
    etcd::Range,
    k8s::{Key, ObjectKey, Resource, Resources},
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Each once, in the order asked for; none for every key.
    kinds: Vec<Kind>,
    /// In the order asked for; none for every object of the kinds.
    names: Vec<Name>,
    /// The places in `names` of each name.
    by_name: HashMap<String, Vec<usize>>,
    namespace: Option<String>,
    /// Of the keys of etcd; none for all.
    range: Option<Range<'static>>,
}

/// A kind that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its API group; empty for the core group.
    pub group: String,
    /// Its plural name.
    pub plural: String,
    /// The API version that was asked for, if any.
    pub version: Option<String>,
}

/// An object that is asked for by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its kind, as it was typed.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The places of what the kind means in [`Selection::kinds`].
    kinds: Vec<usize>,
}

impl Selection {
    /// What `KIND[,KIND...] [NAME...]` or `KIND/NAME...` and `-n` mean. The namespace is not looked at for kinds that
    /// live in none, as in kubectl.
    ///
    /// # Errors
    /// When there is no such kind, or a word is neither.
    pub fn new(words: &[String], namespace: Option<&str>, resources: &Resources) -> Result<Self> {
        let mut selection = Self { namespace: namespace.map(str::to_owned), ..Self::default() };
        for (kind, name) in pairs(words)? {
            let kinds = selection.add(kind, resources)?;
            if let Some(name) = name {
                selection.by_name.entry(name.to_owned()).or_default().push(selection.names.len());
                selection.names.push(Name { kind: kind.to_owned(), name: name.to_owned(), kinds });
            }
        }
        Ok(selection)
    }

    /// Adds a kind, and returns the places of what it means.
    fn add(&mut self, kind: &str, resources: &Resources) -> Result<Vec<usize>> {
        if matches!(kind, "componentstatuses" | "componentstatus" | "cs") {
            let what = "ComponentStatuses are not stored: an API server makes them up when it is asked";
            return Err(Error::not_found(what));
        }
        let meant = resources.meant(kind);
        if meant.is_empty() {
            return Err(Error::not_found(format!("no kind {kind:?} is known, and the snapshot defines none")).hinted(
                resources.nearest(kind).map_or_else(
                    || "without a KIND, `get` lists everything that is there".to_owned(),
                    |near| format!("did you mean {near}?"),
                ),
            ));
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

    /// The same, of the keys in `range` only.
    #[must_use]
    pub fn within(self, range: Option<Range<'static>>) -> Self {
        Self { range, ..self }
    }

    /// The kinds that are asked for, in that order; none for every key.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The objects that are asked for by name, in that order; none for every object of a kind.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether the object under `key` is asked for.
    #[must_use]
    pub fn matches(&self, key: &[u8]) -> bool {
        !self.places(key).is_empty()
    }

    /// The places at which the object under `key` is asked for, among the names, or the kinds where there are no names.
    #[must_use]
    pub fn places(&self, key: &[u8]) -> Vec<usize> {
        let parsed = Key::new(key);
        let everything = self.kinds.is_empty() && self.namespace.is_none();
        if self.range.as_ref().is_some_and(|range| !range.contains(key))
            || !everything && !parsed.object().is_some_and(|object| self.is_within(object))
        {
            return Vec::new();
        }
        let Some(object) = parsed.object().filter(|_| !self.kinds.is_empty()) else { return vec![0] };
        let group = object.group.as_deref().unwrap_or_default();
        let kind = self.kinds.iter().position(|kind| kind.group == group && kind.plural == object.resource);
        let Some(kind) = kind else { return Vec::new() };
        if self.names.is_empty() {
            return vec![kind];
        }
        let places = self.by_name.get(object.name).into_iter().flatten().copied();
        places.filter(|at| self.names.get(*at).is_some_and(|name| name.kinds.contains(&kind))).collect()
    }

    /// Whether the namespace fits: that of an object which lives in none does, when its kind is asked for.
    fn is_within(&self, object: &ObjectKey<'_>) -> bool {
        match (self.namespace.as_deref(), object.namespace) {
            (None, _) => true,
            (Some(_), None) => !self.kinds.is_empty(),
            (Some(namespace), Some(have)) => namespace == have,
        }
    }

    /// Those of the things that are asked for, in the order they are asked for, else in their own; and the names that none
    /// of them has.
    #[must_use]
    pub fn arrange<'k, T: Copy>(
        &self,
        things: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &'k [u8],
    ) -> (Vec<T>, Vec<&Name>) {
        let mut placed: Vec<(usize, T)> = Vec::new();
        for thing in things {
            placed.extend(self.places(key(&thing)).into_iter().map(|place| (place, thing)));
        }
        placed.sort_by_key(|(place, _)| *place);
        let is_there = |at: usize| placed.binary_search_by_key(&at, |(place, _)| *place).is_ok();
        let missing = self.names.iter().enumerate().filter(|(at, _)| !is_there(*at)).map(|(_, name)| name).collect();
        (placed.into_iter().map(|(_, thing)| thing).collect(), missing)
    }
}

/// Kinds, and a name each where there are names (`ResourceTypeOrNameArgs`): those of one kind after those of another.
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
            Err(usage("arguments in resource/name form may not have more than one slash"))
        }
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !kind.contains(',') => Ok((kind, Some(name))),
        _ => Err(usage("arguments in resource/name form must have a single resource and name")),
    }
}

fn usage(what: &str) -> Error {
    Error::usage(what).hinted("KIND[,KIND...] [NAME...], or KIND/NAME...")
}
