//! Differences as members of a JSON object.

use std::borrow::Cow;

use super::{Counts, Difference, Entry, Field, Ref, StateChange};
use crate::{
    bytes::escape,
    document::{SCHEMA_VERSION, TOOL},
    k8s::{Map, Value},
};

/// The members of a JSON object, in no order.
pub(crate) type Members = Vec<(Cow<'static, str>, Value<'static>)>;

/// A document of these members, stamped with the version of its shape and the tool that wrote it.
#[must_use]
pub fn stamped(mut members: Members) -> Value<'static> {
    members.extend(stamp().map(|(name, value)| (name.into(), value)));
    object(members)
}

/// The members of [`crate::document::Stamp`], for documents that are JSON or YAML.
pub(super) fn stamp() -> [(&'static str, Value<'static>); 2] {
    [("schemaVersion", Value::Int(SCHEMA_VERSION.into())), ("tool", Value::str(TOOL))]
}

pub(super) fn object(members: Members) -> Value<'static> {
    Value::Object(Map::from_unsorted(members))
}

impl Ref {
    /// The members that identify an object; unknown ones are left out.
    #[must_use]
    pub fn members(&self) -> Members {
        let texts = [
            ("kind", self.kind.clone()),
            ("apiVersion", self.api_version.clone()),
            ("namespace", self.namespace.clone()),
            ("name", self.name.clone()),
            ("key", String::from_utf8(self.key.clone()).unwrap_or_else(|_| escape(&self.key))),
        ];
        let known = texts.into_iter().filter(|(_, value)| !value.is_empty());
        let mut members: Members = known.map(|(name, value)| (name.into(), Value::Str(value.into()))).collect();
        members.push(("modRevision".into(), Value::Int(self.mod_revision)));
        members
    }
}

impl Entry<'_> {
    /// The members of a difference: the object, and what differs.
    #[must_use]
    pub(crate) fn members(&self) -> Members {
        let mut members = self.newest().map(Ref::members).unwrap_or_default();
        if let (Some(old), Some(new)) = (&self.old, &self.new) {
            members.push(("oldModRevision".into(), Value::Int(old.mod_revision)));
            if let Difference::Bytes { .. } = self.difference {
                let bytes = |n: usize| Value::UInt(n as u64);
                members.extend([("oldBytes".into(), bytes(old.bytes)), ("newBytes".into(), bytes(new.bytes))]);
            }
        }
        match &self.difference {
            Difference::Replaced(fields) | Difference::Changed(fields) => {
                let fields = fields.iter().map(|of| field(of).into_owned()).collect();
                members.push(("fields".into(), Value::List(fields)));
            }
            Difference::Bytes { old: Some(old), new: Some(new) } => {
                let shown = |bytes: &[u8]| match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Str(text.to_owned().into()),
                    Err(_) => Value::Bytes(bytes.to_vec().into()),
                };
                members.extend([("old".into(), shown(old)), ("new".into(), shown(new))]);
            }
            Difference::NotComparable(why) => members.push(("why".into(), Value::Str(why.to_string().into()))),
            Difference::Ignored => {
                let reasons = self.ignored.keys().map(|reason| Value::str(reason.name())).collect();
                members.push(("ignored".into(), Value::List(reasons)));
            }
            _ => {}
        }
        members
    }
}

impl StateChange {
    /// The members of a change outside the keys, with old and new values.
    #[must_use]
    pub(crate) fn members(&self) -> Members {
        let mut members: Members =
            vec![("what".into(), Value::str(self.what)), ("id".into(), Value::Str(self.id.clone().into()))];
        members.extend(self.old.clone().map(|old| ("old".into(), old)));
        members.extend(self.new.clone().map(|new| ("new".into(), new)));
        members
    }
}

impl Counts {
    /// The members of a tally.
    #[must_use]
    pub(crate) fn members(&self) -> Members {
        [
            ("added", self.added),
            ("removed", self.removed),
            ("replaced", self.replaced),
            ("changed", self.changed),
            ("notComparable", self.not_comparable),
            ("bytesBefore", self.old_bytes),
            ("bytesAfter", self.new_bytes),
        ]
        .map(|(name, n)| (name.into(), Value::UInt(n)))
        .into()
    }
}

fn field<'v>(field: &Field<'v>) -> Value<'v> {
    let mut members = vec![("path".into(), Value::Str(field.path.to_string().into()))];
    members.extend(field.old.clone().map(|old| ("old".into(), old)));
    members.extend(field.new.clone().map(|new| ("new".into(), new)));
    Value::Object(Map::from_unsorted(members))
}
