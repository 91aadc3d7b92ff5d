//! OpenAPI: what `kubectl explain` shows and client-side validation goes by.
//!
//! Of v3 there is a document for each version of a group; of v2 one of everything. Schemas of built-in kinds are those
//! of an API server 1.36 (`schemas.json.xz`, which `.ci/openapi.sh` makes); those of custom kinds are in their
//! definitions.

mod gnostic;
pub(super) mod v2;

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
};

use serde_json::{Map, Value, json};

use crate::{
    k8s::Resource,
    serve::{
        catalog::{Catalog, GroupVersion, Served},
        document::api_version,
    },
};

/// The schemas of the built-in kinds by their names.
static BUILTIN: &[u8] = include_bytes!("schemas.json.xz");

/// `/openapi/v3`: the paths of the documents.
pub(super) fn index(catalog: &Catalog) -> Vec<u8> {
    let mut paths = Map::new();
    for group in &catalog.groups {
        for version in &group.versions {
            let path = path(&group.name, &version.name);
            let mut hasher = DefaultHasher::new();
            version.resources.iter().for_each(|served| format!("{served:?}").hash(&mut hasher));
            let url = format!("/openapi/v3/{path}?hash={:016X}", hasher.finish());
            paths.insert(path, json!({ "serverRelativeURL": url }));
        }
    }
    json!({ "paths": paths }).to_string().into_bytes()
}

/// `api/v1`, or `apis/apps/v1`.
fn path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The document of a version of a group.
pub(super) fn document(catalog: &Catalog, group: &str, version: &str) -> Option<Vec<u8>> {
    let found = catalog.groups.iter().find(|have| have.name == group)?;
    let found = found.versions.iter().find(|have| have.name == version)?;
    let builtin = schemas();
    let (mut schemas, mut wanted) = (Map::new(), BTreeSet::new());
    for served in &found.resources {
        match &served.schema {
            Some(schema) => {
                schemas.insert(own_name(served), of_custom(served, schema));
                schemas.insert(list_name(served), list_of_custom(served));
                wanted.extend([OBJECT_META, LIST_META].map(str::to_owned));
            }
            None => {
                let named = builtin.iter().filter(|(_, schema)| is_of(schema, served));
                wanted.extend(named.map(|(name, _)| name.clone()));
            }
        }
    }
    while let Some(name) = wanted.pop_first() {
        if schemas.contains_key(&name) {
            continue;
        }
        let Some(schema) = builtin.get(&name) else { continue };
        references(schema, &mut wanted);
        schemas.insert(name, schema.clone());
    }
    let document = json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths(found, group), "components": {"schemas": schemas},
    });
    Some(document.to_string().into_bytes())
}

/// How a schema is referred to.
const SCHEMAS: &str = "#/components/schemas/";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The schemas of the built-in kinds; none where they cannot be unpacked, which a test rules out.
fn schemas() -> Map<String, Value> {
    let mut text = Vec::new();
    let unpacked = lzma_rust2::XzReader::new(BUILTIN, false).read_to_end(&mut text);
    unpacked.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Whether a schema is that of a served kind.
fn is_of(schema: &Value, served: &Served) -> bool {
    let kinds = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    kinds.into_iter().flatten().any(|kind| *kind == kind_of(served))
}

fn kind_of(served: &Served) -> Value {
    json!({"group": served.group, "kind": served.resource.kind, "version": served.version})
}

/// `io.acme.v1.Widget`.
fn own_name(served: &Served) -> String {
    let mut parts: Vec<&str> = served.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{}", parts.join("."), served.version, served.resource.kind)
}

/// The name of the schema of its lists.
fn list_name(served: &Served) -> String {
    format!("{}List", own_name(served))
}

/// The schema of a custom kind, with what all kinds have.
fn of_custom(served: &Served, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(root) = schema.as_object_mut() {
        with_type(root, served, &kind_of(served));
        let properties = root.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("metadata".to_owned(), meta(METADATA, OBJECT_META));
        }
    }
    schema
}

/// The schema of the lists of a custom kind (`buildListSchema`).
fn list_of_custom(served: &Served) -> Value {
    let Resource { kind, plural, .. } = &served.resource;
    let items = json!({
        "type": "array", "items": {"$ref": format!("{SCHEMAS}{}", own_name(served))},
        "description": format!("List of {plural}. More info: {CONVENTIONS}"),
    });
    let mut schema = json!({
        "type": "object", "required": ["items"], "description": format!("{kind}List is a list of {kind}"),
        "properties": {"items": items, "metadata": meta(LIST_METADATA, LIST_META)},
    });
    if let Some(root) = schema.as_object_mut() {
        let kind = json!({"group": served.group, "kind": format!("{kind}List"), "version": served.version});
        with_type(root, served, &kind);
    }
    schema
}

/// Adds what names the kind, and the fields that a client can select by.
fn with_type(root: &mut Map<String, Value>, served: &Served, kind: &Value) {
    marked(root, served, kind);
    let properties = root.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        let text = |what: &str| json!({"type": "string", "description": what});
        properties.insert("apiVersion".to_owned(), text(API_VERSION));
        properties.insert("kind".to_owned(), text(KIND));
    }
}

/// Adds the marks of a kind.
fn marked(root: &mut Map<String, Value>, served: &Served, kind: &Value) {
    root.insert("x-kubernetes-group-version-kind".to_owned(), json!([kind]));
    if !served.selectable.is_empty() {
        let paths: Vec<_> = served.selectable.iter().map(|path| json!({"fieldPath": path})).collect();
        root.insert("x-kubernetes-selectable-fields".to_owned(), Value::Array(paths));
    }
}

/// A reference with a description.
fn meta(what: &str, name: &str) -> Value {
    json!({"description": what, "allOf": [{"$ref": format!("{SCHEMAS}{name}")}]})
}

// in the words of the API server
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should \
    convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this \
    from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const CONVENTIONS: &str = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
const LIST_METADATA: &str = "Standard list metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
const METADATA: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// Adds the names of the schemas that a schema refers to.
fn references(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|path| path.strip_prefix(SCHEMAS)) {
                    Some(referred) if name == "$ref" => drop(names.insert(referred.to_owned())),
                    _ => references(member, names),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, names)),
        _ => {}
    }
}

/// The paths by which a client finds the kind of a resource.
fn paths(version: &GroupVersion, group: &str) -> Map<String, Value> {
    let prefix = match group {
        "" => format!("/api/{}", version.name),
        group => format!("/apis/{}", api_version(group, &version.name)),
    };
    let mut paths = Map::new();
    for served in &version.resources {
        let operation =
            json!({"get": {"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": kind_of(served)}});
        let plural = &served.resource.plural;
        paths.insert(format!("{prefix}/{plural}"), operation.clone());
        if served.resource.namespaced {
            paths.insert(format!("{prefix}/namespaces/{{namespace}}/{plural}"), operation);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_of_built_in_kinds_are_there() {
        let schemas = schemas();
        assert!(schemas.len() > 500, "{}", schemas.len());
        let mut names = BTreeSet::new();
        schemas.values().for_each(|schema| references(schema, &mut names));
        let missing: Vec<_> = names.iter().filter(|name| !schemas.contains_key(*name)).collect();
        assert!(names.contains(OBJECT_META) && missing.is_empty(), "{missing:?}");
    }
}
