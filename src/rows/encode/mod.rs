//! The formats: each writes the columns that it is given, and knows none of them.

mod csv;
mod encoder;
mod format;
mod ndjson;
mod text;

pub use encoder::Encoder;
pub use format::Format;
