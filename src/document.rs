//! JSON documents: the fields of a value, then the version of their shape and the tool that wrote them ([`Document`]).
//!
//! A value defines beside its own type how it is written (`impl Serialize`); nothing else decides names or order of
//! fields. Where the version and the tool come first, the value has them as its field ([`Stamp`]). A document that is
//! too large for memory is written in parts ([`begin`], [`end`]), and its list between them.
//!
//! Also here, because every room needs them: [`Id`], an id as etcd prints it, and the parser of YAML and JSON that
//! people write, with its limits.

use std::{
    fmt,
    io::{self, Write},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The version of the documents' shape. It only ever grows: fields are added, none is renamed or removed.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// Name and version of the program that writes the documents.
pub const TOOL: &str = concat!("etcdsnap ", env!("CARGO_PKG_VERSION"));

/// The version of a document's shape, and the tool that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    schema_version: u32,
    tool: &'static str,
}

impl Default for Stamp {
    fn default() -> Self {
        Self { schema_version: SCHEMA_VERSION, tool: TOOL }
    }
}

/// A value with the stamp of a document at its end.
#[derive(Debug, Serialize)]
pub struct Document<T> {
    #[serde(flatten)]
    value: T,
    #[serde(flatten)]
    stamp: Stamp,
}

/// Several values of one kind: `{"items": [...]}`.
#[derive(Debug, Serialize)]
pub struct Items<'a, T> {
    items: &'a [T],
}

impl<T: Serialize> Document<T> {
    /// The document of `value`, which is written as a JSON object.
    pub fn new(value: T) -> Self {
        Self { value, stamp: Stamp::default() }
    }
}

impl<'a, T: Serialize> Document<Items<'a, T>> {
    /// One document of several values.
    pub fn of_all(items: &'a [T]) -> Self {
        Self::new(Items { items })
    }
}

/// Writes the first members of a document that is too large for memory: `head`, left open at its end.
///
/// # Errors
/// Errors of `out`.
pub fn begin(out: &mut impl Write, head: &impl Serialize) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    out.write_all(head.strip_suffix(b"}").unwrap_or(&head))
}

/// Writes the last members of such a document: `rest`, and the stamp.
///
/// # Errors
/// Errors of `out`.
pub fn end(out: &mut impl Write, rest: impl Serialize) -> io::Result<()> {
    let rest = serde_json::to_vec(&Document::new(rest))?;
    out.write_all(rest.strip_prefix(b"{").unwrap_or(&rest))?;
    out.write_all(b"\n")
}

/// Parses the documents of a YAML or JSON text, as people write and Kubernetes prints them. An error has its place, but
/// no text, which may be secret.
///
/// # Errors
/// When the text is neither, or when it would grow by its aliases.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Value>, serde_saphyr::Error> {
    if let Ok(json) = serde_json::from_slice(text) {
        return Ok(vec![json]);
    }
    // each node, event and document takes a byte of the text at least; what exceeds that is made by aliases
    let most = text.len().saturating_add(1024);
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_aliases: 20,
            max_depth: 200,
            max_documents: most,
            max_events: most.saturating_mul(3),
            max_nodes: most,
            // what is inside of an anchor is kept for it, once for each anchor around it
            max_recorded_anchor_events: most,
            max_recorded_anchor_bytes: most,
            max_total_scalar_bytes: most,
        },
    };
    serde_saphyr::from_slice_multiple_with_options(text, options)
}

/// An id of a member, cluster or lease as etcd prints it (`types.ID`): lowercase hex without padding. JSON readers
/// round numbers beyond 2^53, so documents have ids in this form too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub u64);

impl Id {
    /// The id 0: no member, or no vote.
    pub const NONE: Self = Self(0);

    /// Reads lowercase hex without padding, as Go's `%x` writes it.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Self> {
        u64::from_str_radix(hex, 16).ok().map(Self).filter(|id| id.to_string() == hex)
    }

    /// For `serialize_with`: as a number, where etcd's own JSON has one.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn number<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }

    /// The numbers of `ids`.
    pub(crate) fn numbers<'i>(ids: impl IntoIterator<Item = &'i Self>) -> Vec<u64> {
        ids.into_iter().map(|id| id.0).collect()
    }
}

impl fmt::LowerHex for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// A number, as etcd's own JSON has it.
impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// For `skip_serializing_if`: a flag that is not set.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_comes_last() {
        let stamp = format!(r#""schemaVersion":1,"tool":"{TOOL}"}}"#);
        let value = serde_json::json!({"b": 1, "a": Id(255)});
        let text = serde_json::to_string(&Document::new(&value)).unwrap();
        assert_eq!(text, format!(r#"{{"b":1,"a":"ff",{stamp}"#));
        let text = serde_json::to_string(&Document::of_all(&[1, 2])).unwrap();
        assert_eq!(text, format!(r#"{{"items":[1,2],{stamp}"#));
        let mut parts = Vec::new();
        begin(&mut parts, &value).unwrap();
        parts.extend_from_slice(b",\"list\":[],");
        end(&mut parts, serde_json::json!({"c": 2})).unwrap();
        let want = format!(r#"{{"b":1,"a":"ff","list":[],"c":2,{stamp}"#) + "\n";
        assert_eq!(String::from_utf8(parts).unwrap(), want);
    }

    /// What is inside of anchors would be kept for each of them: memory by the square of the text.
    #[test]
    fn anchors_within_anchors_do_not_pile_up() {
        let nested = |depth: usize| format!("{}1{}", "a: &b {".repeat(depth), "}".repeat(depth));
        assert!(parse(nested(5).as_bytes()).is_ok());
        assert!(parse(nested(150).as_bytes()).is_err());
    }
}
