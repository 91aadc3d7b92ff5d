//! The files that are to be read for the catalog.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use super::entry::Stamp;
use crate::{
    Error, Result,
    source::{is_stdin, is_url, part_of, without_secrets},
};

/// A file, or a backup in an archive, that is to be read.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) path: PathBuf,
    /// Its name in the catalog.
    pub(super) name: PathBuf,
    /// The name of the archive of several backups that it is in.
    pub(super) archive: Option<PathBuf>,
    /// Whether the user named not this file but its folder.
    pub(super) in_folder: bool,
    /// From before it is opened; `None` for what has no place on the disk.
    pub(super) stamp: Option<Stamp>,
    /// Bytes on disk.
    pub(super) size: u64,
}

impl Queued {
    /// One of the backups in this archive.
    pub(super) fn part(&self, part: &str) -> Self {
        Self {
            path: part_of(&self.path, part),
            name: part_of(&self.name, part),
            archive: Some(self.name.clone()),
            in_folder: false,
            stamp: self.stamp,
            size: 0,
        }
    }

    /// Whether it is read on one core, beside others.
    fn is_small(&self) -> bool {
        self.size <= SMALL && self.stamp.is_some() && self.archive.is_none() && !is_url(&self.path)
    }
}

/// A file up to this size is read on one core, beside others.
const SMALL: u64 = 16 << 20;

/// Takes the files that are read next, at the same time: some small ones, or a large one alone, on all cores. None at
/// the end.
pub(super) fn next_group(queue: &mut VecDeque<Queued>) -> Vec<Queued> {
    let most = rayon::current_num_threads().saturating_mul(2);
    let mut group: Vec<_> = queue.pop_front().into_iter().collect();
    while group.len() < most
        && group.last().is_some_and(Queued::is_small)
        && queue.front().is_some_and(Queued::is_small)
    {
        group.extend(queue.pop_front());
    }
    group
}

/// The name of a file in the catalog: its absolute path, or its URL.
pub(super) fn full_name(file: &Path) -> Result<PathBuf> {
    if is_stdin(file) {
        return Ok(PathBuf::from("-"));
    }
    if is_url(file) {
        return Ok(without_secrets(&file.to_string_lossy()).into());
    }
    std::path::absolute(file).map_err(|e| Error::io(file.display().to_string(), "find", e))
}
