//! The interface of a planned change of a directory.

use std::path::{Path, PathBuf};

use super::directory::Directory;
use crate::{Result, error::Next, etcd::Load, publish::Watch, source::Source};

/// A change of a directory, planned.
pub trait PlannedChange {
    /// How far the log is applied.
    fn load(&self) -> Load;

    /// What is going to be done, for people: the name of the command, then lines with the name of what each is about,
    /// which is empty where the line before has it.
    fn lines(&self, source: &Source) -> (&'static str, Vec<(&'static str, String)>);

    /// Why the wanted etcd (without one: every etcd) does not start on the result; `None` when it starts.
    fn stopped(&self) -> Option<String>;

    /// The paths of the files that are replaced or added; the last one makes the change effective.
    ///
    /// # Errors
    /// When there is no log to continue.
    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>>;

    /// Writes the new content of `file` to `path`, which does not exist yet, and syncs it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, source: &Source, file: &Path, path: &Path, watch: Watch<'_>) -> Result<()>;

    /// What to do after the change, the directory being `data_dir` then, and its log in `wal_dir` when not in
    /// `member/wal`.
    fn next(&self, data_dir: &Path, wal_dir: Option<&Path>) -> Next;

    /// Reads back what was written to `path` for `file`.
    ///
    /// # Errors
    /// When it is not what was planned.
    fn check(&self, source: &Source, file: &Path, path: &Path) -> Result<()>;
}
