//! One key of a backup, as a row.

use std::{borrow::Cow, ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::images::{at_mut, images};
use crate::{
    bytes::file_name,
    etcd::KeyValue,
    hash::Sha256,
    k8s::{
        Key, ManagedFields, Mask, Moment, Object, Owner, SealName, Stored, Undecodable, Unknown, Value, is_encrypted,
    },
    objects::Cluster,
};

/// A text by its name.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A live key. What is secret is masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// The key of etcd; one that is not UTF-8, or has a `\x` itself, has `\xNN` for such bytes and `\\` for a
    /// backslash.
    pub key: Cow<'a, str>,
    /// The API group; empty for the core group. `None` for a key that is no object's.
    pub group: Option<Cow<'a, str>>,
    /// The plural name.
    pub resource: Option<Cow<'a, str>>,
    /// The namespace.
    pub namespace: Option<Cow<'a, str>>,
    /// The name.
    pub name: Option<Cow<'a, str>>,
    /// `apps/v1`, as it is stored.
    pub api_version: Option<Cow<'a, str>>,
    /// `Deployment`.
    pub kind: Option<Cow<'a, str>>,
    /// The uid.
    pub uid: Option<Cow<'a, str>>,
    /// The owners.
    pub owners: Vec<Owner<'a>>,
    /// The labels, by name.
    pub labels: Vec<Pair<'a>>,
    /// The creation time.
    pub created: Option<Moment>,
    /// The revision that created the key.
    pub create_revision: i64,
    /// The revision that wrote the value.
    pub mod_revision: i64,
    /// Number of times it was written since its creation.
    pub version: i64,
    /// The lease, or 0.
    pub lease: i64,
    /// Bytes of the value, as it is stored.
    pub value_size: i64,
    /// First half of the SHA-256 of the value, as it is stored; `None` for a secret that is stored in clear text.
    pub value_hash: Option<[u8; 16]>,
    /// The provider and the key that encrypt the value: `aescbc (key key1)`.
    pub encrypted_by: Option<String>,
    /// The node that a pod is on.
    pub node: Option<Cow<'a, str>>,
    /// The images of a pod, or of the pods that it makes, each once.
    pub images: Vec<Cow<'a, str>>,
    /// The object as JSON, if that was asked for.
    pub object: Option<String>,
    /// The reason why the value cannot be read; `None` for a value that is only encrypted, or no object by its key.
    pub error: Option<String>,
    /// Whether the value is encrypted and no key opened it. No column.
    pub sealed: bool,
    /// Fields of [`Row::object`] that are not known. No column.
    pub unknown: Vec<Unknown>,
}

/// Kinds that have the spec of a pod, or of a template of pods, in `spec`.
const WITH_PODS: [&str; 10] = [
    "pods",
    "replicasets",
    "deployments",
    "daemonsets",
    "statefulsets",
    "jobs",
    "cronjobs",
    "replicationcontrollers",
    "podtemplates",
    "deploymentconfigs",
];

impl<'a> Row<'a> {
    /// The row of a live key of `cluster`.
    #[must_use]
    pub(crate) fn of(cluster: &Cluster<'a>, kv: &KeyValue<'a>, mask: &Mask, with_object: bool) -> Self {
        let key = Key::new(kv.key);
        let resource = key.object().map(|key| key.resource.as_ref()).unwrap_or_default();
        let object = cluster.ring.outline(kv.key, kv.value, WITH_PODS.contains(&resource));
        let mut row = Self {
            value_hash: hash(kv.value, mask.hides_value(&key, kv.value, object.as_ref().ok())),
            ..Self::bare(kv, &key, mask)
        };
        match object {
            Ok(mut object) => {
                mask.object(&key, &mut object);
                row.take(object);
                if with_object {
                    row.whole(cluster, kv, &key, mask);
                }
            }
            Err(Undecodable::Encrypted(_)) => row.sealed = true,
            Err(Undecodable::Opaque(_)) if key.object().is_none() => {}
            Err(why) => row.error = Some(why.to_string()),
        }
        row
    }

    /// The columns that need no value to be decoded.
    fn bare(kv: &KeyValue<'a>, key: &Key<'a>, mask: &Mask) -> Self {
        let object = key.object();
        let encrypted_by = match Stored::new(kv.value) {
            Ok(Stored::Encrypted(seal)) if is_encrypted(kv.value) => Some(SealName::from(&seal).to_string()),
            _ => None,
        };
        Self {
            key: key_text(mask.key(kv.key)),
            group: object.and_then(|key| key.group.clone()),
            resource: object.map(|key| key.resource.clone()),
            namespace: object.and_then(|key| key.namespace).map(Cow::Borrowed),
            name: object.map(|key| mask.name(key)),
            api_version: None,
            kind: None,
            uid: None,
            owners: Vec::new(),
            labels: Vec::new(),
            created: None,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
            value_size: i64::try_from(kv.value.len()).unwrap_or(i64::MAX),
            value_hash: None,
            encrypted_by,
            node: None,
            images: Vec::new(),
            object: None,
            error: None,
            sealed: false,
            unknown: Vec::new(),
        }
    }

    /// Moves the columns out of a decoded object.
    fn take(&mut self, mut object: Object<'a>) {
        self.api_version = moved(&mut object.value, &["apiVersion"]);
        self.kind = moved(&mut object.value, &["kind"]);
        self.uid = moved(&mut object.value, &["metadata", "uid"]);
        self.created =
            moved(&mut object.value, &["metadata", "creationTimestamp"]).and_then(|time| Moment::parse(&time));
        if let Some(Value::List(owners)) = at_mut(&mut object.value, &["metadata", "ownerReferences"]) {
            self.owners = owners.iter_mut().map(owner).collect();
        }
        if let Some(Value::Object(labels)) = at_mut(&mut object.value, &["metadata", "labels"]) {
            let label = |(name, value): (Cow<'a, str>, Value<'a>)| match value {
                Value::Str(value) => Some((name, value)),
                _ => None,
            };
            self.labels = std::mem::take(labels).into_entries().into_iter().filter_map(label).collect();
        }
        self.images = images(&mut object);
        if self.resource.as_deref() == Some("pods") {
            self.node = moved(&mut object.value, &["spec", "nodeName"]);
        }
    }

    /// Adds the object as JSON.
    fn whole(&mut self, cluster: &Cluster<'a>, kv: &KeyValue<'a>, key: &Key<'a>, mask: &Mask) {
        match cluster.object_with(kv, ManagedFields::Hide) {
            Ok(mut object) => {
                mask.object(key, &mut object);
                self.object = Some(object.value.to_json());
                self.unknown = object.unknown;
            }
            Err(why) => self.error = Some(why.to_string()),
        }
    }

    /// About the number of bytes in memory.
    #[must_use]
    pub(super) fn weight(&self) -> usize {
        let lists = self.owners.len().saturating_mul(72).saturating_add(self.labels.len().saturating_mul(48));
        let lists = lists.saturating_add(self.images.len().saturating_mul(24));
        let object = self.object.as_ref().map_or(0, String::len);
        size_of::<Self>().saturating_add(lists).saturating_add(object)
    }
}

/// Key of etcd as text: one that is not UTF-8, or has a `\x` itself, has `\xNN` for such bytes.
pub(crate) fn key_text(key: Cow<'_, [u8]>) -> Cow<'_, str> {
    let name = |key: &[u8]| file_name(OsStr::from_bytes(key));
    match key {
        Cow::Borrowed(key) => match std::str::from_utf8(key) {
            Ok(text) if !text.contains("\\x") => Cow::Borrowed(text),
            _ => Cow::Owned(name(key)),
        },
        Cow::Owned(key) => Cow::Owned(name(&key)),
    }
}

fn hash(value: &[u8], hidden: bool) -> Option<[u8; 16]> {
    if hidden {
        return None;
    }
    let mut sha = Sha256::default();
    sha.update(value);
    sha.finish().first_chunk().copied()
}

/// The text at the end of a path, which is moved out; `None` when it is empty or no text.
fn moved<'a>(value: &mut Value<'a>, path: &[&str]) -> Option<Cow<'a, str>> {
    match at_mut(value, path) {
        Some(Value::Str(text)) => Some(std::mem::take(text)).filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn owner<'a>(value: &mut Value<'a>) -> Owner<'a> {
    let mut get = |name| moved(value, &[name]).unwrap_or_default();
    Owner { kind: get("kind"), name: get("name"), uid: get("uid") }
}
