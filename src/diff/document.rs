//! Differences as one JSON or YAML document, written one by one.

use std::io::{self, Write};

use super::{
    Difference, Entry, Members, Pair, Reason, Ref, Relation, StateChange, Tally,
    members::{object, stamp},
    pair::Diff,
    relation::About,
};
use crate::k8s::{Map, Value, json, yaml};

/// A writer of a document of differences. Changed objects are written as they are found; the others are kept, by
/// reference only, until the end, where each kind of difference has its list.
#[derive(Debug)]
pub struct Document<'a> {
    yaml: bool,
    stat: bool,
    name_only: bool,
    any: bool,
    rest: [Vec<Pair<'a>>; 4],
    buffer: Vec<u8>,
}

const REST: [&str; 4] = ["added", "removed", "replaced", "notComparable"];

impl<'a> Document<'a> {
    /// An empty document, in YAML or JSON; with counts only where `stat` is set, and with only the names of the objects
    /// where `name_only` is.
    #[must_use]
    pub fn new(yaml: bool, stat: bool, name_only: bool) -> Self {
        Self { yaml, stat, name_only, any: false, rest: Default::default(), buffer: Vec::new() }
    }

    /// Writes the beginning, with the two sides.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn head(&mut self, out: &mut impl Write, relation: &Relation<'_>) -> io::Result<()> {
        if !self.yaml {
            writeln!(out, "{{")?;
        }
        stamp().into_iter().try_for_each(|(name, value)| self.member(out, name, value))?;
        self.member(out, "from", side(&relation.from))?;
        self.member(out, "to", side(&relation.to))?;
        self.member(out, "newer", relation.newer().name().map_or(Value::Null, Value::str))?;
        if self.stat { Ok(()) } else { self.open(out, "changed") }
    }

    /// Adds one difference.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn entry(&mut self, out: &mut impl Write, pair: Pair<'a>, entry: &Entry<'_>) -> io::Result<()> {
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

    /// Writes the end: changes outside the keys, the counts, whether both sides are of one cluster and branches of it,
    /// and `notes`.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn finish(
        mut self,
        out: &mut impl Write,
        diff: &Diff<'_, 'a>,
        changes: &[StateChange],
        tally: &Tally,
        (same_cluster, branches, notes): (Option<bool>, bool, &[String]),
    ) -> io::Result<()> {
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
        let state = changes.iter().map(|change| object(change.members())).collect();
        self.member(out, "state", Value::List(state))?;
        let ignored = tally.ignored.iter().map(|(reason, n)| (reason.name().into(), Value::UInt(*n))).collect();
        self.member(out, "ignored", object(ignored))?;
        if tally.ignored.contains_key(&Reason::Events) {
            self.member(out, "events", object(tally.events.members()))?;
        }
        if self.stat {
            let rows = tally.by_kind.iter().map(|((kind, namespace), of)| {
                let mut row = of.members();
                row.extend([("kind".into(), text(kind)), ("namespace".into(), text(namespace))]);
                object(row)
            });
            let rows = rows.collect();
            self.member(out, "stat", Value::List(rows))?;
        }
        self.member(out, "sameCluster", same_cluster.map_or(Value::Null, Value::Bool))?;
        self.member(out, "branches", Value::Bool(branches))?;
        self.member(out, "notes", Value::List(notes.iter().map(|note| text(note)).collect()))?;
        self.last(out, "summary", object(tally.members()))
    }

    fn member(&mut self, out: &mut impl Write, name: &str, value: Value<'_>) -> io::Result<()> {
        self.last_but(out, name, value, b",\n")
    }

    fn last(&mut self, out: &mut impl Write, name: &str, value: Value<'_>) -> io::Result<()> {
        self.last_but(out, name, value, b"\n}\n")
    }

    fn last_but(&mut self, out: &mut impl Write, name: &str, value: Value<'_>, end: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        if self.yaml {
            let member = Map::from_unsorted(vec![(name.into(), value)]);
            yaml::write(&mut self.buffer, &Value::Object(member));
        } else {
            write!(self.buffer, "    \"{name}\": ")?;
            json::pretty(&mut self.buffer, &value, 1);
            self.buffer.extend_from_slice(end);
        }
        out.write_all(&self.buffer)
    }

    /// Begins a list.
    fn open(&mut self, out: &mut impl Write, name: &str) -> io::Result<()> {
        self.any = false;
        let begun = if self.yaml { format!("{name}:") } else { format!("    \"{name}\": [") };
        out.write_all(begun.as_bytes())
    }

    fn close(&mut self, out: &mut impl Write) -> io::Result<()> {
        let end: &[u8] = match (self.yaml, self.any) {
            (true, true) => b"",
            (true, false) => b" []\n",
            (false, true) => b"\n    ],\n",
            (false, false) => b"],\n",
        };
        out.write_all(end)
    }

    fn item(&mut self, out: &mut impl Write, entry: &Entry<'_>) -> io::Result<()> {
        self.buffer.clear();
        let name_only = || entry.newest().map(Ref::members).unwrap_or_default();
        let value = object(if self.name_only { name_only() } else { entry.members() });
        if self.yaml {
            self.buffer.extend_from_slice(if self.any { b"" } else { b"\n" });
            yaml::write_item(&mut self.buffer, &value);
        } else {
            self.buffer.extend_from_slice(if self.any { b",\n        " } else { b"\n        " });
            json::pretty(&mut self.buffer, &value, 2);
        }
        self.any = true;
        out.write_all(&self.buffer)
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Str(text.to_owned().into())
}

fn side(side: &About<'_>) -> Value<'static> {
    let mut members: Members = vec![("path".into(), text(side.name)), ("revision".into(), Value::Int(side.revision))];
    members.extend(side.newest.map(|newest| ("newest".into(), text(&newest.to_string()))));
    members.extend(side.identity.as_ref().map(|identity| ("identity".into(), text(identity))));
    object(members)
}
