//! OpenAPI v2 in protobuf: the messages of `gnostic-models/openapiv2/OpenAPIv2.proto`, as far as the document has their
//! fields.

use prost::encoding::{WireType, encode_key, encode_varint};
use serde_json::{Map, Value};

use crate::serve::document::at;

/// A message that is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        encode_key(field, WireType::LengthDelimited, &mut self.0);
        encode_varint(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u32, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// A text, which is left out where it is empty or none.
    fn text(&mut self, field: u32, value: &Value) {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            self.bytes(field, text.as_bytes());
        }
    }

    /// A number, which is left out where it is 0, as proto3 has it.
    fn double(&mut self, field: u32, value: &Value) {
        if let Some(number) = value.as_f64().filter(|number| *number != 0.0) {
            encode_key(field, WireType::SixtyFourBit, &mut self.0);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// A whole number that is not negative, or a bool.
    fn number(&mut self, field: u32, value: &Value) {
        let number = value.as_u64().or_else(|| value.as_bool().map(u64::from));
        if let Some(number) = number.filter(|number| *number != 0) {
            self.varint(field, number);
        }
    }

    fn varint(&mut self, field: u32, number: u64) {
        encode_key(field, WireType::Varint, &mut self.0);
        encode_varint(number, &mut self.0);
    }

    /// A list of named messages.
    fn named<'v>(&mut self, field: u32, members: impl IntoIterator<Item = (&'v String, Self)>) {
        for (name, message) in members {
            let mut named = Self::default();
            named.bytes(1, name.as_bytes());
            named.message(2, &message);
            self.message(field, &named);
        }
    }

    /// The extensions of an object: the members whose names begin with `x-`.
    fn extensions(&mut self, field: u32, members: &Map<String, Value>) {
        let own = members.iter().filter(|(name, _)| name.starts_with("x-"));
        self.named(field, own.map(|(name, value)| (name, any(value))));
    }
}

/// `Any`: YAML, which JSON is.
fn any(value: &Value) -> Message {
    let mut any = Message::default();
    any.bytes(2, value.to_string().as_bytes());
    any
}

/// `Document`.
pub(super) fn document(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    let mut info = Message::default();
    out.text(1, at(document, "/swagger"));
    info.text(1, at(document, "/info/title"));
    info.text(2, at(document, "/info/version"));
    out.message(2, &info);
    let members = |path: &str| at(document, path).as_object().into_iter().flatten();
    let (mut paths, mut definitions) = (Message::default(), Message::default());
    paths.named(2, members("/paths").map(|(name, item)| (name, path(item))));
    definitions.named(1, members("/definitions").map(|(name, value)| (name, schema(value))));
    out.message(8, &paths);
    out.message(9, &definitions);
    out.0
}

/// `PathItem`, with its reading operation.
fn path(item: &Value) -> Message {
    let (mut out, mut get, mut responses) = (Message::default(), Message::default(), Message::default());
    let response = |value: &Value| {
        let (mut response, mut either) = (Message::default(), Message::default());
        response.text(1, at(value, "/description"));
        either.message(1, &response);
        either
    };
    let all = at(item, "/get/responses").as_object().into_iter().flatten();
    responses.named(1, all.map(|(code, value)| (code, response(value))));
    get.message(9, &responses);
    if let Some(members) = at(item, "/get").as_object() {
        get.extensions(13, members);
    }
    out.message(2, &get);
    out
}

/// `Schema`.
fn schema(value: &Value) -> Message {
    let mut out = Message::default();
    let Some(members) = value.as_object() else { return out };
    for (name, value) in members {
        match name.as_str() {
            "$ref" => out.text(1, value),
            "format" => out.text(2, value),
            "title" => out.text(3, value),
            "description" => out.text(4, value),
            "multipleOf" => out.double(6, value),
            "maximum" => out.double(7, value),
            "exclusiveMaximum" => out.number(8, value),
            "minimum" => out.double(9, value),
            "exclusiveMinimum" => out.number(10, value),
            "maxLength" => out.number(11, value),
            "minLength" => out.number(12, value),
            "pattern" => out.text(13, value),
            "maxItems" => out.number(14, value),
            "minItems" => out.number(15, value),
            "uniqueItems" => out.number(16, value),
            "maxProperties" => out.number(17, value),
            "minProperties" => out.number(18, value),
            "required" => value.as_array().into_iter().flatten().for_each(|name| out.text(19, name)),
            "enum" => value.as_array().into_iter().flatten().for_each(|value| out.message(20, &any(value))),
            "additionalProperties" => {
                let mut either = Message::default();
                match value {
                    // one of two, so that false is written too
                    Value::Bool(any) => either.varint(2, u64::from(*any)),
                    value => either.message(1, &schema(value)),
                }
                out.message(21, &either);
            }
            "type" => {
                let mut kind = Message::default();
                kind.text(1, value);
                out.message(22, &kind);
            }
            "items" => {
                let mut items = Message::default();
                items.message(1, &schema(value));
                out.message(23, &items);
            }
            "properties" => {
                let mut properties = Message::default();
                let all = value.as_object().into_iter().flatten();
                properties.named(1, all.map(|(name, value)| (name, schema(value))));
                out.message(25, &properties);
            }
            _ => {}
        }
    }
    out.extensions(31, members);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_the_fields_of_gnostic() {
        let value = serde_json::json!({"type": "string", "x-a": [1], "items": {"$ref": "r"}, "minLength": 300});
        let want: &[u8] = &[
            0xb2, 0x01, 8, 0x0a, 6, b's', b't', b'r', b'i', b'n', b'g', // type
            0xba, 0x01, 5, 0x0a, 3, 0x0a, 1, b'r', // items
            0x60, 0xac, 0x02, // minLength
            0xfa, 0x01, 12, 0x0a, 3, b'x', b'-', b'a', 0x12, 5, 0x12, 3, b'[', b'1', b']',
        ];
        assert_eq!(schema(&value).0, want);
    }
}
