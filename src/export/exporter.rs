//! Export of one object, so that it can be applied.

use serde::Serialize;

use super::{
    change::Change,
    left_out::{LeftOut, Named, Why, judge},
    needs::{Reference, pod_spec, references},
    neighbours::{Neighbours, deleted_at},
    strip::strip,
    twice::named_twice,
    version::settle,
};
use crate::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{Key, ManagedFields, Mask, Object, ObjectKey, Undecodable},
    objects::Cluster,
};

/// Options to export what is left out by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Exports also what every cluster creates itself, what is only temporary, and what no cluster serves by default.
    pub all: bool,
    /// Exports also Secrets, and objects that were stored encrypted.
    pub reveal: bool,
    /// Keeps fields that are only valid in the original cluster: uids, owners, finalizers, addresses, nodes, versions.
    pub exact: bool,
}

/// An object as it can be applied.
#[derive(Debug)]
pub struct Exported<'a> {
    /// The object.
    pub object: Object<'a>,
    /// The changes, besides the fields that are stripped from every object.
    pub changes: Vec<Change>,
    /// The other objects that the object refers to.
    pub needs: Vec<Reference>,
}

/// The name of an object, with its resource and namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Who {
    /// `apps`; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// `deployments`.
    pub resource: String,
    /// The object's namespace; empty for cluster-scoped objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The object's name, masked where it is secret.
    pub name: String,
}

/// Converts stored objects to ones that can be applied.
#[derive(Debug)]
pub struct Exporter<'v, 'a> {
    pub(super) cluster: &'v Cluster<'a>,
    wanted: Options,
    mask: Mask,
    neighbours: Neighbours<'v, 'a>,
    named: Named<'a>,
}

impl<'v, 'a> Exporter<'v, 'a> {
    /// The cluster that it exports from.
    #[must_use]
    pub fn cluster(&self) -> &'v Cluster<'a> {
        self.cluster
    }

    /// An exporter of the objects of `cluster`; `mask` hides secrets.
    #[must_use]
    pub fn new(cluster: &'v Cluster<'a>, wanted: Options, mask: Mask) -> Self {
        Self { cluster, wanted, mask, neighbours: Neighbours::of(cluster), named: Named::default() }
    }

    /// Exports the named `objects`, and those in the named `namespace`, even when they were being deleted.
    #[must_use]
    pub fn naming(self, objects: &[KeyValue<'a>], namespace: Option<&str>) -> Self {
        let keys = objects.iter().map(|kv| kv.key).collect();
        Self { named: Named { keys, namespace: namespace.map(str::to_owned) }, ..self }
    }

    /// The object under a key, as it can be applied.
    ///
    /// # Errors
    /// The reason why it is left out.
    pub fn object(&self, kv: &KeyValue<'a>) -> Result<Exported<'a>, LeftOut> {
        let key = Key::new(kv.key);
        let Some(named) = key.object() else { return Err(LeftOut::new(Why::NoObject, "")) };
        let mut object = self.cluster.ring.object_with(kv.key, kv.value, ManagedFields::Hide).map_err(|why| {
            let is_asked = self.wanted.reveal || self.named.is_named(kv.key, named);
            let kind = if why.is_sealed() && !is_asked { Why::Encrypted } else { Why::Unreadable };
            // of one that the given keys do not open, the reason says why
            let hint = if matches!(why, Undecodable::Encrypted(_)) { ": --encryption-config opens it" } else { "" };
            LeftOut::new(kind, format!("{why}{hint}"))
        })?;
        if !object.known {
            return Err(LeftOut::new(Why::Unreadable, "of a kind that this version does not know"));
        }
        if !self.wanted.all {
            judge(&self.neighbours, &self.named, (kv.key, named), &object.value).map_or(Ok(()), Err)?;
        }
        if self.mask.object(&key, &mut object) {
            return Err(LeftOut::new(Why::Secret, if object.encrypted { "stored encrypted" } else { "" }));
        }
        object.as_served(kv.mod_revision);
        let mut changes = self.version(named, &mut object)?;
        changes.extend(deleted_at(&object.value).map(|at| Change::Deleted(at.to_owned())));
        strip(&mut object.value, self.wanted.exact);
        let pods = pod_spec(object.kind()).and_then(|path| object.value.at(path));
        changes.extend(pods.and_then(named_twice).map(Change::NamedTwice));
        let needs = references(self.cluster, named, &object.value);
        Ok(Exported { object, changes, needs })
    }

    /// Converts an object to a version that the target serves.
    fn version(&self, key: &ObjectKey<'_>, object: &mut Object<'_>) -> Result<Vec<Change>, LeftOut> {
        if self.wanted.exact {
            return Ok(Vec::new());
        }
        match settle(&self.neighbours, key, &mut object.value) {
            Err(left_out) if self.wanted.all => Ok(vec![Change::NotServed(left_out)]),
            settled => settled,
        }
    }

    /// The name of the object under a key of etcd: `pods shop/web`; the key itself when it is no object's.
    #[must_use]
    pub fn called(&self, etcd_key: &[u8]) -> String {
        if Key::new(etcd_key).object().is_none() {
            return escape(etcd_key);
        }
        let who = self.who(etcd_key);
        let slash = if who.namespace.is_empty() { "" } else { "/" };
        escape(format!("{} {}{slash}{}", who.resource, who.namespace, who.name).as_bytes())
    }

    /// The resource, namespace and name of the object under a key of etcd; the key as the name when it is no object's.
    #[must_use]
    pub(crate) fn who(&self, etcd_key: &[u8]) -> Who {
        let key = Key::new(etcd_key);
        let Some(object) = key.object() else { return Who { name: escape(etcd_key), ..Who::default() } };
        Who {
            group: object.group.as_deref().unwrap_or_default().to_owned(),
            resource: object.resource.to_string(),
            namespace: object.namespace.unwrap_or_default().to_owned(),
            name: self.mask.name(object).into_owned(),
        }
    }
}
