//! A tree of what is set, and its text on one line.

use etcdsnap::bytes::{abridged, escape};
use serde_json::{Map, Value};

use super::request::Teller;
use crate::render::quote;

/// An object that takes only what is set.
#[derive(Default)]
pub(super) struct Tree(pub(super) Map<String, Value>);

impl Tree {
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Text, unless it is empty; what is no text as `\xNN`.
    pub(super) fn text(self, name: &str, text: &[u8]) -> Self {
        if text.is_empty() { self } else { self.with(name, escape(text).into()) }
    }

    /// A key or the end of a range: likewise.
    pub(super) fn key(self, name: &str, key: &[u8]) -> Self {
        self.text(name, key)
    }

    /// A number, unless it is 0.
    pub(super) fn number(self, name: &str, n: i64) -> Self {
        if n == 0 { self } else { self.with(name, n.into()) }
    }

    /// An id, unless it is 0; as hex besides, because JSON readers round what is beyond 2^53.
    pub(super) fn id(self, name: &str, id: u64) -> Self {
        if id == 0 { self } else { self.with(name, id.into()).with(&format!("{name}Hex"), format!("{id:x}").into()) }
    }

    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        if set { self.with(name, true.into()) } else { self }
    }

    pub(super) fn list(self, name: &str, items: impl IntoIterator<Item = Value>) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        if items.is_empty() { self } else { self.with(name, Value::Array(items)) }
    }

    /// What nobody should see, unless it is empty.
    pub(super) fn secret(self, teller: &Teller, name: &str, secret: &[u8]) -> Self {
        match teller.mask.bytes(secret) {
            Some(mask) if !secret.is_empty() => self.with(name, mask.into()),
            _ => self.text(name, secret),
        }
    }

    pub(super) fn value(self) -> Value {
        Value::Object(self.0)
    }
}

/// So many characters of a text are shown on a line.
const SHOWN: usize = 80;

/// The tree on one line: `key=/app/a value="1"`.
pub(super) fn line(tree: &Map<String, Value>) -> String {
    let hex = |name: &str| tree.contains_key(&format!("{name}Hex"));
    let fields = tree.iter().filter(|(name, _)| !hex(name));
    let fields = fields.map(|(name, value)| format!("{}={}", name.strip_suffix("Hex").unwrap_or(name), term(value)));
    fields.collect::<Vec<_>>().join(" ")
}

fn term(value: &Value) -> String {
    match value {
        Value::Object(tree) if tree.contains_key("size") => stored(tree),
        Value::Object(tree) => match tree.iter().next() {
            Some((name, Value::Object(inner))) if tree.len() == 1 => format!("{name}{{{}}}", line(inner)),
            _ => format!("{{{}}}", line(tree)),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(term).collect::<Vec<_>>().join(", ")),
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// What was stored, in as few words.
fn stored(value: &Map<String, Value>) -> String {
    let text = |name| value.get(name).and_then(Value::as_str);
    let size = value.get("size").and_then(Value::as_u64).unwrap_or_default();
    if let Some(kind) = text("kind") {
        let name: Vec<_> = ["namespace", "name"].into_iter().filter_map(text).collect();
        let encrypted = text("encrypted").map_or(String::new(), |by| format!(", encrypted by {by}"));
        return format!("({kind} {}, {size} bytes{encrypted})", name.join("/"));
    }
    match text("text").or_else(|| text("masked")) {
        Some(text) => word(text),
        None => format!("({size} bytes)"),
    }
}

/// A text that can be told from what is around it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/-_.:@*+\\".contains(c);
    let cut: String = text.chars().take(SHOWN).collect();
    let shown = if !cut.is_empty() && cut.chars().all(plain) { cut.clone() } else { quote(cut.as_bytes()) };
    if cut.len() < text.len() { abridged(&shown, 0..cut.len(), text.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_on_a_line() {
        let put = Tree::default().text("key", b"/a\xff").with("value", serde_json::json!({"size": 3, "text": "x y"}));
        let txn = Tree::default().list("success", [serde_json::json!({"request_put": put.0})]).id("lease", 255);
        assert_eq!(line(&txn.0), r#"success=[request_put{key=/a\xff value="x y"}] lease=ff"#);
        let pod = serde_json::json!({"size": 900, "kind": "pod", "namespace": "shop", "name": "db-0"});
        assert_eq!(term(&pod), "(pod shop/db-0, 900 bytes)");
        assert_eq!(word(&"x".repeat(100)), format!("{}... (100 bytes)", "x".repeat(80)));
    }
}
