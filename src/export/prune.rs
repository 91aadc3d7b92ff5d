//! Fields of a custom resource that its definition does not have. An API server drops them when it reads the object,
//! and kubectl refuses to apply them (`apiextensions-apiserver/pkg/apiserver/schema/pruning`).

use std::collections::HashMap;

use crate::k8s::{Map, Value};

/// The fields of every object.
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// Limit on nesting; an API server accepts no deeper object.
const MAX_DEPTH: usize = 200;

/// The part of a schema that decides which fields exist (`schema.Structural`).
#[derive(Debug, Default)]
pub(super) struct Schema {
    properties: HashMap<String, Self>,
    /// The schema of the values of a map with any names; `None` for values of any shape.
    additional: Option<Option<Box<Self>>>,
    items: Option<Box<Self>>,
    preserves: bool,
    embeds: bool,
}

impl Schema {
    /// Reads an `openAPIV3Schema`, which is the schema of a whole object.
    pub(super) fn of_object(schema: &Value<'_>) -> Self {
        Self { embeds: true, ..Self::of(schema, MAX_DEPTH) }
    }

    fn of(schema: &Value<'_>, depth: usize) -> Self {
        let Some(depth) = depth.checked_sub(1) else { return Self { preserves: true, ..Self::default() } };
        let is = |name| schema.get(name) == Some(&Value::Bool(true));
        let boxed = |inner: &Value<'_>| Box::new(Self::of(inner, depth));
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties").filter(|inner| **inner != Value::Null);
        Self {
            properties: properties
                .into_iter()
                .flat_map(Map::iter)
                .map(|(name, inner)| (name.to_string(), Self::of(inner, depth)))
                .collect(),
            additional: additional.map(|inner| inner.as_object().map(|_| boxed(inner))),
            items: schema.get("items").filter(|inner| inner.as_object().is_some()).map(boxed),
            preserves: is("x-kubernetes-preserve-unknown-fields"),
            embeds: is("x-kubernetes-embedded-resource"),
        }
    }

    /// The schema of a field: the outer `None` when there is no such field, the inner one when its schema is not known.
    fn field(&self, name: &str) -> Option<Option<&Self>> {
        self.properties.get(name).map(Some).or_else(|| Some(self.additional.as_ref()?.as_deref()))
    }
}

/// Removes the fields that a schema does not have, and returns their paths.
pub(super) fn prune(object: &mut Value<'_>, schema: &Schema) -> Vec<String> {
    let mut gone = Vec::new();
    walk(object, Some(schema), (false, ""), &mut gone);
    gone
}

/// In a value that is `kept`, only fields that an inner schema lacks are removed.
fn walk(value: &mut Value<'_>, schema: Option<&Schema>, (kept, path): (bool, &str), gone: &mut Vec<String>) {
    let kept = kept || schema.is_some_and(|schema| schema.preserves);
    match value {
        _ if kept && schema.is_none() => {}
        Value::Object(map) => fields(map, schema, (kept, path), gone),
        Value::List(items) => {
            let inner = schema.and_then(|schema| schema.items.as_deref());
            let items = items.iter_mut().enumerate();
            items.for_each(|(n, item)| walk(item, inner, (kept, &format!("{path}[{n}]")), gone));
        }
        _ => {}
    }
}

fn fields(map: &mut Map<'_>, schema: Option<&Schema>, (kept, path): (bool, &str), gone: &mut Vec<String>) {
    let names: Vec<_> = map.iter().map(|(name, _)| name.to_string()).collect();
    for name in names {
        if schema.is_some_and(|schema| schema.embeds) && META.contains(&name.as_str()) {
            continue;
        }
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match schema.and_then(|schema| schema.field(&name)) {
            Some(of) => map.get_mut(&name).into_iter().for_each(|value| walk(value, of, (false, &inner), gone)),
            None if kept => {}
            None => {
                map.remove(&name);
                gone.push(inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    #[test]
    fn fields_that_the_definition_does_not_have_go() {
        let schema = br#"{"type":"object","properties":{
            "spec":{"type":"object","properties":{
                "size":{"type":"integer"},
                "labels":{"type":"object","additionalProperties":{"type":"string"}},
                "parts":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}},
                "free":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"known":{"type":"object","properties":{"a":{"type":"string"}}}}},
                "template":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"spec":{"type":"object"}}}}}}}"#;
        let schema = decode(schema).unwrap();
        let schema = Schema::of_object(&schema.value);
        let object = br#"{"apiVersion":"a/v1","kind":"A","metadata":{"name":"n","more":1},"data":{"x":1},"spec":{
            "size":3,"colour":"red","labels":{"a":"b"},"parts":[{"name":"p"},{"name":"q","age":3}],
            "free":{"any":{"b":1},"list":[{"c":1}],"known":{"a":"x","b":"y"}},
            "template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"x":1},"other":1}}}"#;
        let mut object = decode(object).unwrap().value;
        let gone = prune(&mut object, &schema);
        let want = [
            "data",
            "spec.colour",
            "spec.free.known.b",
            "spec.parts[1].age",
            "spec.template.other",
            "spec.template.spec.x",
        ];
        assert_eq!(gone, want);
        let text = object.to_json();
        assert!(
            text.contains(r#""any":{"b":1}"#) && text.contains(r#""list":[{"c":1}]"#) && text.contains(r#""more":1"#),
            "{text}"
        );
        assert!(!text.contains("red") && !text.contains("age"), "{text}");
        assert!(prune(&mut object, &schema).is_empty());
        // without a schema of its own an object keeps only its metadata, and a map of any shape keeps nothing
        let none = Schema::of_object(&Value::Null);
        assert_eq!(prune(&mut object, &none), ["spec"]);
    }
}
