//! The small rows of a catalog: a backup, a file, a lineage. They are JSON.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    bytes::file_name,
    hash::Sha256,
    k8s::Moment,
    source::{DoubtFile, Options, Stat, is_url, stat, stat_doubts},
    verify::Verdict,
};

/// A backup: what `verify` found, and where it belongs. Two files with the same content are one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its id in the catalog: the start of the SHA-256 of the db, and for a data directory of what its log adds.
    pub id: String,
    /// SHA-256 of the unpacked file, as hex.
    pub sha256: Option<String>,
    /// The lineages that it belongs to; none where it is damaged, and so not indexed.
    pub lineages: Vec<u32>,
    /// The identity of its cluster.
    pub identity: Option<String>,
    /// The last revision, including a data directory's log.
    pub revision: Option<i64>,
    /// The revision up to which it is compacted.
    pub compacted: Option<i64>,
    /// The revision that the newest restore with `--bump-revision` raised it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bump: Option<i64>,
    /// Live keys.
    pub keys: Option<u64>,
    /// Size of the unpacked db in bytes.
    pub size: u64,
    /// The newest time inside.
    pub newest: Option<String>,
    /// The worst verdict on a file with this content.
    pub verdict: Verdict,
    /// The first error, or else the first warning.
    pub finding: Option<String>,
    /// Live values that no key opened.
    pub sealed: u64,
}

impl Entry {
    /// The newest time inside.
    #[must_use]
    pub fn time(&self) -> Option<Moment> {
        Moment::parse(self.newest.as_deref()?)
    }

    /// Without the numbers of a damaged backup of which no key could be read: it may have keys, and so another
    /// revision.
    pub(super) fn of_what_was_read(self) -> Self {
        match self.verdict == Verdict::Damaged && self.keys == Some(0) {
            true => Self { revision: None, keys: None, ..self },
            false => self,
        }
    }
}

/// What the file system, or a store, reports of a file: a later difference is a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    /// Bytes; of a data directory, of its db and log together.
    pub size: u64,
    /// Time of the last write: seconds and nanoseconds since 1970; of a data directory, the latest.
    pub mtime: (i64, i64),
    /// The inode; of an object in a store, the start of the SHA-256 of its ETag.
    pub inode: u64,
    /// The start of a SHA-256 of the stamps of the files that record doubt about it; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubts: Option<u64>,
}

impl Stamp {
    /// The stamp of a file, or of the db and log of a data directory.
    ///
    /// # Errors
    /// As [`fs::metadata`].
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let mut stamp = Self::at(&metadata);
        let member = metadata.is_dir().then(|| crate::source::member_dir(path)).flatten();
        let doubts = DoubtFile::paths(member.as_deref().unwrap_or(path)).into_iter();
        let doubts = doubts.filter_map(|path| fs::metadata(&path).or_else(|_| path.symlink_metadata()).ok());
        stamp = stamp.beside(doubts.map(|metadata| Self::at(&metadata)));
        if metadata.is_dir() {
            let member = member.unwrap_or_default();
            stamp.size = 0;
            for part in ["snap", "wal"] {
                for entry in fs::read_dir(member.join(part)).into_iter().flatten().flatten() {
                    let Ok(metadata) = entry.metadata() else { continue };
                    let one = Self::at(&metadata);
                    stamp.size = stamp.size.saturating_add(one.size);
                    stamp.mtime = stamp.mtime.max(one.mtime);
                }
            }
        }
        Ok(stamp)
    }

    /// The stamp with those of the files that record doubt about the backup: a later one is a change, too.
    #[must_use]
    pub fn beside(self, doubts: impl IntoIterator<Item = Self>) -> Self {
        let mut doubts = doubts.into_iter().peekable();
        if doubts.peek().is_none() {
            return Self { doubts: None, ..self };
        }
        let mut sum = Sha256::default();
        for Self { size, mtime: (seconds, nanos), inode, .. } in doubts {
            sum.update(&size.to_le_bytes());
            sum.update(&seconds.to_le_bytes());
            sum.update(&nanos.to_le_bytes());
            sum.update(&inode.to_le_bytes());
        }
        Self { doubts: Some(start(sum)), ..self }
    }

    /// The stamp of a file now, or of an object in a store with those that record doubt about it.
    ///
    /// # Errors
    /// When the system, or the store, refuses.
    pub fn now(file: &Path, options: &Options) -> Result<Self> {
        if is_url(file) {
            let stamp = Self::of_object(&stat(file, options)?);
            return Ok(stamp.beside(stat_doubts(file, options)?.iter().map(Self::of_object)));
        }
        Self::of(file).map_err(|e| Error::io(file_name(file), "look at", e))
    }

    /// The stamp of an object in a store, without the objects that record doubt about it.
    #[must_use]
    pub fn of_object(stat: &Stat) -> Self {
        let mut etag = Sha256::default();
        etag.update(stat.etag.as_deref().unwrap_or_default().as_bytes());
        Self { size: stat.size, mtime: stat.modified, inode: start(etag), doubts: None }
    }

    fn at(metadata: &fs::Metadata) -> Self {
        let (size, mtime) = (metadata.len(), (metadata.mtime(), metadata.mtime_nsec()));
        Self { size, mtime, inode: metadata.ino(), doubts: None }
    }
}

/// The start of a SHA-256, as a number.
fn start(sum: Sha256) -> u64 {
    sum.finish().first_chunk().map_or(0, |start| u64::from_le_bytes(*start))
}

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    /// Its stamp; `None` for what was read from standard input.
    pub stamp: Option<Stamp>,
    /// The id of the backup in it.
    pub snapshot: Option<String>,
    /// Why there is no backup in it.
    pub error: Option<String>,
    /// Whether it was gone when it was last looked for.
    #[serde(default)]
    pub missing: bool,
    /// Whether another content was found in it than [`FileRow::snapshot`] names: it is to be read again.
    #[serde(default)]
    pub changed: bool,
    /// The names of the backups in it, where it is an archive of several; each has a row of its own, `ARCHIVE:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
    /// Of such a backup: the length of the archive's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<usize>,
}

impl FileRow {
    /// Whether nothing is known but that it could not be read.
    pub(super) fn is_only_an_error(&self) -> bool {
        self.error.is_some() && self.snapshot.is_none() && self.parts.is_empty() && self.archive.is_none()
    }

    /// The file on the disk of the row of `name`: itself, or the archive that it is in.
    #[must_use]
    pub fn on_disk<'n>(&self, name: &'n Path) -> &'n Path {
        let outer = self.archive.and_then(|len| name.as_os_str().as_bytes().get(..len));
        outer.map_or(name, |outer| Path::new(OsStr::from_bytes(outer)))
    }
}

/// Backups of which each continues the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// The identity of the cluster.
    pub identity: Option<String>,
    /// The last revisions of its backups, ascending.
    pub heads: Vec<i64>,
    /// The prefixes of the keys of objects.
    pub prefixes: Vec<String>,
}
