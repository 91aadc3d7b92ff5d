//! What a run is going to do at a destination, found out without writing.

use std::{
    io,
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat, statfs, statvfs},
    io::Errno,
};
use serde::Serialize;

use super::{
    Owner,
    disk::{fault, no_room},
};
use crate::{Result, source::Part};

/// What a run is going to do at a destination.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// The renames at its end, in their order; `<UTC>` in a name is the time then.
    pub renames: Vec<Move>,
    /// The room that it needs, by file system.
    pub room: Vec<Room>,
    /// The folders that cannot be written to, or whose files cannot be given to their owner.
    pub denied: Vec<Denied>,
}

/// A rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The path before.
    pub from: PathBuf,
    /// The path after.
    pub to: PathBuf,
}

/// The room in one file system.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// A folder in it.
    pub folder: PathBuf,
    /// Bytes that are needed at most.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Whether less may do, because the file system may share blocks with the backup.
    pub may_share: bool,
    #[serde(skip)]
    device: u64,
}

/// A folder that cannot be written to, or whose files cannot be given to their owner.
#[derive(Debug, Clone, Serialize)]
pub struct Denied {
    /// The folder.
    pub folder: PathBuf,
    /// The system's reason.
    pub why: String,
    #[serde(skip)]
    doing: &'static str,
    #[serde(skip)]
    errno: Errno,
}

/// What a file is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blocks<'p> {
    /// Content that is written.
    New,
    /// A copy of another file; an unpacked one is linked where that can be done.
    Of(&'p Part),
    /// A copy of what was written beside it.
    OfItself,
}

impl Room {
    /// Whether it is not enough for sure.
    #[must_use]
    pub(crate) fn lacks(&self) -> bool {
        self.free < self.needed && !self.may_share
    }
}

impl Rehearsal {
    /// Adds `bytes` that are written to `path`, which need not exist yet.
    ///
    /// # Errors
    /// When the folders there cannot be looked at.
    pub(crate) fn write(&mut self, path: &Path, bytes: u64, blocks: Blocks<'_>) -> Result<()> {
        let folder = path.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
        let looked = fault(folder, "look for free space at");
        let device = folder.metadata().map_err(&looked)?.dev();
        let is_here = |part: &Part| part.id().0 == device;
        let (bytes, may_share) = match blocks {
            Blocks::Of(part) if is_here(part) && part.own => (0, false),
            Blocks::Of(part) => (bytes, is_here(part) && shares_blocks(folder)),
            Blocks::OfItself => (bytes, bytes > 0 && shares_blocks(folder)),
            Blocks::New => (bytes, false),
        };
        let access = accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
        if let Err(errno) = access
            && self.denied.iter().all(|denied| denied.folder != folder)
        {
            let why = io::Error::from(errno).to_string();
            self.denied.push(Denied { folder: folder.to_owned(), why, doing: "write into", errno });
        }
        if let Some(room) = self.room.iter_mut().find(|room| room.device == device) {
            room.needed = room.needed.saturating_add(bytes);
            room.may_share |= may_share;
            return Ok(());
        }
        let found = statvfs(folder).map_err(|e| looked(e.into()))?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        self.room.push(Room { folder: folder.to_owned(), needed: bytes, free, may_share, device });
        Ok(())
    }

    /// Adds the files at `path` that are going to be given to `owner`. Whether that can be done is tried on a file
    /// without a name, which is gone at once: on a network's file system, root may not have the right.
    pub(crate) fn give(&mut self, path: &Path, owner: Option<Owner>) {
        let folder = path.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
        let Some(Owner { user, group }) = owner else { return };
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // Without the right to write there, that is the finding; some file systems have no such files.
        let Ok(file) = openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR) else { return };
        let Err(error) = fchown(&file, user, group) else { return };
        let id = |id: Option<u32>| id.map_or(String::new(), |id| id.to_string());
        let why = format!("files cannot be given to {}:{}: {error}", id(user), id(group));
        let errno = error.raw_os_error().map_or(Errno::PERM, Errno::from_raw_os_error);
        if self.denied.iter().all(|denied| denied.folder != folder) {
            self.denied.push(Denied { folder: folder.to_owned(), why, doing: "change the owner of files in", errno });
        }
    }

    /// Checks the rights and the room.
    ///
    /// # Errors
    /// The folder that cannot be written to, or the file system that lacks room.
    pub fn check(&self) -> Result<()> {
        if let Some(denied) = self.denied.first() {
            return Err(fault(&denied.folder, denied.doing)(denied.errno.into()));
        }
        let lacking = self.room.iter().find(|room| room.lacks());
        lacking.map_or(Ok(()), |room| Err(no_room(&room.folder, room.needed, room.free)))
    }
}

/// Whether files in the file system of `folder` may share blocks; not where it is known to have no such thing.
fn shares_blocks(folder: &Path) -> bool {
    const EXT4: u64 = 0xef53;
    const TMPFS: u64 = 0x0102_1994;
    const F2FS: u64 = 0xf2f5_2010;
    const FAT: u64 = 0x4d44;
    !statfs(folder).is_ok_and(|found| [EXT4, TMPFS, F2FS, FAT].contains(&(found.f_type as u64)))
}
