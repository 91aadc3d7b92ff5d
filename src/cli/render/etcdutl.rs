//! The four formats of etcdutl 3.7's `-w`, byte for byte.

use std::io::{self, Write};

/// One answer: names for `fields`, headers for `table`, and what each format shows.
pub(crate) struct Answer<'a> {
    /// `"Name" : value` of `-w fields`.
    pub(crate) fields: &'a [(&'a str, String)],
    /// Headers and cells of `-w table`.
    pub(crate) table: (&'a [&'a str], &'a [String]),
}

impl Answer<'_> {
    /// `-w fields`.
    pub(crate) fn fields(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, value) in self.fields {
            writeln!(out, "\"{name}\" : {value}")?;
        }
        Ok(())
    }

    /// `-w table`.
    pub(crate) fn table(&self, out: &mut impl Write) -> io::Result<()> {
        boxed(out, self.table.0, &[self.table.1.to_vec()])
    }
}

/// A box, as `tablewriter` 1.x draws it: headers centred, cells aligned right.
pub(crate) fn boxed(out: &mut impl Write, headers: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut widths: Vec<usize> = headers.iter().map(|header| header.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let rule = |left: char, middle: &str, right: char| {
        let bars: Vec<String> = widths.iter().map(|width| "─".repeat(width.saturating_add(2))).collect();
        format!("{left}{}{right}", bars.join(middle))
    };
    writeln!(out, "{}", rule('┌', "┬", '┐'))?;
    let cells: Vec<_> = headers.iter().zip(&widths).map(|(header, width)| format!(" {header:^width$} ")).collect();
    writeln!(out, "│{}│", cells.join("│"))?;
    writeln!(out, "{}", rule('├', "┼", '┤'))?;
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:>width$} ")).collect();
        writeln!(out, "│{}│", cells.join("│"))?;
    }
    writeln!(out, "{}", rule('└', "┴", '┘'))
}
