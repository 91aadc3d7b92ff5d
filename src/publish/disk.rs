//! Files and folders that are written: created and synced, with errors that name them.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustix::fs::{CWD, Mode, OFlags};

use super::watch::Watch;
use crate::{
    Error, Result,
    source::{Part, free_space},
};

/// Makes an [`Error::Io`] for `path` out of what the system reported.
pub(crate) fn fault(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error {
    let file = path.display().to_string();
    move |source| Error::io(file.clone(), doing, source)
}

/// Creates the file `path`, which must not exist, readable by its owner only: there may be secrets in it.
///
/// # Errors
/// When it exists, or cannot be created.
pub(crate) fn create(path: &Path) -> Result<File> {
    new_file(CWD, path).map_err(fault(path, "make"))
}

/// As [`create`], for the file `name` in the open folder `dir`, which is at `path`.
///
/// # Errors
/// As [`create`].
pub(crate) fn create_in(dir: &File, path: &Path, name: &str) -> Result<File> {
    new_file(dir, Path::new(name)).map_err(|e| fault(&path.join(name), "make")(e))
}

fn new_file(dir: impl AsFd, path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(&dir, path, flags, Mode::RUSR | Mode::WUSR);
    Ok(rustix::io::retry_on_intr(open)?.into())
}

/// Creates the folder `path`, and what is missing above it.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn make_dir(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().mode(mode).recursive(true).create(path).map_err(fault(path, "make"))
}

/// Syncs the folder `path`, so that the names in it survive a power cut, as its own mode and owner do.
///
/// # Errors
/// When it cannot be synced.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(fault(path, "sync"))
}

/// Checks that `need` more bytes fit into the file system of `file`, which is at `path`.
///
/// # Errors
/// When they do not.
pub(crate) fn check_room(file: &File, path: &Path, need: u64) -> Result<()> {
    let free = free_space(file).map_err(fault(path, "look for free space at"))?;
    if free >= need {
        return Ok(());
    }
    Err(no_room(path, need, free))
}

/// The error for a file system at `path` that lacks room.
pub(super) fn no_room(path: &Path, need: u64, free: u64) -> Error {
    let what = format!("{need} bytes are needed, and {free} are free");
    fault(path, "write")(io::Error::new(io::ErrorKind::StorageFull, what))
}

/// Copies `part` to the new file `path`, and syncs that. The second value is whether the two share their blocks, which
/// not every file system can do.
///
/// # Errors
/// When it cannot be read or written, or was stopped.
pub(crate) fn copy(part: &Part, path: &Path, watch: Watch<'_>) -> Result<(File, bool)> {
    let file = create(path)?;
    let shared = part.clone_to(&file);
    if !shared {
        check_room(&file, path, part.len())?;
        part.copy_to(&file, &path.display().to_string(), |_| !watch.stopped())?;
    }
    file.sync_all().map_err(fault(path, "sync"))?;
    Ok((file, shared))
}

/// The current time, UTC, as it is used in file names: `20261121T020405Z`.
#[must_use]
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The path, with a number appended when it exists: two runs may end in the same second.
#[must_use]
pub(crate) fn free_name(path: PathBuf) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.clone().into_os_string();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    };
    if path.exists() { (2..).map(numbered).find(|path| !path.exists()).unwrap_or(path) } else { path }
}
