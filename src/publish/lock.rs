//! The right to write a data directory: one run at a time has it, whatever it does there.
//!
//! A staging folder is locked as well, but there are several places for one: in the directory, beside it, in
//! `member/snap` and in the log's folder. What all writers of a directory have in common is the directory itself.

use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::disk::fault;
use crate::{Error, Result};

/// Locked data directories and folders of logs; dropping it unlocks them.
#[derive(Debug)]
pub(crate) struct DirLock {
    _folders: Vec<File>,
}

impl DirLock {
    /// Locks those of `folders` that exist; where one does not, who creates it is decided by the staging folder beside
    /// it.
    ///
    /// # Errors
    /// When another run has locked one of them, or the system refuses.
    pub(crate) fn take<'p>(folders: impl IntoIterator<Item = &'p Path>) -> Result<Self> {
        let (mut locked, mut ids) = (Vec::new(), Vec::new());
        for folder in folders {
            let file = match File::open(folder) {
                // That it is no folder is reported where that matters.
                Err(e) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&e.kind()) => continue,
                file => file.map_err(fault(folder, "open"))?,
            };
            let metadata = file.metadata().map_err(fault(folder, "look at"))?;
            let id = (metadata.dev(), metadata.ino());
            if !metadata.is_dir() || ids.contains(&id) {
                continue;
            }
            file.try_lock().map_err(|e| match e {
                TryLockError::WouldBlock => busy(folder),
                TryLockError::Error(e) => fault(folder, "lock")(e),
            })?;
            ids.push(id);
            locked.push(file);
        }
        Ok(Self { _folders: locked })
    }
}

/// The error that another run writes into `folder`.
pub(super) fn busy(folder: &Path) -> Error {
    Error::Busy { folder: folder.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_by_whatever_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link, missing) = (dir.path(), dir.path().join("link"), dir.path().join("missing"));
        std::os::unix::fs::symlink(path, &link).unwrap();
        let lock = DirLock::take([path, &link, &missing]).unwrap();
        let said = DirLock::take([&*link]).unwrap_err().to_string();
        assert!(said.contains("another etcdsnap is writing there"), "{said}");
        drop(lock);
        DirLock::take([&*link]).unwrap();
    }
}
