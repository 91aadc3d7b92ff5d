//! JSON objects without unset fields.

use serde_json::{Map, Value};

use super::Describer;
use crate::bytes::escape;
use crate::document::Id;

/// A JSON object to which only set fields are added.
#[derive(Default)]
pub(super) struct Tree(pub(super) Map<String, Value>);

impl Tree {
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// A text, unless it is empty; bytes that are not UTF-8 as `\xNN`.
    pub(super) fn text(self, name: &str, text: &[u8]) -> Self {
        if text.is_empty() { self } else { self.with(name, escape(text).into()) }
    }

    /// A number, unless it is 0.
    pub(super) fn number(self, name: &str, n: i64) -> Self {
        if n == 0 { self } else { self.with(name, n.into()) }
    }

    /// An id, unless it is 0; a second time as hex, because JSON readers round numbers beyond 2^53.
    pub(super) fn id(self, name: &str, id: Id) -> Self {
        match id {
            Id::NONE => self,
            Id(number) => self.with(name, number.into()).with(&format!("{name}Hex"), id.to_string().into()),
        }
    }

    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        if set { self.with(name, true.into()) } else { self }
    }

    pub(super) fn list(self, name: &str, items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        if items.is_empty() { self } else { self.with(name, Value::Array(items)) }
    }

    /// A secret, masked, unless it is empty.
    pub(super) fn secret(self, describer: &Describer, name: &str, secret: &[u8]) -> Self {
        match describer.mask.bytes(secret) {
            Some(mask) if !secret.is_empty() => self.with(name, mask.into()),
            _ => self.text(name, secret),
        }
    }

    pub(super) fn value(self) -> Value {
        Value::Object(self.0)
    }
}
