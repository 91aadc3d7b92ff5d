//! Segments on disk.

use std::{
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use super::SEGMENT_SIZE;
use crate::{
    Result,
    publish::{create, fault},
};

/// The name of a log's first segment.
pub(crate) const FIRST_SEGMENT: &str = "0000000000000000-0000000000000000.wal";

/// Writes a segment that holds `pieces` one after the other to the new file `path`, and syncs it. [`SEGMENT_SIZE`]
/// bytes are allocated, as etcd does ahead of the records.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_segment(path: &Path, pieces: &[&[u8]]) -> Result<()> {
    let mut file = create(path)?;
    allocate(&file)
        .and_then(|()| pieces.iter().try_for_each(|piece| file.write_all(piece)))
        .map_err(fault(path, "write"))?;
    file.sync_all().map_err(fault(path, "sync"))
}

fn allocate(file: &File) -> io::Result<()> {
    use rustix::{fs::FallocateFlags, io::Errno};
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, SEGMENT_SIZE) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(SEGMENT_SIZE),
        Err(e) => Err(e.into()),
    }
}
