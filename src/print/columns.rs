//! Rows of text in columns, written while they are made.

use std::io;

use unicode_width::UnicodeWidthStr as _;

use super::color::{Color, Ink};
use crate::bytes::printable;

/// Blanks between columns.
const GAP: usize = 3;

/// The narrowest column of kubectl's tables, with its gap.
const KUBECTL_MIN: usize = 6;

/// The size of text that may wait for the widths of its columns in kubectl's form, with the overhead of the cells.
const PAGE_BYTES: usize = 16 << 20;

/// The number of rows that may wait in a list.
const PAGE_ROWS: usize = 1000;

/// The colour of a cell by its text.
type ColorOf = fn(&str) -> Option<Color>;

/// Rows in columns. A page of rows is held until the widths of its columns are known; columns only grow wider from one
/// page to the next.
#[derive(Debug)]
pub struct Columns {
    /// As kubectl's `printTable` and the `tabwriter` below it: a width is a number of characters, a cell ends at its
    /// first line, and blanks at the end of a line stay.
    kubectl: bool,
    right: &'static [usize],
    color: Option<(usize, ColorOf)>,
    widths: Vec<usize>,
    page: Vec<Vec<String>>,
    size: usize,
}

impl Columns {
    /// A list or table with these headers.
    #[must_use]
    pub fn new(headers: &[&str]) -> Self {
        let header = headers.iter().map(ToString::to_string).collect();
        Self { page: vec![header], ..Self::bare() }
    }

    /// A list without a line of headers.
    #[must_use]
    pub fn bare() -> Self {
        Self { kubectl: false, right: &[], color: None, widths: Vec::new(), page: Vec::new(), size: 0 }
    }

    /// A table as kubectl prints it; its headers are a row.
    #[must_use]
    pub fn kubectl() -> Self {
        Self { kubectl: true, ..Self::bare() }
    }

    /// Aligns these columns right, for numbers.
    #[must_use]
    pub fn right(self, columns: &'static [usize]) -> Self {
        Self { right: columns, ..self }
    }

    /// Colours the cells of one column.
    #[must_use]
    pub fn colored(self, column: usize, color: ColorOf) -> Self {
        Self { color: Some((column, color)), ..self }
    }

    /// Adds a row, to be written with the others at the end. Cells cannot do anything to a terminal.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        let clean = if self.kubectl { one_line } else { printable };
        let row: Vec<_> = cells.into_iter().map(clean).collect();
        for cell in &row {
            self.size = self.size.saturating_add(cell.len()).saturating_add(size_of::<String>());
        }
        self.page.push(row);
    }

    /// Adds a row, and writes the page when it is full.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, out: &mut impl Ink, cells: impl IntoIterator<Item = String>) -> io::Result<()> {
        self.add(cells);
        let full = if self.kubectl { self.size >= PAGE_BYTES } else { self.page.len() >= PAGE_ROWS };
        if full { self.flush(out) } else { Ok(()) }
    }

    /// Writes the rows that wait.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self, out: &mut impl Ink) -> io::Result<()> {
        self.widen();
        let mut line = String::new();
        for row in std::mem::take(&mut self.page) {
            line.clear();
            let last = row.len().saturating_sub(1);
            for (i, (cell, column)) in row.iter().zip(&self.widths).enumerate() {
                let blanks = column.saturating_sub(self.width(cell));
                let (before, after) =
                    if self.right.contains(&i) { (blanks.saturating_sub(GAP), GAP) } else { (0, blanks) };
                line.extend(std::iter::repeat_n(' ', before));
                match self.color.filter(|(column, _)| *column == i).and_then(|(_, color)| color(cell)) {
                    Some(color) => {
                        out.write_all(line.as_bytes())?;
                        line.clear();
                        out.colored(Some(color), cell)?;
                    }
                    None => line.push_str(cell),
                }
                if i < last {
                    line.extend(std::iter::repeat_n(' ', after));
                }
            }
            writeln!(out, "{}", if self.kubectl { &line } else { line.trim_end() })?;
        }
        self.size = 0;
        Ok(())
    }

    /// Writes the rows that are left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, out: &mut impl Ink) -> io::Result<()> {
        self.flush(out)
    }

    /// Makes every column as wide as its widest cell in the page. The last cell of a row only counts where it is
    /// aligned right.
    fn widen(&mut self) {
        let min = if self.kubectl { KUBECTL_MIN } else { GAP };
        let mut widths = std::mem::take(&mut self.widths);
        for row in &self.page {
            widths.resize(widths.len().max(row.len()), min);
            let last = row.len().saturating_sub(1);
            for (i, (width, cell)) in widths.iter_mut().zip(row).enumerate() {
                if i < last || self.right.contains(&i) {
                    *width = (*width).max(self.width(cell).saturating_add(GAP));
                }
            }
        }
        self.widths = widths;
    }

    fn width(&self, cell: &str) -> usize {
        match cell {
            _ if cell.bytes().all(|byte| matches!(byte, b' '..=b'~')) => cell.len(),
            _ if self.kubectl => cell.chars().count(),
            _ => cell.width(),
        }
    }
}

/// A cell up to its first line's end, safe for a terminal.
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

    impl Ink for Vec<u8> {
        fn colored(&mut self, color: Option<Color>, text: &str) -> io::Result<()> {
            let text = color.map_or_else(|| text.to_owned(), |color| format!("<{color:?} {text}>"));
            self.extend(text.bytes());
            Ok(())
        }
    }

    fn laid_out(mut columns: Columns, rows: &[&[&str]]) -> String {
        let mut out = Vec::new();
        for row in rows {
            columns.row(&mut out, row.iter().map(ToString::to_string)).unwrap();
        }
        columns.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_kubectls() {
        let of = |rows| laid_out(Columns::kubectl(), rows);
        let rows: &[&[&str]] = &[&["A", "NAME", "AGE"], &["b", "ünicode", ""], &["", "x", "9m"]];
        assert_eq!(of(rows), "A     NAME      AGE\nb     ünicode   \n      x         9m\n");
        assert_eq!(of(&[&["only"]]), "only\n");
        assert_eq!(of(&[&["A", "B", "C"], &["a", "a long last cell"]]), "A     B     C\na     a long last cell\n");
    }

    #[test]
    fn kubectls_cells_are_one_line() {
        assert_eq!(laid_out(Columns::kubectl(), &[&["a\nb", "\x1b[31m", "t\tt"]]), "a...   ^[[31m   t\\x09t\n");
    }

    #[test]
    fn lists_are_as_narrow_as_their_cells() {
        let columns = Columns::new(&["A", "NAME", "N"]).right(&[2]);
        let want = "A   NAME        N\nb   ünicode   100\n    日本\n    x\\x0ay\n";
        assert_eq!(laid_out(columns, &[&["b", "ünicode", "100"], &["", "日本", ""], &["", "x\ny"]]), want);
        assert_eq!(laid_out(Columns::bare(), &[&["日本", "x"], &["abcd", "y"]]), "日本   x\nabcd   y\n");
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let columns = Columns::bare().colored(1, |cell| (cell == "good").then_some(Color::Green));
        assert_eq!(
            laid_out(columns, &[&["a", "good", "x"], &["b", "damaged", "y"]]),
            "a   <Green good>      x\nb   damaged   y\n"
        );
    }

    #[test]
    fn pages_go_out_when_they_are_full() {
        let (mut columns, mut out) = (Columns::kubectl(), Vec::new());
        let big = "x".repeat(PAGE_BYTES);
        columns.row(&mut out, ["a".to_owned(), big]).unwrap();
        assert!(out.len() > PAGE_BYTES && columns.page.is_empty());
        columns.row(&mut out, ["wider".to_owned(), "y".to_owned()]).unwrap();
        columns.finish(&mut out).unwrap();
        assert!(out.ends_with(b"\nwider   y\n"));
        let (mut columns, mut out) = (Columns::bare(), Vec::new());
        for n in 0..=PAGE_ROWS {
            columns.row(&mut out, [n.to_string(), "x".to_owned()]).unwrap();
        }
        assert!(out.ends_with(b"\n999   x\n") && columns.page.len() == 1);
    }
}
