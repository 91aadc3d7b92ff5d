//! From a name to the open files behind it.

use std::{ffi::OsString, fs::File, path::Path};

use super::{
    BackupKind, Options, Source, Wrapping,
    datadir::{self, DataDir},
    foreign,
    kept::Kept,
    locator::{Locator, Origin},
    map,
    part::Part,
    sniff::{HEAD, Sniffed, has_carriage_returns, sniff},
    unpack,
};
use crate::{
    Code, Error, Finding, Result,
    bytes::{escape, file_name},
};

/// Of many backups inside one, so many are listed.
const LISTED: usize = 20;

/// Containers inside containers are followed so deep.
pub(super) const MAX_LAYERS: usize = 6;

/// What is left when all wrapping is off.
#[derive(Debug)]
pub(super) enum Content {
    /// One db.
    Db(Part),
    /// A member's directory.
    DataDir(DataDir),
}

pub(super) fn open(named: &Locator, options: &Options) -> Result<Source> {
    open_origin(Origin::file(named.outer()).inside(named.display()), named.inner(), options)
}

fn io_error(path: &Path, doing: &'static str, source: std::io::Error) -> Error {
    Error::io(file_name(path), doing, source)
}

fn open_origin(origin: Origin, pick: Option<&str>, options: &Options) -> Result<Source> {
    let metadata = origin.path.metadata().map_err(|e| io_error(&origin.path, "open", e))?;
    if metadata.is_dir() {
        return open_folder(origin, pick, options);
    }
    let part = open_file(&origin.path)?;
    let mut source = Unwrapped::new(origin);
    let content = source.unwrap(part, pick, options)?;
    Ok(source.finish(content))
}

/// Opens a regular file, and nothing else.
pub(super) fn open_file(path: &Path) -> Result<Part> {
    let metadata = path.metadata().map_err(|e| io_error(path, "open", e))?;
    let regular = |metadata: &std::fs::Metadata| {
        let what = kind_of(metadata)?;
        let what = format!("{}: {what}, not a file", file_name(path));
        Some(Error::usage(what).hinted("write it to a file first: a backup is read at many places at once"))
    };
    // Before it is opened, because opening some devices does something; and after, because it may be another then.
    if let Some(error) = regular(&metadata) {
        return Err(error);
    }
    let file = map::open(path).map_err(|e| io_error(path, "open", e))?;
    let metadata = file.metadata().map_err(|e| io_error(path, "look at", e))?;
    regular(&metadata).map_or_else(|| Part::new(Origin::file(path), file), Err)
}

fn kind_of(metadata: &std::fs::Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn open_folder(origin: Origin, pick: Option<&str>, options: &Options) -> Result<Source> {
    if pick.is_none()
        && let Some(dir) = datadir::open(&origin.path, options.wal_dir.as_deref())?
    {
        return Ok(Unwrapped::new(origin).finish(Content::DataDir(dir)));
    }
    let Origin { path, display: name } = &origin;
    let entries = datadir::names(path)?;
    let is_backup = |entry: &&OsString| {
        let inner = path.join(entry);
        datadir::is_data_dir(&inner) || looks_like_backup(&inner)
    };
    let names = |entries: &mut dyn Iterator<Item = &OsString>| entries.map(file_name).collect::<Vec<_>>();
    let found = names(&mut entries.iter().filter(is_backup));
    let none = || foreign::without_backup(name, "a folder", &names(&mut entries.iter()));
    let one = pick_one(name, pick, &found, none)?;
    let inner = entries.iter().find(|entry| file_name(entry) == one).map_or_else(|| path.join(&one), |e| path.join(e));
    open_origin(Origin::file(&inner), None, options)
}

/// Whether the first bytes of a file are those of a backup or a container.
fn looks_like_backup(path: &Path) -> bool {
    use std::os::unix::fs::FileExt as _;
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut head = vec![0; HEAD];
    let n = map::open(path).and_then(|file| file.read_at(&mut head, 0)).unwrap_or(0);
    sniff(head.get(..n).unwrap_or_default()) != Sniffed::Other
}

/// The one that is meant among the backups `found` in `outer`.
pub(super) fn pick_one(
    outer: &str,
    pick: Option<&str>,
    found: &[String],
    none: impl FnOnce() -> Error,
) -> Result<String> {
    let list = || {
        let more = if found.len() > LISTED { "\n  ..." } else { "" };
        let names = found.iter().take(LISTED).map(|name| escape(name.as_bytes()));
        format!("{}{more}", names.collect::<Vec<_>>().join("\n  "))
    };
    match (pick, found) {
        (Some(pick), _) => found.iter().find(|name| *name == pick).cloned().ok_or_else(|| {
            Error::usage(format!("{outer}: there is no backup {pick} inside"))
                .hinted_if((!found.is_empty()).then(|| format!("it holds\n  {}", list())))
        }),
        (None, [one]) => Ok(one.clone()),
        (None, []) => Err(none()),
        (None, several) => Err(Error::usage(format!("{outer}: it holds {} backups:\n  {}", several.len(), list()))
            .hinted(format!("name one of them: {outer}:{}", several.first().map_or("", String::as_str)))),
    }
}

/// A source whose wrapping comes off layer by layer.
struct Unwrapped {
    origin: Origin,
    wrapping: Vec<Wrapping>,
    containers: Vec<Part>,
}

impl Unwrapped {
    fn new(origin: Origin) -> Self {
        Self { origin, wrapping: Vec::new(), containers: Vec::new() }
    }

    fn unwrap(&mut self, mut part: Part, mut pick: Option<&str>, options: &Options) -> Result<Content> {
        loop {
            let head = part.bytes().get(..HEAD).unwrap_or_else(|| part.bytes());
            let wrapping = match sniff(head) {
                Sniffed::Bbolt if has_carriage_returns(part.bytes()) => {
                    return Err(Error::Foreign {
                        file: self.origin.display.clone(),
                        what: "an etcd snapshot that was taken for text on its way: each line feed has got a carriage return"
                            .to_owned(),
                        hint: "copy it again, in binary mode".to_owned(),
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
                Sniffed::Other => return Err(foreign::foreign(&self.origin.display, part.bytes())),
                Sniffed::Wrapped(_) if self.wrapping.len() >= MAX_LAYERS => {
                    let what = format!("{MAX_LAYERS} containers inside each other");
                    let hint = "unpack it by hand".to_owned();
                    return Err(Error::Foreign { file: self.origin.display.clone(), what, hint, may_be_one: true });
                }
                Sniffed::Wrapped(wrapping) => wrapping,
            };
            self.wrapping.push(wrapping);
            let unpacked = unpack::unpack(&self.origin, part.bytes(), wrapping, pick, options)?;
            self.containers.push(part);
            part = match unpacked {
                unpack::Unpacked::File { part, inner } => {
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

    fn finish(self, content: Content) -> Source {
        let (dir, kind) = match content {
            Content::Db(db) => {
                let kind = if db.trailer().is_some() { BackupKind::Saved } else { BackupKind::Copy };
                let (wal, snaps, snap_dbs, passed_over) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
                (DataDir { db, wal, snaps, snap_dbs, passed_over }, kind)
            }
            Content::DataDir(dir) => (dir, BackupKind::DataDir),
        };
        let DataDir { db, wal, snaps, snap_dbs, passed_over } = dir;
        let mut notes = Vec::new();
        if self.containers.is_empty() && db.is_locked() {
            let note = Finding::warning(Code::InUse, "in use by a running etcd: what is read may be torn");
            notes.push(note.hint("stop etcd, or take a backup with `etcdctl snapshot save`"));
        }
        if kind == BackupKind::DataDir && wal.is_empty() {
            // any `.wal` is a log for etcd until it looks at the names
            let (note, etcd) = if passed_over.is_empty() {
                let note = Finding::warning(Code::NoLog, "there is no log: what etcd had only there is missing");
                (note, "etcd would start a new cluster here")
            } else {
                (Finding::error(Code::WalEmpty, "there is no log: not one segment"), "etcd does not start here")
            };
            notes.push(note.hint(format!("it is in the folder that --wal-dir named, or lost; {etcd}")));
        }
        notes.extend(passed_over);
        let Self { origin, wrapping, containers } = self;
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
            options: Options::default(),
            kept: Kept::default(),
        }
    }
}

/// A nameless file in the folder for unpacked files.
pub(super) fn scratch(options: &Options) -> Result<File> {
    map::nameless(&options.tmp_dir).map_err(|source| {
        Error::io(options.tmp_dir.display().to_string(), "make a file in (--tmp-dir names another folder)", source)
    })
}
