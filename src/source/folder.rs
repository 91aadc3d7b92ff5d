//! A folder that was named in the place of the backups in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::is_data_dir;

/// A file or data directory that may be a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was not named itself, but the folder that it is in.
    pub in_folder: bool,
}

/// What `named` means to a command on many backups: a folder is replaced by the files and data directories in it, sorted
/// by name; a data directory is itself one. A folder that cannot be listed stays, so that opening it says why.
#[must_use]
pub fn candidates(named: &[PathBuf]) -> Vec<Candidate> {
    named.iter().flat_map(|path| expand(path)).collect()
}

fn expand(path: &Path) -> Vec<Candidate> {
    let entries = (path.is_dir() && !is_data_dir(path)).then(|| fs::read_dir(path).ok()).flatten();
    let Some(entries) = entries else { return vec![Candidate { path: path.to_owned(), in_folder: false }] };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|path| path.is_file() || is_data_dir(path)).collect();
    paths.sort();
    paths.into_iter().map(|path| Candidate { path, in_folder: true }).collect()
}
