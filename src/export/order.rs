//! The order of applying: needed objects come first.

use rayon::prelude::*;

use crate::{
    etcd::KeyValue,
    k8s::{Key, ObjectKey, Resources},
};

/// Resources, in order; those of one line belong together. `*` is every other built-in one, `.` every custom one.
const ORDER: &[&str] = &[
    "namespaces",
    "customresourcedefinitions",
    "priorityclasses runtimeclasses",
    "storageclasses volumeattributesclasses csidrivers ingressclasses deviceclasses servicecidrs",
    "prioritylevelconfigurations",
    "flowschemas",
    // rules for pods, before the first pod
    "networkpolicies",
    "limitranges",
    "podsecuritypolicies",
    "poddisruptionbudgets",
    "serviceaccounts",
    "secrets",
    "configmaps",
    "persistentvolumes",
    "persistentvolumeclaims",
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
    // a pod gets the addresses of earlier Services in its environment
    "services",
    "endpoints endpointslices",
    "resourceclaimtemplates resourceclaims",
    "*",
    "daemonsets",
    "replicationcontrollers",
    "replicasets",
    "deployments deploymentconfigs",
    "statefulsets",
    "jobs",
    "cronjobs",
    // now their Namespaces have ServiceAccounts
    "pods",
    // a new one refuses pods until the controller has computed its status
    "resourcequotas",
    "horizontalpodautoscalers",
    "ingresses routes",
    // now their controllers exist
    ".",
    // these can refuse or change every later object
    "validatingadmissionpolicies mutatingadmissionpolicies",
    "validatingadmissionpolicybindings mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
    "apiservices",
];

/// The number of keys whose ranks are found one after the other.
const CHUNK: usize = 1024;

/// Sorts keys into the order of applying, each once; those of equal rank are in key order.
pub fn sort(found: &mut Vec<KeyValue<'_>>) {
    let is_sorted = found.par_windows(2).all(|pair| pair.is_sorted_by(|a, b| a.key < b.key));
    if !is_sorted {
        found.par_sort_unstable_by_key(|kv| kv.key);
        found.dedup_by_key(|kv| kv.key);
    }
    let builtin = Resources::default();
    let mut ranked: Vec<_> = found.par_chunks(CHUNK).flat_map_iter(|chunk| with_ranks(chunk, &builtin)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    found.clear();
    found.extend(ranked.into_iter().map(|(_, kv)| kv));
}

/// Keys in their order, each with its rank.
fn with_ranks<'a>(keys: &[KeyValue<'a>], builtin: &Resources) -> impl Iterator<Item = (usize, KeyValue<'a>)> {
    // most keys have the resource of the key before
    let mut last = (String::new(), String::new(), 0);
    keys.iter().map(move |kv| {
        let key = Key::new(kv.key);
        let Some(object) = key.object() else { return (ORDER.len(), *kv) };
        let group = object.group.as_deref().unwrap_or_default();
        if last.0 != group || last.1 != object.resource {
            last = (group.to_owned(), object.resource.to_string(), rank(object, builtin));
        }
        (last.2, *kv)
    })
}

/// Position of a resource's line in [`ORDER`].
fn rank(key: &ObjectKey<'_>, builtin: &Resources) -> usize {
    let place = |name: &str| ORDER.iter().position(|line| line.split(' ').any(|have| have == name));
    let group = key.group.as_deref().unwrap_or_default();
    let is_known = builtin.get(group, &key.resource).is_some() || group.ends_with(".openshift.io");
    let named = if is_known { place(&key.resource).or_else(|| place("*")) } else { place(".") };
    named.unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let keys = [
            "/registry/namespaces/a",
            "/registry/namespaces/b",
            "/registry/apiextensions.k8s.io/customresourcedefinitions/a",
            "/registry/storageclasses/a",
            "/registry/serviceaccounts/a/b",
            "/registry/configmaps/a/b",
            "/registry/persistentvolumes/a",
            "/registry/persistentvolumeclaims/a/b",
            "/registry/clusterroles/a",
            "/registry/clusterrolebindings/a",
            "/registry/services/specs/a/b",
            "/registry/services/endpoints/a/b",
            "/registry/podtemplates/a/b",
            "/registry/deployments/a/b",
            "/registry/pods/a/b",
            "/registry/ingress/a/b",
            "/registry/acme.io/services/a/b",
            "/registry/validatingwebhookconfigurations/a",
            "/registry/apiregistration.k8s.io/apiservices/a",
        ];
        let kv = |key: &&'static str| KeyValue { key: key.as_bytes(), ..KeyValue::default() };
        let mut found: Vec<_> = keys.iter().rev().chain(&keys).map(kv).collect();
        sort(&mut found);
        assert_eq!(found, keys.iter().map(kv).collect::<Vec<_>>());
    }
}
