//! Opening of a backup by its name.

use std::{ffi::OsString, path::Path};

use super::{
    BackupKind, DoubtFile, Options, Source, Wrapping,
    datadir::{self, DataDir},
    foreign,
    kept::Kept,
    locator::{Locator, Origin},
    part::Part,
    pick::pick_one,
    sniff::{HEAD, Sniffed, has_carriage_returns, is_container, sniff, sniffed},
    stdin, unpack, url,
};
use crate::{Code, Error, Finding, Result, bytes::file_name};

/// Content of an input after all its layers are removed.
#[derive(Debug)]
enum Content {
    /// A single db.
    Db(Part),
    /// A member's directory.
    DataDir(DataDir),
}

impl Source {
    /// Opens the backup at `named`: a path, a URL, or `OUTER:INNER` for a file in a container or folder ([`Locator`]).
    ///
    /// # Errors
    /// When the input cannot be read, is no backup, or holds several.
    pub fn open(named: &Path, options: &Options) -> Result<Self> {
        let named = Locator::parse(named)?;
        if named.is_stdin() {
            let part = stdin::open(options)?;
            let origin = part.origin().inside(named.display());
            let doubts = DoubtFile::on_disk(&origin.path);
            return open_part(part, origin, named.inner(), doubts, options);
        }
        if named.is_url() {
            let (part, inner) = url::open(&named, options)?;
            let (doubts, unknown) = url::doubts(&named, part.path(), options)?;
            let origin = part.origin().inside(named.display());
            let mut source = open_part(part, origin, inner.as_deref(), doubts, options)?;
            source.notes.extend(unknown);
            return Ok(source);
        }
        open_origin(Origin::file(named.outer()).inside(named.display()), named.inner(), options)
    }
}

fn open_origin(origin: Origin, pick: Option<&str>, options: &Options) -> Result<Source> {
    let metadata = origin.path.metadata().map_err(|e| Error::io(file_name(&origin.path), "open", e))?;
    if metadata.is_dir() {
        return open_folder(origin, pick, options);
    }
    let doubts = DoubtFile::on_disk(&origin.path);
    open_part(Part::open(&origin.path)?, origin, pick, doubts, options)
}

fn open_part(
    part: Part,
    origin: Origin,
    pick: Option<&str>,
    doubts: Vec<DoubtFile>,
    options: &Options,
) -> Result<Source> {
    let mut source = Unwrapped::new(origin);
    source.doubts = doubts;
    let content = source.unwrap(part, pick, options)?;
    Ok(source.finish(content, options))
}

fn open_folder(origin: Origin, pick: Option<&str>, options: &Options) -> Result<Source> {
    if pick.is_none()
        && let Some(dir) = datadir::open(&origin.path, options.wal_dir.as_deref())?
    {
        return Ok(Unwrapped::new(origin).finish(Content::DataDir(dir), options));
    }
    let Origin { path, display: name } = &origin;
    let entries = datadir::names(path)?;
    let names = |entries: &mut dyn Iterator<Item = &OsString>| entries.map(file_name).collect::<Vec<_>>();
    // One that cannot be read may be the backup that is meant.
    let (mut found, mut unread) = (Vec::new(), None);
    for entry in &entries {
        let inner = path.join(entry);
        match sniffed(&inner) {
            Ok(kind) if kind.is_none_or(|kind| kind == Sniffed::Other) && !datadir::is_data_dir(&inner) => continue,
            Ok(_) => {}
            Err(error) => unread = unread.or_else(|| Some(Error::io(file_name(&inner), "open", error))),
        }
        found.push(file_name(entry));
    }
    if let (None, 0..=2, Some(error)) = (pick, found.len(), unread) {
        return Err(error);
    }
    let found = without_others(path, found, pick, options);
    let none = || match datadir::log_without_db(path).map(|segment| Part::open(&segment)) {
        Some(Ok(segment)) => foreign::without_db(name, segment.bytes()),
        Some(Err(error)) => error,
        None => foreign::without_backup(name, "a folder", &names(&mut entries.iter())),
    };
    let one = pick_one(name, pick, &found, none)?;
    let inner = entries.iter().find(|entry| file_name(entry) == one).map_or_else(|| path.join(&one), |e| path.join(e));
    open_origin(Origin::file(&inner), None, options)
}

/// The one backup in a folder that also has containers, where these hold no backup: OpenShift's `cluster-backup.sh`
/// writes its static pods' files, in a tar, beside the snapshot.
fn without_others(folder: &Path, found: Vec<String>, pick: Option<&str>, options: &Options) -> Vec<String> {
    let (containers, backups): (Vec<_>, Vec<_>) =
        found.iter().map(|name| (name, folder.join(name))).partition(|(_, path)| is_container(path));
    let [(backup, _)] = backups.as_slice() else { return found };
    let holds_none = |path: &Path| {
        matches!(open_origin(Origin::file(path), None, options), Err(Error::Foreign { may_be_one: false, .. }))
    };
    let one = pick.is_none() && containers.iter().all(|(_, path)| holds_none(path));
    if one { vec![(*backup).clone()] } else { found }
}

/// A source whose layers are removed one by one.
struct Unwrapped {
    origin: Origin,
    wrapping: Vec<Wrapping>,
    containers: Vec<Part>,
    doubts: Vec<DoubtFile>,
}

impl Unwrapped {
    fn new(origin: Origin) -> Self {
        Self { origin, wrapping: Vec::new(), containers: Vec::new(), doubts: Vec::new() }
    }

    fn unwrap(&mut self, mut part: Part, mut pick: Option<&str>, options: &Options) -> Result<Content> {
        loop {
            let head = part.bytes().get(..HEAD).unwrap_or_else(|| part.bytes());
            let wrapping = match sniff(head) {
                Sniffed::Bbolt if has_carriage_returns(part.bytes()) => {
                    return Err(Error::Foreign {
                        file: self.origin.display.clone(),
                        what: "an etcd snapshot that was copied as text: a carriage return was added before each line feed"
                            .to_owned(),
                        hint: "copy it again, in binary mode".into(),
                        may_be_one: true,
                    });
                }
                Sniffed::Bbolt => match pick {
                    None => return Ok(Content::Db(part)),
                    Some(pick) => {
                        let what = format!("{}: not a container: there is no {pick} inside", self.origin.display);
                        return Err(Error::usage(what));
                    }
                },
                Sniffed::Other if options.metas_lost && pick.is_none() => return Ok(Content::Db(part)),
                Sniffed::Other => return Err(foreign::foreign(&self.origin.display, part.bytes())),
                Sniffed::Wrapped(_) if self.wrapping.len() >= unpack::MAX_LAYERS => {
                    let what = format!("{} containers inside each other", unpack::MAX_LAYERS);
                    let hint = "unpack it by hand".to_owned();
                    return Err(Error::Foreign {
                        file: self.origin.display.clone(),
                        what,
                        hint: hint.into(),
                        may_be_one: true,
                    });
                }
                Sniffed::Wrapped(wrapping) => wrapping,
            };
            self.wrapping.push(wrapping);
            let unpacked = self.layer(&part, wrapping, pick, options)?;
            self.containers.push(part);
            part = match unpacked {
                unpack::Unpacked::File { part, inner, doubts } => {
                    self.doubts.extend(doubts);
                    if let Some(inner) = inner {
                        pick = None;
                        if !self.origin.display.ends_with(&format!(":{inner}")) {
                            self.origin.display = format!("{}:{inner}", self.origin.display);
                        }
                    }
                    part
                }
                unpack::Unpacked::DataDir(dir) => return Ok(Content::DataDir(dir)),
            };
        }
    }

    /// Unpacks one layer, `packed`. An archive is decompressed once for all of its backups.
    fn layer(
        &self,
        packed: &Part,
        wrapping: Wrapping,
        pick: Option<&str>,
        options: &Options,
    ) -> Result<unpack::Unpacked> {
        let is_archive = matches!(wrapping, Wrapping::Tar | Wrapping::Zip);
        if let Some(part) = options.recent.get(packed).filter(|_| !is_archive) {
            let part = part.called(self.origin.clone());
            return Ok(unpack::Unpacked::File { part, inner: None, doubts: Vec::new() });
        }
        if !is_archive {
            options.recent.clear();
        }
        let unpacked = unpack::unpack(&self.origin, packed.bytes(), wrapping, pick, options)?;
        if let unpack::Unpacked::File { part, .. } = &unpacked
            && !is_archive
            && sniff(part.bytes().get(..HEAD).unwrap_or_else(|| part.bytes())) == Sniffed::Wrapped(Wrapping::Tar)
        {
            options.recent.set(packed, part);
        }
        Ok(unpacked)
    }

    fn finish(self, content: Content, options: &Options) -> Source {
        let (dir, kind) = match content {
            Content::Db(db) => {
                let kind = if db.trailer().is_some() { BackupKind::Saved } else { BackupKind::Copy };
                let (wal, snaps, snap_dbs) = (Vec::new(), Vec::new(), Vec::new());
                let (passed_over, doubts) = (Vec::new(), Vec::new());
                (DataDir { db, wal, snaps, snap_dbs, passed_over, doubts }, kind)
            }
            Content::DataDir(dir) => (dir, BackupKind::DataDir),
        };
        let DataDir { db, wal, snaps, snap_dbs, passed_over, doubts: inside } = dir;
        let mut notes = Vec::new();
        let is_file = kind != BackupKind::DataDir && self.containers.is_empty();
        let part_of = if is_file { datadir::around(&self.origin.path) } else { None };
        if let Some(dir) = &part_of {
            let name = file_name(dir);
            let what = format!("part of the data directory {name}, whose log is not read: it may hold later entries");
            notes.push(Finding::warning(Code::LogBeside, what).hint(format!("name {name}, to read its log, too")));
        }
        if self.containers.is_empty() && db.is_locked() {
            let note = Finding::warning(
                Code::InUse,
                "in use by a running etcd: parts of what is read may be of different times",
            );
            notes.push(note.hint("stop etcd, or take a backup with `etcdctl snapshot save`"));
        }
        if kind == BackupKind::DataDir && wal.is_empty() {
            // any `.wal` is a log for etcd until it looks at the names
            let (note, etcd) = if passed_over.is_empty() {
                let note =
                    Finding::warning(Code::NoLog, "there is no log: entries that were only in the log are missing");
                (note, "etcd would start a new cluster here")
            } else {
                (Finding::error(Code::WalEmpty, "there is no log: not one segment"), "etcd does not start here")
            };
            let place = "if etcd ran with --wal-dir, name that folder with --wal-dir (`restore`: --wal)";
            notes.push(note.hint(format!("{place}; otherwise the log is lost, and {etcd}")));
        }
        notes.extend(passed_over);
        let Self { origin, wrapping, containers, mut doubts } = self;
        doubts.extend(inside);
        Source {
            origin,
            kind,
            wrapping,
            db,
            wal,
            log: None,
            snaps,
            snap_dbs,
            containers,
            notes,
            doubts,
            options: options.clone(),
            kept: Kept::default(),
            part_of,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn an_archive_is_decompressed_once_for_all_of_its_backups() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("two.tgz");
        let pack = |names: &[&str]| {
            let mut tar = Command::new("tar");
            assert!(tar.arg("-czf").arg(&archive).args(["-C", "fixtures"]).args(names).status().unwrap().success());
        };
        pack(&["small.db", "etcd-3.6.db"]);
        let options = Options::default();
        let open = |inner: &str| {
            let source = Source::open(format!("{}:{inner}", archive.display()).as_ref(), &options).unwrap();
            assert_eq!(source.db().bytes(), fs::read(format!("fixtures/{inner}")).unwrap());
            assert_eq!(source.name(), format!("{}:{inner}", archive.display()));
            source.containers.get(1).unwrap().id()
        };
        let first = open("small.db");
        assert_eq!(open("etcd-3.6.db"), first);
        // A file of the same name that has changed is another one.
        pack(&["small.db", "etcd-3.7.db"]);
        let again = open("etcd-3.7.db");
        assert_eq!(open("small.db"), again);
    }
}
