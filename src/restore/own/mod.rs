//! A member's own directory with one file of it written anew: it stays who it is, with all that it holds.
//!
//! ```text
//! alone      its log removes the others: a new last segment      (etcd's --force-new-cluster)
//! apply      ┌ a copy: everything cloned or copied into a staging folder, the one file written anew, renamed into place
//!            └ in place: the file staged beside the one that is there, which it changes places with and which is kept
//! ```
//!
//! A plan says what is going to be done and implements [`Rewrite`]; nothing is written before it was printed.

mod alone;
mod apply;
mod directory;
mod log;

use std::path::Path;

pub use alone::{Alone, LogEnd};
pub use apply::{Rewritten, apply, judge};
pub use directory::{Directory, Way};

use super::copy::Watch;
use crate::{
    Result,
    etcd::Load,
    source::{Part, Source},
};

/// What is changed in a directory: one file.
pub trait Rewrite {
    /// How much of the log counts.
    fn load(&self) -> Load;

    /// The file that is written anew.
    fn old<'s>(&self, source: &'s Source) -> Result<&'s Part>;

    /// Writes it to `path`, where nothing is, and syncs it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&self, source: &Source, path: &Path, watch: Watch<'_>) -> Result<()>;

    /// Reads back what was written to `path`.
    ///
    /// # Errors
    /// When it is not what was planned.
    fn check(&self, source: &Source, path: &Path) -> Result<()>;
}
