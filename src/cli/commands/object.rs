//! One stored object as several commands read it: what is wrong with it is reported on stderr.

use etcdsnap::{
    Error,
    bytes::escape,
    etcd::KeyValue,
    k8s::{ManagedFields, Object, Undecodable, Unknown},
    objects::{Cluster, Found, Query},
};

use crate::failure::{Exit, Failure};

/// Decodes an object as kubectl prints it, and warns of what is not known in it.
pub(super) fn decode<'a>(
    cluster: &Cluster<'a>,
    kv: &KeyValue<'a>,
    managed_fields: ManagedFields,
) -> Result<Object<'a>, Undecodable> {
    let object = cluster.object_with(kv, managed_fields)?;
    warn_unknown(&escape(kv.key), &object.unknown);
    Ok(object)
}

/// Warns of the fields of an object, called `name`, that are not known.
pub(super) fn warn_unknown(name: &str, unknown: &[Unknown]) {
    for unknown in unknown {
        let path = escape(unknown.path.as_bytes());
        eprintln!("warning: {name}: {path} has a field {} that this version does not know", unknown.number);
    }
}

/// Reports why a value is not shown.
pub(super) fn unreadable(key: &[u8], why: &Undecodable) -> Exit {
    eprintln!("error: {}: {why}", escape(key));
    Exit::Content
}

/// Reports what was named and is not there.
pub(super) fn missing(query: &Query, found: &Found<'_>, cluster: &Cluster<'_>) -> Exit {
    for name in &found.missing {
        let kind = query.what.first().map_or("key", |kind| kind.split('/').next().unwrap_or(kind));
        let place = query.namespace.as_ref().map(|ns| format!(" in namespace {ns}")).unwrap_or_default();
        let what = format!("no {kind} {}{place} at revision {}", escape(name.as_bytes()), cluster.view.revision);
        Failure::from(Error::not_found(what)).say();
    }
    if found.missing.is_empty() { Exit::Good } else { Exit::Content }
}
