//! OpenAPI v2: one document of everything, which older clients ask for, as JSON or in protobuf.

use serde_json::{Map, Value, json};

use super::{SCHEMAS, kind_of, list_name, list_of_custom, marked, of_custom, own_name, paths, schemas};
use crate::serve::{catalog::Catalog, openapi::gnostic};

/// The media type in which client-go asks for the document.
const ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/// The same as an API server answers it: `@` is not allowed there.
pub(in crate::serve) const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Whether the client accepts protobuf before JSON.
pub(in crate::serve) fn takes_protobuf(accept: &str) -> bool {
    let first = accept.split(',').map(|accepted| accepted.split(';').next().unwrap_or_default().trim());
    let known =
        first.filter(|accepted| [ASKED, PROTOBUF, "application/json", "application/*", "*/*"].contains(accepted));
    known.take(1).any(|first| first == ASKED || first == PROTOBUF)
}

/// The document as JSON.
pub(in crate::serve) fn json(catalog: &Catalog, version: &str) -> Vec<u8> {
    document(catalog, version).to_string().into_bytes()
}

/// The document as a `openapi.v2.Document`.
pub(in crate::serve) fn protobuf(catalog: &Catalog, version: &str) -> Vec<u8> {
    gnostic::document(&document(catalog, version))
}

fn document(catalog: &Catalog, version: &str) -> Value {
    let (mut all, mut wanted) = (Map::new(), Map::new());
    let versions =
        || catalog.groups.iter().flat_map(|group| group.versions.iter().map(move |version| (group, version)));
    for served in versions().flat_map(|(_, version)| &version.resources) {
        if let Some(schema) = &served.schema {
            let mut schema = schema.clone();
            let schema = match is(&schema, "x-kubernetes-preserve-unknown-fields") {
                true => {
                    let mut open = Map::from_iter([("type".to_owned(), json!("object"))]);
                    marked(&mut open, served, &kind_of(served));
                    Value::Object(open)
                }
                false => {
                    structural(&mut schema);
                    of_custom(served, &schema)
                }
            };
            wanted.insert(own_name(served), schema);
            wanted.insert(list_name(served), list_of_custom(served));
        }
    }
    for (group, version) in versions() {
        all.append(&mut paths(version, &group.name));
    }
    for operations in all.values_mut().filter_map(|path| path.get_mut("get")?.as_object_mut()) {
        operations.insert("responses".to_owned(), json!({"200": {"description": "OK"}}));
    }
    wanted.extend(schemas());
    wanted.values_mut().for_each(older);
    json!({
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": version}, "paths": all, "definitions": wanted,
    })
}

/// Makes a schema of v3 one of v2: it has no defaults, no alternatives, and nothing beside a reference.
fn older(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    members.shift_remove("default");
    if let Some(all) = members.shift_remove("allOf")
        && let Some(reference) = all.get(0).and_then(|one| one.get("$ref"))
    {
        members.insert("$ref".to_owned(), reference.clone());
    }
    if let Some(Value::String(reference)) = members.get_mut("$ref")
        && let Some(name) = reference.strip_prefix(SCHEMAS)
    {
        *reference = format!("#/definitions/{name}");
    }
    if members.shift_remove("oneOf").is_some() {
        members.insert("type".to_owned(), json!("string"));
    }
    nested(members).into_iter().for_each(older);
}

/// The schemas that are part of a schema.
fn nested(members: &mut Map<String, Value>) -> Vec<&mut Value> {
    let mut all = Vec::new();
    for (name, value) in members.iter_mut() {
        match (name.as_str(), value) {
            ("properties", Value::Object(properties)) => all.extend(properties.values_mut()),
            ("items" | "additionalProperties", value) => all.push(value),
            _ => {}
        }
    }
    all
}

/// Whether a schema has a mark.
fn is(schema: &Value, mark: &str) -> bool {
    schema.get(mark) == Some(&Value::Bool(true))
}

/// Leaves out of the schema of a custom kind what v2 does not know, as an API server does (`ToStructuralOpenAPIV2`).
fn structural(schema: &mut Value) {
    let (nullable, open) = (is(schema, "nullable"), is(schema, "x-kubernetes-preserve-unknown-fields"));
    let Some(members) = schema.as_object_mut() else { return };
    for name in ["allOf", "oneOf", "anyOf", "not"] {
        members.shift_remove(name);
    }
    members.shift_remove("nullable");
    if nullable || open {
        members.shift_remove("items");
        members.shift_remove("properties");
    }
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
    if nullable || kind == "array" && !members.contains_key("items") || kind == "object" && open {
        members.shift_remove("type");
    }
    let can_be_null = |value: &Value| is(value, "nullable");
    let properties = members.get("properties").and_then(Value::as_object);
    let optional: Vec<String> = properties
        .into_iter()
        .flatten()
        .filter(|(_, value)| can_be_null(value))
        .map(|(name, _)| name.clone())
        .collect();
    let without_any = members.get("additionalProperties").is_some_and(can_be_null);
    if let Some(required) = members.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !without_any && !optional.iter().any(|optional| name == optional));
        if required.is_empty() {
            members.shift_remove("required");
        }
    }
    nested(members).into_iter().for_each(structural);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_v2_does_not_know_is_left_out() {
        let mut schema = json!({
            "type": "object", "required": ["a", "b"], "oneOf": [{"required": ["a"]}],
            "properties": {
                "a": {"type": "array", "nullable": true, "items": {"type": "string"}},
                "b": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"c": {}}},
                "c": {"type": "integer", "default": 3},
            },
        });
        structural(&mut schema);
        older(&mut schema);
        let want = json!({
            "type": "object", "required": ["b"],
            "properties": {"a": {}, "b": {"x-kubernetes-preserve-unknown-fields": true}, "c": {"type": "integer"}},
        });
        assert_eq!(schema, want);
    }

    #[test]
    fn references_and_alternatives_are_those_of_v2() {
        let mut schema = json!({"allOf": [{"$ref": "#/components/schemas/x.y"}], "default": {}, "description": "d"});
        older(&mut schema);
        assert_eq!(schema, json!({"description": "d", "$ref": "#/definitions/x.y"}));
        let mut schema = json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"});
        older(&mut schema);
        assert_eq!(schema, json!({"format": "int-or-string", "type": "string"}));
    }

    #[test]
    fn the_first_known_type_counts() {
        for (accept, want) in [
            (ASKED, true),
            ("application/json", false),
            ("text/x, application/com.github.proto-openapi.spec.v2@v1.0+protobuf;q=1, */*", true),
            ("*/*, application/com.github.proto-openapi.spec.v2@v1.0+protobuf", false),
            ("", false),
        ] {
            assert_eq!(takes_protobuf(accept), want, "{accept}");
        }
    }
}
