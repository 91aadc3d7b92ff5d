//! Protobuf, text by text, by the table of kinds.

use super::{
    super::{
        release::Release,
        stored::Envelope,
        table::{Field, Shape, Table, Type, table},
    },
    fill::Form,
    json,
    visit::{MAX_DEPTH, Unreadable, Visit, Visitor},
};
use crate::proto::{self, Malformed, Reader, Wire};

impl From<Malformed> for Unreadable {
    fn from(_: Malformed) -> Self {
        Self
    }
}

/// Visits the texts of a value whose envelope, which begins at `base`, is `of`.
pub(super) fn walk(of: &Envelope<'_>, value: &[u8], base: usize, visit: Visitor<'_>) -> Result<(), Unreadable> {
    let table = table();
    let kind = table.kind(of.api_version, of.kind).map(|kind| kind.message);
    // All kinds have their metadata in the same field.
    let metadata = table.kind("v1", "Secret").and_then(|kind| table.message(kind.message)?.fields.first());
    let mut walk = Walk { table, path: Vec::new(), visit };
    let mut reader = Reader::new(value.get(base..).unwrap_or_default());
    while let Some(field) = reader.next_field()? {
        let (2, Wire::Len(raw)) = (field.number, field.wire) else { continue };
        let at = base.saturating_add(start(&field, raw));
        match (kind, metadata) {
            (Some(message), _) => walk.message(message, raw, at, 0)?,
            (None, Some(metadata)) => walk.unknown_kind(metadata, raw, at)?,
            (None, None) => return Err(Unreadable),
        }
    }
    Ok(())
}

/// Where the payload of a field begins in its message.
fn start(field: &proto::Field<'_>, payload: &[u8]) -> usize {
    field.end.saturating_sub(payload.len())
}

struct Walk<'v> {
    table: &'static Table,
    path: Vec<String>,
    visit: Visitor<'v>,
}

impl Walk<'_> {
    fn text(&mut self, at: usize, bytes: &[u8]) {
        (self.visit)(&self.path, &Visit::new(at, bytes.len(), Form::Text));
    }

    fn unknown(&mut self, at: usize, bytes: &[u8]) {
        (self.visit)(&self.path, &Visit { unknown: true, ..Visit::new(at, bytes.len(), Form::Text) });
    }

    fn message(&mut self, id: u32, data: &[u8], base: usize, depth: u32) -> Result<(), Unreadable> {
        let Some(message) = self.table.message(id).filter(|_| depth <= MAX_DEPTH) else { return Err(Unreadable) };
        let (mut reader, mut hint) = (Reader::new(data), 0);
        while let Some(wire) = reader.next_field()? {
            let Wire::Len(bytes) = wire.wire else { continue };
            let at = base.saturating_add(start(&wire, bytes));
            let Some((place, field)) = message.find(wire.number, hint, Release::default()) else {
                self.unknown(at, bytes);
                continue;
            };
            hint = place;
            self.field(field, bytes, at, depth.saturating_add(1))?;
        }
        Ok(())
    }

    /// A kind that the table does not have: its metadata, and the other fields by their numbers.
    fn unknown_kind(&mut self, metadata: &Field, data: &[u8], base: usize) -> Result<(), Unreadable> {
        let mut reader = Reader::new(data);
        while let Some(wire) = reader.next_field()? {
            let Wire::Len(bytes) = wire.wire else { continue };
            let at = base.saturating_add(start(&wire, bytes));
            if wire.number == 1 {
                self.field(metadata, bytes, at, 1)?;
                continue;
            }
            self.path.push(oauth_field(wire.number).to_owned());
            self.unknown(at, bytes);
            self.path.pop();
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, bytes: &[u8], at: usize, depth: u32) -> Result<(), Unreadable> {
        let named = !field.name.is_empty();
        if named {
            self.path.push(field.name.to_owned());
        }
        match field.shape {
            Shape::One | Shape::List => self.one(field.of, bytes, at, depth)?,
            Shape::Map => self.entry(field.of, bytes, at, depth)?,
        }
        if named {
            self.path.pop();
        }
        Ok(())
    }

    fn entry(&mut self, of: Type, data: &[u8], base: usize, depth: u32) -> Result<(), Unreadable> {
        let name = super::super::special::field(data, 1)?.map_or(Ok(&[][..]), |field| field.bytes())?;
        self.path.push(String::from_utf8_lossy(name).into_owned());
        let mut reader = Reader::new(data);
        while let Some(wire) = reader.next_field()? {
            let Wire::Len(bytes) = wire.wire else { continue };
            let at = base.saturating_add(start(&wire, bytes));
            match wire.number {
                1 => {}
                2 => self.one(of, bytes, at, depth)?,
                _ => self.unknown(at, bytes),
            }
        }
        self.path.pop();
        Ok(())
    }

    fn one(&mut self, of: Type, bytes: &[u8], at: usize, depth: u32) -> Result<(), Unreadable> {
        match of {
            Type::String | Type::Bytes => self.text(at, bytes),
            Type::Message(id) => self.message(id, bytes, at, depth)?,
            Type::Raw => self.inner(bytes, at, &[1], Self::raw)?,
            Type::IntOrString => self.inner(bytes, at, &[3], |walk, bytes, at| {
                walk.text(at, bytes);
                Ok(())
            })?,
            Type::Strings => self.inner(bytes, at, &[1], |walk, bytes, at| {
                walk.text(at, bytes);
                Ok(())
            })?,
            Type::OrBool(id) => self.inner(bytes, at, &[2], |walk, bytes, at| walk.message(id, bytes, at, depth))?,
            Type::OrArray(id) => {
                self.inner(bytes, at, &[1, 2], |walk, bytes, at| walk.message(id, bytes, at, depth))?;
            }
            Type::OrStrings(id) => self.inner(bytes, at, &[1], |walk, bytes, at| walk.message(id, bytes, at, depth))?,
            Type::Int32 | Type::Int64 | Type::Bool | Type::Double => {}
            Type::Time | Type::MicroTime | Type::Duration | Type::Quantity => {}
        }
        Ok(())
    }

    /// The fields `numbers` of a small message.
    fn inner(
        &mut self,
        data: &[u8],
        base: usize,
        numbers: &[u32],
        each: impl Fn(&mut Self, &[u8], usize) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut reader = Reader::new(data);
        while let Some(wire) = reader.next_field()? {
            let Wire::Len(bytes) = wire.wire else { continue };
            if numbers.contains(&wire.number) {
                each(self, bytes, base.saturating_add(start(&wire, bytes)))?;
            }
        }
        Ok(())
    }

    /// JSON within protobuf, which may be none.
    fn raw(&mut self, bytes: &[u8], at: usize) -> Result<(), Unreadable> {
        let depth = self.path.len();
        if json::walk(bytes, at, &mut self.path, self.visit).is_err() {
            self.path.truncate(depth);
            self.text(at, bytes);
        }
        Ok(())
    }
}

/// The names of the fields of an OAuth client (`oauth.openshift.io/v1`) that are messages or no secrets; any other is
/// one.
fn oauth_field(number: u32) -> &'static str {
    if number == 7 { "scopeRestrictions" } else { "secret" }
}
