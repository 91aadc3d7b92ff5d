//! The texts of a stored value, each with its path and its place.

use super::{
    super::stored::{PROTOBUF, Stored},
    cbor, json, protobuf,
    visit::{Unreadable, Visit, Visitor},
};

/// Visits all texts of `value`, whose form is `stored`.
pub(super) fn walk(stored: &Stored<'_>, value: &[u8], visit: Visitor<'_>) -> Result<(), Unreadable> {
    match stored {
        Stored::Protobuf(of) => protobuf::walk(of, value, PROTOBUF.len(), visit),
        Stored::Json(text) => json::walk(text, 0, &mut Vec::new(), visit),
        Stored::Cbor(data) => cbor::walk(data, visit),
        Stored::Encrypted(_) | Stored::Opaque => Ok(()),
    }
}

/// The kinds that a value names as its own: of JSON with several, all.
#[derive(Debug, Default)]
pub(super) struct Kinds(Vec<String>);

impl Kinds {
    pub(super) fn of(stored: &Stored<'_>, value: &[u8]) -> Self {
        if let Stored::Protobuf(of) = stored {
            return Self(vec![of.kind.to_owned()]);
        }
        let mut kinds = Vec::new();
        let _ = walk(stored, value, &mut |path: &[String], visit: &Visit| {
            if let [name] = path
                && name == "kind"
            {
                kinds.extend(value.get(visit.at.clone()).map(|kind| String::from_utf8_lossy(kind).into_owned()));
            }
        });
        Self(kinds)
    }

    /// Whether `kind` is one of them, in any case.
    pub(super) fn has(&self, kind: &str) -> bool {
        self.0.iter().any(|of| of.eq_ignore_ascii_case(kind))
    }
}
