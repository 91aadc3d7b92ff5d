//! The kinds of backup.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kind of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackupKind {
    /// A db with a trailer, from `snapshot save`.
    Saved,
    /// A db without a trailer: a copy of `member/snap/db`.
    Copy,
    /// A member's directory.
    DataDir,
}

impl fmt::Display for BackupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Saved => "snapshot",
            Self::Copy => "db copy",
            Self::DataDir => "data directory",
        })
    }
}

impl Serialize for BackupKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
