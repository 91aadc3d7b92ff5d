//! The built-in resources, from the table of kinds.

use std::{borrow::Cow, sync::OnceLock};

use hashbrown::HashMap;

use super::{
    resource::Resource,
    table::table,
    version::{ApiVersion, precedence},
};

/// The built-in resources, each once, under its present group.
pub(super) fn builtin() -> &'static [Resource] {
    static BUILTIN: OnceLock<Vec<Resource>> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        let mut all: Vec<Resource> = Vec::new();
        for entry in table().kinds() {
            let (group, version) = split(entry.api_version);
            let Some(plural) = entry.plural else { continue };
            let version = ApiVersion { name: version.into(), served: true, stored: false };
            if let Some(have) = all.iter_mut().find(|r| r.plural == plural && r.group == group) {
                have.versions.push(version);
                continue;
            }
            let stored_elsewhere =
                all.iter().any(|r| r.plural == plural) && matches!(group, "extensions" | "events.k8s.io");
            if plural == "componentstatuses" || stored_elsewhere {
                continue;
            }
            let (short, in_all) = nicknames(plural);
            let resource = Resource {
                group: group.into(),
                plural: plural.into(),
                singular: entry.kind.to_lowercase().into(),
                kind: entry.kind.into(),
                versions: vec![version],
                namespaced: entry.namespaced,
                short: short.split(' ').filter(|s| !s.is_empty()).map(Cow::Borrowed).collect(),
                categories: category(group, in_all).into_iter().map(Cow::Borrowed).collect(),
                stored: stored_as(group, plural),
            };
            // the deprecated group came first in the alphabet
            all.retain(|r| r.plural != plural || r.group != "extensions");
            all.push(resource);
        }
        // as in discovery, where this group follows the core group
        all.sort_by_key(|resource| !matches!(&*resource.group, "" | "apiregistration.k8s.io"));
        for resource in &mut all {
            resource.versions.sort_by(|a, b| precedence(&a.name).cmp(&precedence(&b.name)));
        }
        all
    })
}

/// The built-in resource of a `key` without the API server's prefix, and the rest of the key: for
/// `services/specs/shop/web` Services and `shop/web`.
pub(super) fn stored_under(key: &str) -> Option<(&'static Resource, &str)> {
    static BY_PATH: OnceLock<HashMap<&str, &Resource>> = OnceLock::new();
    let by_path = BY_PATH.get_or_init(|| {
        let mut by_path = HashMap::new();
        for resource in builtin() {
            // of two the first in the table
            by_path.entry(&*resource.stored).or_insert(resource);
        }
        by_path
    });
    // one part or two: no resource's path is the beginning of another one's
    let mut slashes = key.match_indices('/').map(|(at, _)| at).take(2);
    slashes.find_map(|at| Some((*by_path.get(key.get(..at)?)?, key.get(at.checked_add(1)?..)?)))
}

/// `pkg/kubeapiserver/default_storage_factory_builder.go`, and the resources stored under their group, as custom
/// resources are.
fn stored_as(group: &'static str, plural: &'static str) -> Cow<'static, str> {
    match (group, plural) {
        (_, "nodes") => "minions".into(),
        (_, "services") => "services/specs".into(),
        (_, "endpoints") => "services/endpoints".into(),
        (_, "replicationcontrollers") => "controllers".into(),
        (_, "ingresses") => "ingress".into(),
        (_, "podsecuritypolicies") => "podsecuritypolicy".into(),
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", _) => format!("{group}/{plural}").into(),
        _ => plural.into(),
    }
}

/// Short names, and whether it is in the category `all` (`pkg/registry/*/*/storage`).
fn nicknames(plural: &str) -> (&'static str, bool) {
    match plural {
        "pods" => ("po", true),
        "services" => ("svc", true),
        "replicationcontrollers" => ("rc", true),
        "deployments" => ("deploy", true),
        "daemonsets" => ("ds", true),
        "statefulsets" => ("sts", true),
        "replicasets" => ("rs", true),
        "horizontalpodautoscalers" => ("hpa", true),
        "cronjobs" => ("cj", true),
        "jobs" => ("", true),
        "configmaps" => ("cm", false),
        "endpoints" => ("ep", false),
        "events" => ("ev", false),
        "limitranges" => ("limits", false),
        "namespaces" => ("ns", false),
        "nodes" => ("no", false),
        "persistentvolumeclaims" => ("pvc", false),
        "persistentvolumes" => ("pv", false),
        "resourcequotas" => ("quota", false),
        "serviceaccounts" => ("sa", false),
        "customresourcedefinitions" => ("crd crds", false),
        "certificatesigningrequests" => ("csr", false),
        "ingresses" => ("ing", false),
        "networkpolicies" => ("netpol", false),
        "poddisruptionbudgets" => ("pdb", false),
        "podsecuritypolicies" => ("psp", false),
        "priorityclasses" => ("pc", false),
        "storageclasses" => ("sc", false),
        "volumeattributesclasses" => ("vac", false),
        "ipaddresses" => ("ip", false),
        "clustertrustbundles" => ("ctb", false),
        _ => ("", false),
    }
}

/// The category of a resource (`Categories` in `pkg/registry/*/*/storage`).
fn category(group: &str, in_all: bool) -> Option<&'static str> {
    match group {
        "admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io" => Some("api-extensions"),
        _ => in_all.then_some("all"),
    }
}

/// The group of an API version.
pub(super) fn group_of(api_version: &'static str) -> &'static str {
    split(api_version).0
}

/// Group and version: for `apps/v1` `apps` and `v1`, for `v1` an empty group and `v1`.
fn split(api_version: &'static str) -> (&'static str, &'static str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_resource() {
        let all: Vec<_> = builtin().iter().map(|r| &*r.stored).collect();
        for path in &all {
            assert!(path.split('/').count() <= 2, "{path}");
            assert!(!all.iter().any(|other| other.starts_with(&format!("{path}/"))), "{path}");
            let key = format!("{path}/a/b");
            let first = all.iter().position(|other| other == path).unwrap();
            assert_eq!(stored_under(&key), Some((&builtin()[first], "a/b")), "{path}");
        }
        for none in ["", "pods", "services/a/b", "acme.io/widgets/a", "podsa/b"] {
            assert_eq!(stored_under(none), None, "{none}");
        }
    }
}
