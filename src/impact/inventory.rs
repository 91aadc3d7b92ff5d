//! The objects of a cluster: of all of them who they are, and of some a part of the content.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use rayon::prelude::*;
use serde::{Serialize, Serializer};

use super::kinds::{NAMESPACE, Needed, needed, part_of};
use crate::{
    etcd::{KeyValue, Snapshot},
    k8s::{Key, Meta, Moment, Ring, SealName, Stored, Value, is_bootstrap, is_encrypted, kind_in, resource_of},
    objects::Cluster,
};

/// Who an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Id<'a> {
    /// The kind as kubectl writes it before a name: `deployment.apps`.
    #[serde(serialize_with = "text")]
    pub kind: Arc<str>,
    /// The namespace, empty for none.
    pub namespace: Cow<'a, str>,
    /// The name.
    pub name: Cow<'a, str>,
}

fn text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)?;
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " -n {}", self.namespace) }
    }
}

/// What is known about an object.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownObject<'a> {
    /// Empty when the object could not be read.
    pub(super) uid: Cow<'a, str>,
    /// The revision that wrote it.
    pub(super) revision: i64,
    /// The key and the value in etcd, of a snapshot.
    pub(super) stored: Option<(&'a [u8], &'a [u8])>,
    /// The part of the content that the rules look at; none when there is none, or it could not be read.
    pub(super) part: Option<Value<'static>>,
    /// Whether the rules look at the content, and it is encrypted and no key opens it.
    pub(super) sealed: bool,
}

impl KnownObject<'_> {
    pub(super) fn at(&self, path: &[&str]) -> Option<&Value<'static>> {
        self.part.as_ref()?.at(path)
    }

    /// A text in the content, empty when there is none.
    pub(super) fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn list(&self, path: &[&str]) -> &[Value<'static>] {
        self.at(path).and_then(Value::as_list).unwrap_or_default()
    }
}

/// The objects of a cluster at one time.
#[derive(Debug, Default)]
pub struct Inventory<'a> {
    /// The source of the inventory, as the user named it.
    pub name: String,
    /// The last revision; of a list of kubectl the highest that is in it.
    pub revision: i64,
    /// The newest time in it, where that is known.
    pub(super) time: Option<Moment>,
    /// The uid of the Namespace kube-system.
    pub(super) identity: Option<String>,
    /// The keys that values are encrypted with.
    pub(super) sealed: BTreeSet<String>,
    /// The bootstrap data of k3s and RKE2: keys and values of etcd.
    pub(super) bootstrap: BTreeMap<&'a [u8], &'a [u8]>,
    /// Number of encrypted objects that the rules look at and that no key opens.
    pub(super) unopened: u64,
    /// Number of objects that the rules look at and that could not be read for another reason.
    pub(super) unread: u64,
    /// Whether the inventory has all kinds: a list of kubectl may not.
    pub(super) whole: bool,
    /// The snapshot, where it is one.
    pub(super) snapshot: Option<&'a Snapshot<'a>>,
    ring: Ring,
    objects: BTreeMap<Id<'a>, KnownObject<'a>>,
    kinds: BTreeSet<Arc<str>>,
}

/// An object before it is added to an inventory.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) kind: String,
    pub(super) namespace: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) known: KnownObject<'a>,
    /// Why the content could not be read, where the rules look at it.
    pub(super) failed: Option<Failed>,
}

/// Why the content of an object could not be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failed {
    /// It is encrypted, and no key opens it.
    Sealed,
    /// The bytes are no object.
    Broken,
}

impl<'a> Entry<'a> {
    /// The object in a record of etcd, if there is one.
    fn of(cluster: &Cluster<'a>, kv: &KeyValue<'a>) -> Option<Self> {
        let parsed = Key::new(kv.key);
        let key = parsed.object()?;
        let opened = cluster.ring.open(kv.key, kv.value);
        let meta = match &opened {
            Ok(Cow::Borrowed(value)) => Meta::read(value).unwrap_or_default(),
            _ => Meta::default(),
        };
        let uid = match &opened {
            Ok(Cow::Owned(value)) => Meta::read(value).ok().map(|meta| Cow::Owned(meta.uid.into_owned())),
            _ => Some(meta.uid.clone()),
        };
        let kind = kind_in(resource_of(&parsed, &cluster.resources), &parsed, &meta);
        let (namespace, name) = (key.namespace.unwrap_or_default(), key.name);
        let object = match needed(&kind, namespace, name) {
            Needed::Nothing => None,
            Needed::Outline => Some(cluster.ring.outline(kv.key, kv.value, true)),
            Needed::All => Some(cluster.object(kv)),
        };
        let failed = match &object {
            Some(Err(why)) if why.is_sealed() => Some(Failed::Sealed),
            Some(Err(_)) => Some(Failed::Broken),
            _ => None,
        };
        let part = object.and_then(Result::ok).map(|object| part_of(&kind, &object.value));
        let known = KnownObject {
            uid: uid.unwrap_or_default(),
            revision: kv.mod_revision,
            stored: Some((kv.key, kv.value)),
            part,
            sealed: matches!(failed, Some(Failed::Sealed)),
        };
        Some(Self { kind, namespace: namespace.into(), name: name.into(), known, failed })
    }
}

impl<'a> Inventory<'a> {
    /// The objects of a backup.
    #[must_use]
    pub fn of(cluster: &Cluster<'a>) -> Self {
        let mut all = Self {
            name: cluster.name.to_owned(),
            revision: cluster.view.revision,
            time: cluster.now(),
            identity: cluster.identity(),
            whole: true,
            snapshot: Some(cluster.snapshot),
            ring: cluster.ring.clone(),
            ..Self::default()
        };
        let newest = cluster.view.newest();
        let read: Vec<_> = newest.par_iter().map(|newest| Entry::of(cluster, &newest.kv())).collect();
        for (newest, entry) in newest.iter().zip(read) {
            let kv = newest.kv();
            if is_encrypted(kv.value)
                && let Ok(Stored::Encrypted(seal)) = Stored::new(kv.value)
            {
                all.sealed.insert(SealName::from(&seal).to_string());
            }
            if is_bootstrap(kv.key) {
                all.bootstrap.insert(kv.key, kv.value);
            }
            if let Some(entry) = entry {
                match entry.failed {
                    Some(Failed::Sealed) => all.unopened = all.unopened.saturating_add(1),
                    Some(Failed::Broken) => all.unread = all.unread.saturating_add(1),
                    None => {}
                }
                all.add(entry);
            }
        }
        all
    }

    /// An inventory without objects.
    pub(super) fn named(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Adds an object. Events are left out: they change all the time.
    pub(super) fn add(&mut self, entry: Entry<'a>) {
        let Entry { kind, namespace, name, known, .. } = entry;
        if matches!(&*kind, "event" | "event.events.k8s.io") {
            return;
        }
        if kind == NAMESPACE && name == "kube-system" && self.identity.is_none() && !known.uid.is_empty() {
            self.identity = Some(known.uid.clone().into_owned());
        }
        self.revision = self.revision.max(known.revision);
        let kind = self.kinds.get(&*kind).cloned().unwrap_or_else(|| {
            let kind: Arc<str> = kind.into();
            self.kinds.insert(kind.clone());
            kind
        });
        self.objects.insert(Id { kind, namespace, name }, known);
    }

    /// Whether an object is the same here and in `other`: nothing has written another content since.
    pub(super) fn is_unchanged(&self, here: &KnownObject<'_>, other: &Self, there: &KnownObject<'_>) -> bool {
        if here.uid != there.uid {
            return false;
        }
        match (here.stored, there.stored) {
            (Some((_, a)), Some((_, b))) if a == b => true,
            (Some((key, a)), Some((_, b))) if is_encrypted(a) || is_encrypted(b) => {
                self.ring.open(key, a).ok().is_some_and(|opened| other.ring.open(key, b).is_ok_and(|b| b == opened))
            }
            (Some(_), Some(_)) => false,
            _ => here.revision == there.revision,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Id<'a>, &KnownObject<'a>)> {
        self.objects.iter()
    }

    pub(super) fn get<'s>(&'s self, id: &Id<'s>) -> Option<&'s KnownObject<'s>> {
        // the map of longer-lived keys serves as one of keys that live as long as `id`
        let objects: &'s BTreeMap<Id<'s>, KnownObject<'s>> = &self.objects;
        objects.get(id)
    }

    /// The object of this kind, namespace and name.
    pub(super) fn find<'s>(&'s self, kind: &str, namespace: &'s str, name: &'s str) -> Option<&'s KnownObject<'s>> {
        let kind = self.kinds.get(kind)?.clone();
        self.get(&Id { kind, namespace: Cow::Borrowed(namespace), name: Cow::Borrowed(name) })
    }

    /// The objects of a kind.
    pub(super) fn each(&self, kind: &'static str) -> impl Iterator<Item = (&Id<'a>, &KnownObject<'a>)> {
        let first = Id { kind: kind.into(), namespace: Cow::Borrowed(""), name: Cow::Borrowed("") };
        self.objects.range(first..).take_while(move |(id, _)| &*id.kind == kind)
    }

    /// Whether it has all objects of a kind: a list has those of the kinds that are in it.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.whole || self.kinds.contains(kind)
    }
}
