//! Files and folders that are written: made, synced, and what went wrong with them told.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::{Error, Result, source::free_space};

/// `Error::Io` for `path`.
pub(super) fn fault(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error {
    let file = path.display().to_string();
    move |source| Error::io(file.clone(), doing, source)
}

/// Makes the file `path`, new.
pub(super) fn create(path: &Path) -> Result<File> {
    let options = || File::options().read(true).write(true).create_new(true).mode(0o600).open(path);
    options().map_err(fault(path, "make"))
}

/// Makes the folder `path`, and what is missing above it.
pub(super) fn make_dir(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().mode(mode).recursive(true).create(path).map_err(fault(path, "make"))
}

/// Makes sure that what is in the folder `path` survives a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(fault(path, "sync"))
}

/// Whether there is room for `need` more bytes where `file` is.
pub(super) fn check_room(file: &File, path: &Path, need: u64) -> Result<()> {
    let free = free_space(file).map_err(fault(path, "look for free space at"))?;
    if free >= need {
        return Ok(());
    }
    let what = format!("{need} bytes are needed, and {free} are free");
    let source = io::Error::new(io::ErrorKind::StorageFull, what);
    Err(fault(path, "write")(source))
}
