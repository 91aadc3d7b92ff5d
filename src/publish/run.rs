//! The kinds of run, and the names of their staging folders.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// The kind of a run: it names the staging folder, and the run in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Run {
    /// `restore`, and what rewrites a member's own directory.
    Restore,
    /// `export`.
    Export,
    /// `salvage`.
    Salvage,
    /// `rows`, and other files that may be written again.
    Rows,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restore => "restore",
            Self::Export => "export",
            Self::Salvage => "salvage",
            Self::Rows => "rows",
        })
    }
}

impl Run {
    /// The name of its staging folder inside a destination, and the end of its name beside one.
    #[must_use]
    pub(crate) fn folder(self) -> String {
        format!(".etcdsnap-{self}")
    }

    /// The staging folder inside `destination`.
    pub(super) fn inside(self, destination: &Path) -> PathBuf {
        destination.join(self.folder())
    }

    /// The staging folder beside `destination`; `None` when that has no name, such as `/`.
    pub(super) fn beside(self, destination: &Path) -> Option<PathBuf> {
        let mut name = OsString::from(".");
        name.push(destination.file_name()?);
        name.push(self.folder());
        Some(destination.parent()?.join(name))
    }

    /// The destination that the staging folder `folder` is beside.
    pub(super) fn destination(self, folder: &Path) -> Option<PathBuf> {
        let ending = self.folder();
        let name = folder.file_name()?.as_bytes().strip_prefix(b".")?.strip_suffix(ending.as_bytes())?;
        Some(folder.parent()?.join(OsStr::from_bytes(name))).filter(|_| !name.is_empty())
    }

    /// Whether `path` is called as such a folder is.
    pub(super) fn is_folder(self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&self.folder()))
    }
}
