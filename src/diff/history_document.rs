//! The history of objects as one JSON document.

use super::{Ignore, detail::history, members::stamped};
use crate::{
    k8s::{Map, Mask, Value},
    objects::{Joined, Records},
};

/// What `history -o json` prints: the revisions that each backup holds all of, and the changes of the keys that were
/// `found`.
#[must_use]
pub fn history_document(joined: &Joined<'_, '_>, found: &Records<'_>, ignore: &Ignore, mask: &Mask) -> Value<'static> {
    let windows = joined.backups.iter().map(|backup| {
        let (first, last) = backup.window();
        let path = Value::Str(backup.name.to_owned().into());
        let members = vec![("path", path), ("first", Value::Int(first)), ("last", Value::Int(last))];
        Value::Object(Map::from_unsorted(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
    });
    let windows = Value::List(windows.collect());
    let mut revisions = Vec::new();
    for records in found.values() {
        // `each` does not fail
        let _: Result<(), ()> = history(joined, records, ignore, mask, |occurrence| {
            revisions.push(Value::Object(Map::from_unsorted(occurrence.members())));
            Ok(())
        });
    }
    stamped(vec![("windows".into(), windows), ("revisions".into(), Value::List(revisions))])
}
