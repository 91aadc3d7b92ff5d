//! The four formats of etcdutl 3.7's `-w`, byte for byte.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};
use etcdsnap::etcd::state::ListedMember;

use super::printable;

/// The formats that etcdutl has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteOut {
    /// Values on one line
    Simple,
    /// One JSON document
    Json,
    /// A name and a value a line
    Fields,
    /// A table
    Table,
}

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

/// The lines of a box of Go's `tablewriter` 1.x.
const BOX: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┌', '─', '┬', '┐'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

/// A box as `tablewriter` draws it: headers centred, cells aligned right.
pub(crate) fn boxed(out: &mut impl Write, headers: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    // The odd blank of a centred header is on the right; comfy-table would put it on the left.
    let centred = |(column, header): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let blanks = cells.max().unwrap_or(0).saturating_sub(header.chars().count());
        format!("{header}{}", " ".repeat(blanks % 2))
    };
    let aligned = |text: String, alignment| Cell::new(printable(text)).set_alignment(alignment);
    let mut table = Table::new();
    table.load_style(BOX).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().enumerate().map(centred).map(|header| aligned(header, CellAlignment::Center)));
    for row in rows {
        table.add_row(row.iter().map(|cell| aligned(cell.clone(), CellAlignment::Right)));
    }
    table.lines().try_for_each(|line| writeln!(out, "{line}"))
}

/// A row of `etcdctl member list`.
pub(crate) fn member_cells(member: ListedMember<'_>) -> Vec<String> {
    vec![
        format!("{:x}", member.id),
        if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
        member.name.to_owned(),
        member.peer_urls.join(","),
        member.client_urls.join(","),
        member.is_learner.to_string(),
    ]
}
