//! Values to text: one place for tables, one for JSON.

mod columns;
pub(crate) mod etcdutl;
mod objects;
mod progress;
mod quote;
mod size;

pub(crate) use columns::{Columns, printable};
pub(crate) use objects::{ListForm, ObjectList};
pub(crate) use progress::Progress;
pub(crate) use quote::{quote, shell};
pub(crate) use size::bytes;

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The version of the JSON documents' shape: it only ever grows.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// What wrote them.
pub(crate) const TOOL: &str = concat!("etcdsnap ", env!("CARGO_PKG_VERSION"));

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
        documents => json(out, &documents, false),
    }
}

/// Writes `value` as a JSON document with the version of its shape and what wrote it; one line when `compact`.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize, compact: bool) -> Result<(), Failure> {
    let mut document = match serde_json::to_value(value)? {
        Value::Object(fields) => fields,
        other => Map::from_iter([("items".to_owned(), other)]),
    };
    document.insert("schemaVersion".to_owned(), SCHEMA_VERSION.into());
    document.insert("tool".to_owned(), TOOL.into());
    if compact {
        serde_json::to_writer(&mut *out, &document)?;
    } else {
        serde_json::to_writer_pretty(&mut *out, &document)?;
    }
    Ok(writeln!(out)?)
}
