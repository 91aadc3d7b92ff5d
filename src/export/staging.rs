//! The folder that files are staged in: beside the one that they become, and gone when the run ends.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

const ENDING: &str = ".etcdsnap-export";

/// A folder to stage in, gone when this is dropped.
#[derive(Debug)]
pub(super) struct Staging {
    root: PathBuf,
    /// Held for as long.
    _lock: File,
}

impl Staging {
    /// Makes the folder for what becomes `to`.
    pub(super) fn claim(to: &Path) -> Result<Self> {
        let root = place(to)?;
        for _ in 0..3 {
            match make_dir(&root) {
                Ok(()) => {
                    if let Some(lock) = lock(&root)? {
                        return Ok(Self { root, _lock: lock });
                    }
                }
                Err(_) if root.is_dir() && !root.is_symlink() => clear(&root)?,
                Err(error) => return Err(error),
            }
        }
        Err(busy(&root))
    }

    /// A place in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Looks whether `to` can become a folder of exported objects: it is not there, or empty. What a run that was killed has
/// left of its work on it is removed.
///
/// # Errors
/// Why it cannot; when another run is at it, too.
pub fn look(to: &Path) -> Result<()> {
    let to = &real(to)?;
    let staging = place(to)?;
    clear(&staging)?;
    if !to.exists() {
        let parent = to.parent().unwrap_or(to);
        return if parent.is_dir() { Ok(()) } else { Err(usage(parent, "no such folder", "make it first")) };
    }
    if !to.is_dir() {
        return Err(usage(to, "not a folder", "name a new one"));
    }
    if fs::read_dir(to).map_err(fault(to, "list"))?.next().is_some() {
        return Err(usage(to, "there is something in it already", "name a new folder"));
    }
    Ok(())
}

/// Where `to` is, without links.
pub(super) fn real(to: &Path) -> Result<PathBuf> {
    let real = if to.exists() { fs::canonicalize(to) } else { std::path::absolute(to) };
    real.map_err(fault(to, "look at"))
}

/// The staging folder for what becomes `to`.
fn place(to: &Path) -> Result<PathBuf> {
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(usage(to, "it cannot be made", "name a new folder"));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.extend([name, ENDING.as_ref()]);
    Ok(parent.join(hidden))
}

/// Removes what a run that was killed has left.
fn clear(root: &Path) -> Result<()> {
    match lock(root)? {
        Some(_lock) => fs::remove_dir_all(root).map_err(fault(root, "remove")),
        None => Ok(()),
    }
}

/// Locks the folder; `None` when it is not there, or went away meanwhile, as another run's does when that ends.
fn lock(root: &Path) -> Result<Option<File>> {
    let lock = match File::open(root) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        lock => lock.map_err(fault(root, "open"))?,
    };
    lock.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => busy(root),
        TryLockError::Error(e) => fault(root, "lock")(e),
    })?;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let is_there = root.symlink_metadata().is_ok_and(|there| lock.metadata().is_ok_and(|m| id(there) == id(m)));
    Ok(Some(lock).filter(|_| is_there))
}

fn busy(root: &Path) -> Error {
    usage(root, "another export into the same place is under way", "wait until it ends")
}

fn usage(path: &Path, what: &str, hint: &str) -> Error {
    Error::usage(format!("{}: {what}", path.display())).hinted(hint)
}

/// `Error::Io` for `path`.
pub(super) fn fault(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error {
    let file = path.display().to_string();
    move |source| Error::io(file.clone(), doing, source)
}

/// Makes a folder that nobody else looks into.
pub(super) fn make_dir(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).map_err(fault(path, "make"))
}

/// Makes a file that nobody else reads: there may be secrets in it.
pub(super) fn create(path: &Path) -> Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path).map_err(fault(path, "make"))
}

/// Makes sure that what is in the folder survives a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(fault(path, "sync"))
}
