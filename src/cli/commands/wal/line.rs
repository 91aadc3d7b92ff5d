//! A described record as a row of the table.

use etcdsnap::{
    bytes::{abridged, escape},
    k8s::Description,
    source::SegmentName,
};
use serde_json::{Map, Value};

use crate::render::quote;

pub(super) const HEADERS: [&str; 9] = ["SEQ", "OFFSET", "TYPE", "TERM", "INDEX", "NOTE", "TIME", "BY", "WHAT"];

/// The cells under [`HEADERS`].
pub(super) fn row(record: &Description<'_>) -> [String; 9] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let sequence = SegmentName::parse(record.file).map(|name| format!("{:x}", name.sequence));
    let base = escape(record.file.rsplit(['/', ':']).next().unwrap_or(record.file).as_bytes());
    let note = match record.committed {
        _ if record.cut_off => "cut off",
        _ if record.overwritten => "overwritten",
        Some(false) => "past commit",
        _ => "-",
    };
    let by = match (&record.username, &record.proposer) {
        (None, proposer) => proposer.clone(),
        (Some(user), None) => Some(user.clone()),
        (Some(user), Some(proposer)) => Some(format!("{user}@{proposer}")),
    };
    let what = match record.request.as_ref().or(record.content.as_ref()) {
        Some(tree) => line(tree),
        None if record.type_name == "crc" => format!("{} {base}", record.crc),
        None => String::new(),
    };
    [
        sequence.unwrap_or(base),
        format!("{:#x}", record.offset),
        record.type_name.to_owned(),
        or_dash(record.term.map(|n| n.to_string())),
        or_dash(record.index.map(|n| n.to_string())),
        note.to_owned(),
        or_dash(record.after.clone()),
        or_dash(by),
        what,
    ]
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
