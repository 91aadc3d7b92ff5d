//! A state of one backup: its keys and values, the encryption keys, and the names of its resources.

use std::{collections::BTreeSet, sync::OnceLock};

use rayon::prelude::*;

use super::At;
use crate::{
    Error, Findings, Result,
    bytes::escape,
    etcd::{KeyValue, Range, Snapshot, View},
    k8s::{
        Clock, Key, ManagedFields, Moment, Newest, Object, Release, Resource, Resources, Ring, Undecodable, identity,
    },
    select::Selection,
};

/// The objects of one backup at one revision. Several may be open on one [`Snapshot`].
#[derive(Debug)]
pub struct Cluster<'a> {
    /// The backup's name in messages; empty unless [`Cluster::named`] gave one.
    pub name: &'a str,
    /// The backup that was opened.
    pub snapshot: &'a Snapshot<'a>,
    /// The keys and values at the revision.
    pub view: View<'a>,
    /// The encryption keys: those given, and those found in the backup.
    pub ring: Ring,
    /// The built-in resources, and those that the backup's CustomResourceDefinitions define.
    pub resources: Resources,
    /// The release of Kubernetes that wrote the backup, as far as is known; objects are printed as by this release.
    pub release: Release,
    /// Prefix of the keys of objects: `/registry`.
    prefixes: BTreeSet<&'a str>,
    clock: OnceLock<Clock>,
}

impl<'a> Cluster<'a> {
    /// Opens the state of `snapshot` that `at` names. Encryption keys in the backup itself are added to `ring`.
    ///
    /// # Errors
    /// When there is no such state: the revision is compacted or in the future, or no time is known.
    pub fn open(snapshot: &'a Snapshot<'a>, ring: Ring, at: At) -> Result<Self> {
        Self::open_range(snapshot, ring, at, &Range::ALL)
    }

    /// As [`Cluster::open`], with only the keys in `range` and those that show the release; with all keys where `ring`
    /// has encryption keys, because the backup may hold more of them anywhere.
    ///
    /// # Errors
    /// As [`Cluster::open`].
    pub fn open_range(snapshot: &'a Snapshot<'a>, ring: Ring, at: At, range: &Range<'_>) -> Result<Self> {
        let range = if ring.is_empty() { range } else { &Range::ALL };
        let wanted = |key: &[u8]| range.contains(key) || Release::is_told_by(key);
        let view = snapshot.view_of(at.revision(snapshot, &ring)?, wanted)?;
        Ok(Self::of(snapshot, ring, view))
    }

    /// The cluster whose keys are in `view`, a state of `snapshot`.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot<'a>, mut ring: Ring, view: View<'a>) -> Self {
        // looked for only if the ring has keys to open them
        ring.learn(std::iter::once_with(|| view.matching(Ring::is_told_by)).flatten());
        let FromKeys { prefixes, definitions, releases } = FromKeys::among(&view);
        let mut resources = Resources::default();
        for kv in definitions.into_iter().filter_map(|key| view.get(key)) {
            if let Ok(object) = ring.object(kv.key, kv.value)
                && let Some(resource) = Resource::of_definition(&object.value)
            {
                resources.add(resource);
            }
        }
        let release = Release::of(&view, &releases).unwrap_or_default();
        Self { name: "", snapshot, view, ring, resources, release, prefixes, clock: OnceLock::new() }
    }

    /// Sets the backup's name in messages.
    #[must_use]
    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// Opens another state of the same backup, with the same encryption keys.
    ///
    /// # Errors
    /// As [`Cluster::open`].
    pub fn state(&self, at: At) -> Result<Self> {
        Ok(Self::open(self.snapshot, self.ring.clone(), at)?.named(self.name))
    }

    /// The API servers' prefixes of the keys of objects, in order: `/registry`.
    pub fn prefixes(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.prefixes.iter().copied()
    }

    /// The findings about the backup, as far as it was read.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.view.findings
    }

    /// The objects of a kind, named as for kubectl, in key order, each as an API server returns it. For an object that
    /// cannot be read: its key and the reason.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn list(&self, kind: &str) -> Result<impl Iterator<Item = Result<Object<'a>, Unreadable<'a>>> + '_> {
        let selection = Selection::new(&[kind.to_owned()], None, &self.resources)?;
        let objects = self.view.matching(move |key| selection.matches(key));
        Ok(objects.into_iter().map(|kv| self.object(&kv).map_err(|why| Unreadable { key: kv.key, why })))
    }

    /// The stored value of the object with this kind, namespace (empty for none) and name.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<KeyValue<'a>>> {
        let found = self.resources.find(kind);
        if found.is_empty() {
            return Err(Error::not_found(format!("no kind {kind:?} is known")));
        }
        let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let path = |prefix: &&str, stored: &str| format!("{prefix}/{stored}/{namespace}{name}");
        let keys = found.iter().flat_map(|r| self.prefixes.iter().map(|prefix| path(prefix, &r.stored)));
        Ok(keys.into_iter().find_map(|key| self.view.get(key.as_bytes())))
    }

    /// The object in a stored value, as an API server returns it.
    ///
    /// # Errors
    /// When the value is no object, or cannot be decrypted.
    pub fn object(&self, kv: &KeyValue<'a>) -> Result<Object<'a>, Undecodable> {
        self.object_with(kv, ManagedFields::Keep)
    }

    /// As [`Cluster::object`], with or without `metadata.managedFields`.
    ///
    /// # Errors
    /// As [`Cluster::object`].
    pub fn object_with(&self, kv: &KeyValue<'a>, managed_fields: ManagedFields) -> Result<Object<'a>, Undecodable> {
        let mut object = self.ring.object_of(self.release, kv.key, kv.value, managed_fields)?;
        object.as_served_by(self.release, kv.mod_revision);
        Ok(object)
    }

    /// The times of the backup's revisions, by the times in its objects. The first call reads all records once.
    pub fn clock(&self) -> &Clock {
        self.clock.get_or_init(|| Clock::of(self.snapshot, &self.ring))
    }

    /// The cluster's identity: the uid of the Namespace `kube-system`.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        identity(&self.view, &self.ring)
    }

    /// The newest time in the backup, whatever the revision of the state.
    #[must_use]
    pub fn newest(&self) -> Newest {
        Newest::of(&self.view.recent, &self.ring)
    }

    /// The time that ages count from: the newest in the backup; for an older state, the newest up to its revision.
    #[must_use]
    pub fn now(&self) -> Option<Moment> {
        if self.view.revision >= self.view.head {
            return self.newest().time;
        }
        self.clock().gap(self.view.revision).after
    }

    /// The first and the last revision between which the backup holds every change.
    #[must_use]
    pub fn window(&self) -> (i64, i64) {
        (self.snapshot.keyspace.dropped().saturating_add(1).max(1), self.view.head)
    }
}

/// What the keys alone say.
#[derive(Debug, Default)]
struct FromKeys<'a> {
    /// Prefix of the keys of objects.
    prefixes: BTreeSet<&'a str>,
    /// The keys of CustomResourceDefinitions, in order.
    definitions: Vec<&'a [u8]>,
    /// The keys that show the release, in order.
    releases: Vec<&'a [u8]>,
}

impl<'a> FromKeys<'a> {
    /// Parses all keys, on all cores, in one pass: the keys are spread over the file, and reading each takes longest.
    fn among(view: &View<'a>) -> Self {
        let parts = view.par_keys().fold(Self::default, Self::with);
        parts.reduce(Self::default, |mut a, mut b| {
            a.prefixes.append(&mut b.prefixes);
            a.definitions.append(&mut b.definitions);
            a.releases.append(&mut b.releases);
            a
        })
    }

    fn with(mut self, key: &'a [u8]) -> Self {
        if let Some(object) = Key::new(key).object() {
            self.prefixes.insert(object.prefix);
            if object.resource == "customresourcedefinitions" {
                self.definitions.push(key);
            }
        }
        self.releases.extend(Some(key).filter(|key| Release::is_told_by(key)));
        self
    }
}

/// Error for a stored value that is no readable object.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable<'a> {
    /// The key of etcd.
    pub key: &'a [u8],
    /// The reason.
    pub why: Undecodable,
}

impl std::fmt::Display for Unreadable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", escape(self.key), self.why)
    }
}

impl std::error::Error for Unreadable<'_> {}

impl From<Unreadable<'_>> for Error {
    fn from(unreadable: Unreadable<'_>) -> Self {
        Self::not_found(unreadable.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        etcd::Load,
        source::{Options, Source},
    };

    fn source() -> Source {
        Source::open("fixtures/kube.db".as_ref(), &Options::default()).unwrap()
    }

    #[test]
    fn several_states_of_one_backup_are_open_at_once() {
        let source = source();
        let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
        let last = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let (_, head) = last.window();
        let before = Cluster::open(&snapshot, Ring::default(), At::Revision(300)).unwrap();
        assert!(before.view.len() < last.view.len() && last.view.revision == head);
        assert_eq!(before.identity(), last.identity());
        let names = |cluster: &Cluster<'_>| -> Vec<String> {
            cluster.list("ns").unwrap().map(|object| object.unwrap().name().to_owned()).collect()
        };
        assert!(names(&last).iter().any(|name| name == "kube-system"), "{:?}", names(&last));
        let namespace = last.get("Namespace", "", "kube-system").unwrap().unwrap();
        assert_eq!(namespace.key, b"/registry/namespaces/kube-system");
        assert_eq!(last.get("namespaces", "", "nowhere").unwrap(), None);
        assert!(last.get("nothing", "", "a").is_err() && last.list("nothing").is_err());
        let revision = last.clock().written_by(last.newest().time.unwrap()).unwrap();
        let dated = Cluster::open(&snapshot, Ring::default(), At::Time(last.clock().span().unwrap().1)).unwrap();
        assert!(dated.view.revision <= head && revision <= head);
    }

    #[test]
    fn objects_are_stored_in_a_version_of_their_resource() {
        let source = source();
        let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
        let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let widgets = cluster.resources.get("acme.io", "widgets").unwrap();
        assert!(widgets.versions.len() == 1 && widgets.preferred().is_some_and(|v| v.name == "v1" && v.stored));
        let mut checked = 0;
        for kv in cluster.view.iter() {
            let key = Key::new(kv.key);
            let Some(key) = key.object() else { continue };
            let (group, plural) = (key.group.as_deref().unwrap_or_default(), &*key.resource);
            let (Some(resource), Ok(object)) = (cluster.resources.get(group, plural), cluster.object(&kv)) else {
                continue;
            };
            let version = object.api_version().rsplit('/').next().unwrap();
            assert!(resource.versions.iter().any(|have| have.served && have.name == version), "{version} {plural}");
            checked += 1;
        }
        assert!(checked > 200, "{checked}");
    }
}
