//! Rows turned into columns: what Parquet and Arrow are written from.

use rayon::prelude::*;

use super::text::owner;
use crate::rows::table::{Column, Of, Table};

/// Rows that are gathered at a time, each column on a core.
const BLOCK: usize = 1024;

/// Fewer rows are gathered without another thread.
const FEW: usize = 128;

/// Rows as columns.
pub(super) struct Gathered<T: Table> {
    pub(super) columns: Vec<(Column<T>, Cells)>,
    /// Number of rows.
    pub(super) rows: usize,
    /// About the number of bytes.
    pub(super) bytes: usize,
}

/// The values of a column.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// The values: one list for a simple column, one for each member of a list's items.
    pub(super) leaves: Vec<Leaf>,
    /// By row, whether there is a value; empty for a column that is required.
    pub(super) present: Vec<bool>,
    /// By row, the number of items; empty for a column that is no list.
    pub(super) lengths: Vec<usize>,
}

/// Values of one type, without nulls.
#[derive(Debug)]
pub(super) enum Leaf {
    /// Integers, or times in microseconds.
    Ints(Vec<i64>),
    /// Texts or bytes, one after the other, and where each ends.
    Bytes(Vec<u8>, Vec<usize>),
}

impl Leaf {
    fn int(&mut self, value: i64) {
        if let Self::Ints(values) = self {
            values.push(value);
        }
    }

    fn bytes(&mut self, value: &[u8]) {
        if let Self::Bytes(bytes, ends) = self {
            bytes.extend_from_slice(value);
            ends.push(bytes.len());
        }
    }
}

/// The values of a list of bytes, as they are cut by their ends.
pub(super) fn cut<'b>(bytes: &'b [u8], ends: &'b [usize]) -> impl Iterator<Item = &'b [u8]> {
    let begins = std::iter::once(&0).chain(ends);
    begins.zip(ends).map(|(begin, end)| bytes.get(*begin..*end).unwrap_or_default())
}

impl Cells {
    fn new<T: Table>(of: Of<T>) -> Self {
        let bytes = || Leaf::Bytes(Vec::new(), Vec::new());
        let leaves = match of {
            Of::Int(_) | Of::Time(_) => vec![Leaf::Ints(Vec::new())],
            Of::Text(_) | Of::Bytes(_) | Of::Texts(_) => vec![bytes()],
            Of::Map(_) => vec![bytes(), bytes()],
            Of::Owners(_) => vec![bytes(), bytes(), bytes()],
        };
        Self { leaves, ..Self::default() }
    }

    /// Adds the value in a row; returns about the number of its bytes.
    fn push<'l, T: Table>(&mut self, column: &Column<T>, line: &'l T::Line<'l>) -> usize {
        match column.of {
            Of::Int(get) => self.simple(column.required, get(line), Leaf::int),
            Of::Time(get) => {
                let time = get(line).map(|time| time.microseconds());
                self.simple(column.required, time, Leaf::int)
            }
            Of::Text(get) => {
                let text = get(line).map(str::as_bytes);
                self.simple(column.required, text, Leaf::bytes).saturating_add(text.map_or(0, <[u8]>::len))
            }
            Of::Bytes(get) => {
                let bytes = get(line);
                self.simple(column.required, bytes, Leaf::bytes).saturating_add(bytes.map_or(0, <[u8]>::len))
            }
            Of::Texts(get) => self.list(get(line), |text| [text.as_bytes()]),
            Of::Map(get) => self.list(get(line), |(name, value)| [name.as_bytes(), value.as_bytes()]),
            Of::Owners(get) => self.list(get(line), |of| owner(of).map(|(_, part)| part.as_bytes())),
        }
    }

    fn simple<V>(&mut self, required: bool, value: Option<V>, add: impl Fn(&mut Leaf, V)) -> usize {
        if !required {
            self.present.push(value.is_some());
        }
        if let (Some(value), Some(leaf)) = (value, self.leaves.first_mut()) {
            add(leaf, value);
        }
        8
    }

    fn list<'i, I, const N: usize>(&mut self, items: &'i [I], parts: impl Fn(&'i I) -> [&'i [u8]; N]) -> usize {
        self.lengths.push(items.len());
        let mut bytes = 8_usize;
        for item in items {
            for (leaf, part) in self.leaves.iter_mut().zip(parts(item)) {
                leaf.bytes(part);
                bytes = bytes.saturating_add(part.len()).saturating_add(8);
            }
        }
        bytes
    }
}

impl<T: Table> Gathered<T> {
    pub(super) fn new(columns: &[Column<T>]) -> Self {
        let columns = columns.iter().map(|column| (*column, Cells::new(column.of))).collect();
        Self { columns, rows: 0, bytes: 0 }
    }

    /// Adds the first of `lines`, until there are `most` rows or a block of lines is added; returns the others.
    pub(super) fn add<'l>(&mut self, lines: &'l [T::Line<'l>], most: usize) -> &'l [T::Line<'l>] {
        let (block, rest) = lines.split_at(lines.len().min(BLOCK).min(most.saturating_sub(self.rows)));
        let add = |(column, cells): &mut (Column<T>, Cells)| -> usize {
            block.iter().map(|line| cells.push(column, line)).fold(0, usize::saturating_add)
        };
        let bytes: usize = match block.len() {
            ..FEW => self.columns.iter_mut().map(add).sum(),
            _ => self.columns.par_iter_mut().map(add).sum(),
        };
        self.bytes = self.bytes.saturating_add(bytes);
        self.rows = self.rows.saturating_add(block.len());
        rest
    }

    /// Takes what was gathered, and begins anew.
    pub(super) fn take(&mut self) -> Self {
        let columns: Vec<_> = self.columns.iter().map(|(column, _)| *column).collect();
        std::mem::replace(self, Self::new(&columns))
    }
}
