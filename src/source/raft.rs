//! The raft files of a member, with its db or without: after a disaster they may be all that is left.
//!
//! A data directory, its folder `member`, `wal` or `snap`, one file, or any of these inside containers.

use std::path::{Path, PathBuf};

use super::{
    Input, Options, Part, SegmentName, Wrapping, datadir, foreign,
    input::on_disk,
    locator::{Locator, Origin},
    pick::{named, pick_one},
    sniff::{HEAD, Sniffed, is_container, sniff, sniffed},
    stdin, unpack, url,
};
use crate::{Code, Error, Finding, Result, bytes::file_name};

/// The files that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaftKind {
    /// The log's segments; a single file is one.
    Log,
    /// The files in `snap` beside the db, and the log that they belong to; a single file is a `.snap`.
    Snaps,
}

/// The open raft files of one member.
#[derive(Debug)]
pub struct RaftFiles {
    origin: Origin,
    wal: Vec<Part>,
    snaps: Vec<Part>,
    containers: Vec<Part>,
    notes: Vec<Finding>,
}

impl RaftKind {
    /// The kind of the file `name`; `None` when it is not wanted.
    fn of(self, name: &str) -> Option<Self> {
        let snap = [".snap", ".snap.db", ".broken"].iter().any(|ending| name.ends_with(ending));
        if SegmentName::parse(name).is_some() {
            Some(Self::Log)
        } else {
            // a broken segment that etcd renamed has that ending, too
            Some(Self::Snaps).filter(|_| self == Self::Snaps && snap && !name.ends_with(".wal.broken"))
        }
    }

    /// The folder in which etcd keeps files of this kind.
    fn folder(self) -> &'static str {
        match self {
            Self::Log => "wal",
            Self::Snaps => "snap",
        }
    }
}

impl RaftFiles {
    /// Opens the files at `named`: a path, or `OUTER:INNER` for the member of folder INNER in an archive, or the entry
    /// INNER of a folder ([`Locator`]).
    ///
    /// # Errors
    /// When the input cannot be read, or holds no files of `kind`.
    pub fn open(named: &Path, kind: RaftKind, options: &Options) -> Result<Self> {
        let named = Locator::parse(named)?;
        if named.is_stdin() {
            let part = stdin::open(options)?;
            return Opening::new(part.origin().inside(named.display()), kind, options).part(part, named.inner());
        }
        if named.is_url() {
            let (part, inner) = url::open(&named, options)?;
            return Opening::new(part.origin().inside(named.display()), kind, options).part(part, inner.as_deref());
        }
        match named.inner() {
            Some(inner) if named.outer().is_dir() => {
                Self::open_path(&entry(named.outer(), inner)?, None, kind, options)
            }
            inner => Self::open_path(named.outer(), inner, kind, options),
        }
    }

    /// As [`RaftFiles::open`]; a folder that holds no such files, and exactly one data directory or archive, stands for
    /// that.
    ///
    /// # Errors
    /// As [`RaftFiles::open`], and when the folder holds several.
    pub fn find(named: &Path, kind: RaftKind, options: &Options) -> Result<Self> {
        let entries = if named.is_dir() { datadir::names(named)? } else { Vec::new() };
        let has_folder = |dir: &Path| {
            let folders = [dir.join("member").join(kind.folder()), dir.join(kind.folder())];
            folders.iter().any(|dir| dir.is_dir())
        };
        if has_folder(named) || entries.iter().any(|name| kind.of(&file_name(name)).is_some()) {
            return Self::open(named, kind, options);
        }
        let inner = entries.iter().map(|name| (file_name(name), named.join(name)));
        // One that cannot be read may be the one that is meant.
        let may_be_one = |path: &Path| has_folder(path) || is_container(path) || sniffed(path).is_err();
        let found: Vec<_> = inner.filter(|(_, path)| may_be_one(path)).collect();
        let names: Vec<_> = found.iter().map(|(name, _)| name.clone()).collect();
        match found.as_slice() {
            [] => Self::open(named, kind, options),
            [(_, one)] => Self::open(one, kind, options),
            _ => {
                let none = || Error::not_found(format!("{}: it is empty", file_name(named)));
                Err(pick_one(&file_name(named), None, &names, none).err().unwrap_or_else(none))
            }
        }
    }

    fn open_path(path: &Path, pick: Option<&str>, kind: RaftKind, options: &Options) -> Result<Self> {
        let opening = Opening::new(Origin::file(path), kind, options);
        if path.is_dir() { opening.folder(path) } else { opening.part(Part::open(path)?, pick) }
    }

    /// The name in messages, as the user typed it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.display
    }

    /// The log's segments, by name.
    #[must_use]
    pub fn wal(&self) -> &[Part] {
        &self.wal
    }

    /// The files in `snap` beside the db, by name; none unless [`RaftKind::Snaps`] were wanted.
    #[must_use]
    pub(crate) fn snaps(&self) -> &[Part] {
        &self.snaps
    }
}

impl Input for RaftFiles {
    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn notes(&self) -> &[Finding] {
        &self.notes
    }

    fn files(&self) -> Vec<&Part> {
        on_disk(&self.containers, self.wal.iter().chain(&self.snaps)).collect()
    }

    fn intact(&self) -> Result<()> {
        self.wal.iter().chain(&self.snaps).chain(&self.containers).try_for_each(Part::intact)
    }
}

struct Opening<'o> {
    files: RaftFiles,
    kind: RaftKind,
    options: &'o Options,
}

impl<'o> Opening<'o> {
    fn new(origin: Origin, kind: RaftKind, options: &'o Options) -> Self {
        let (wal, snaps, containers, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { files: RaftFiles { origin, wal, snaps, containers, notes }, kind, options }
    }

    fn take(&mut self, kind: RaftKind, part: Part) {
        let files = match kind {
            RaftKind::Log => &mut self.files.wal,
            RaftKind::Snaps => &mut self.files.snaps,
        };
        files.push(part.beside(files.len()));
    }

    /// Opens a member's folder, or `wal` or `snap` itself.
    fn folder(mut self, path: &Path) -> Result<RaftFiles> {
        let member = [path.join("member"), path.to_owned()];
        let member = member.iter().find(|dir| dir.join(self.kind.folder()).is_dir());
        let folders = match (member, self.elsewhere(path)) {
            (_, Some(folders)) => folders.to_vec(),
            (Some(dir), None) => vec![dir.join("snap"), dir.join("wal")],
            // the log beside the folder of snapshots
            (None, None) if self.kind == RaftKind::Snaps => vec![path.to_owned(), path.join("../wal")],
            (None, None) => vec![path.to_owned()],
        };
        for folder in folders {
            for name in datadir::names(&folder)? {
                let path = folder.join(name);
                let name = file_name(&path);
                self.files.notes.extend(SegmentName::passed_over(&name));
                if let Some(kind) = self.kind.of(&name) {
                    self.take(kind, Part::open(&path)?);
                }
            }
        }
        self.finish()
    }

    /// The folders of the member at `path` where its log is not in `member/wal`.
    fn elsewhere(&self, path: &Path) -> Option<[PathBuf; 2]> {
        Some([datadir::member_dir(path)?.join("snap"), self.options.wal_dir.clone()?])
    }

    fn part(mut self, mut part: Part, pick: Option<&str>) -> Result<RaftFiles> {
        for _ in 0..unpack::MAX_LAYERS {
            let head = part.bytes().get(..HEAD).unwrap_or_else(|| part.bytes());
            let wrapping = match sniff(head) {
                Sniffed::Bbolt if self.kind == RaftKind::Log => {
                    return Err(self.nothing("this is a db; the log is in other files"));
                }
                Sniffed::Bbolt | Sniffed::Other => {
                    if let Some(pick) = pick {
                        let what = format!("{}: not a container: there is no {pick} inside", self.files.name());
                        return Err(Error::usage(what));
                    }
                    self.take(self.kind, part);
                    return self.finish();
                }
                Sniffed::Wrapped(wrapping) => wrapping,
            };
            if matches!(wrapping, Wrapping::Tar | Wrapping::Zip) {
                self.archive(part.bytes(), wrapping, pick)?;
                self.files.containers.push(part);
                return self.finish();
            }
            // a segment is known by its name: that of the container without its ending
            let name = part.name().to_owned();
            let inner = [".gz", ".zst", ".xz", ".bz2"].iter().find_map(|ending| name.strip_suffix(ending));
            let origin = self.files.origin.inside(inner.unwrap_or(&name));
            let unpacked = unpack::unpack(&origin, part.bytes(), wrapping, None, self.options)?;
            self.files.containers.push(part);
            part = match unpacked {
                unpack::Unpacked::File { part, .. } => part,
                unpack::Unpacked::DataDir(dir) => dir.db,
            };
        }
        Err(self.nothing("too many containers inside each other"))
    }

    /// The files of one member in an archive.
    fn archive(&mut self, bytes: &[u8], wrapping: Wrapping, pick: Option<&str>) -> Result<()> {
        let (kind, mut passed_over) = (self.kind, Vec::new());
        let wanted = |name: &str| {
            if SegmentName::passed_over(name).is_some() {
                passed_over.push(name.to_owned());
            }
            kind.of(name).is_some() && pick.is_none_or(|pick| member(name) == pick)
        };
        let found = unpack::select(&self.files.origin, bytes, wrapping, wanted, self.options)?;
        let of_kind = found.iter().filter(|(name, _)| kind.of(name) == Some(kind));
        let mut members: Vec<_> = of_kind.map(|(name, _)| member(name).to_owned()).collect();
        members.dedup();
        let one = pick_one(self.files.name(), pick, &members, || self.nothing("an archive without them"))?;
        for name in passed_over.iter().filter(|name| member(name) == one) {
            self.files.notes.push(SegmentName::missing(&format!("{}:{name}", self.files.name())));
        }
        for (name, part) in found.into_iter().filter(|(name, _)| member(name) == one) {
            if let Some(kind) = kind.of(&name) {
                self.take(kind, part);
            }
        }
        Ok(())
    }

    fn nothing(&self, what: &str) -> Error {
        let (wanted, hint) = match self.kind {
            RaftKind::Log => {
                ("segments of a write-ahead log (*.wal)", "name a data directory, its member/wal, or a .wal")
            }
            RaftKind::Snaps => ("raft snapshots (*.snap)", "name a data directory, its member/snap, or a .snap file"),
        };
        let what = format!("{}: no {wanted} there: {what}", self.files.name());
        // a file that is the db of a data directory
        let dir = datadir::around(&self.files.origin.path).map(|dir| format!("name {}", file_name(dir)));
        Error::not_found(what).hinted(dir.unwrap_or_else(|| hint.to_owned()))
    }

    fn finish(mut self) -> Result<RaftFiles> {
        let wanted = match self.kind {
            RaftKind::Log => &self.files.wal,
            RaftKind::Snaps => &self.files.snaps,
        };
        if wanted.is_empty() {
            return Err(self.nothing("a folder without them"));
        }
        if self.kind == RaftKind::Log
            && let Some(old) = self.files.wal.iter().find(|part| foreign::is_old_log(part.bytes()))
        {
            return Err(foreign::foreign(old.name(), old.bytes()));
        }
        if self.files.containers.is_empty() && self.files.wal.iter().any(Part::is_locked) {
            let note = Finding::warning(
                Code::InUse,
                "in use by a running etcd: parts of what is read may be of different times",
            );
            self.files.notes.push(note.hint("stop etcd, or read a copy"));
        }
        Ok(self.files)
    }
}

/// Path of the entry `inner` in the folder `outer`.
fn entry(outer: &Path, inner: &str) -> Result<PathBuf> {
    let entries = datadir::names(outer)?;
    let names: Vec<_> = entries.iter().map(file_name).collect();
    let one = named(&file_name(outer), inner, &names)?;
    let found = entries.iter().find(|entry| Some(&file_name(entry)) == one);
    let missing = || Error::usage(format!("{}: there is no {inner} inside", file_name(outer)));
    found.map(|name| outer.join(name)).ok_or_else(missing)
}

/// The folder of the member that a file in an archive belongs to: what is before `wal/` or `snap/`.
fn member(name: &str) -> &str {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let member = folder.strip_suffix("wal").or_else(|| folder.strip_suffix("snap"));
    member.filter(|member| member.is_empty() || member.ends_with('/')).unwrap_or(folder).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _};

    use super::*;

    #[test]
    fn a_name_inside_is_one_of_what_is_there() {
        const SEGMENT: &str = "0000000000000000-0000000000000000.wal";
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(OsStr::from_bytes(b"\xff"));
        fs::create_dir_all(odd.join("wal")).unwrap();
        fs::write(odd.join("wal").join(SEGMENT), b"").unwrap();
        fs::write(dir.path().join(SEGMENT), b"").unwrap();
        fs::copy("fixtures/datadir-3.6.tar.gz", dir.path().join("a.tar.gz")).unwrap();
        let open = |inner: &[u8]| {
            let named = [dir.path().as_os_str().as_bytes(), inner].concat();
            RaftFiles::open(Path::new(OsStr::from_bytes(&named)), RaftKind::Log, &Options::default())
        };
        for there in [&b":\xff"[..], b"/\xff", b":a.tar.gz", b":0000000000000000-0000000000000000.wal"] {
            assert!(!open(there).unwrap().wal().is_empty());
        }
        for absent in [&b":/etc"[..], b":..", b":none", b"/0000000000000000-0000000000000000.wal:none"] {
            assert!(matches!(open(absent).unwrap_err(), Error::Usage { .. }));
        }
    }
}
