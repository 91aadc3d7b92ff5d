//! Mount points in a folder that is to be renamed: the kernel refuses to rename one, and what is mounted below a folder
//! is moved with it until the next boot, when it is mounted at its old path again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use crate::{Result, publish::disk::fault};

/// Folders deeper than this are not looked into: a member has two levels.
const MAX_DEPTH: usize = 8;

/// What a path is on: the device and, from Linux 5.8 on, the mount, which distinguishes bind mounts.
type On = (u32, u32, Option<u64>);

fn on(path: &Path) -> io::Result<On> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = statx(CWD, path, flags, StatxFlags::MNT_ID)?;
    let has_mount = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    Ok((found.stx_dev_major, found.stx_dev_minor, has_mount.then_some(found.stx_mnt_id)))
}

/// Whether something is mounted at `path`.
///
/// # Errors
/// When it cannot be looked at; a missing path is no mount point.
pub(super) fn is_mount(path: &Path) -> Result<bool> {
    let Some(parent) = path.parent() else { return Ok(true) };
    match on(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        is => Ok(is.map_err(fault(path, "look at"))? != on_folder(parent)?),
    }
}

/// A mount point below the folder `path`, if there is one.
///
/// # Errors
/// When something there cannot be looked at.
pub(super) fn mount_below(path: &Path) -> Result<Option<PathBuf>> {
    if !path.is_dir() {
        return Ok(None);
    }
    below(path, on_folder(path)?, MAX_DEPTH)
}

/// The same for a folder, of which `path` may be a symbolic link.
fn on_folder(path: &Path) -> Result<On> {
    on(&path.join(".")).map_err(fault(path, "look at"))
}

fn below(folder: &Path, is_on: On, depth: usize) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).map_err(fault(folder, "list"))? {
        let entry = entry.map_err(fault(folder, "list"))?;
        let path = entry.path();
        match on(&path) {
            // A running etcd removes files.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(fault(&path, "look at")(e)),
            Ok(other) if other != is_on => return Ok(Some(path)),
            Ok(_) => {}
        }
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let found = below(&path, is_on, depth.saturating_sub(1))?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}
