//! What a change of a directory has to say and do.

use std::path::{Path, PathBuf};

use super::directory::Directory;
use crate::{Result, etcd::Load, publish::Watch, source::Source};

/// A change of a directory, planned.
pub trait Change {
    /// How much of the log counts.
    fn load(&self) -> Load;

    /// Why the etcd that is wanted, or any, does not start on the result; `None` when it does.
    fn stopped(&self) -> Option<String>;

    /// The paths of the files that are replaced or added; the one that makes the others count is the last.
    ///
    /// # Errors
    /// When there is no log to continue.
    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>>;

    /// Writes the new content of `file` to `path`, where nothing is, and syncs it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, source: &Source, file: &Path, path: &Path, watch: Watch<'_>) -> Result<()>;

    /// Reads back what was written to `path` for `file`.
    ///
    /// # Errors
    /// When it is not what was planned.
    fn check(&self, source: &Source, file: &Path, path: &Path) -> Result<()>;
}
