//! Values in text formats.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use crate::{
    hash::hex,
    k8s::Owner,
    rows::table::{Of, Table},
};

/// The value of a column in a row: times as RFC 3339, bytes as hex.
pub(super) struct Cell<'l, T: Table>(pub(super) Of<T>, pub(super) &'l T::Line<'l>);

impl<T: Table> Serialize for Cell<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(of, line) = *self;
        match of {
            Of::Text(get) => get(line).serialize(serializer),
            Of::Int(get) => get(line).serialize(serializer),
            Of::Time(get) => get(line).map(|time| time.micros()).serialize(serializer),
            Of::Bytes(get) => get(line).map(hex).serialize(serializer),
            Of::Texts(get) => get(line).serialize(serializer),
            Of::Owners(get) => {
                let owners = get(line);
                let mut list = serializer.serialize_seq(Some(owners.len()))?;
                owners.iter().try_for_each(|owner| list.serialize_element(&Named(owner)))?;
                list.end()
            }
            Of::Map(get) => {
                let entries = get(line);
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

/// The parts of an owner by their names.
struct Named<'o>(&'o Owner<'o>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        for (name, value) in owner(self.0) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The parts of an owner, in the order of the type.
pub(super) fn owner<'o>(owner: &'o Owner<'_>) -> [(&'static str, &'o str); 3] {
    [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)]
}
