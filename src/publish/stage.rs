//! The staging folder: what is written is not seen before it is renamed into place.
//!
//! ```text
//! inside DIR     DIR/.etcdsnap-RUN/           for what is added to a folder
//! beside it      PARENT/.NAME.etcdsnap-RUN/   for what becomes NAME
//! ```
//!
//! The folder is locked while it is used. One that nobody has locked was left by a kill or a power cut: the next run
//! reads in its journal which renames were to be done, finishes or undoes them, and removes it.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{
    disk::{fault, sync_dir},
    journal::{self, Journal, forget, unsure},
    lock::busy,
    run::Run,
    zone::is_marked,
};
use crate::{Error, Result};

/// A locked staging folder; dropping it removes the folder, and what had to be created above it.
#[derive(Debug)]
pub(crate) struct Staging {
    root: PathBuf,
    lock: File,
    /// Folders that had to be created for it, outermost first.
    made: Vec<PathBuf>,
    /// Whether what is in it is still needed.
    keep: bool,
}

/// Cleans up what a killed run has left of its work on `destination`, in a staging folder inside it or beside it.
///
/// # Errors
/// Why that is not possible, such as another run that uses the folder.
pub fn recover(destination: &Path, run: Run) -> Result<()> {
    let folders = [Some(run.inside(destination)), run.beside(destination)];
    folders.into_iter().flatten().try_for_each(|folder| recover_in(&folder, run))
}

/// The same for one staging folder, which need not exist.
pub(super) fn recover_in(folder: &Path, run: Run) -> Result<()> {
    if folder.is_dir() { clear(folder, run) } else { Ok(()) }
}

/// Whether a killed run has left a journal in the folder `destination`.
#[must_use]
pub(crate) fn has_journal(destination: &Path, run: Run) -> bool {
    journal::is_in(&run.inside(destination))
}

impl Staging {
    /// Creates the folder for `destination`, and what is missing above it: inside `destination` when that exists, else
    /// beside it. What a killed run has left there is cleaned up first.
    ///
    /// # Errors
    /// When it cannot be created or cleaned up, or another run uses it.
    pub(crate) fn create(destination: &Path, run: Run) -> Result<Self> {
        Self::at(Self::root(destination, run), run)
    }

    /// The folder that is created for `destination`.
    pub(super) fn root(destination: &Path, run: Run) -> PathBuf {
        let beside = run.beside(destination).filter(|_| !destination.is_dir());
        beside.unwrap_or_else(|| run.inside(destination))
    }

    pub(super) fn at(root: PathBuf, run: Run) -> Result<Self> {
        let mut made = Vec::new();
        match make_missing(root.parent(), &mut made).and_then(|()| claim(&root, run)) {
            Ok(lock) => Ok(Self { root, lock, made, keep: false }),
            Err(error) => {
                unmake(&made);
                Err(error)
            }
        }
    }

    /// The path of `inner` in the folder.
    pub(crate) fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.root.join(inner)
    }

    /// The open folder.
    #[must_use]
    pub(crate) fn folder(&self) -> &File {
        &self.lock
    }

    /// Whether the file system lets two folders change places.
    #[must_use]
    pub(crate) fn can_exchange(&self) -> bool {
        let (a, b) = (self.path("a"), self.path("b"));
        let made = fs::create_dir(&a).and_then(|()| fs::create_dir(&b));
        made.is_ok() && renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).is_ok()
    }

    /// Syncs the folders that had to be created above it: their names, modes and owners.
    ///
    /// # Errors
    /// When one of them cannot be synced.
    pub(super) fn sync_made(&self) -> Result<()> {
        self.made.iter().try_for_each(|folder| {
            sync_dir(folder)?;
            folder.parent().map_or(Ok(()), sync_dir)
        })
    }

    /// Does all renames of `journal`, or none.
    ///
    /// # Errors
    /// When one of them failed.
    pub(crate) fn publish(&mut self, journal: &Journal) -> Result<()> {
        self.sync_made()?;
        journal.run(&self.root).map_err(|failed| {
            self.keep = !failed.undone;
            failed.why
        })
    }

    /// Leaves the folder to the next run when `other` is left to it: the journal there names what is here.
    pub(crate) fn keep_with(&mut self, other: &Self) {
        self.keep |= other.keep;
    }

    /// Folders that had to be created above it, outermost first.
    #[must_use]
    pub(crate) fn made(&self) -> &[PathBuf] {
        &self.made
    }

    /// Keeps the folders that had to be created above it: they hold the result now.
    pub(crate) fn keep_parents(&mut self) {
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
        unmake(&self.made);
    }
}

/// Removes folders that are empty, innermost first.
fn unmake(made: &[PathBuf]) {
    made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
}

/// Creates `folder` and locks it; one that a killed run has left is cleaned up first.
fn claim(folder: &Path, run: Run) -> Result<File> {
    for _ in 0..3 {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => match lock(folder) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => {}
                Err(error) => {
                    // Unless another run has it, it would be left to nobody: not every file system has locks.
                    if matches!(error, Error::Io { .. }) {
                        let _ = fs::remove_dir(folder);
                    }
                    return Err(error);
                }
            },
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => clear(folder, run)?,
            Err(e) => return Err(fault(folder, "make")(e)),
        }
    }
    Err(busy(folder))
}

/// Locks the folder; `None` when it is gone, as another run's is when that ends.
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

/// Finishes or undoes what a killed run has left in its staging folder, and removes that.
fn clear(folder: &Path, run: Run) -> Result<()> {
    let Some(lock) = lock(folder)? else { return Ok(()) };
    // Its journal decides what is renamed and removed: whoever may create folders here could write any journal.
    if lock.metadata().map_err(fault(folder, "look at"))?.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsure(folder, run, "it belongs to another user"));
    }
    if let Some(journal) = Journal::read(folder, run)? {
        journal.recover(folder, run)?;
        let here = folder.canonicalize().map_err(fault(folder, "look at"))?;
        let others = journal.also.iter().filter(|other| is_marked(other, &here, run));
        others.for_each(|other| drop(fs::remove_dir_all(other)));
    }
    fs::remove_dir_all(folder).map_err(fault(folder, "remove"))
}

/// Creates `folder` and what is missing above it; adds what was created to `made`, outermost first.
fn make_missing(folder: Option<&Path>, made: &mut Vec<PathBuf>) -> Result<()> {
    let missing = folder.into_iter().flat_map(Path::ancestors);
    let mut missing: Vec<_> = missing.take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    missing.reverse();
    for dir in missing {
        match fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => made.push(dir.to_owned()),
            // Another run made it meanwhile, and removes it if it fails.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(e) => return Err(fault(dir, "make")(e)),
        }
    }
    Ok(())
}
