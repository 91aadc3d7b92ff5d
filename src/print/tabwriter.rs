//! Columns of text as kubectl aligns them: `printers.GetNewTabWriter`, Go's text/tabwriter with cells at least 6 wide,
//! 3 blanks between them, and widths that never shrink again.

const MIN_WIDTH: usize = 6;
const PADDING: usize = 3;

/// Aligns the cells of `text`, which end in tabs. A column is as wide as the widest of its cells in
/// consecutive lines; the last cell of a line belongs to no column.
#[must_use]
pub(crate) fn align(text: &str) -> String {
    let mut columns = Widths::default();
    let mut lines: Vec<Vec<&str>> = Vec::new();
    for line in text.split_terminator(['\n', '\x0c']) {
        let cells: Vec<&str> = line.split(['\t', '\x0b']).collect();
        columns.line(cells.iter().map(|cell| cell.chars().count()));
        lines.push(cells);
    }
    columns.close(0);
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    for (cells, widths) in lines.iter().zip(&columns.widths) {
        for (i, cell) in cells.iter().enumerate() {
            let blanks = widths.get(i).map_or(0, |width| width.saturating_sub(cell.chars().count()));
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push('\n');
    }
    out
}

/// The widths of the columns (`Writer.format`).
#[derive(Default)]
struct Widths {
    /// The widths of each line's cells but the last.
    widths: Vec<Vec<usize>>,
    /// The columns that the last line had: the line they begin at, and their width so far.
    open: Vec<(usize, usize)>,
    /// The greatest width of each column so far (`RememberWidths`).
    remembered: Vec<usize>,
}

impl Widths {
    fn line(&mut self, cells: impl ExactSizeIterator<Item = usize>) {
        let terminated = cells.len().saturating_sub(1);
        self.close(terminated);
        let at = self.widths.len();
        self.open.resize(terminated, (at, MIN_WIDTH));
        for ((_, width), cell) in self.open.iter_mut().zip(cells) {
            *width = (*width).max(cell.saturating_add(PADDING));
        }
        self.widths.push(vec![0; terminated]);
    }

    /// Ends the columns from `column` on.
    fn close(&mut self, column: usize) {
        for (i, (from, width)) in self.open.drain(column.min(self.open.len())..).enumerate() {
            let i = i.saturating_add(column);
            if self.remembered.len() <= i {
                self.remembered.resize(i.saturating_add(1), 0);
            }
            let Some(remembered) = self.remembered.get_mut(i) else { continue };
            *remembered = width.max(*remembered);
            for line in self.widths.iter_mut().skip(from) {
                if let Some(width) = line.get_mut(i) {
                    *width = *remembered;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_as_go_does() {
        for (text, want) in [
            ("", ""),
            ("NAME\nfoo\n", "NAME\nfoo\n"),
            ("NAME\tAPI_VERSION\tX\nfoo\tbaz\t\n", "NAME   API_VERSION   X\nfoo    baz           \n"),
            ("A\tB\na\té\t\n", "A     B\na     é     \n"),
            // a line without the column ends it; the next is no narrower
            ("longlonglong\tx\nalone\na\tb\n", "longlonglong   x\nalone\na              b\n"),
            ("a\tb\nalone\nlonglonglong\tx\n", "a     b\nalone\nlonglonglong   x\n"),
            ("a\tl1\nl2\tx\ty\n", "a     l1\nl2    x     y\n"),
        ] {
            assert_eq!(align(text), want, "{text:?}");
        }
    }
}
