//! A member's data directory: where its db, its log and its `.snap` files are.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{DoubtFile, Part, SegmentName};
use crate::{Error, Finding, Result, bytes::file_name};

/// The parts of a member's data directory, each kind by name.
#[derive(Debug)]
pub(super) struct DataDir {
    pub(super) db: Part,
    pub(super) wal: Vec<Part>,
    pub(super) snaps: Vec<Part>,
    pub(super) snap_dbs: Vec<Part>,
    /// Findings for files beside the log's segments that look like one.
    pub(super) passed_over: Vec<Finding>,
    pub(super) doubts: Vec<DoubtFile>,
}

/// The folder that holds `snap` and `wal`: `DIR/member`, or DIR itself when it is `member`.
#[must_use]
pub(crate) fn member_dir(dir: &Path) -> Option<PathBuf> {
    [dir.join("member"), dir.to_owned()].into_iter().find(|dir| dir.join("snap").join("db").is_file())
}

/// Whether the folder is a data directory: it holds `member/snap/db`, or is `member` itself.
#[must_use]
pub fn is_data_dir(dir: &Path) -> bool {
    member_dir(dir).is_some()
}

/// The data directory that the file at `path` is the db of, where it has a log.
pub(super) fn around(path: &Path) -> Option<PathBuf> {
    let around = |db: &Path| {
        let snap = db.parent().filter(|dir| db.ends_with("snap/db") && dir.file_name().is_some())?;
        let member = snap.parent().filter(|dir| is_log_dir(&dir.join("wal")).unwrap_or(false))?;
        let dir = if member.ends_with("member") { member.parent()? } else { member };
        Some(dir.to_owned()).filter(|dir| !dir.as_os_str().is_empty())
    };
    // where it is named from inside of the directory, or by a link
    around(path).or_else(|| around(&path.canonicalize().ok()?))
}

/// Whether the folder `dir` holds segments of a log.
///
/// # Errors
/// When it cannot be listed.
pub fn is_log_dir(dir: &Path) -> Result<bool> {
    Ok(names(dir)?.iter().any(|name| SegmentName::parse(&file_name(name)).is_some()))
}

/// The first segment of the log in the folder `dir`, where that has the `member/wal` of a data directory, and no db.
pub(super) fn log_without_db(dir: &Path) -> Option<PathBuf> {
    let wal = dir.join("member").join("wal");
    let names = if is_data_dir(dir) { Vec::new() } else { names(&wal).unwrap_or_default() };
    names.into_iter().map(|name| wal.join(name)).find(|path| SegmentName::parse(&file_name(path)).is_some())
}

/// Opens the parts of the data directory `dir`, with its log in `wal_dir` when that is not `member/wal`.
pub(super) fn open(dir: &Path, wal_dir: Option<&Path>) -> Result<Option<DataDir>> {
    let Some(member) = member_dir(dir) else { return Ok(None) };
    let parts = |folder: &Path, wanted: fn(&str) -> bool| -> Result<Vec<Part>> {
        let paths = names(folder)?.into_iter().map(|name| folder.join(name));
        let paths = paths.filter(|path| wanted(&file_name(path)));
        paths.enumerate().map(|(n, path)| Ok(Part::open(&path)?.beside(n))).collect()
    };
    let (snap, wal) = (member.join("snap"), member.join("wal"));
    let wal = wal_dir.unwrap_or(&wal);
    Ok(Some(DataDir {
        db: Part::open(&snap.join("db"))?,
        wal: parts(wal, |name| SegmentName::parse(name).is_some())?,
        snaps: parts(&snap, |name| name.ends_with(".snap"))?,
        snap_dbs: parts(&snap, |name| name.ends_with(".snap.db"))?,
        passed_over: names(wal)?
            .iter()
            .filter_map(|name| SegmentName::passed_over(&file_name(wal.join(name))))
            .collect(),
        doubts: DoubtFile::on_disk(&member),
    }))
}

/// The names in a folder, sorted; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<OsString>> {
    let fault = |source| Error::io(file_name(folder), "list", source);
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
