//! The documents in which clients find out what is served: `/api`, `/apis` and below.

use serde_json::{Value, json};

use super::{
    catalog::{Catalog, Group, GroupVersion, Served},
    document::api_version,
};

/// The content type of the aggregated documents, which clients compare.
pub(super) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The verbs of what is stored.
const VERBS: [&str; 3] = ["get", "list", "watch"];

/// Resources that are only asked: group, version, plural name, kind.
pub(super) const REVIEWS: [(&str, &str, &str, &str); 3] = [
    ("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
];

/// `APIGroupDiscoveryList` of the core group, or of all others.
pub(super) fn aggregated(catalog: &Catalog, core: bool) -> Vec<u8> {
    let mut items: Vec<Value> =
        catalog.groups.iter().filter(|group| group.name.is_empty() == core).map(of_group).collect();
    if !core {
        for (group, ..) in review_groups() {
            let resources: Vec<_> = REVIEWS.iter().filter(|review| review.0 == group).map(aggregated_review).collect();
            let version = json!({"version": "v1", "resources": resources, "freshness": "Current"});
            items.push(json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": [version]}));
        }
    }
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    list.to_string().into_bytes()
}

fn review_groups() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("authentication.k8s.io", "v1"), ("authorization.k8s.io", "v1")].into_iter()
}

fn of_group(group: &Group) -> Value {
    let versions: Vec<_> = group.versions.iter().map(of_version).collect();
    let metadata = match group.name.as_str() {
        "" => json!({"creationTimestamp": null}),
        name => json!({"name": name, "creationTimestamp": null}),
    };
    json!({"metadata": metadata, "versions": versions})
}

fn of_version(version: &GroupVersion) -> Value {
    let resources: Vec<_> = version.resources.iter().map(|served| of_resource(served)).collect();
    json!({"version": version.name, "resources": resources, "freshness": "Current"})
}

fn of_resource(served: &Served) -> Value {
    let resource = &served.resource;
    let mut document = json!({
        "resource": resource.plural,
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": VERBS,
    });
    let Some(members) = document.as_object_mut() else { return document };
    for (name, words) in [("shortNames", &resource.short), ("categories", &resource.categories)] {
        if !words.is_empty() {
            members.insert(name.to_owned(), json!(words));
        }
    }
    if served.scale.is_some() {
        let kind = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
        let scale = json!({"subresource": "scale", "responseKind": kind, "verbs": ["get"]});
        members.insert("subresources".to_owned(), json!([scale]));
    }
    document
}

fn aggregated_review((_, _, plural, kind): &(&str, &str, &str, &str)) -> Value {
    json!({
        "resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": "Cluster",
        "singularResource": kind.to_lowercase(), "verbs": ["create"],
    })
}

/// `APIVersions`: the versions of the core group.
pub(super) fn core_versions(catalog: &Catalog, address: &str) -> Vec<u8> {
    let core = catalog.groups.iter().find(|group| group.name.is_empty());
    let versions: Vec<_> = core.into_iter().flat_map(|core| &core.versions).map(|version| &version.name).collect();
    let addresses = json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]);
    json!({"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": addresses})
        .to_string()
        .into_bytes()
}

/// `APIGroupList`: all groups but the core group.
pub(super) fn groups(catalog: &Catalog) -> Vec<u8> {
    let mut groups: Vec<Value> =
        catalog.groups.iter().filter(|group| !group.name.is_empty()).map(plain_group).collect();
    groups.extend(review_groups().map(|(name, version)| plain(name, &[version])));
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}).to_string().into_bytes()
}

/// `APIGroup` of this name.
pub(super) fn group(catalog: &Catalog, name: &str) -> Option<Vec<u8>> {
    let of_reviews = || review_groups().find(|(have, _)| *have == name).map(|(name, version)| plain(name, &[version]));
    let found = catalog.groups.iter().find(|group| group.name == name && !name.is_empty()).map(plain_group);
    let mut document = found.or_else(of_reviews)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("kind".to_owned(), json!("APIGroup"));
        members.insert("apiVersion".to_owned(), json!("v1"));
    }
    Some(document.to_string().into_bytes())
}

fn plain_group(group: &Group) -> Value {
    let versions: Vec<_> = group.versions.iter().map(|version| version.name.as_str()).collect();
    plain(&group.name, &versions)
}

fn plain(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": api_version(name, version), "version": version});
    let all: Vec<_> = versions.iter().map(version).collect();
    json!({"name": name, "versions": all, "preferredVersion": versions.first().map(version)})
}

/// `APIResourceList` of a version of a group.
pub(super) fn resources(catalog: &Catalog, group: &str, version: &str) -> Option<Vec<u8>> {
    let found = catalog.groups.iter().find(|have| have.name == group);
    let found = found.and_then(|group| group.versions.iter().find(|have| have.name == version));
    let mut resources: Vec<Value> = Vec::new();
    for served in found.into_iter().flat_map(|version| &version.resources) {
        let resource = &served.resource;
        let mut document = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": VERBS,
        });
        if let Some(members) = document.as_object_mut() {
            for (name, words) in [("shortNames", &resource.short), ("categories", &resource.categories)] {
                if !words.is_empty() {
                    members.insert(name.to_owned(), json!(words));
                }
            }
        }
        resources.push(document);
        if served.scale.is_some() {
            resources.push(json!({
                "name": format!("{}/scale", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get"],
            }));
        }
    }
    for (_, _, plural, kind) in REVIEWS.iter().filter(|review| (review.0, review.1) == (group, version)) {
        resources.push(json!({
            "name": plural, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"],
        }));
    }
    if resources.is_empty() {
        return None;
    }
    let group_version = api_version(group, version);
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    });
    Some(list.to_string().into_bytes())
}
