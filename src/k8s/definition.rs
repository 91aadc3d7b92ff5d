//! CustomResourceDefinitions are stored as v1beta1 and served as v1: the conversion between the two
//! (`apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go`).

use std::borrow::Cow;

use super::value::{Map, Value};

/// Fields that v1beta1 has once for all versions and v1 has in each of them, with their place in a version.
const PER_VERSION: [(&str, &str); 4] = [
    ("validation", "schema"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
    ("selectableFields", "selectableFields"),
];

/// Turns a v1beta1 definition into v1; any other object is not changed.
pub(super) fn to_v1(root: &mut Map<'_>) {
    let is = |name, text| root.get(name).and_then(Value::as_str) == Some(text);
    if !is("kind", "CustomResourceDefinition") || !is("apiVersion", "apiextensions.k8s.io/v1beta1") {
        return;
    }
    root.insert("apiVersion", Value::str("apiextensions.k8s.io/v1"));
    let Some(Value::Object(spec)) = root.get_mut("spec") else { return };
    let version = spec.remove("version");
    let mut versions = match spec.remove("versions") {
        Some(Value::List(list)) if !list.is_empty() => list,
        _ => version.map(only_version).into_iter().collect(),
    };
    for (name, within) in PER_VERSION {
        let Some(shared) = spec.remove(name).filter(|v| *v != Value::Null) else { continue };
        for version in versions.iter_mut().filter_map(Value::as_object_mut) {
            if version.get(within).is_none() {
                version.insert(within, shared.clone());
            }
        }
    }
    for version in versions.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::List(columns)) = version.get_mut("additionalPrinterColumns") {
            for column in columns.iter_mut().filter_map(Value::as_object_mut) {
                if let Some(path) = column.remove("JSONPath") {
                    column.insert("jsonPath", path);
                }
            }
        }
    }
    spec.insert("versions", Value::List(versions));
    // the default is true in v1beta1, false in v1
    match spec.remove("preserveUnknownFields") {
        Some(Value::Bool(false)) => {}
        _ => spec.insert("preserveUnknownFields", Value::Bool(true)),
    }
    if let Some(Value::Object(conversion)) = spec.get_mut("conversion") {
        webhook(conversion);
    }
}

fn only_version(name: Value<'_>) -> Value<'_> {
    let yes = |name| (Cow::Borrowed(name), Value::Bool(true));
    Value::Object(Map::from_unsorted(vec![("name".into(), name), yes("served"), yes("storage")]))
}

fn webhook(conversion: &mut Map<'_>) {
    let config = conversion.remove("webhookClientConfig");
    let reviews = conversion.remove("conversionReviewVersions");
    if config.is_none() && reviews.is_none() {
        return;
    }
    let mut webhook = Map::default();
    if let Some(config) = config {
        webhook.insert("clientConfig", config);
    }
    webhook.insert("conversionReviewVersions", reviews.unwrap_or_default());
    conversion.insert("webhook", Value::Object(webhook));
}

#[cfg(test)]
mod tests {
    use crate::k8s::{decode, json};

    #[test]
    fn what_was_shared_goes_into_each_version() {
        let stored = br#"{"apiVersion":"apiextensions.k8s.io/v1beta1","kind":"CustomResourceDefinition","spec":{
            "version":"v1","versions":[{"name":"v1"},{"name":"v2","schema":{"x":1}}],"preserveUnknownFields":false,
            "validation":{"y":2},"additionalPrinterColumns":[{"JSONPath":".a","name":"A"}],
            "conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"u"},"conversionReviewVersions":["v1"]}}}"#;
        let mut object = decode(stored).unwrap();
        object.as_served(0);
        let mut out = Vec::new();
        json::compact(&mut out, &object.value);
        let columns = r#""additionalPrinterColumns":[{"jsonPath":".a","name":"A"}]"#;
        let webhook = r#""webhook":{"clientConfig":{"url":"u"},"conversionReviewVersions":["v1"]}"#;
        let want = format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{{"conversion":{{"strategy":"Webhook",{webhook}}},"versions":[{{{columns},"name":"v1","schema":{{"y":2}}}},{{{columns},"name":"v2","schema":{{"x":1}}}}]}}}}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
