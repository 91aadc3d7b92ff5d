//! A table: the type of its columns, whatever its rows are.

use std::borrow::Cow;

use super::row::Pair;
use crate::k8s::{Moment, Owner};

/// A table that can be written in every format.
pub trait Table: 'static {
    /// A row, as the columns are read from it.
    type Line<'l>: Copy + Sync;
}

/// A column.
pub struct Column<T: Table> {
    /// The name, in every format.
    pub name: &'static str,
    /// Whether each row has a value.
    pub required: bool,
    /// The type, and where the value is.
    pub of: Of<T>,
    /// The meaning, in a sentence without its end.
    pub meaning: &'static str,
}

/// The type of a column, and the function that returns its value.
pub enum Of<T: Table> {
    /// Text.
    Text(for<'l> fn(&'l T::Line<'l>) -> Option<&'l str>),
    /// An integer of 64 bits.
    Int(for<'l> fn(&'l T::Line<'l>) -> Option<i64>),
    /// A time in microseconds, UTC.
    Time(for<'l> fn(&'l T::Line<'l>) -> Option<Moment>),
    /// Bytes; in text formats hex.
    Bytes(for<'l> fn(&'l T::Line<'l>) -> Option<&'l [u8]>),
    /// A list of texts.
    Texts(for<'l> fn(&'l T::Line<'l>) -> &'l [Cow<'l, str>]),
    /// A list of owners: `kind`, `name`, `uid`.
    Owners(for<'l> fn(&'l T::Line<'l>) -> &'l [Owner<'l>]),
    /// A map of text to text.
    Map(for<'l> fn(&'l T::Line<'l>) -> &'l [Pair<'l>]),
}

impl<T: Table> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Table> Copy for Column<T> {}

impl<T: Table> std::fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("name", &self.name).field("of", &self.of).finish_non_exhaustive()
    }
}

impl<T: Table> Clone for Of<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Table> Copy for Of<T> {}

impl<T: Table> std::fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl<T: Table> Of<T> {
    /// The type's name, as DuckDB writes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "VARCHAR",
            Self::Int(_) => "BIGINT",
            Self::Time(_) => "TIMESTAMP WITH TIME ZONE",
            Self::Bytes(_) => "BLOB",
            Self::Texts(_) => "VARCHAR[]",
            Self::Owners(_) => "STRUCT(kind VARCHAR, \"name\" VARCHAR, uid VARCHAR)[]",
            Self::Map(_) => "MAP(VARCHAR, VARCHAR)",
        }
    }
}

impl<T: Table> Column<T> {
    /// A column that may be null.
    #[must_use]
    pub(crate) const fn new(name: &'static str, of: Of<T>, meaning: &'static str) -> Self {
        Self { name, required: false, of, meaning }
    }

    /// A column with a value in each row.
    #[must_use]
    pub(crate) const fn required(name: &'static str, of: Of<T>, meaning: &'static str) -> Self {
        Self { name, required: true, of, meaning }
    }
}
