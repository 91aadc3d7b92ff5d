//! Names of objects that are not shown: those of Secrets, also as a part of the name of an Event.

use crate::{
    k8s::{Key, Mask, Ring, Value},
    objects::Cluster,
};

/// Whether the name of an object is hidden. An Event is named after the object that it is about: its name is shown only
/// where `value` proves that this is no Secret.
pub(super) fn is_hidden(etcd_key: &[u8], value: Option<&[u8]>, ring: &Ring) -> bool {
    match Key::new(etcd_key).object().map(|object| object.resource.as_ref()) {
        Some("secrets") => true,
        Some("events") => !value.is_some_and(|value| is_about_another(etcd_key, value, ring)),
        _ => false,
    }
}

/// Whether an Event names an object that it is about, and that is no Secret.
fn is_about_another(etcd_key: &[u8], value: &[u8], ring: &Ring) -> bool {
    let Ok(event) = ring.object(etcd_key, value) else { return false };
    let kind = |field: &str| event.value.at(&[field, "kind"]).and_then(Value::as_str).unwrap_or_default();
    let kinds = [kind("involvedObject"), kind("regarding"), kind("related")];
    kinds.iter().any(|kind| !kind.is_empty()) && !kinds.contains(&"Secret")
}

/// A name as `analyze` prints it, `deployments.apps/web -n shop` or a key, as it may be shown.
pub(super) fn shown(name: &str, cluster: &Cluster<'_>, mask: &Mask) -> String {
    let (object, place) = name.find(" -n ").and_then(|at| name.split_at_checked(at)).unwrap_or((name, ""));
    let (kind, own) = object.split_once('/').unwrap_or((object, ""));
    let is_hidden = match kind {
        "secrets" => true,
        "events" => {
            let namespace = place.strip_prefix(" -n ").unwrap_or_default();
            let live = cluster.get(kind, namespace, own).ok().flatten();
            live.is_none_or(|kv| is_hidden(kv.key, Some(kv.value), &cluster.ring))
        }
        _ => return if mentions(name) { mask_all(name, mask) } else { name.to_owned() },
    };
    match mask.bytes(own.as_bytes()).filter(|_| is_hidden) {
        Some(mask) => format!("{kind}/{mask}{place}"),
        None => name.to_owned(),
    }
}

/// A key as it may be shown.
pub(super) fn shown_key(key: &str, mask: &Mask) -> String {
    if mentions(key) { mask_all(key, mask) } else { key.to_owned() }
}

fn mentions(key: &str) -> bool {
    ["/secrets/", "/events/"].iter().any(|part| key.contains(part))
}

fn mask_all(text: &str, mask: &Mask) -> String {
    mask.bytes(text.as_bytes()).unwrap_or_else(|| text.to_owned())
}
