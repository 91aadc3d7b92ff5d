//! What the user named, and how its bytes are reached.
//!
//! A SNAPSHOT is a file from `etcdctl snapshot save`, a bare copy of `member/snap/db`, or a data directory; each may
//! be wrapped in gzip, zstd, xz, bzip2, zip or tar, or be the only one in a folder. What it is, is told by its content
//! and never by its name; what it is not, is named too, with what to do.
//!
//! ```text
//! open ─> a folder?  datadir, or the one snapshot in it
//!      ─> a file?    sniff ─> bbolt: map it
//!                          ─> a container: unpack it to a nameless file, sniff again
//!                          ─> else: foreign says what it is
//! ```
//!
//! Files are read through memory maps with a guard (`map`): what shrinks or cannot be read under the reader is told by
//! [`Source::intact`], which every command asks before it reports success.

mod datadir;
mod folder;
mod foreign;
mod input;
mod kept;
mod locator;
mod map;
mod open;
mod part;
mod raft;
mod segment;
mod sniff;
mod unpack;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer};

pub use datadir::{is_data_dir, member_dir};
pub use folder::{Candidate, candidates};
pub use input::Input;
pub(crate) use kept::Spool;
pub use locator::{Locator, Origin};
pub use map::free_space;
pub use part::{Digests, Part};
pub use raft::{RaftFiles, RaftKind};
pub use segment::SegmentName;

use crate::{Error, Finding, Result};

/// Where and how much may be unpacked.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder for unpacked files; `TMPDIR` by default.
    pub tmp_dir: PathBuf,
    /// No more than so many bytes are unpacked.
    pub max_unpacked: u64,
    /// Where the log of a data directory is when it is not `member/wal`.
    pub wal_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { tmp_dir: std::env::temp_dir(), max_unpacked: 64 << 30, wal_dir: None }
    }
}

/// What kind of backup it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupKind {
    /// A db with a trailer: from `snapshot save`.
    Saved,
    /// A db without: a copy of `member/snap/db`.
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

/// A layer around the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// gzip, one or several members.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Zip => "zip",
            Self::Tar => "tar",
        })
    }
}

/// A backup, open.
#[derive(Debug)]
pub struct Source {
    origin: Origin,
    kind: BackupKind,
    wrapping: Vec<Wrapping>,
    db: Part,
    wal: Vec<Part>,
    /// A log that was named apart, in the place of `wal`.
    log: Option<RaftFiles>,
    snaps: Vec<Part>,
    snap_dbs: Vec<Part>,
    /// The containers around it, the outermost first: they are unpacked, and must not change.
    containers: Vec<Part>,
    notes: Vec<Finding>,
    options: Options,
    kept: kept::Kept,
}

impl Source {
    /// Opens the backup at `named`: a path, or `OUTER:INNER` for a file in a container or folder ([`Locator`]).
    ///
    /// # Errors
    /// When it cannot be read, is no backup, or several.
    pub fn open(named: &Path, options: &Options) -> Result<Self> {
        Ok(Self { options: options.clone(), ..open::open(&Locator::parse(named)?, options)? })
    }

    /// The same source with `file`, a copy of its db or of the one that came from the leader, in the place of its db: for
    /// checking the copy instead.
    ///
    /// # Errors
    /// When it cannot be mapped.
    pub fn copy(&self, file: std::fs::File) -> Result<Self> {
        let again = |parts: &[Part]| parts.iter().map(Part::again).collect::<Result<Vec<_>>>();
        Ok(Self {
            origin: self.origin.clone(),
            kind: self.kind,
            wrapping: self.wrapping.clone(),
            db: Part::own(self.db.origin().clone(), file)?,
            wal: again(self.wal())?,
            log: None,
            snaps: again(&self.snaps)?,
            snap_dbs: again(&self.snap_dbs)?,
            containers: Vec::new(),
            notes: self.notes.clone(),
            options: self.options.clone(),
            kept: kept::Kept::default(),
        })
    }

    /// The same source with `log` in the place of its own log, or of the one that it lacks.
    #[must_use]
    pub fn with_log(self, log: RaftFiles) -> Self {
        Self { log: Some(log), ..self }
    }

    /// How the log was named that was named apart.
    #[must_use]
    pub fn log_name(&self) -> Option<&str> {
        self.log.as_ref().map(RaftFiles::name)
    }

    /// That it is damaged, and `finding` says how.
    #[must_use]
    pub fn damaged(&self, finding: Finding) -> Error {
        Error::Damaged { file: self.name().to_owned(), finding: Box::new(finding) }
    }

    /// As the user named it, with the part that was picked, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.display
    }

    /// Where it lies, or the outermost layer around it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.origin.path
    }

    /// What kind of backup it is.
    #[must_use]
    pub fn kind(&self) -> BackupKind {
        self.kind
    }

    /// The layers around it, the outermost first.
    #[must_use]
    pub fn wrapping(&self) -> &[Wrapping] {
        &self.wrapping
    }

    /// The db.
    #[must_use]
    pub fn db(&self) -> &Part {
        &self.db
    }

    /// The log's segments, by name; none where there is no log.
    #[must_use]
    pub fn wal(&self) -> &[Part] {
        self.log.as_ref().map_or(&self.wal, RaftFiles::wal)
    }

    /// The `.snap` files of a data directory, by name.
    #[must_use]
    pub fn snaps(&self) -> &[Part] {
        &self.snaps
    }

    /// The dbs that a data directory has received from a leader, by name.
    #[must_use]
    pub fn snap_dbs(&self) -> &[Part] {
        &self.snap_dbs
    }

    /// The db that a data directory has received from the leader with the snapshot at the entry `index`, and not yet put
    /// in the place of its own: `<index>.snap.db`.
    #[must_use]
    pub fn snap_db(&self, index: u64) -> Option<&Part> {
        let name = format!("{index:016x}.snap.db");
        self.snap_dbs.iter().find(|part| part.name().rsplit('/').next() == Some(&name))
    }

    /// Takes bytes that are made from its parts, for [`Source::keep`].
    pub(crate) fn spool(&self) -> Spool {
        Spool::new(&self.options)
    }

    /// Keeps them as long as it is there itself, so that they can be borrowed from it as the parts' own are.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn keep(&self, spool: Spool) -> Result<&[u8]> {
        self.kept.keep(spool)
    }

    /// Makes sure that everything that was read is still what it was.
    ///
    /// # Errors
    /// [`crate::Error::Changed`], with the first byte that is lost.
    pub fn intact(&self) -> Result<()> {
        self.parts().chain(&self.containers).try_for_each(Part::intact)?;
        self.log.iter().try_for_each(RaftFiles::intact)
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.db].into_iter().chain(&self.wal).chain(&self.snaps).chain(&self.snap_dbs)
    }
}

impl Input for Source {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn notes(&self) -> &[Finding] {
        &self.notes
    }

    fn files(&self) -> Vec<&Part> {
        let log = self.log.iter().flat_map(RaftFiles::files);
        input::on_disk(&self.containers, self.parts()).chain(log).collect()
    }

    fn intact(&self) -> Result<()> {
        self.intact()
    }
}
