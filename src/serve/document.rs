//! Parts of documents.

use serde_json::Value;

/// `apps/v1`, or `v1`.
pub(super) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The value at a path (RFC 6901) in a document, or null.
pub(super) fn at<'v>(document: &'v Value, path: &str) -> &'v Value {
    document.pointer(path).unwrap_or(&Value::Null)
}
