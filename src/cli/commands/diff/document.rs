//! The differences as one JSON or YAML document, written while they are found.

use std::{borrow::Cow, io::Write};

use etcdsnap::{
    bytes::escape,
    diff::{Diff, Difference, Entry, Field, Pair, Reason, Ref, StateChange},
    k8s::{Map, Value, json, yaml},
};

use super::{
    head::{Head, Told},
    tally::{Counts, Tally},
};
use crate::{
    failure::Failure,
    render::{SCHEMA_VERSION, TOOL},
};

/// The members of an object that is being made.
pub(in crate::commands) type Members = Vec<(Cow<'static, str>, Value<'static>)>;

/// What is written of it so far. The changed ones go out as they are found; of the others only where they lie is kept.
pub(super) struct Document<'a> {
    yaml: bool,
    stat: bool,
    name_only: bool,
    any: bool,
    rest: [Vec<Pair<'a>>; 4],
    buffer: Vec<u8>,
}

const REST: [&str; 4] = ["added", "removed", "replaced", "notComparable"];

impl<'a> Document<'a> {
    pub(super) fn new(yaml: bool, stat: bool, name_only: bool) -> Self {
        Self { yaml, stat, name_only, any: false, rest: Default::default(), buffer: Vec::new() }
    }

    /// Begins it.
    pub(super) fn head(&mut self, out: &mut impl Write, head: &Head<'_>) -> Result<(), Failure> {
        if !self.yaml {
            writeln!(out, "{{")?;
        }
        self.member(out, "schemaVersion", Value::Int(SCHEMA_VERSION.into()))?;
        self.member(out, "tool", Value::str(TOOL))?;
        self.member(out, "from", side(&head.from))?;
        self.member(out, "to", side(&head.to))?;
        self.member(out, "newer", head.newer().name().map_or(Value::Null, Value::str))?;
        if self.stat { Ok(()) } else { self.open(out, "changed") }
    }

    /// Takes one difference.
    pub(super) fn entry(&mut self, out: &mut impl Write, pair: Pair<'a>, entry: &Entry<'_>) -> Result<(), Failure> {
        let rest = match &entry.difference {
            _ if self.stat => return Ok(()),
            Difference::Added => 0,
            Difference::Removed => 1,
            Difference::Replaced(_) => 2,
            Difference::NotComparable(_) => 3,
            Difference::Changed(_) | Difference::Bytes { .. } => return self.item(out, entry),
            Difference::Ignored => return Ok(()),
        };
        if let Some(pairs) = self.rest.get_mut(rest) {
            pairs.push(pair);
        }
        Ok(())
    }

    /// Ends it.
    pub(super) fn finish(
        mut self,
        out: &mut impl Write,
        diff: &Diff<'_, 'a>,
        changes: &[StateChange],
        tally: &Tally,
        head: (Option<bool>, &[String]),
    ) -> Result<(), Failure> {
        if !self.stat {
            self.close(out)?;
            for (name, pairs) in REST.into_iter().zip(std::mem::take(&mut self.rest)) {
                self.open(out, name)?;
                for entry in pairs.iter().filter_map(|pair| diff.entry(pair)) {
                    self.item(out, &entry)?;
                }
                self.close(out)?;
            }
        }
        let state = changes.iter().map(state).collect();
        self.member(out, "state", Value::List(state))?;
        let ignored = tally.ignored.iter().map(|(reason, n)| (reason.name().into(), Value::UInt(*n))).collect();
        self.member(out, "ignored", Value::Object(Map::from_unsorted(ignored)))?;
        if tally.ignored.contains_key(&Reason::Events) {
            self.member(out, "events", Value::Object(Map::from_unsorted(counts(&tally.events))))?;
        }
        if self.stat {
            let rows = tally.by_kind.iter().map(|((kind, namespace), of)| {
                let mut row = counts(of);
                row.extend([("kind".into(), text(kind)), ("namespace".into(), text(namespace))]);
                Value::Object(Map::from_unsorted(row))
            });
            let rows = rows.collect();
            self.member(out, "stat", Value::List(rows))?;
        }
        let (same_cluster, notes) = head;
        self.member(out, "sameCluster", same_cluster.map_or(Value::Null, Value::Bool))?;
        self.member(out, "notes", Value::List(notes.iter().map(|note| text(note)).collect()))?;
        self.last(out, "summary", Value::Object(Map::from_unsorted(counts(tally))))
    }

    fn member(&mut self, out: &mut impl Write, name: &str, value: Value<'_>) -> Result<(), Failure> {
        self.last_but(out, name, value, b",\n")
    }

    fn last(&mut self, out: &mut impl Write, name: &str, value: Value<'_>) -> Result<(), Failure> {
        self.last_but(out, name, value, b"\n}\n")
    }

    fn last_but(&mut self, out: &mut impl Write, name: &str, value: Value<'_>, end: &[u8]) -> Result<(), Failure> {
        self.buffer.clear();
        if self.yaml {
            let member = Map::from_unsorted(vec![(name.into(), value)]);
            yaml::write(&mut self.buffer, &Value::Object(member));
        } else {
            write!(self.buffer, "    \"{name}\": ")?;
            json::pretty(&mut self.buffer, &value, 1);
            self.buffer.extend_from_slice(end);
        }
        Ok(out.write_all(&self.buffer)?)
    }

    /// Begins a list.
    fn open(&mut self, out: &mut impl Write, name: &str) -> Result<(), Failure> {
        self.any = false;
        let begun = if self.yaml { format!("{name}:") } else { format!("    \"{name}\": [") };
        Ok(out.write_all(begun.as_bytes())?)
    }

    fn close(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        let end: &[u8] = match (self.yaml, self.any) {
            (true, true) => b"",
            (true, false) => b" []\n",
            (false, true) => b"\n    ],\n",
            (false, false) => b"],\n",
        };
        Ok(out.write_all(end)?)
    }

    fn item(&mut self, out: &mut impl Write, entry: &Entry<'_>) -> Result<(), Failure> {
        self.buffer.clear();
        let name_only = || entry.newest().map(reference).unwrap_or_default();
        let members = if self.name_only { name_only() } else { described(entry) };
        let value = Value::Object(Map::from_unsorted(members));
        if self.yaml {
            self.buffer.extend_from_slice(if self.any { b"" } else { b"\n" });
            yaml::write_item(&mut self.buffer, &value);
        } else {
            self.buffer.extend_from_slice(if self.any { b",\n        " } else { b"\n        " });
            json::pretty(&mut self.buffer, &value, 2);
        }
        self.any = true;
        Ok(out.write_all(&self.buffer)?)
    }
}

/// A document with these members that says what wrote it.
pub(in crate::commands) fn stamped(mut members: Members) -> Value<'static> {
    members.push(("schemaVersion".into(), Value::Int(SCHEMA_VERSION.into())));
    members.push(("tool".into(), Value::str(TOOL)));
    Value::Object(Map::from_unsorted(members))
}

fn text(text: &str) -> Value<'static> {
    Value::Str(text.to_owned().into())
}

fn side(side: &Told<'_>) -> Value<'static> {
    let mut members: Members = vec![("path".into(), text(side.path)), ("revision".into(), Value::Int(side.revision))];
    members.extend(side.newest.map(|newest| ("newest".into(), text(&newest.to_string()))));
    members.extend(side.identity.as_ref().map(|identity| ("identity".into(), text(identity))));
    Value::Object(Map::from_unsorted(members))
}

fn counts(of: &Counts) -> Members {
    [
        ("added", of.added),
        ("removed", of.removed),
        ("replaced", of.replaced),
        ("changed", of.changed),
        ("notComparable", of.not_comparable),
        ("bytesBefore", of.old_bytes),
        ("bytesAfter", of.new_bytes),
    ]
    .map(|(name, n)| (name.into(), Value::UInt(n)))
    .into()
}

/// Which object it is: what is not known of it is left out.
pub(in crate::commands) fn reference(of: &Ref) -> Members {
    let texts = [
        ("kind", of.kind.clone()),
        ("apiVersion", of.api_version.clone()),
        ("namespace", of.namespace.clone()),
        ("name", of.name.clone()),
        ("key", String::from_utf8(of.key.clone()).unwrap_or_else(|_| escape(&of.key))),
    ];
    let known = texts.into_iter().filter(|(_, value)| !value.is_empty());
    let mut members: Members = known.map(|(name, value)| (name.into(), Value::Str(value.into()))).collect();
    members.push(("modRevision".into(), Value::Int(of.mod_revision)));
    members
}

/// Which object, and what is told of it.
pub(in crate::commands) fn described(entry: &Entry<'_>) -> Members {
    let mut members = entry.newest().map(reference).unwrap_or_default();
    if let (Some(old), Some(new)) = (&entry.old, &entry.new) {
        members.push(("oldModRevision".into(), Value::Int(old.mod_revision)));
        if let Difference::Bytes { .. } = entry.difference {
            let bytes = |n: usize| Value::UInt(n as u64);
            members.extend([("oldBytes".into(), bytes(old.bytes)), ("newBytes".into(), bytes(new.bytes))]);
        }
    }
    match &entry.difference {
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
        Difference::NotComparable(why) => members.push(("why".into(), text(&why.to_string()))),
        Difference::Ignored => {
            let reasons = entry.ignored.keys().map(|reason| text(reason.name())).collect();
            members.push(("ignored".into(), Value::List(reasons)));
        }
        _ => {}
    }
    members
}

fn field<'v>(field: &Field<'v>) -> Value<'v> {
    let mut members = vec![("path".into(), text(&field.path.to_string()))];
    members.extend(field.old.clone().map(|old| ("old".into(), old)));
    members.extend(field.new.clone().map(|new| ("new".into(), new)));
    Value::Object(Map::from_unsorted(members))
}

fn state(change: &StateChange) -> Value<'static> {
    let mut members: Members = vec![("what".into(), text(change.what)), ("id".into(), text(&change.id))];
    members.extend(change.old.clone().map(|old| ("old".into(), old)));
    members.extend(change.new.clone().map(|new| ("new".into(), new)));
    Value::Object(Map::from_unsorted(members))
}
