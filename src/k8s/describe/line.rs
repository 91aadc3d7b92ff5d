//! A described record on one line.

use serde_json::{Map, Value};

use super::Description;
use crate::bytes::{abridged, quote};

impl Description<'_> {
    /// What etcd or a restore does not take as it is: `cut off`, `overwritten`, `past commit`.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        match self.committed {
            _ if self.cut_off => Some("cut off"),
            _ if self.overwritten => Some("overwritten"),
            Some(false) => Some("past commit"),
            _ => None,
        }
    }

    /// The user and the member that the request is from: `user@member`.
    #[must_use]
    pub fn by(&self) -> Option<String> {
        match (&self.username, &self.proposer) {
            (None, proposer) => proposer.clone(),
            (Some(user), None) => Some(user.clone()),
            (Some(user), Some(proposer)) => Some(format!("{user}@{proposer}")),
        }
    }

    /// The request or other content on one line: `key=/app/a value="1"`.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        self.request.as_ref().or(self.content.as_ref()).map(line)
    }
}

/// The number of characters of a text that are shown on a line.
const SHOWN: usize = 80;

/// A tree on one line: `key=/app/a value="1"`.
fn line(tree: &Map<String, Value>) -> String {
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

/// A short text for a stored value.
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

/// A text, in quotes where it could be confused with the text around it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/-_.:@*+\\".contains(c);
    let cut: String = text.chars().take(SHOWN).collect();
    let shown = if !cut.is_empty() && cut.chars().all(plain) { cut.clone() } else { quote(cut.as_bytes()) };
    if cut.len() < text.len() { abridged(&shown, 0..cut.len(), text.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_printed_on_a_line() {
        let put = json!({"request_put": {"key": r"/a\xff", "value": {"size": 3, "text": "x y"}}});
        let txn = json!({"success": [put], "lease": 255, "leaseHex": "ff"});
        assert_eq!(line(txn.as_object().unwrap()), r#"success=[request_put{key=/a\xff value="x y"}] lease=ff"#);
        let pod = json!({"size": 900, "kind": "pod", "namespace": "shop", "name": "db-0"});
        assert_eq!(term(&pod), "(pod shop/db-0, 900 bytes)");
        assert_eq!(word(&"x".repeat(100)), format!("{}... (100 bytes)", "x".repeat(80)));
    }
}
