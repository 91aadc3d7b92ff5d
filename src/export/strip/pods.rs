//! Removal of fields of a Pod that are not applied: its node, and the fields that admission sets again.

use super::maps::child;
use crate::k8s::{Map, Value};

/// Path at which admission mounts the token of a Pod's ServiceAccount (`serviceaccount.DefaultAPITokenMountPath`).
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Strips a Pod; an `exact` one keeps its node.
pub(super) fn pod(root: &mut Map<'_>, exact: bool) {
    let Some(spec) = child(root, "spec") else { return };
    // an API server refuses a new Pod that has some, and a priority other than its class's
    for name in ["ephemeralContainers", "preemptionPolicy", "priority"] {
        spec.remove(name);
    }
    if exact {
        return;
    }
    spec.remove("nodeName");
    let mut gone = Vec::new();
    for name in ["containers", "initContainers"] {
        if let Some(Value::List(containers)) = spec.get_mut(name) {
            containers.iter_mut().filter_map(Value::as_object_mut).for_each(|container| {
                unmount(container, &mut gone);
            });
        }
    }
    if let Some(Value::List(volumes)) = spec.get_mut("volumes") {
        let is_gone = |volume: &Value<'_>| gone.iter().any(|name| called(volume) == Some(name.as_str()));
        volumes.retain(|volume| !is_gone(volume));
        if volumes.is_empty() {
            spec.remove("volumes");
        }
    }
}

/// Removes the mount of a token that admission has added, and adds its volume to `gone`.
fn unmount(container: &mut Map<'_>, gone: &mut Vec<String>) {
    let Some(Value::List(mounts)) = container.get_mut("volumeMounts") else { return };
    mounts.retain(|mount| {
        let at_token = mount.get("mountPath").and_then(Value::as_str) == Some(TOKEN);
        let made = |name: &&str| name.starts_with("kube-api-access-") || name.contains("-token-");
        let volume = called(mount).filter(made).filter(|_| at_token);
        gone.extend(volume.map(str::to_owned));
        volume.is_none()
    });
    if mounts.is_empty() {
        container.remove("volumeMounts");
    }
}

fn called<'v>(item: &'v Value<'_>) -> Option<&'v str> {
    item.get("name").and_then(Value::as_str)
}
