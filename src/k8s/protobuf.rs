//! Protobuf messages into [`Value`]s, as Go's generated code decodes them and encoding/json then prints them.
//!
//! The wire format is not enough: a zero may be written or not, and an absent struct is still printed where Go has no
//! pointer. So the table decides what is printed, and the wire gives the values.

use std::borrow::Cow;

use super::{
    budget::Budget,
    error::{Undecodable, Unknown},
    json_read,
    path::Path,
    stored::Envelope,
    table::{Field, Message, Shape, Table, Type, table},
    value::{Map, Value, text},
    what::{MANAGED_FIELDS, ManagedFields, What, Without},
};
use crate::proto::{self, Reader, Wire};

type Entries<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl Envelope<'_> {
    /// Whether an object of the kind may hold JSON besides its managedFields, whose texts have escapes.
    pub(crate) fn may_hold_json(&self) -> bool {
        let table = table();
        table.kind(self.api_version, self.kind).is_some_and(|kind| table.may_hold_json(kind.message))
    }
}

pub(super) struct Decoder {
    table: &'static Table,
    what: What,
    budget: Budget,
    pub(super) unknown: Vec<Unknown>,
}

/// Number of `fieldsV1` in `ManagedFieldsEntry`.
const FIELDS_V1: u32 = 7;

impl Decoder {
    pub(super) fn new(table: &'static Table, what: What) -> Self {
        Self { table, what, budget: Budget::default(), unknown: Vec::new() }
    }

    /// The message `id` as an object. `spare` members may be added to it without growing it.
    pub(super) fn object<'a>(&mut self, id: u32, data: &'a [u8], path: &Path<'_>) -> Result<Map<'a>, Undecodable> {
        let Some(message) = self.table.message(id) else { return Ok(Map::default()) };
        // a field is two bytes on the wire at least
        let capacity = message.fields.len().min(12).min((data.len() / 2).saturating_add(2));
        self.budget.spend(capacity)?;
        let mut map = Map::with_capacity(capacity);
        self.fields(message, data, path, map.entries())?;
        self.budget.spend(map.len().saturating_sub(capacity))?;
        map.sort();
        Ok(map)
    }

    fn fields<'a>(
        &mut self,
        message: &Message,
        data: &'a [u8],
        path: &Path<'_>,
        out: &mut Entries<'a>,
    ) -> Result<(), Undecodable> {
        let mut seen = 0_u128;
        let mut maps = false;
        let mut hint = 0;
        let without = self.what.without.at(path);
        let mut reader = Reader::new(data);
        while let Some(wire) = reader.next_field()? {
            let Some((at, field)) = message.find(wire.number, hint, self.what.release) else {
                self.note_unknown(path, &wire)?;
                continue;
            };
            hint = at;
            let bit = 1_u128 << (field.slot & 127);
            if without & Without::bit(wire.number) != 0 {
                seen |= bit;
                continue;
            }
            if wire.number == MANAGED_FIELDS
                && self.what.managed_fields == ManagedFields::Hide
                && field.name == "managedFields"
                && path.is(&["metadata"])
                && let Type::Message(id) = field.of
            {
                self.pass_over(id, wire.bytes()?, &path.then(field.name)?)?;
                continue;
            }
            if wire.number == FIELDS_V1
                && self.what.managed_fields == ManagedFields::Names
                && field.name == "fieldsV1"
                && field.of == Type::Raw
                && path.is(&["metadata", "managedFields"])
            {
                super::special::field(wire.bytes()?, 1)?;
                continue;
            }
            let again = seen & bit != 0;
            seen |= bit;
            match field.shape {
                Shape::One if field.name.is_empty() => {
                    let Type::Message(id) = field.of else { continue };
                    if let Some(inner) = self.table.message(id) {
                        self.fields(inner, wire.bytes()?, &path.then("")?, out)?;
                    }
                    if again {
                        // or the entries, and every search among them, would grow with the input
                        *out = Map::from_unsorted(std::mem::take(out)).into_entries();
                    }
                }
                Shape::One => {
                    if again {
                        out.retain(|(name, _)| name != field.name);
                    }
                    let value = self.one(field.of, &wire, path, field.name)?;
                    // a field that the release does not have is only shown if it is not empty
                    let omit = field.omit && !field.pointer || !field.is_in(self.what.release);
                    if !(omit && value.is_empty()) {
                        out.push((Cow::Borrowed(field.name), value));
                    }
                }
                Shape::List => {
                    let list = entry(out, field.name, again, || Value::List(Vec::new()));
                    if let Some(Value::List(list)) = list {
                        self.element(field, &wire, path, list)?;
                    }
                }
                Shape::Map => {
                    maps = true;
                    let (key, value) = self.map_entry(field, wire.bytes()?, path)?;
                    if let Some(Value::Object(map)) =
                        entry(out, field.name, again, || Value::Object(Map::with_capacity(4)))
                    {
                        self.budget.item(map.len())?;
                        map.entries().push((key, value));
                    }
                }
            }
        }
        if maps {
            sort_maps(message, out);
        }
        self.absent(message, seen, out);
        Ok(())
    }

    /// Notes a field that the table does not have; it takes more memory than a value.
    fn note_unknown(&mut self, path: &Path<'_>, field: &proto::Field<'_>) -> Result<(), Undecodable> {
        let unknown = Unknown::new(path.spell(), field);
        self.budget.spend(unknown.path.len().div_ceil(32).saturating_add(2))?;
        self.unknown.push(unknown);
        Ok(())
    }

    /// Reads a message only for its errors.
    fn pass_over(&mut self, id: u32, data: &[u8], path: &Path<'_>) -> Result<(), Undecodable> {
        let Some(message) = self.table.message(id) else { return Ok(()) };
        let mut reader = Reader::new(data);
        while let Some(wire) = reader.next_field()? {
            match message.find(wire.number, 0, self.what.release) {
                None => self.note_unknown(path, &wire)?,
                Some((_, Field { of: Type::Message(id), name, .. })) => {
                    self.pass_over(*id, wire.bytes()?, &path.then(name)?)?;
                }
                Some((_, Field { of: Type::Time, .. })) => {
                    super::special::timestamp(wire.bytes()?)?;
                }
                Some((_, Field { of: Type::Raw, .. })) => {
                    super::special::field(wire.bytes()?, 1)?;
                }
                Some(_) => {
                    wire.bytes()?;
                }
            }
        }
        Ok(())
    }

    /// Adds the fields that Go prints though they were not on the wire.
    fn absent<'a>(&self, message: &Message, seen: u128, out: &mut Entries<'a>) {
        for field in &message.fields {
            if field.omit || !field.is_in(self.what.release) || seen & (1 << (field.slot & 127)) != 0 {
                continue;
            }
            match field.of {
                Type::Message(id) if field.name.is_empty() && !field.pointer => {
                    if let Some(inner) = self.table.message(id) {
                        self.absent(inner, 0, out);
                    }
                }
                _ if field.name.is_empty() => {}
                _ => out.push((Cow::Borrowed(field.name), self.zero(field))),
            }
        }
    }

    fn zero(&self, field: &Field) -> Value<'static> {
        if field.pointer || field.shape != Shape::One {
            return Value::Null;
        }
        match field.of {
            Type::String => Value::str(""),
            Type::Int32 | Type::Int64 | Type::IntOrString => Value::Int(0),
            Type::Bool | Type::OrBool(_) => Value::Bool(false),
            Type::Double => Value::Float(0.0),
            Type::Duration => Value::str("0s"),
            Type::Quantity => Value::str("0"),
            Type::Message(id) => {
                let mut map = Map::default();
                if let Some(inner) = self.table.message(id) {
                    self.absent(inner, 0, map.entries());
                }
                map.sort();
                Value::Object(map)
            }
            Type::Bytes | Type::Time | Type::MicroTime | Type::Raw | Type::Strings => Value::Null,
            Type::OrArray(_) | Type::OrStrings(_) => Value::Null,
        }
    }

    fn one<'a>(
        &mut self,
        of: Type,
        wire: &proto::Field<'a>,
        path: &Path<'_>,
        name: &str,
    ) -> Result<Value<'a>, Undecodable> {
        Ok(match of {
            Type::String => Value::Str(text(wire.bytes()?)),
            // Go keeps the low 32 bits
            Type::Int32 => Value::Int(i64::from(wire.varint()? as i32)),
            Type::Int64 => Value::Int(wire.int64()?),
            Type::Bool => Value::Bool(wire.varint()? != 0),
            Type::Bytes => Value::Bytes(Cow::Borrowed(wire.bytes()?)),
            Type::Double => match wire.wire {
                Wire::Fixed64(bits) => Value::Float(f64::from_bits(bits)),
                _ => Value::Int(wire.int64()?),
            },
            Type::Message(id) => Value::Object(self.object(id, wire.bytes()?, &path.then(name)?)?),
            Type::Time => super::special::time(wire.bytes()?)?,
            Type::MicroTime => super::special::micro_time(wire.bytes()?)?,
            Type::Duration => super::special::duration(wire.bytes()?)?,
            Type::Quantity => super::special::quantity(wire.bytes()?)?,
            Type::IntOrString => super::special::int_or_string(wire.bytes()?)?,
            Type::Strings => super::special::strings(wire.bytes()?)?,
            Type::Raw => self.raw(wire.bytes()?, path, name)?,
            Type::OrBool(id) => self.or_bool(id, wire.bytes()?, &path.then(name)?)?,
            Type::OrArray(id) | Type::OrStrings(id) => self.or_list(of, id, wire.bytes()?, &path.then(name)?)?,
        })
    }

    fn element<'a>(
        &mut self,
        field: &Field,
        wire: &proto::Field<'a>,
        path: &Path<'_>,
        list: &mut Vec<Value<'a>>,
    ) -> Result<(), Undecodable> {
        if let (Type::Int32 | Type::Int64 | Type::Bool, Wire::Len(packed)) = (field.of, wire.wire) {
            // packed: Go reads both forms. A tag before each value makes fields of them again.
            let mut rest = packed;
            while !rest.is_empty() {
                let len = rest.iter().position(|b| b & 0x80 == 0).map_or(rest.len(), |last| last.saturating_add(1));
                let (one, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
                let mut tagged = vec![8];
                tagged.extend_from_slice(one);
                if let Some(f) = Reader::new(&tagged).next_field()? {
                    self.budget.item(list.len())?;
                    let value = f.varint()?;
                    list.push(match field.of {
                        Type::Bool => Value::Bool(value != 0),
                        Type::Int32 => Value::Int(i64::from(value as i32)),
                        _ => Value::Int(value.cast_signed()),
                    });
                }
                rest = after;
            }
            return Ok(());
        }
        let value = self.one(field.of, wire, path, field.name)?;
        self.budget.item(list.len())?;
        list.push(value);
        Ok(())
    }

    fn map_entry<'a>(
        &mut self,
        field: &Field,
        data: &'a [u8],
        path: &Path<'_>,
    ) -> Result<(Cow<'a, str>, Value<'a>), Undecodable> {
        let (mut key, mut value) = (Cow::Borrowed(""), None);
        let mut reader = Reader::new(data);
        while let Some(f) = reader.next_field()? {
            match f.number {
                1 => key = text(f.bytes()?),
                2 => value = Some(self.one(field.of, &f, path, field.name)?),
                _ => self.note_unknown(&path.then(field.name)?, &f)?,
            }
        }
        let value = value.unwrap_or_else(|| match field.of {
            Type::Bytes => Value::Bytes(Cow::Borrowed(&[])),
            Type::Strings => Value::List(Vec::new()),
            _ => self.zero(&Field { shape: Shape::One, pointer: false, ..*field }),
        });
        Ok((key, value))
    }

    /// JSON within protobuf. Invalid JSON is kept as text, and reported.
    fn raw<'a>(&mut self, data: &'a [u8], path: &Path<'_>, name: &str) -> Result<Value<'a>, Undecodable> {
        let Some(raw) = super::special::field(data, 1)? else { return Ok(Value::Null) };
        let raw = raw.bytes()?;
        if raw.is_empty() {
            return Ok(Value::Null);
        }
        json_read::parse_within(raw, &mut self.budget).or_else(|why| {
            if matches!(why, Undecodable::Many(_)) {
                return Err(why);
            }
            self.unknown.push(Unknown { path: path.then(name)?.spell(), number: 1, digest: 0 });
            Ok(Value::Str(text(raw)))
        })
    }

    fn or_bool<'a>(&mut self, id: u32, data: &'a [u8], path: &Path<'_>) -> Result<Value<'a>, Undecodable> {
        if let Some(schema) = super::special::field(data, 2)? {
            return Ok(Value::Object(self.object(id, schema.bytes()?, path)?));
        }
        let allows = super::special::field(data, 1)?.map_or(Ok(0), |f| f.varint())?;
        Ok(Value::Bool(allows != 0))
    }

    fn or_list<'a>(&mut self, of: Type, id: u32, data: &'a [u8], path: &Path<'_>) -> Result<Value<'a>, Undecodable> {
        let (mut schema, mut list) = (None, Vec::new());
        let mut reader = Reader::new(data);
        while let Some(f) = reader.next_field()? {
            match (f.number, of) {
                (1, _) => schema = Some(self.object(id, f.bytes()?, path)?),
                (2, Type::OrStrings(_)) => list.push(Value::Str(text(f.bytes()?))),
                (2, _) => list.push(Value::Object(self.object(id, f.bytes()?, path)?)),
                _ => self.note_unknown(path, &f)?,
            }
        }
        Ok(if list.is_empty() { schema.map_or(Value::Null, Value::Object) } else { Value::List(list) })
    }
}

/// The entry of a field that comes in several pieces.
fn entry<'a, 'e>(
    out: &'e mut Entries<'a>,
    name: &'static str,
    again: bool,
    new: impl FnOnce() -> Value<'a>,
) -> Option<&'e mut Value<'a>> {
    if !again {
        out.push((Cow::Borrowed(name), new()));
    }
    // pieces of one field are adjacent, so it is nearly always the last
    out.iter_mut().rev().find(|(have, _)| have == name).map(|(_, v)| v)
}

fn sort_maps(message: &Message, out: &mut Entries<'_>) {
    for (name, value) in out {
        if let Value::Object(map) = value
            && message.fields.iter().any(|f| f.shape == Shape::Map && f.name == name)
        {
            map.sort();
        }
    }
}
