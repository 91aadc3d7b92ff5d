//! Options for opening a source.

use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{Recent, Remote, map};
use crate::{Error, Result};

/// Folders and limits for opening a source.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for unpacked files; `TMPDIR` by default.
    pub tmp_dir: PathBuf,
    /// Limit on the bytes that are unpacked.
    pub max_unpacked: u64,
    /// The folder of a data directory's log when it is not `member/wal`.
    pub wal_dir: Option<PathBuf>,
    /// Whether a file of no known format is opened as a db: one whose first pages are lost.
    pub metas_lost: bool,
    /// The store that URLs are opened from; none without network access.
    pub remote: Option<Remote>,
    /// The archive that was decompressed last.
    pub recent: Recent,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tmp_dir: std::env::temp_dir(),
            max_unpacked: 64 << 30,
            wal_dir: None,
            metas_lost: false,
            remote: None,
            recent: Recent::default(),
        }
    }
}

impl Options {
    /// A nameless file in the folder for unpacked files, readable by nobody else.
    pub(super) fn scratch(&self) -> Result<File> {
        // not every file system has files without a name
        map::nameless(&self.tmp_dir).or_else(|_| unlinked(&self.tmp_dir)).map_err(|source| {
            let doing = "create a temporary file in it; choose another folder with --tmp-dir";
            Error::io(self.tmp_dir.display().to_string(), doing, source)
        })
    }
}

/// A file in `dir` whose name is removed as soon as it is open.
fn unlinked(dir: &Path) -> io::Result<File> {
    let mut tries = 0_u32;
    loop {
        let path = dir.join(format!(".etcdsnap-{}-{tries}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && tries < 1000 => tries += 1,
            Err(e) => return Err(e),
            Ok(file) => return std::fs::remove_file(&path).map(|()| file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::MetadataExt as _};

    use super::*;

    #[test]
    fn a_file_loses_its_name_where_none_can_be_made_without() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join(format!(".etcdsnap-{}-0", std::process::id()));
        std::fs::write(&taken, b"another's").unwrap();
        let mut file = unlinked(dir.path()).unwrap();
        file.write_all(b"x").unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
        assert_eq!(std::fs::read(&taken).unwrap(), b"another's");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }
}
