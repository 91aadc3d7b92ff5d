//! Checking whether files are as they were when they were added.

use std::{
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer};

use super::{
    entry::{FileRow, Stamp},
    lives::Holder,
    open::Catalog,
    opener::Opener,
    writer::Writer,
};
use crate::{
    Error, Result,
    error::Fault,
    hash::hex,
    source::{Options, is_url},
};

/// How a file is, compared with what the catalog has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// As it was when it was added.
    AsItWas,
    /// Not there.
    Missing,
    /// The system refuses to read it.
    Unreadable,
    /// Written to since it was added.
    Changed,
    /// Its content is another, although nothing has written to it.
    Bad,
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AsItWas => "as it was",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Changed => "changed",
            Self::Bad => "bad",
        })
    }
}

/// Its name.
impl Serialize for FileState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A file that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedFile {
    /// Its name in the catalog.
    pub file: String,
    /// How it is.
    pub state: FileState,
    /// Why it is bad, changed or unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The file itself, or the archive that it is in.
    #[serde(skip)]
    pub on_disk: PathBuf,
    /// Name and stamp in the catalog, which does not have yet that it is bad or changed.
    #[serde(skip)]
    news: Option<(PathBuf, Stamp)>,
}

/// The files of a catalog, checked.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CheckReport {
    /// The files, in the order of their paths. What was read from standard input is not among them.
    #[serde(rename = "items")]
    pub files: Vec<CheckedFile>,
}

impl CheckReport {
    /// Checks all files of a catalog. Every file that seems to be as it was is read again, and its SHA-256 compared;
    /// with `quick` only its stamp is compared, and no file is read.
    ///
    /// # Errors
    /// Those that end a run of `opener`, and when a file changed while it was read.
    pub fn new<O: Opener>(
        catalog: &Catalog,
        quick: bool,
        options: &Options,
        opener: &mut O,
    ) -> Result<Self, O::Failure> {
        let sizes = catalog.files().iter().filter_map(|(_, row)| Some(row.stamp?.size));
        let all = sizes.fold(0_u64, u64::saturating_add);
        let (mut report, mut done) = (Self::default(), 0_u64);
        for (path, row) in catalog.files() {
            let Some(was) = row.stamp.filter(|_| row.parts.is_empty()) else { continue };
            let (state, why) = match by_stamp(path, row, was, quick, options) {
                Some(known) => known,
                None => {
                    let holder = catalog.holders().iter().find(|of| Some(&of.entry.id) == row.snapshot.as_ref());
                    read(path, holder, options, opener, (done, all))?
                }
            };
            done = done.saturating_add(was.size);
            let is_news = matches!(state, FileState::Bad | FileState::Changed) && !row.changed;
            report.files.push(CheckedFile {
                file: path.display().to_string(),
                state,
                why,
                on_disk: row.on_disk(path).to_owned(),
                news: is_news.then(|| (path.clone(), was)),
            });
        }
        Ok(report)
    }

    /// Whether a file is bad or changed of which the catalog does not have this.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.files.iter().any(|of| of.news.is_some())
    }

    /// Notes in the catalog which files are bad or changed, so that the next `catalog add` reads them. Returns whether
    /// it was written.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn record(&self, mut writer: Writer) -> Result<bool> {
        self.files
            .iter()
            .filter_map(|of| of.news.as_ref())
            .try_for_each(|(name, was)| writer.mark_changed(name, *was))?;
        writer.finish()
    }
}

/// How a file is, and why, as far as its stamp shows it; `None` where it has to be read.
fn by_stamp(
    path: &Path,
    row: &FileRow,
    was: Stamp,
    quick: bool,
    options: &Options,
) -> Option<(FileState, Option<String>)> {
    let now = match Stamp::now(row.on_disk(path), options) {
        Ok(now) => now,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Some((FileState::Missing, None));
        }
        Err(error) => return Some((FileState::Unreadable, Some(error.to_string()))),
    };
    match difference(was, now, is_url(path)) {
        Some(why) => Some((FileState::Changed, Some(why.to_owned()))),
        None if quick && row.changed => Some((FileState::Bad, Some(FOUND_BEFORE.to_owned()))),
        None if quick || row.error.is_some() => Some((FileState::AsItWas, None)),
        None => None,
    }
}

/// Why a file is bad that is not read now.
const FOUND_BEFORE: &str = "an earlier check found that its content has changed, and it was not added again since";

/// What shows that a file, or an object in a store, was written to. The inode of a file does not: one that was restored
/// with its time, as by rsync, has another.
fn difference(was: Stamp, now: Stamp, is_object: bool) -> Option<&'static str> {
    if (now.size, now.mtime) != (was.size, was.mtime) {
        return Some("it was written to since it was added");
    }
    if is_object && now.inode != was.inode {
        return Some("it was replaced since it was added: it has another ETag");
    }
    (now.doubts != was.doubts).then_some("its NAME.etcdsnap.json, which records doubt about it, has changed")
}

/// Reads a file that should be as it was. `done` and `all` are the bytes of the files before it, and of all.
fn read<O: Opener>(
    path: &Path,
    holder: Option<&Holder>,
    options: &Options,
    opener: &mut O,
    (done, all): (u64, u64),
) -> Result<(FileState, Option<String>), O::Failure> {
    let source = match opener.open(path, options) {
        Ok(source) => source,
        Err(error) => {
            let state = if error.fault() == Fault::System { FileState::Unreadable } else { FileState::Bad };
            return Ok((state, Some(error.to_string())));
        }
    };
    let digests = match source.db().digests(|read| opener.progress(done.saturating_add(read), all)) {
        Ok(digests) => digests,
        Err(error) => return Ok((FileState::Unreadable, Some(error.to_string()))),
    };
    opener.close(&source)??;
    let was = holder.and_then(|of| of.entry.sha256.as_deref());
    Ok(match was == Some(hex(&digests.file).as_str()) {
        true => (FileState::AsItWas, None),
        false => {
            let why = "its content has changed, although nothing has written to it: the disk may be failing";
            (FileState::Bad, Some(why.to_owned()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_replaced_has_another_etag() {
        let was = Stamp { size: 1, mtime: (2, 3), inode: 4, doubts: None };
        assert_eq!(difference(was, was, true), None);
        assert_eq!(difference(was, Stamp { inode: 5, ..was }, false), None);
        for now in [Stamp { inode: 5, ..was }, Stamp { mtime: (2, 4), ..was }, Stamp { doubts: Some(1), ..was }] {
            assert!(difference(was, now, true).is_some(), "{now:?}");
        }
    }
}
