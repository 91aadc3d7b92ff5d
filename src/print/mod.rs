//! The tables that an API server makes of objects, and the text that kubectl makes of tables.
//!
//! ```text
//!  Resource ──> TablePrinter: columns, and a function from an object to a row  built-in kinds, one file an API group
//!                                                                              custom kinds, by their definition
//!  CustomColumns: `-o custom-columns`, by JSONPath ──> lines with tabs ──> align
//!  Columns: rows of any table ──> columns, a page at a time
//! ```
//!
//! The API server always makes the wide form, and kubectl leaves columns out.

mod builtin;
mod clock;
mod color;
mod columns;
mod custom;
mod custom_columns;
mod fields;
mod labels;
mod layout;
mod listing;
mod printer;
mod table;
mod tabwriter;
mod template;
#[cfg(test)]
mod testing;

pub use clock::Clock;
pub use color::{Color, Ink};
pub use columns::Columns;
pub use custom_columns::CustomColumns;
pub(crate) use labels::format_labels;
pub use layout::Layout;
pub use listing::Listing;
pub use printer::TablePrinter;
pub(crate) use table::Row;
pub use table::{Cell, Column, ColumnType};
pub(crate) use tabwriter::align;
pub use template::{PrintError, Template, TemplateKind};
