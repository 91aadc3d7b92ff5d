//! Writing a db.
//!
//! ```text
//! DbWriter::over     an existing db: one more transaction, whose pages come after all others; no page that can be
//!                    reached is overwritten
//! DbWriter::fresh    an empty file: page size, buckets and records, without free pages
//! DbWriter::stream   an empty file, written from the first byte to the last, so that it can be summed on the way;
//!                    DbWriter::dry finds out before what the metas will hold
//! Changes            what is changed in a snapshot, written in one of the two ways
//! ```

mod changes;
mod stream;
mod writer;

pub use changes::{Changes, Rewrite};
pub(crate) use writer::{DbWriter, Items, Unwritten};
