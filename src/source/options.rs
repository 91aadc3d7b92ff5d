//! How a source is opened.

use std::{fs::File, path::PathBuf};

use super::map;
use crate::{Error, Result};

/// Where and how much may be unpacked.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for unpacked files; `TMPDIR` by default.
    pub tmp_dir: PathBuf,
    /// The most bytes that are unpacked.
    pub max_unpacked: u64,
    /// Where the log of a data directory is when it is not `member/wal`.
    pub wal_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tmp_dir: std::env::temp_dir(), max_unpacked: 64 << 30, wal_dir: None }
    }
}

impl Options {
    /// A nameless file in the folder for unpacked files.
    pub(super) fn scratch(&self) -> Result<File> {
        map::nameless(&self.tmp_dir).map_err(|source| {
            let doing = "make a file in (--tmp-dir names another folder)";
            Error::io(self.tmp_dir.display().to_string(), doing, source)
        })
    }
}
