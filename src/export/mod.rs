//! Objects to be applied: which of a keyspace's objects another cluster takes and keeps, what of them, and in which order.
//!
//! ```text
//! order     what the others need comes first: Namespaces, definitions, classes, ...; webhooks and APIServices last
//! left_out  what a cluster makes by itself, what is of its moment only, and what is secret: with the reason
//! strip     what a server sets, and what only holds in the cluster that it is from
//! Folder    the files and their MANIFEST, all of them or none
//! ```
//!
//! Whether it is right is seen where it is applied: an owner's uid that is not known there has the garbage collector
//! delete the object within seconds, a volume that is bound to a claim's old uid is never bound again.

mod folder;
mod left_out;
mod name;
mod neighbours;
mod order;
mod strip;
mod work;

pub use folder::{Folder, Written, look};
pub use left_out::{LeftOut, Why};
pub use name::file_name;
pub use order::sort;
pub use work::{Made, Stage, Tally};

use self::neighbours::Neighbours;
use crate::{
    bytes::escape,
    etcd::KeyValue,
    k8s::{Key, ManagedFields, Mask, Object, Undecodable},
    objects::Cluster,
};

/// What goes along that otherwise would not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What a cluster makes by itself, and what is of its moment only.
    pub all: bool,
    /// Secrets, and what was stored encrypted.
    pub reveal: bool,
    /// What only holds in the cluster that it is from: uids, owners, finalizers, addresses, nodes.
    pub exact: bool,
}

/// Makes objects that can be applied out of what is stored.
#[derive(Debug)]
pub struct Exporter<'v, 'a> {
    cluster: &'v Cluster<'a>,
    wanted: Wanted,
    mask: Mask,
    neighbours: Neighbours<'v, 'a>,
}

impl<'v, 'a> Exporter<'v, 'a> {
    /// For the objects of `cluster`; `mask` knows what is secret.
    #[must_use]
    pub fn new(cluster: &'v Cluster<'a>, wanted: Wanted, mask: Mask) -> Self {
        Self { cluster, wanted, mask, neighbours: Neighbours::of(cluster) }
    }

    /// The object under a key, as it can be applied.
    ///
    /// # Errors
    /// Why it is left out.
    pub fn object(&self, kv: &KeyValue<'a>) -> Result<Object<'a>, LeftOut> {
        let key = Key::new(kv.key);
        let Some(named) = key.object() else { return Err(LeftOut::new(Why::NoObject, "")) };
        let mut object =
            self.cluster.ring.object_with(kv.key, kv.value, ManagedFields::Hide).map_err(|why| match &why {
                Undecodable::Encrypted(_) | Undecodable::Unopened { .. } if !self.wanted.reveal => {
                    LeftOut::new(Why::Secret, why.to_string())
                }
                _ => LeftOut::new(Why::Unreadable, why.to_string()),
            })?;
        if !object.known {
            return Err(LeftOut::new(Why::Unreadable, "of a kind that this version does not know"));
        }
        if !self.wanted.all {
            left_out::judge(&self.neighbours, named, &object.value).map_or(Ok(()), Err)?;
        }
        if self.mask.object(&key, &mut object) {
            return Err(LeftOut::new(Why::Secret, if object.encrypted { "stored encrypted" } else { "" }));
        }
        object.as_served(kv.mod_revision);
        strip::strip(&mut object.value, self.wanted.exact);
        Ok(object)
    }

    /// What the object under a key of etcd is called: `pods shop/web`; the key itself when it is no object's.
    #[must_use]
    pub fn called(&self, etcd_key: &[u8]) -> String {
        let key = Key::new(etcd_key);
        let Some(object) = key.object() else { return escape(etcd_key) };
        let (name, namespace) = (self.mask.name(object), object.namespace.unwrap_or_default());
        let slash = if namespace.is_empty() { "" } else { "/" };
        escape(format!("{} {namespace}{slash}{name}", object.resource).as_bytes())
    }
}
