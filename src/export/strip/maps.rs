//! Changes to the maps in an object.

use crate::k8s::{Map, Value};

/// The map under `name` in a map.
pub(super) fn child<'m, 'a>(map: &'m mut Map<'a>, name: &str) -> Option<&'m mut Map<'a>> {
    map.get_mut(name).and_then(Value::as_object_mut)
}

/// Changes the map under `name` in a map, and removes it when it is empty then.
pub(super) fn without(map: &mut Map<'_>, name: &str, change: impl FnOnce(&mut Map<'_>)) {
    if let Some(inner) = child(map, name) {
        change(inner);
        if inner.is_empty() {
            map.remove(name);
        }
    }
}

/// Removes the fields `gone` from the map under `name`, and that map when it is empty then.
pub(super) fn remove_all(map: &mut Map<'_>, name: &str, gone: &[&str]) {
    without(map, name, |inner| gone.iter().for_each(|name| drop(inner.remove(name))));
}
