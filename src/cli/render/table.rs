//! Columns of text, as kubectl lays them out.

use std::io::{self, Write};

use etcdsnap::bytes::{escape, is_hostile};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};

/// The text as it is, or escaped when a character in it could do something to a terminal.
pub(crate) fn printable(text: String) -> String {
    if text.chars().any(is_hostile) { escape(text.as_bytes()) } else { text }
}

/// A table of a few rows; long lists are streamed instead.
pub(crate) struct Columns(Table);

impl Columns {
    /// A table with these headers.
    pub(crate) fn new(headers: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(headers);
        Self(table)
    }

    /// Numbers stand right.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        for index in columns {
            if let Some(column) = self.0.column_mut(*index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self
    }

    /// Adds a row. Cells are one line each, and cannot do anything to a terminal.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(printable).collect::<Vec<_>>());
    }

    /// Writes it.
    pub(crate) fn write(mut self, out: &mut impl Write) -> io::Result<()> {
        for column in self.0.column_iter_mut() {
            column.set_padding((0, 3));
        }
        for line in self.0.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
