//! A member's own directory with a file or a few of it written anew: it stays who it is, with all that it holds.
//!
//! ```text
//! alone      its log removes the others: a new last segment      (etcd's --force-new-cluster)
//! migrate    its db says another version: a new db               (etcdutl migrate)
//! outset     either's log starts behind what etcd would not get over: a .snap, a new last segment
//! apply      ┌ a copy: everything else cloned or copied into a staging folder, which is renamed into place
//!            └ in place: each file staged beside the one that is there, which it changes places with and which is kept
//! ```
//!
//! A plan says what is going to be done and implements [`Rewrite`]; nothing is written before it was printed.

mod alone;
mod apply;
mod directory;
mod log;
mod members;
mod migrate;
mod outset;
mod voters;

use std::path::{Path, PathBuf};

pub use alone::{Alone, LogEnd};
pub use apply::{Rewritten, apply, judge};
pub use directory::{Directory, Way};
pub use migrate::Migrate;

use crate::{Result, etcd::Load, publish::Watch, source::Source};

/// What is changed in a directory.
pub trait Rewrite {
    /// How much of the log counts.
    fn load(&self) -> Load;

    /// Why the etcd that is wanted, or any, does not start on the result.
    fn stopped(&self) -> Option<String>;

    /// The files that are written anew, or for the first time, where they come to lie; the one that makes the others
    /// count is the last.
    ///
    /// # Errors
    /// When there is nothing to go on from.
    fn files(&self, directory: &Directory<'_>) -> Result<Vec<PathBuf>>;

    /// Writes the one of them that comes to lie at `file` to `path`, where nothing is, and syncs it.
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
