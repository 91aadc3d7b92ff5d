//! The formats: each writes the columns that it is given, and knows none of them.

#[cfg(feature = "arrow")]
mod arrow;
mod csv;
mod encoder;
mod format;
#[cfg(any(feature = "parquet", feature = "arrow"))]
mod gathered;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

pub use encoder::Encoder;
pub use format::Format;
