//! The interface of all formats.

use std::io;

use crate::rows::{header::Header, row::Row};

/// A writer of one format. Bytes that are complete are appended to `out`.
pub trait Encoder {
    /// Adds rows of one backup.
    ///
    /// # Errors
    /// When they cannot be written in this format.
    fn rows(&mut self, header: &Header, rows: &[Row<'_>], out: &mut Vec<u8>) -> io::Result<()>;

    /// Ends the output; nothing is added after that.
    ///
    /// # Errors
    /// As [`Encoder::rows`].
    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}
