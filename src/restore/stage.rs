//! All or nothing: what is written is staged in a folder that nobody reads, and shown by renames.
//!
//! ```text
//! DIR exists       DIR/.etcdsnap-restore/new/member            -> DIR/member
//! DIR does not     PARENT/.DIR.etcdsnap-restore/new/member     new -> DIR
//! ```
//!
//! The folder is locked while it is worked in. One that nobody has locked was left by a kill or a power cut: the next
//! run finds in its journal which renames were to be done, takes back those that were if the last of them was not, and
//! removes it. What is staged, and where it goes, is not known here.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    disk::fault,
    journal::{self, Journal, forget, unsure},
};
use crate::{Error, Result};

pub(super) const FOLDER: &str = ".etcdsnap-restore";

/// A folder to stage in, gone when this is dropped.
#[derive(Debug)]
pub(super) struct Staging {
    root: PathBuf,
    lock: File,
    /// Folders that had to be made for it, outermost first.
    made: Vec<PathBuf>,
    /// What is in it is needed still.
    keep: bool,
}

/// The folder that a result which becomes `destination` is staged in: inside it when it exists, else beside it.
fn folder_for(destination: &Path) -> PathBuf {
    beside(destination).filter(|_| !destination.is_dir()).unwrap_or_else(|| destination.join(FOLDER))
}

fn beside(destination: &Path) -> Option<PathBuf> {
    let mut folder = std::ffi::OsString::from(".");
    folder.push(destination.file_name()?);
    folder.push(FOLDER);
    Some(destination.parent()?.join(folder))
}

/// Puts right what a run that was killed has left of its work on `destination`, which may be there since.
///
/// # Errors
/// Why it cannot be put right; when another run is at it, too.
pub fn recover(destination: &Path) -> Result<()> {
    let folders = [Some(destination.join(FOLDER)), beside(destination)];
    folders.into_iter().flatten().filter(|folder| folder.is_dir()).try_for_each(|folder| clear(&folder))
}

/// Whether a run that was killed has left word in `destination` of the renames that it was to do.
pub(super) fn has_journal(destination: &Path) -> bool {
    journal::is_in(&destination.join(FOLDER))
}

impl Staging {
    /// Makes the folder for what becomes `destination`, with what is missing above it; what an earlier run left there is
    /// put right first.
    pub(super) fn create(destination: &Path) -> Result<Self> {
        let root = folder_for(destination);
        let made = match root.parent() {
            Some(parent) => make_missing(parent)?,
            None => Vec::new(),
        };
        let unmake = |error| {
            made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
            error
        };
        let lock = claim(&root).map_err(unmake)?;
        Ok(Self { root, lock, made, keep: false })
    }

    /// A place in the folder.
    pub(super) fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.root.join(inner)
    }

    /// The folder, open.
    pub(super) fn folder(&self) -> &File {
        &self.lock
    }

    /// Whether two folders can change places in this file system.
    pub(super) fn can_exchange(&self) -> bool {
        let (a, b) = (self.path("a"), self.path("b"));
        let made = fs::create_dir(&a).and_then(|()| fs::create_dir(&b));
        made.is_ok() && renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).is_ok()
    }

    /// Does the renames: all of them, or none.
    pub(super) fn publish(&mut self, journal: &Journal) -> Result<()> {
        journal.run(&self.root).map_err(|undone| {
            self.keep = !undone.taken_back;
            undone.why
        })
    }

    /// Leaves the folder to the next run when `other` is left to it: the journal there leads to what is here.
    pub(super) fn keep_with(&mut self, other: &Self) {
        self.keep |= other.keep;
    }

    /// Folders that had to be made above it, outermost first.
    pub(super) fn made(&self) -> &[PathBuf] {
        &self.made
    }

    /// Keeps what had to be made above the folder: it holds the result now.
    pub(super) fn keep_parents(&mut self) {
        self.made.clear();
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed now is removed by the next run.
            let _ = forget(&self.root);
            let _ = fs::remove_dir_all(&self.root);
        }
        self.made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Makes `folder` and locks it; one that was left behind is put right and removed first.
fn claim(folder: &Path) -> Result<File> {
    for _ in 0..3 {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {
                if let Some(lock) = lock(folder)? {
                    return Ok(lock);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => clear(folder)?,
            Err(e) => return Err(fault(folder, "make")(e)),
        }
    }
    Err(busy(folder))
}

/// Locks the folder; `None` when it went away meanwhile, as another run's does when that ends.
fn lock(folder: &Path) -> Result<Option<File>> {
    let lock = match File::open(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock.map_err(fault(folder, "open"))?,
    };
    lock.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => busy(folder),
        TryLockError::Error(e) => fault(folder, "lock")(e),
    })?;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let is_there = folder.symlink_metadata().is_ok_and(|there| lock.metadata().is_ok_and(|m| id(there) == id(m)));
    Ok(Some(lock).filter(|_| is_there))
}

fn busy(folder: &Path) -> Error {
    Error::usage(format!("{}: another restore into the same place is under way", folder.display()))
        .hinted("wait until it ends")
}

/// Puts right what a run that was killed has left.
fn clear(folder: &Path) -> Result<()> {
    let Some(lock) = lock(folder)? else { return Ok(()) };
    // Its journal says what is renamed and removed: whoever may make folders here could have it say anything.
    if lock.metadata().map_err(fault(folder, "look at"))?.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsure(folder, "another user has left it"));
    }
    if let Some(journal) = Journal::read(folder)? {
        journal.recover(folder)?;
        journal.also.iter().filter(|other| is_staging(other)).for_each(|other| drop(fs::remove_dir_all(other)));
    }
    fs::remove_dir_all(folder).map_err(fault(folder, "remove"))
}

fn is_staging(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().ends_with(FOLDER))
}

/// Makes `folder` and what is missing above it; returns what was made, outermost first.
fn make_missing(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut missing: Vec<_> =
        folder.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    missing.reverse();
    let mut made: Vec<PathBuf> = Vec::new();
    for dir in missing {
        if let Err(e) = fs::DirBuilder::new().mode(0o700).create(dir) {
            made.iter().rev().for_each(|dir| drop(fs::remove_dir(dir)));
            return Err(fault(dir, "make")(e));
        }
        made.push(dir.to_owned());
    }
    Ok(made)
}
