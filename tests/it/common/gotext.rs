//! Go's text form of protobuf messages, as etcd's own tools print it: `put:<key:"a" value:"1" >`.

use serde_json::Value;

/// Fields by name, in order; one name is there as often as it has values.
pub type Fields = Vec<(String, Node)>;

/// What a field holds: bytes are escaped as the program escapes them.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Node {
    Word(String),
    Message(Fields),
}

/// Reads a message.
pub fn parse(text: &str) -> Fields {
    let mut rest = text;
    let fields = message(&mut rest);
    assert!(rest.is_empty(), "{rest}");
    fields
}

fn message(rest: &mut &str) -> Fields {
    let mut fields = Vec::new();
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('>') {
            return sorted(fields);
        }
        let (name, after) = rest.split_once(':').unwrap();
        *rest = after;
        let node = if let Some(inner) = rest.strip_prefix('<') {
            *rest = inner;
            let fields = message(rest);
            *rest = rest.strip_prefix('>').unwrap();
            Node::Message(fields)
        } else if rest.starts_with('"') {
            Node::Word(etcdsnap::bytes::escape(&unquote(rest)))
        } else {
            let (word, after) = rest.split_at(rest.find([' ', '>']).unwrap_or(rest.len()));
            *rest = after;
            Node::Word(word.to_owned())
        };
        fields.push((name.to_owned(), node));
    }
}

/// The bytes of the quoted text that `rest` begins with, which is taken off.
pub fn unquote(rest: &mut &str) -> Vec<u8> {
    let bytes = rest.as_bytes();
    let (mut out, mut at) = (Vec::new(), 1);
    while bytes[at] != b'"' {
        if bytes[at] != b'\\' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let (byte, len) = match bytes[at + 1] {
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'0'..=b'7' => (u8::from_str_radix(&rest[at + 1..at + 4], 8).unwrap(), 4),
            b'x' => (u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap(), 4),
            other => (other, 2),
        };
        out.push(byte);
        at += len;
    }
    *rest = &rest[at + 1..];
    out
}

/// By name; what is empty means the same as what is not there.
fn sorted(mut fields: Fields) -> Fields {
    fields.retain(|(_, node)| *node != Node::Word(String::new()));
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
}

/// The same of a JSON document: hex twins of ids are left out, and a stored value is its text.
pub fn of_json(document: &Value) -> Fields {
    let mut fields = Vec::new();
    for (name, value) in document.as_object().unwrap() {
        if document.get(format!("{name}Hex")).is_none() && name.ends_with("Hex") {
            continue;
        }
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        fields.extend(values.iter().map(|value| (name.clone(), node(value))));
    }
    fields.retain(|(name, _)| !name.ends_with("Hex"));
    sorted(fields)
}

fn node(value: &Value) -> Node {
    match value {
        Value::Object(of) if of.contains_key("size") => match (of.get("text"), of.get("base64")) {
            (Some(text), _) => Node::Word(etcdsnap::bytes::escape(text.as_str().unwrap().as_bytes())),
            (None, Some(base64)) => {
                use base64::Engine as _;
                let bytes = base64::prelude::BASE64_STANDARD.decode(base64.as_str().unwrap()).unwrap();
                Node::Word(etcdsnap::bytes::escape(&bytes))
            }
            _ => Node::Word(format!("({} bytes)", of["size"])),
        },
        Value::Object(_) => Node::Message(of_json(value)),
        Value::String(text) => Node::Word(text.clone()),
        other => Node::Word(other.to_string()),
    }
}
