//! Small files that are read whole.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The bytes of the regular file at `path`, which is read whole: at most `limit` bytes.
///
/// # Errors
/// The system's; when it is no regular file, or longer.
pub(crate) fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Before it is opened, because to open a pipe is to wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::Error::other(format!("longer than {limit} bytes"))) } else { Ok(bytes) }
}
