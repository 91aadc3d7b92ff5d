//! Long lists in columns, streamed: no more than a page of rows is held.

use std::io::{self, Write};

/// Rows whose widths are settled together.
const PAGE: usize = 1000;

/// A list in columns that only ever grow wider.
pub(crate) struct Lines<const N: usize> {
    widths: [usize; N],
    page: Vec<[String; N]>,
}

impl<const N: usize> Lines<N> {
    /// A list under `headers`, or none.
    pub(crate) fn new(headers: &[&str; N], without: bool) -> Self {
        let page = if without { Vec::new() } else { vec![headers.map(str::to_owned)] };
        Self { widths: [0; N], page }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, out: &mut impl Write, row: [String; N]) -> io::Result<()> {
        self.page.push(row);
        if self.page.len() >= PAGE { self.flush(out) } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        for row in &self.page {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in self.page.drain(..) {
            let cells = row.iter().zip(self.widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("   ").trim_end())?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        self.flush(out)
    }
}
