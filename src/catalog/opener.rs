//! How the files of backups are opened for the catalog.

use std::path::Path;

use crate::{
    Error, Result,
    source::{Options, Source},
};

/// Opens files for the catalog. A caller that keeps a record of what it reads does so here.
pub trait Opener {
    /// Why a run ends at once.
    type Failure: From<Error>;

    /// Opens a file.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn open(&mut self, file: &Path, options: &Options) -> Result<Source>;

    /// Opens files, at the same time where there are several. The results are in the same order.
    fn open_all(&mut self, files: &[&Path], options: &Options) -> Vec<Result<Source>>;

    /// Ends the reading of a backup: the inner result is [`crate::source::Input::intact`].
    ///
    /// # Errors
    /// Why the run ends at once.
    fn close(&mut self, source: &Source) -> Result<Result<()>, Self::Failure>;

    /// Takes the progress: bytes that were read, and those of all files.
    fn progress(&self, done: u64, all: u64);

    /// Whether the run is to end before the next file.
    fn is_stopped(&self) -> bool;
}
