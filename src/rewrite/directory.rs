//! The directory of a stopped member, and where the result goes.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::log::unusable;
use crate::{
    Error, Result,
    error::Severity,
    etcd::{Load, Snapshot, log_of_stranger},
    publish::{DirLock, Owner, Place, Run, Watch, copy, fault, has_journal, real, recover},
    source::{BackupKind, Part, Source, member_dir},
    wal::Log,
};

/// The directory of a stopped member.
#[derive(Debug)]
pub struct Directory<'s> {
    /// The files of the directory.
    pub source: &'s Source,
    /// The `member` folder.
    pub member: PathBuf,
    /// The folder of its log.
    pub wal: PathBuf,
    /// Whether the folder of the log was named separately.
    pub apart: bool,
}

/// Where the result goes.
#[derive(Debug, Clone)]
pub enum Way {
    /// Into a new directory.
    Copy(Place),
    /// Into the directory itself.
    InPlace,
}

impl Way {
    /// Checks that the result of changing `directory` can go there; with `recover_first`, what a killed run has left
    /// there is cleaned up first.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn look(&self, directory: &Directory<'_>, recover_first: bool) -> Result<()> {
        let Self::Copy(place) = self else { return Ok(()) };
        let usage = |what: String| Error::usage(what).hinted("name another folder with --to");
        let around = directory.member.parent().unwrap_or(&directory.member);
        for own in [around, &directory.wal] {
            if real(&place.data_dir)?.starts_with(real(own)?) {
                return Err(usage(format!(
                    "{}: it would be inside the directory that is copied",
                    place.data_dir.display()
                )));
            }
        }
        if recover_first {
            recover(&place.data_dir, Run::Restore)?;
        }
        place.look(false).map_err(|error| match error {
            Error::Usage { what, .. } => usage(what),
            other => other,
        })
    }
}

impl<'s> Directory<'s> {
    /// Cleans up what a killed run has left in the directory `path`, unless an etcd is running there.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn recover(path: &Path, wal_dir: Option<&Path>) -> Result<()> {
        let mut folders = [path.join("member"), path.to_owned()].into_iter();
        let Some(member) = folders.find(|folder| folder.join("snap").is_dir()) else { return Ok(()) };
        let (snap, wal) = (member.join("snap"), wal_dir.map_or_else(|| member.join("wal"), Path::to_path_buf));
        let _lock = Self::lock(&member, &wal)?;
        // Where nothing can be exchanged, there is no db between two renames.
        let db = snap.join("db");
        if db.exists() && Part::open(&db)?.is_locked() {
            return Ok(());
        }
        // A run that changed both folders has its journal in one, and needs what is staged in the other.
        let mut folders = [snap, wal];
        folders.sort_by_key(|folder| !has_journal(folder, Run::Restore));
        folders.iter().try_for_each(|folder| recover(folder, Run::Restore))
    }

    /// The directory that `source` is, with its log in `wal_dir` when that is not `member/wal`.
    ///
    /// # Errors
    /// When it is no data directory, has no log, or is in use by a running etcd.
    pub fn new(source: &'s Source, wal_dir: Option<&Path>) -> Result<Self> {
        let usage = |what: &str, hint: &str| Error::usage(format!("{}: {what}", source.name())).hinted(hint);
        let path = std::path::absolute(source.path()).map_err(fault(source.path(), "look at"))?;
        let member = member_dir(&path).filter(|_| source.kind() == BackupKind::DataDir && source.wrapping().is_empty());
        let Some(member) = member else {
            return Err(usage("not a data directory", "`etcdsnap restore` makes one from a backup"));
        };
        let wal = wal_dir.map_or_else(|| Ok(member.join("wal")), std::path::absolute);
        let wal = wal.map_err(fault(&member, "look at"))?;
        let directory = Self { source, member, wal, apart: wal_dir.is_some() };
        directory.check_stopped()?;
        if source.wal().is_empty() {
            let what = format!("there is no log in {}: only a log holds the member's id", directory.wal.display());
            return Err(usage(&what, "--wal-dir names the folder of a log that is elsewhere"));
        }
        Ok(directory)
    }

    /// Checks that the log is of a member of the db, and that one that was named separately continues from the db, as
    /// far as that can be known.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn check_log(&self, log: &Log<'s>) -> Result<()> {
        let db = Snapshot::load(self.source, &Load { wal: false, ..Load::default() })?;
        if !self.apart {
            let stranger = log_of_stranger(&db, self.source, log);
            let stranger = stranger.filter(|finding| finding.severity == Severity::Error);
            return stranger.map_or(Ok(()), |finding| Err(unusable(self.source, finding)));
        }
        // A db that has applied no entry yet fits any log.
        if db.state.meta.consistent_index.unwrap_or(0) == 0 { Ok(()) } else { db.check_log_match(self.source, log) }
    }

    /// Locks the data directory that `member` is in, and the log's folder.
    fn lock(member: &Path, wal: &Path) -> Result<DirLock> {
        // The directory may be named by links.
        let real = fs::canonicalize(member).map_err(fault(member, "look at"))?;
        DirLock::take([real.parent().unwrap_or(&real), wal])
    }

    /// Locks the directory for a change in place: no other run writes there until the lock is dropped, and none has
    /// since it was opened.
    ///
    /// # Errors
    /// When another run writes there, or has.
    pub(super) fn lock_as_opened(&self) -> Result<DirLock> {
        let lock = Self::lock(&self.member, &self.wal)?;
        [self.source.db()].into_iter().chain(self.source.wal()).try_for_each(Part::is_at_its_path)?;
        Ok(lock)
    }

    /// Checks that no etcd uses the directory.
    ///
    /// # Errors
    /// When an etcd uses it.
    pub(crate) fn check_stopped(&self) -> Result<()> {
        let held = self.source.wal().iter().any(Part::is_locked).then_some(&self.wal);
        let Some(held) = self.source.db().is_locked().then_some(&self.member).or(held) else { return Ok(()) };
        let what = format!("{}: a running etcd holds it", held.display());
        Err(Error::usage(what).hinted("stop that etcd first"))
    }

    /// The path of a part's file.
    #[must_use]
    pub(crate) fn path_of(&self, part: &Part) -> PathBuf {
        let name = part.path().file_name().unwrap_or_default();
        let of_log = self.source.wal().iter().any(|segment| segment.id() == part.id());
        if of_log { self.wal.join(name) } else { self.member.join("snap").join(name) }
    }

    /// Mode and owner of `path`, for its copy. Only root can give files away.
    pub(super) fn rights(path: &Path) -> Result<(u32, Option<Owner>)> {
        let metadata = fs::metadata(path).map_err(fault(path, "look at"))?;
        let owner = Owner { user: Some(metadata.uid()), group: Some(metadata.gid()) };
        let owner = Some(owner).filter(|_| rustix::process::geteuid().is_root());
        Ok((metadata.permissions().mode() & 0o777, owner))
    }
}

/// Copies a part, and compares the copy unless it shares its blocks.
pub(super) fn copy_part(part: &Part, to: &Path, watch: Watch<'_>) -> Result<fs::File> {
    let (file, shared) = copy(part, to, watch)?;
    if shared || Part::open(to)?.bytes() == part.bytes() {
        return Ok(file);
    }
    Err(fault(to, "read back")(std::io::Error::other("it is not what was copied")))
}
