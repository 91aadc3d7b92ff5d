//! Owner and mode of what is written.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown},
    path::Path,
};

use super::disk::{fault, sync_dir};
use crate::{Error, Result};

/// The owner of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's id; `None` keeps that of the process.
    pub user: Option<u32>,
    /// The group's id; `None` keeps that of the process.
    pub group: Option<u32>,
}

impl Owner {
    /// The owner of the member in the data directory `dir`, or of the directory itself, when that is another than this
    /// process's, which may give files away: only root can.
    #[must_use]
    pub fn of(dir: &Path) -> Option<Self> {
        let there = fs::metadata(dir.join("member")).or_else(|_| fs::metadata(dir)).ok()?;
        let (user, group) = (there.uid(), there.gid());
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        (own.0 == 0 && own != (user, group)).then_some(Self { user: Some(user), group: Some(group) })
    }

    /// Reads `USER`, `USER:GROUP` or `:GROUP`, by name or number. Names are those of `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub fn parse(text: &str) -> Result<Self> {
        let (user, group) = text
            .split_once(':')
            .map_or((Some(text), ""), |(user, group)| (Some(user).filter(|user| !user.is_empty()), group));
        let group = Some(group).filter(|group| !group.is_empty());
        Ok(Self {
            user: user.map(|user| id_of(user, "/etc/passwd", "user")).transpose()?,
            group: group.map(|group| id_of(group, "/etc/group", "group")).transpose()?,
        })
    }
}

/// The id of `name` in a file of `name:x:id:...` lines.
fn id_of(name: &str, file: &str, what: &str) -> Result<u32> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let lines = fs::read_to_string(file).unwrap_or_default();
    let found = lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    });
    found
        .ok_or_else(|| Error::usage(format!("--owner: no {what} {name:?} in {file}")).hinted("give the number instead"))
}

/// Sets mode and owner of everything at and below `path`, and syncs all of it; files get the mode without the right to
/// execute.
///
/// # Errors
/// When one of them cannot be set.
pub(crate) fn settle(path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
    let is_dir = path.is_dir();
    settle_one(path, if is_dir { mode } else { mode & 0o666 }, owner)?;
    if is_dir {
        for entry in fs::read_dir(path).map_err(fault(path, "list"))? {
            settle(&entry.map_err(fault(path, "list"))?.path(), mode, owner)?;
        }
    }
    // of a file it is mode and owner that are not on the disk yet
    sync_dir(path)
}

/// Sets mode and owner of `path`.
///
/// # Errors
/// When one of them cannot be set.
pub(crate) fn settle_one(path: &Path, mode: u32, owner: Option<Owner>) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fault(path, "change the mode of"))?;
    let Some(Owner { user, group }) = owner else { return Ok(()) };
    lchown(path, user, group).map_err(fault(path, "change the owner of"))
}
