//! What was found.

use serde::Serialize;

/// The matches in one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueHits {
    /// `deployment.apps`; empty for a key that is no object.
    pub kind: String,
    /// The namespace; empty for none.
    pub namespace: String,
    /// The name; of a key that is no object the key.
    pub name: String,
    /// The revision that wrote the value.
    pub revision: i64,
    /// Whether that revision deleted the key.
    #[serde(skip_serializing_if = "crate::document::is_false")]
    pub deleted: bool,
    /// The matches, in the order of the object's fields.
    pub hits: Vec<Hit>,
}

/// A line of a string that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// The path of the string: `spec.containers[0].image`.
    pub path: String,
    /// The number of the line, from 1; 0 where the string has one line.
    pub line: usize,
    /// The line; a mask where it is secret.
    pub text: String,
    /// Whether the text is masked.
    pub masked: bool,
}
