//! Tables as kubectl lays them out (`printTable`, and the `tabwriter` behind it).

use std::io::{self, Write};

use super::printable;

/// So much text may wait for the widths of its columns, with what a cell costs besides.
const PAGE: usize = 16 << 20;

/// A table that is written while it is made. kubectl holds all rows until it knows how wide they are; here they go out
/// when they fill a page, and columns only grow wider from then on.
#[derive(Default)]
pub(crate) struct Grid {
    widths: Vec<usize>,
    page: Vec<Vec<String>>,
    size: usize,
}

impl Grid {
    /// Adds a row.
    pub(crate) fn row(&mut self, out: &mut impl Write, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
        let row: Vec<_> = cells.into_iter().map(one_line).collect();
        for cell in &row {
            self.size = self.size.saturating_add(cell.len()).saturating_add(size_of::<String>());
        }
        self.page.push(row);
        if self.size >= PAGE { self.flush(out) } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        // a column is three wider than its widest cell, and at least six wide; the last cell of a row has no column
        for row in &self.page {
            let cells = row.split_last().map_or(&[][..], |(_, cells)| cells);
            self.widths.resize(self.widths.len().max(cells.len()), 6);
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count().saturating_add(3));
            }
        }
        for row in self.page.drain(..) {
            let (last, cells) = row.split_last().map_or(("", &[][..]), |(last, cells)| (last, cells));
            for (cell, width) in cells.iter().zip(&self.widths) {
                write!(out, "{cell:width$}")?;
            }
            writeln!(out, "{last}")?;
        }
        self.size = 0;
        Ok(())
    }
}

/// A cell ends at its first line, and does nothing to a terminal.
fn one_line(mut cell: String) -> String {
    if let Some(end) = cell.find(['\n', '\r', '\x0c']) {
        cell.truncate(end);
        cell.push_str("...");
    }
    if cell.contains('\x1b') {
        cell = cell.replace('\x1b', "^[");
    }
    printable(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(rows: &[&[&str]]) -> String {
        let (mut grid, mut out) = (Grid::default(), Vec::new());
        for row in rows {
            grid.row(&mut out, row.iter().map(ToString::to_string)).unwrap();
        }
        grid.flush(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_kubectls() {
        let rows: &[&[&str]] = &[&["A", "NAME", "AGE"], &["b", "ünicode", ""], &["", "x", "9m"]];
        assert_eq!(laid_out(rows), "A     NAME      AGE\nb     ünicode   \n      x         9m\n");
        assert_eq!(laid_out(&[&["only"]]), "only\n");
        assert_eq!(
            laid_out(&[&["A", "B", "C"], &["a", "a long last cell"]]),
            "A     B     C\na     a long last cell\n"
        );
    }

    #[test]
    fn cells_are_one_line() {
        assert_eq!(laid_out(&[&["a\nb", "\x1b[31m", "t\tt"]]), "a...   ^[[31m   t\\x09t\n");
    }

    #[test]
    fn pages_go_out_when_they_are_full() {
        let (mut grid, mut out) = (Grid::default(), Vec::new());
        let big = "x".repeat(PAGE);
        grid.row(&mut out, ["a".to_owned(), big]).unwrap();
        assert!(out.len() > PAGE && grid.page.is_empty());
        grid.row(&mut out, ["wider".to_owned(), "y".to_owned()]).unwrap();
        grid.flush(&mut out).unwrap();
        assert!(out.ends_with(b"\nwider   y\n"));
    }
}
