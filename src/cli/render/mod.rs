//! Values to text: one place for tables, one for JSON.

#[macro_use]
mod say;

mod color;
mod columns;
pub(crate) mod etcdutl;
mod progress;
mod quote;
mod screen;
mod size;

pub(crate) use color::{Color, Ink, When as ColorWhen};
pub(crate) use columns::Columns;
pub(crate) use progress::Progress;
pub(crate) use quote::{is_printable, quote, shell, write_quoted};
pub(crate) use say::say_line;
pub(crate) use screen::{Screen, printable, readable};
pub(crate) use size::bytes;

use std::io::Write;

use etcdsnap::{
    document::Document,
    k8s::{Gap, Moment},
};
use serde::Serialize;

use crate::failure::Failure;

/// The time of a change: `2026-11-21T02:04:31.532Z` or later, and how much later at the most: `+8.4s`.
pub(crate) fn gap(gap: &Gap) -> [String; 2] {
    let Some(after) = gap.after else { return ["-".to_owned(), String::new()] };
    // the time is cut to milliseconds
    let cut = Moment { nanos: after.nanos / 1_000_000 * 1_000_000, ..after };
    let tenths = |width: i128| width.saturating_add(99_999_999) / 100_000_000;
    let width = Gap { after: Some(cut), ..*gap }.width().map(tenths);
    [after.millis(), width.map_or(String::new(), |n| format!("+{}.{}s", n / 10, n % 10))]
}

/// The time of a change in words: `at 2026-11-21T02:04:31.532Z or up to 8.4s later`.
pub(crate) fn written(of: &Gap) -> String {
    match (of.after, of.before, gap(of)) {
        (None, None, _) => "at an unknown time".to_owned(),
        (None, Some(before), _) => format!("at {} or before", before.millis()),
        (_, None, [after, _]) => format!("at {after} or later"),
        (.., [after, width]) => format!("at {after} or up to {} later", width.trim_start_matches('+')),
    }
}

/// After a revision: ` (2026-11-21T02:04:31.532Z)`, or ` (by` that time where only the latest is known.
pub(crate) fn dated(of: Gap) -> String {
    let by = of.before.map(|at| format!(" (by {at})"));
    of.after.map(|at| format!(" ({at})")).or(by).unwrap_or_default()
}

/// Writes one document for each file: a line each when `compact`, else one alone as it is when only one file was named,
/// and several as `items`.
pub(crate) fn documents<T: Serialize>(
    out: &mut impl Write,
    documents: &[T],
    one: bool,
    compact: bool,
) -> Result<(), Failure> {
    match documents {
        documents if compact => documents.iter().try_for_each(|document| json(out, document, true)),
        [document] if one => json(out, document, false),
        documents => write(out, &Document::of_all(documents), false),
    }
}

/// Writes `value` as a JSON document with the version of its shape and what wrote it; one line when `compact`.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize, compact: bool) -> Result<(), Failure> {
    write(out, &Document::new(value), compact)
}

fn write(out: &mut impl Write, document: &impl Serialize, compact: bool) -> Result<(), Failure> {
    if compact {
        serde_json::to_writer(&mut *out, document)?;
    } else {
        serde_json::to_writer_pretty(&mut *out, document)?;
    }
    Ok(writeln!(out)?)
}
