//! An open backup with all its parts.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    BackupKind, DoubtFile, Input, Options, Origin, Part, RaftFiles, Wrapping, input, is_stdin,
    kept::{Kept, Spool},
};
use crate::{Code, Error, Finding, Result, bytes::file_name};

/// An open backup.
#[derive(Debug)]
pub struct Source {
    pub(super) origin: Origin,
    pub(super) kind: BackupKind,
    pub(super) wrapping: Vec<Wrapping>,
    pub(super) db: Part,
    pub(super) wal: Vec<Part>,
    /// The log that was named separately; it replaces `wal`.
    pub(super) log: Option<RaftFiles>,
    pub(super) snaps: Vec<Part>,
    pub(super) snap_dbs: Vec<Part>,
    /// The containers around the backup, outermost first: they are unpacked, and must not change.
    pub(super) containers: Vec<Part>,
    pub(super) notes: Vec<Finding>,
    pub(super) doubts: Vec<DoubtFile>,
    pub(super) options: Options,
    pub(super) kept: Kept,
    pub(super) part_of: Option<PathBuf>,
}

impl Source {
    /// Returns this source with its db replaced by `file`, a copy of the db or of the one that came from the leader:
    /// for checking the copy instead.
    ///
    /// # Errors
    /// When it cannot be mapped.
    pub(crate) fn copy(&self, file: File) -> Result<Self> {
        Ok(Self {
            origin: self.origin.clone(),
            kind: self.kind,
            wrapping: self.wrapping.clone(),
            db: Part::own(self.db.origin().clone(), file)?,
            wal: self.wal().to_vec(),
            log: None,
            snaps: self.snaps.clone(),
            snap_dbs: self.snap_dbs.clone(),
            containers: Vec::new(),
            notes: self.notes.clone(),
            doubts: self.doubts.clone(),
            options: self.options.clone(),
            kept: Kept::default(),
            part_of: self.part_of.clone(),
        })
    }

    /// Returns this source with `log` as its log.
    #[must_use]
    pub fn with_log(mut self, log: RaftFiles) -> Self {
        self.notes.retain(|note| !matches!(note.code, Code::NoLog | Code::LogBeside));
        Self { log: Some(log), part_of: None, ..self }
    }

    /// The data directory that this file is the db of, where its log is there and is not read.
    #[must_use]
    pub fn part_of(&self) -> Option<&Path> {
        self.part_of.as_deref()
    }

    /// The name of the log that was named separately, as the user typed it.
    #[must_use]
    pub fn log_name(&self) -> Option<&str> {
        self.log.as_ref().map(RaftFiles::name)
    }

    /// Whether the user named the folder of the data directory's log.
    #[must_use]
    pub fn log_is_elsewhere(&self) -> bool {
        self.kind == BackupKind::DataDir && self.log.is_none() && self.options.wal_dir.is_some()
    }

    /// Error for the damage in `finding`; or for a change while the source was read, as the files of a running etcd
    /// change, which makes them look damaged.
    #[must_use]
    pub fn damaged(&self, finding: Finding) -> Error {
        self.intact()
            .err()
            .unwrap_or_else(|| Error::Damaged { file: self.name().to_owned(), finding: Box::new(finding) })
    }

    /// The source's name for messages: as the user named it, with the part that was picked.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.display
    }

    /// The source as a word of a command line: its path in the system's bytes, or its name where it is a part of a file
    /// or the object at a URL.
    #[must_use]
    pub fn word(&self) -> &OsStr {
        let Origin { path, display } = &self.origin;
        if *display == file_name(path) { path.as_os_str() } else { display.as_ref() }
    }

    /// Path of the source, or of the outermost layer around it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.origin.path
    }

    /// Whether the source is a db with no layer around it, and `named` is that file itself or standard input: what
    /// etcdutl reads.
    #[must_use]
    pub fn is_bare(&self, named: &Path) -> bool {
        let is_itself = self.path() == named || is_stdin(named);
        self.kind != BackupKind::DataDir && self.wrapping.is_empty() && is_itself
    }

    /// The kind of the backup.
    #[must_use]
    pub fn kind(&self) -> BackupKind {
        self.kind
    }

    /// The layers around the backup, outermost first.
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
    pub(crate) fn snaps(&self) -> &[Part] {
        &self.snaps
    }

    /// The files that record doubt about the backup.
    #[must_use]
    pub fn doubts(&self) -> &[DoubtFile] {
        &self.doubts
    }

    /// The dbs that a data directory has received from a leader, by name.
    #[must_use]
    pub(crate) fn snap_dbs(&self) -> &[Part] {
        &self.snap_dbs
    }

    /// The db that a data directory has received from the leader with the snapshot at the entry `index`, and that has
    /// not yet replaced its own db: `<index>.snap.db`.
    #[must_use]
    pub(crate) fn snap_db(&self, index: u64) -> Option<&Part> {
        let name = format!("{index:016x}.snap.db");
        self.snap_dbs.iter().find(|part| part.name().rsplit('/').next() == Some(&name))
    }

    /// A buffer for bytes that are made from the source's parts, for [`Source::keep`].
    pub(crate) fn spool(&self) -> Spool {
        Spool::new(&self.options)
    }

    /// Keeps the bytes of a [`Spool`] as long as the source itself, so that they can be borrowed as those of its parts.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn keep(&self, spool: Spool) -> Result<&[u8]> {
        self.kept.keep(spool)
    }

    /// Makes sure that everything that was read is still what it was.
    ///
    /// # Errors
    /// [`Error::Changed`], with the first byte that is lost.
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
