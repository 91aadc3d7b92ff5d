//! A member's data directory: where its db, its log and its `.snap` files are.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Part, open::Content, open::open_file};
use crate::{Error, Result, bytes::file_name};

/// The folder that holds `snap` and `wal`: `DIR/member`, or DIR itself when it is `member`.
#[must_use]
pub fn member_dir(dir: &Path) -> Option<PathBuf> {
    [dir.join("member"), dir.to_owned()].into_iter().find(|dir| dir.join("snap").join("db").is_file())
}

/// Whether the folder is a data directory: it holds `member/snap/db`, or is `member` itself.
#[must_use]
pub fn is_data_dir(dir: &Path) -> bool {
    member_dir(dir).is_some()
}

/// Opens the parts of the data directory `dir`, with its log in `wal_dir` when that is not `member/wal`.
pub(super) fn open(dir: &Path, wal_dir: Option<&Path>) -> Result<Option<Content>> {
    let Some(member) = member_dir(dir) else { return Ok(None) };
    let db = open_file(&member.join("snap").join("db"))?;
    let parts = |folder: &Path, ending: &str| -> Result<Vec<Part>> {
        let names = names(folder)?.into_iter().filter(|name| name.as_encoded_bytes().ends_with(ending.as_bytes()));
        names.map(|name| open_file(&folder.join(name))).collect()
    };
    let (snap, wal) = (member.join("snap"), member.join("wal"));
    let (wal, snaps, snap_dbs) =
        (parts(wal_dir.unwrap_or(&wal), ".wal")?, parts(&snap, ".snap")?, parts(&snap, ".snap.db")?);
    Ok(Some(Content::DataDir { db, wal, snaps, snap_dbs }))
}

/// The names in a folder, sorted; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<OsString>> {
    let fault = |source| Error::Io { file: file_name(folder), doing: "list", offset: None, source };
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fault)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(fault)?.file_name());
    }
    names.sort();
    Ok(names)
}
