//! Protobuf without a description: decoding of kinds that are not in the table.

use std::borrow::Cow;

use super::{
    error::Undecodable,
    path::Path,
    protobuf::Decoder,
    table::table,
    value::{Map, Value},
};
use crate::proto::{Reader, Wire};

/// Limit on nesting; deeper messages are shown as bytes.
const MAX_DEPTH: u32 = 32;

/// An object of an unknown kind: field 1 is its `metadata`, as of every kind; the others go by their numbers.
pub(super) fn unknown_kind<'a>(decoder: &mut Decoder, data: &'a [u8]) -> Result<Map<'a>, Undecodable> {
    let (mut metadata, mut fields) = (None, Vec::new());
    let path = Path::ROOT.then("metadata")?;
    let mut reader = Reader::new(data);
    while let Some(field) = reader.next_field()? {
        if let (1, Wire::Len(bytes)) = (field.number, field.wire)
            && let Ok(meta) = decoder.object(table().object_meta(), bytes, &path)
        {
            metadata = Some(meta);
            continue;
        }
        decoder.unknown.push(super::error::Unknown::new(String::new(), &field));
        fields.push((field.number, guess(field.wire, 0)));
    }
    let mut map = by_number(fields);
    if let Some(meta) = metadata {
        map.insert("metadata", Value::Object(meta));
    }
    Ok(map)
}

/// Values by their field numbers; those of one number become a list.
fn by_number<'a>(mut fields: Vec<(u32, Value<'a>)>) -> Map<'a> {
    fields.sort_by_key(|(number, _)| *number);
    let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
    let mut last = None;
    for (number, value) in fields {
        match entries.last_mut().filter(|_| last == Some(number)) {
            Some((_, Value::List(list))) => list.push(value),
            Some((_, one)) => *one = Value::List(vec![std::mem::take(one), value]),
            None => entries.push((Cow::Owned(number.to_string()), value)),
        }
        last = Some(number);
    }
    Map::from_unsorted(entries)
}

/// Bytes are text if they can be read, else a message if they parse as one, else bytes.
fn guess(wire: Wire<'_>, depth: u32) -> Value<'_> {
    match wire {
        Wire::Varint(n) | Wire::Fixed64(n) => i64::try_from(n).map_or(Value::UInt(n), Value::Int),
        Wire::Fixed32(n) => Value::Int(n.into()),
        Wire::Len(bytes) | Wire::Group(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) && !bytes.starts_with(b"\n") => {
                Value::str(text)
            }
            _ => message(bytes, depth).unwrap_or(Value::Bytes(Cow::Borrowed(bytes))),
        },
    }
}

fn message(data: &[u8], depth: u32) -> Option<Value<'_>> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let mut fields = Vec::new();
    let mut reader = Reader::new(data);
    while let Some(field) = reader.next_field().ok()? {
        fields.push((field.number, guess(field.wire, depth.saturating_add(1))));
    }
    Some(Value::Object(by_number(fields)))
}
