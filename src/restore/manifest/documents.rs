//! The objects in a manifest, and why one is refused.

use serde_json::Value;

pub(super) const BY_FLAGS: &str =
    "name the member with --name, --initial-cluster and --initial-advertise-peer-urls, or with --member NAME";

/// Why the text is no good, and what to do instead.
pub(super) type Refusal = (String, &'static str);

pub(super) fn documents(bytes: &[u8]) -> Result<Vec<Value>, Refusal> {
    if let Ok(json) = serde_json::from_slice(bytes) {
        return Ok(vec![json]);
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        // no manifest needs one; of a long text, a thousand would fill the memory
        budget: serde_saphyr::budget! { max_aliases: 20 },
    };
    serde_saphyr::from_slice_multiple_with_options(bytes, options)
        .map_err(|error| (format!("neither YAML nor JSON: {error}"), "name the manifest of the etcd pod"))
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
