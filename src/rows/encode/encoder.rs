//! The interface of all formats.

use std::io;

use crate::rows::table::Table;

/// A writer of one format. Bytes that are complete are appended to `out`.
pub trait Encoder<T: Table> {
    /// Adds rows.
    ///
    /// # Errors
    /// When they cannot be written in this format.
    fn rows<'l>(&mut self, lines: &'l [T::Line<'l>], out: &mut Vec<u8>) -> io::Result<()>;

    /// Ends the output; nothing is added after that.
    ///
    /// # Errors
    /// As [`Encoder::rows`].
    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}
