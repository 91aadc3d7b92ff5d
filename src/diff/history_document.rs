//! The history of objects as one JSON document.

use std::io::{self, Write};

use super::{Ignore, detail::history, members::stamped};
use crate::{
    audit::Requests,
    k8s::{Map, Mask, Value, json},
    objects::{Joined, Records},
};

/// Writes what `history -o json` prints: the revisions that each backup holds all of, and the changes of the keys that
/// were `found`, each as it is read.
///
/// # Errors
/// Errors of `out`.
pub fn history_document(
    out: &mut impl Write,
    joined: &Joined<'_, '_>,
    found: &Records<'_>,
    ignore: &Ignore,
    mask: &Mask,
    requests: &Requests,
) -> io::Result<()> {
    let windows = joined.backups.iter().map(|backup| {
        let (first, last) = backup.window();
        let path = Value::Str(backup.name.to_owned().into());
        let mut members = vec![("path", path), ("first", Value::Int(first)), ("last", Value::Int(last))];
        let unsure = backup.snapshot.retraced.as_ref().map_or(0, |of| of.unsure);
        if let Some(unsure) = i64::try_from(unsure).ok().filter(|unsure| *unsure > 0) {
            members.push(("unsureEntries", Value::Int(unsure)));
        }
        Value::Object(Map::from_unsorted(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    });
    // the members are in the order of their names, and all others follow
    out.write_all(b"{\n    \"revisions\": [")?;
    let (mut text, mut any) = (Vec::new(), false);
    for records in found.values() {
        history(joined, records, ignore, mask, requests, |occurrence| {
            text.clear();
            text.extend_from_slice(if any { b",\n        " } else { b"\n        " });
            json::pretty(&mut text, &Value::Object(Map::from_unsorted(occurrence.members())), 2);
            any = true;
            out.write_all(&text)
        })?;
    }
    out.write_all(if any { b"\n    ],\n" } else { b"],\n" })?;
    text.clear();
    json::pretty(&mut text, &stamped(vec![("windows".into(), Value::List(windows.collect()))]), 0);
    out.write_all(text.strip_prefix(b"{\n").unwrap_or(&text))?;
    out.write_all(b"\n")
}
