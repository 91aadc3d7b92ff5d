//! Values to text: one place for tables, one for JSON.

#[macro_use]
mod say;

mod color;
pub(crate) mod etcdutl;
mod progress;
pub(crate) mod report;
mod screen;

pub(crate) use color::{When as ColorWhen, of_verdict};
pub(crate) use progress::Progress;
pub(crate) use say::say_line;
pub(crate) use screen::Screen;

use std::io::{self, Write};

pub(crate) use etcdsnap::{
    bytes::{is_printable, printable, quote, readable, shell, size as bytes, write_quoted},
    print::{Color, Columns, Ink},
};
use etcdsnap::{diff::Line, document::Document};
use serde::Serialize;

use crate::failure::Failure;

/// Writes lines about what changed, those with a sign in its colour.
pub(crate) fn lines(out: &mut impl Ink, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
    for Line { sign, text } in lines {
        out.colored(sign.and_then(Color::of_sign), &text)?;
        writeln!(out)?;
    }
    Ok(())
}

/// The size of a db of `db` bytes in a file of `file` bytes: both where the file was cut off.
pub(crate) fn size(db: u64, file: u64) -> String {
    if file < db { format!("{} of {}", bytes(file), bytes(db)) } else { bytes(db) }
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
