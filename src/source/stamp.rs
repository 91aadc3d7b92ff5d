//! Whether a file was changed while it was read.

use std::{fs::Metadata, os::unix::fs::MetadataExt as _};

/// The file system's metadata of a file: a later difference is a change of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) mtime: (i64, i64),
    ctime: (i64, i64),
    links: u64,
    rights: (u32, u32, u32),
    pub(super) id: (u64, u64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
            links: metadata.nlink(),
            rights: (metadata.mode(), metadata.uid(), metadata.gid()),
            id: (metadata.dev(), metadata.ino()),
        }
    }

    /// Describes a possible change of the content since. Another number of links and other permissions explain a new
    /// ctime: a file that is replaced by a rename stays readable as it was. A new ctime without such a reason may be
    /// changed content whose mtime was set back, as `rsync --inplace -t` does: then nothing that was read is certain.
    pub(super) fn difference(&self, now: &Self) -> Option<(String, Option<u64>)> {
        if now.size != self.size {
            let what = format!("its size went from {} to {} bytes", self.size, now.size);
            Some((what, Some(now.size.min(self.size))))
        } else if now.mtime != self.mtime {
            Some(("it was written to".to_owned(), None))
        } else if now.ctime != self.ctime && (now.links, now.rights) == (self.links, self.rights) {
            let what = "its attributes were changed, or it was written to and its time set back";
            Some((what.to_owned(), None))
        } else {
            None
        }
    }
}

/// What [`irregular`] calls a pipe.
pub(super) const PIPE: &str = "a pipe";

/// Kind of a file that is not a regular file.
pub(super) fn irregular(metadata: &std::fs::Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some(PIPE)
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}
