//! Helpers of the printers' tests.
#![allow(clippy::unwrap_used)]

use super::{Cell, Clock, builtin};
use crate::k8s::{self, Moment, Value};

/// The time 2026-01-02T00:00:00Z.
pub(super) const NOW: Clock = Clock(Some(Moment { seconds: 1_767_312_000, nanos: 0 }));

/// A tree from JSON.
pub(super) fn json(text: &str) -> Value<'_> {
    k8s::decode(text.as_bytes()).unwrap().value
}

/// The texts in the row of an object, given as JSON.
pub(super) fn row(resource: &str, text: &str) -> Vec<String> {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let (columns, cells) = builtin::printer(group, plural);
    let row = cells(&json(text), NOW);
    assert_eq!(row.len(), columns.len(), "{resource}");
    row.into_iter().map(Cell::into_text).collect()
}
