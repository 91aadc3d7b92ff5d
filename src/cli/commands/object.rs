//! One stored object as several commands read it: what is wrong with it is reported on stderr.

use std::{path::Path, sync::Once};

use etcdsnap::{
    Error,
    bytes::{counted, escape},
    etcd::KeyValue,
    k8s::{ManagedFields, Newest, Object, Undecodable, key_for_messages},
    objects::{Cluster, Found, NoNamespace, Query},
    select::{Name, Selection},
};

use super::unknown::UnknownFields;
use crate::{
    failure::{Exit, Failure},
    render::printable,
    session::note_doubt,
};

/// Where it is found who deleted an object.
const WHO_DELETED: &str = "`etcdsnap history` with --audit-log FILE names the user, whom etcd does not store";

/// Reports that no backup shows who deleted an object.
pub(super) fn note_deletions() {
    say!(
        "note: etcd does not store which program or user deleted an object; --audit-log FILE, the API server's audit log, names the user"
    );
}

/// The number of namespaces that are named.
const NAMESPACES: usize = 30;

/// Decodes an object as kubectl prints it, and notes what is not known in it.
pub(super) fn decode<'a>(
    cluster: &Cluster<'a>,
    kv: &KeyValue<'a>,
    managed_fields: ManagedFields,
    unknown: &mut UnknownFields,
) -> Result<Object<'a>, Undecodable> {
    let object = cluster.object_with(kv, managed_fields)?;
    unknown.note(kv.key, &object.unknown);
    Ok(object)
}

/// Reports why a value is not shown, and once what opens an encrypted one.
pub(super) fn unreadable(key: &[u8], why: &Undecodable) -> Exit {
    static HINTED: Once = Once::new();
    say!("error: {}: {why}", escape(&key_for_messages(key)));
    if matches!(why, Undecodable::Encrypted(_)) {
        HINTED.call_once(|| say!("hint: --encryption-config FILE, or --kms-keys FILE, opens what is encrypted"));
    }
    Exit::Content
}

/// Reports that some of what should be counted or searched cannot be read.
pub(super) fn some_unreadable(count: usize, what: &str) -> Exit {
    if count == 0 {
        return Exit::Good;
    }
    say!("error: {} cannot be read, and may be missing here; `get` lists each with the reason", counted(count, what));
    Exit::Content
}

/// Reports that a namespace is in none of the states, and those that there are.
pub(super) fn note_namespace(clusters: &[&Cluster<'_>], namespace: Option<&str>) -> Exit {
    let (Some(name), Some(cluster)) = (namespace, clusters.last()) else { return Exit::Good };
    let Some(absent) = NoNamespace::in_all(clusters, name) else { return Exit::Good };
    let shown: Vec<_> = absent.there.iter().take(NAMESPACES).map(|name| escape(name.as_bytes())).collect();
    let more = absent.there.len().saturating_sub(NAMESPACES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (name, revision) = (escape(name.as_bytes()), cluster.view.revision);
    let there = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + &more };
    say!("note: there is no namespace {name} at revision {revision}; there are {there}");
    if let Some(near) = &absent.nearest {
        say!("hint: did you mean -n {}?", escape(near.as_bytes()));
    }
    Exit::Content
}

/// Reports what was named and is not there.
pub(super) fn missing(query: &Query, found: &Found<'_>, cluster: &Cluster<'_>) -> Exit {
    for (kind, name) in &found.missing {
        let (file, kind, name) = (name, escape(kind.as_bytes()), escape(name.as_bytes()));
        let place = query.namespace.as_ref().map(|ns| format!(" in namespace {ns}")).unwrap_or_default();
        let what = format!("no {kind} {name}{place} at revision {}", cluster.view.revision);
        let hint = near(query, &kind, &name, cluster).or_else(|| {
            let there = Path::new(file).is_file();
            there.then(|| format!("there is a file {name}; the SNAPSHOT comes before the KIND: {name} {kind}"))
        });
        Failure::from(Error::not_found(what).hinted_if(hint)).say();
    }
    if found.missing.is_empty() { Exit::Good } else { Exit::Content }
}

/// Reports what was named and has no revision in the records that were found, under `keys`.
pub(super) fn never_there(
    query: &Query,
    selection: &Selection,
    keys: Vec<&[u8]>,
    newest: Option<&Cluster<'_>>,
) -> Exit {
    say_missing(query, selection, keys, newest, |of| format!("no revision of {} found", of.name))
}

/// Reports what was named and is in neither of two states.
pub(super) fn on_neither_side(query: &Query, selection: &Selection, from: &Cluster<'_>, to: &Cluster<'_>) -> Exit {
    if selection.names().is_empty() {
        return Exit::Good;
    }
    let keys = from.view.keys().chain(to.view.keys()).collect();
    say_missing(query, selection, keys, Some(to), |of| format!("neither side holds {}/{}", of.kind, of.name))
}

/// Reports what was named and is under none of the keys, in the words of `what`.
fn say_missing(
    query: &Query,
    selection: &Selection,
    keys: Vec<&[u8]>,
    newest: Option<&Cluster<'_>>,
    what: impl Fn(&Name) -> String,
) -> Exit {
    let (_, missing) = selection.arrange(keys, |key| key);
    for missing in &missing {
        let hint = newest.and_then(|of| near(query, &missing.kind, &missing.name, of));
        Failure::from(Error::not_found(printable(what(missing))).hinted_if(hint)).say();
    }
    if missing.is_empty() { Exit::Good } else { Exit::Content }
}

/// The hint for an object that is not there: when it was deleted, or the one that may be meant.
pub(super) fn near(query: &Query, kind: &str, name: &str, cluster: &Cluster<'_>) -> Option<String> {
    if let Some((deleted, is_held)) = cluster.deletion(query, kind, name) {
        return Some(match is_held {
            true => format!(
                "deleted at revision {deleted}: --rev {} has the object; {WHO_DELETED}",
                deleted.saturating_sub(1)
            ),
            false => format!("deleted at revision {deleted}; what the object was is compacted; {WHO_DELETED}"),
        });
    }
    let near = cluster.near(query, kind, name)?;
    Some(format!("did you mean {}?", escape(near.as_bytes())))
}

/// Prints why ages may be wrong.
pub(super) fn note_age(cluster: &Cluster<'_>) -> Exit {
    let newest = if cluster.view.revision < cluster.view.head { Newest::default() } else { cluster.newest() };
    note_doubt("AGE may be wrong", newest.doubt())
}
