//! The objects in a manifest, and why one is refused.

use serde_json::Value;

use crate::document::parse;

pub(super) const BY_FLAGS: &str =
    "name the member with --name, --initial-cluster and --initial-advertise-peer-urls, or with --member NAME";

/// Why the text is no good, and what to do instead.
pub(super) type Refusal = (String, &'static str);

pub(super) fn documents(bytes: &[u8]) -> Result<Vec<Value>, Refusal> {
    parse(bytes).map_err(|error| (format!("neither YAML nor JSON: {error}"), "name the manifest of the etcd pod"))
}

/// The documents, and instead of a list what is in it.
pub(super) fn objects(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents.iter().flat_map(|document| {
        let is_list = text(document, "kind").is_some_and(|kind| kind.ends_with("List"));
        if is_list { list(document, "/items") } else { std::slice::from_ref(document) }
    })
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
