//! Rows for other engines: one for each live key of a backup, by one list of columns.
//!
//! ```text
//! Source ─> verify ─────────────────> Header   what all rows of one backup share: its cluster, sum, revision, verdict
//!        └> Cluster ─> stored value ─> Row      one key: whose object it is, its revisions, owners, labels, images
//!                     COLUMNS ─> Encoder        NDJSON, CSV, Parquet, Arrow: of this and any other Table
//! ```
//!
//! The backup is checked while its values are decoded; no row is handed on before the verdict is known.

mod columns;
mod dataset;
mod encode;
mod header;
mod images;
mod read;
mod row;
mod save;
mod table;
mod verdict;

pub use columns::{COLUMNS, Keys, Line, columns, lines};
pub use encode::{Encoder, Format};
pub use header::Header;
pub use read::{Read, Reading, read};
pub use row::Row;
#[cfg(feature = "catalog")]
pub(crate) use row::{Pair, key_text};
pub use save::{Files, Sink, Target};
pub use table::{Column, Of, Table};
pub use verdict::Judged;
