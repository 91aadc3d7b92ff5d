//! The files that record doubt about a backup: `NAME.etcdsnap.json` beside the backup NAME, or beside the folder
//! `member` that holds it; on disk, or in the same archive. `publish::Doubt` is what is in them.

use std::{
    collections::HashSet,
    io::Read,
    path::{Path, PathBuf},
};

use super::read_small;
use crate::bytes::file_name;

/// The end of such a file's name.
const ENDING: &str = ".etcdsnap.json";
/// The longest such file that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;
/// The endings of compressed files, which are made beside the original.
const COMPRESSED: [&str; 4] = ["gz", "zst", "xz", "bz2"];

/// A file that records doubt about a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtFile {
    /// The file's name, for messages.
    pub name: String,
    /// The file's bytes; none when it cannot be read.
    pub text: Vec<u8>,
}

impl DoubtFile {
    /// The path of the file for what is at `path`.
    #[must_use]
    pub(crate) fn beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(ENDING);
        PathBuf::from(name)
    }

    /// The files on disk about the backup at `path`: about that name, and about the file that it links to.
    pub(super) fn on_disk(path: &Path) -> Vec<Self> {
        let there = Self::paths(path).into_iter();
        there
            .map(|path| Self { name: file_name(&path), text: read_small(&path, MAX_LEN).unwrap_or_default() })
            .collect()
    }

    /// The paths of [`DoubtFile::on_disk`].
    pub(crate) fn paths(path: &Path) -> Vec<PathBuf> {
        let real = path.canonicalize().ok();
        let paths = [Some(path), real.as_deref()].into_iter().flatten().flat_map(subjects);
        let mut met = HashSet::new();
        let there = paths.map(|subject| Self::beside(&subject)).filter(|path| path.symlink_metadata().is_ok());
        there.filter(|path| met.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))).collect()
    }

    /// The names of the files about the backup `path`, which may be that of an object in a store.
    #[must_use]
    pub fn names(path: &Path) -> Vec<String> {
        subjects(path).map(|subject| file_name(Self::beside(&subject))).collect()
    }

    /// Whether the file `name` in an archive is about the backup `backup` in it.
    pub(super) fn is_about(name: &str, backup: &str) -> bool {
        let subject = name.strip_suffix(ENDING);
        subject.is_some_and(|subject| subjects(Path::new(backup)).any(|path| path == Path::new(subject)))
    }

    /// The file `name` with the bytes of `from`. One that cannot be read still records doubt.
    pub(super) fn read(name: String, from: impl Read) -> Self {
        let mut text = Vec::new();
        let read = from.take(MAX_LEN).read_to_end(&mut text);
        Self { name, text: read.map(|_| text).unwrap_or_default() }
    }
}

/// The paths that doubt about the backup at `path` may be recorded under.
fn subjects(path: &Path) -> impl Iterator<Item = PathBuf> {
    let compressed = path.extension().is_some_and(|ending| COMPRESSED.iter().any(|known| ending == *known));
    let original = compressed.then(|| path.with_extension(""));
    let snap = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "snap"));
    let member = snap.and_then(Path::parent).filter(|member| member.file_name().is_some());
    [Some(path.to_owned()), original, member.map(Path::to_owned)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_about_the_backup_or_the_member_that_holds_it() {
        let about =
            |backup: &str| subjects(Path::new(backup)).map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(about("d/member/snap/db"), ["d/member/snap/db", "d/member"]);
        assert_eq!(about("d/m.before-1/snap/0a.snap.db"), ["d/m.before-1/snap/0a.snap.db", "d/m.before-1"]);
        assert_eq!(about("x.db.gz"), ["x.db.gz", "x.db"]);
        assert_eq!(about("snap/db"), ["snap/db"]);
        assert_eq!(about("d"), ["d"]);
        assert!(DoubtFile::is_about("a/member.etcdsnap.json", "a/member/snap/db"));
        assert!(!DoubtFile::is_about("b/member.etcdsnap.json", "a/member/snap/db"));
    }
}
