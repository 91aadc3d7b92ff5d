//! Unpacking of one layer into nameless files.

use std::{
    cell::Cell,
    collections::HashSet,
    ffi::OsStr,
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::unix::ffi::OsStrExt as _,
};

use ruzstd::decoding::errors::{
    DecodeBlockContentError, DecodeBufferError, DecompressBlockError, ExecuteSequencesError, FrameDecoderError,
};

use super::{
    DoubtFile, Options, SegmentName, Wrapping,
    datadir::DataDir,
    foreign,
    gzip::Gzip,
    locator::Origin,
    part::Part,
    pick::pick_one,
    scratch::Scratch,
    sniff::{HEAD, Sniffed, sniff},
};
use crate::{
    Code, Error, Finding, Result,
    bytes::{file_name, one_line},
};

/// Limit on containers inside each other.
pub(super) const MAX_LAYERS: usize = 6;
/// Limit on the files of one archive.
const MAX_FILES: usize = 20_000;
/// Limit on the headers of one file in a tar, in bytes: a path has at most 4096.
const MAX_HEADERS: u64 = 1 << 20;
/// Limit on what xz remembers of its output, in KiB, with what it needs besides: `xz -9` needs half of it. zstd has the
/// same limit.
const MAX_DICTIONARY: u32 = (128 << 10) + 256;

/// The content of a layer.
pub(super) enum Unpacked {
    /// One file; its name when it was picked among others, and the doubt about it.
    File { part: Part, inner: Option<String>, doubts: Vec<DoubtFile> },
    /// The parts of a data directory.
    DataDir(DataDir),
}

/// Unpacks one layer of `bytes`, which are those of `origin`.
pub(super) fn unpack(
    origin: &Origin,
    bytes: &[u8],
    wrapping: Wrapping,
    pick: Option<&str>,
    options: &Options,
) -> Result<Unpacked> {
    let (mut layer, name) = (Layer::new(origin, wrapping, options), &origin.display);
    let part = match wrapping {
        Wrapping::Gzip => layer.file(name, Gzip::new(bytes))?,
        Wrapping::Bzip2 => layer.file(name, bzip2::bufread::MultiBzDecoder::new(bytes))?,
        Wrapping::Xz => layer.file(name, lzma_rust2::XzReader::new_mem_limit(bytes, true, MAX_DICTIONARY))?,
        Wrapping::Zstd => layer.file(name, ZstdFrames { rest: bytes, frame: None })?,
        Wrapping::Tar => return layer.archive(pick, |visit| visit_tar(bytes, visit)),
        Wrapping::Zip => return layer.archive(pick, |visit| visit_zip(bytes, visit)),
    };
    Ok(Unpacked::File { part, inner: None, doubts: Vec::new() })
}

/// The files of an archive for whose names `wanted` holds, unpacked, by name.
pub(super) fn select(
    origin: &Origin,
    bytes: &[u8],
    wrapping: Wrapping,
    mut wanted: impl FnMut(&str) -> bool,
    options: &Options,
) -> Result<Vec<(String, Part)>> {
    let mut layer = Layer::new(origin, wrapping, options);
    let (mut parts, mut names) = (Vec::new(), 0);
    let mut visit = |inner: &str, content: &mut dyn Read| {
        layer.check_names(names)?;
        names += 1;
        if wanted(inner) {
            let part = layer.file(&format!("{}:{inner}", origin.display), content)?.beside(parts.len());
            parts.push((inner.to_owned(), part));
        }
        Ok(())
    };
    let visited = match wrapping {
        Wrapping::Zip => visit_zip(bytes, &mut visit),
        _ => visit_tar(bytes, &mut visit),
    };
    layer.whole(visited)?;
    layer.check_once(parts.iter().map(|(name, _)| name.as_str()))?;
    parts.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(parts)
}

struct Layer<'a> {
    origin: &'a Origin,
    wrapping: Wrapping,
    scratch: Scratch<'a>,
    /// Whether a file of no known format may be the backup.
    metas_lost: bool,
}

/// A function called with each file of an archive.
type Visit<'v> = &'v mut dyn FnMut(&str, &mut dyn Read) -> Result<()>;

/// Error while the files of an archive were listed.
enum Broken {
    Archive(io::Error),
    Visit(Error),
}

fn damaged(origin: &Origin, wrapping: Wrapping, error: &io::Error) -> Error {
    if let Some(error) = incomplete(origin, error) {
        return error;
    }
    if error.kind() == io::ErrorKind::OutOfMemory {
        let what = format!("{}: its {wrapping} needs more memory than there is, or than 128 MiB", origin.display);
        return Error::usage(what).hinted(match wrapping {
            Wrapping::Zstd => {
                "unpack it by hand: zstd -d --long=31 FILE, with --patch-from=BEFORE if it is a difference"
            }
            _ => "unpack it by hand",
        });
    }
    let what = format!("the {wrapping} around it is damaged: {error}");
    let finding = Finding::error(Code::Container, what).hint("it was cut short or changed: use another copy of it");
    Error::Damaged { file: origin.display.clone(), finding: Box::new(finding) }
}

impl<'a> Layer<'a> {
    fn new(origin: &'a Origin, wrapping: Wrapping, options: &'a Options) -> Self {
        Self { origin, wrapping, scratch: Scratch::new(options), metas_lost: options.metas_lost }
    }

    fn damaged(&self, error: &io::Error) -> Error {
        damaged(self.origin, self.wrapping, error)
    }

    fn whole(&self, visited: std::result::Result<(), Broken>) -> Result<()> {
        visited.map_err(|broken| match broken {
            Broken::Visit(error) => error,
            Broken::Archive(error) => self.damaged(&error),
        })
    }

    /// Checks that one more file than `names` is within the limit.
    fn check_names(&self, names: usize) -> Result<()> {
        if names < MAX_FILES {
            return Ok(());
        }
        let what = format!("more than {MAX_FILES} files");
        let hint = "unpack it by hand, and name the backup".to_owned();
        Err(Error::Foreign { file: self.origin.display.clone(), what, hint: hint.into(), may_be_one: true })
    }

    /// Checks that the archive has each file only once: tar adds a newer one at the end (`tar -r`), and takes the last.
    fn check_once<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Result<()> {
        let mut met = HashSet::new();
        let Some(again) = names.find(|name| !met.insert(*name)) else { return Ok(()) };
        let what = format!("{}: it holds several files with the name {}", self.origin.display, one_line(again));
        Err(Error::refused(what).hinted("unpack it by hand: tar keeps the last of them"))
    }

    /// Unpacks `from` into a file of its own, called `name`.
    fn file(&mut self, name: &str, from: impl Read) -> Result<Part> {
        let Layer { origin, wrapping, .. } = *self;
        let damaged = |error| damaged(origin, wrapping, &error);
        let file = self.scratch.take(from, &origin.display, "unpacks to", damaged)?;
        Part::own(origin.inside(name), file)
    }

    /// Finds the one backup in an archive and unpacks it.
    fn archive(
        &mut self,
        pick: Option<&str>,
        each: impl Fn(Visit<'_>) -> std::result::Result<(), Broken>,
    ) -> Result<Unpacked> {
        let (mut names, mut backups, mut dirs) = (Vec::new(), Vec::new(), Vec::new());
        let listed = each(&mut |name, content| {
            self.check_names(names.len())?;
            let mut head = Vec::new();
            // Damage here is damage when it is unpacked, and is reported then.
            let _ = content.take(HEAD as u64).read_to_end(&mut head);
            let may_be_one = self.metas_lost && (pick.is_some() || name.ends_with("snap/db"));
            if may_be_one || sniff(&head) != Sniffed::Other {
                match name.strip_suffix("snap/db") {
                    Some(member) if member.is_empty() || member.ends_with('/') => dirs.push(member.to_owned()),
                    _ => backups.push(name.to_owned()),
                }
            }
            names.push(name.to_owned());
            Ok(())
        });
        self.whole(listed)?;
        if self.metas_lost && backups.is_empty() && dirs.is_empty() {
            backups.clone_from(&names);
        }
        let folder = |name: &str| name.rfind('/').and_then(|at| name.get(..=at)).unwrap_or_default().to_owned();
        let logs: HashSet<_> = names.iter().filter(|name| name.ends_with(".wal")).map(|name| folder(name)).collect();
        let (dirs, bare): (HashSet<_>, Vec<_>) = {
            let (with, without): (Vec<_>, Vec<_>) =
                dirs.into_iter().partition(|dir: &String| logs.contains(&format!("{dir}wal/")));
            (with.into_iter().collect(), without)
        };
        backups.extend(bare.into_iter().map(|dir| format!("{dir}snap/db")));
        // Snapshots that etcd keeps beside the db belong to the directory.
        backups.retain(|name| !folder(name).strip_suffix("snap/").is_some_and(|dir| dirs.contains(dir)));
        backups.extend(dirs.iter().map(|dir| format!("{dir}snap/db")));
        backups.sort();
        backups.dedup();
        let of = format!("a {} archive", self.wrapping);
        let outer = &self.origin.display;
        let one = pick_one(outer, pick, &backups, || foreign::without_backup(outer, &of, &names))?;
        let dir = one.strip_suffix("snap/db").filter(|dir| dirs.contains(*dir)).map(str::to_owned);
        let is_snap = |name: &str, dir: &str, ending| is_in(name, dir, "snap/", ending);
        let is_part = |name: &str, dir: &String| {
            is_in(name, dir, "wal/", ".wal") || is_snap(name, dir, ".snap") || is_snap(name, dir, ".snap.db")
        };
        let parts = names.iter().filter(|name| **name == one || dir.as_ref().is_some_and(|dir| is_part(name, dir)));
        self.check_once(parts.map(String::as_str))?;
        let (mut db, mut wal, mut snaps, mut snap_dbs) = (None, Vec::new(), Vec::new(), Vec::new());
        let (mut passed_over, mut doubts) = (Vec::new(), Vec::<DoubtFile>::new());
        let unpacked = each(&mut |name, content| {
            let full = format!("{outer}:{name}");
            if name == one && db.is_none() {
                db = Some(self.file(&full, content)?);
            } else if DoubtFile::is_about(name, &one) {
                // An archive may hold any number of files of one name.
                if !doubts.iter().any(|doubt| doubt.name == full) {
                    doubts.push(DoubtFile::read(full, content));
                }
            } else if let Some(dir) = &dir {
                if is_in(name, dir, "wal/", ".wal") {
                    match SegmentName::passed_over(&full) {
                        Some(finding) => passed_over.push(finding),
                        None => wal.push(self.file(&full, content)?.beside(wal.len())),
                    }
                } else if is_snap(name, dir, ".snap") {
                    snaps.push(self.file(&full, content)?.beside(snaps.len()));
                } else if is_snap(name, dir, ".snap.db") {
                    snap_dbs.push(self.file(&full, content)?.beside(snap_dbs.len()));
                }
            }
            Ok(())
        });
        self.whole(unpacked)?;
        wal.sort_by(|a, b| a.name().cmp(b.name()));
        snaps.sort_by(|a, b| a.name().cmp(b.name()));
        snap_dbs.sort_by(|a, b| a.name().cmp(b.name()));
        let gone = || self.damaged(&io::ErrorKind::UnexpectedEof.into());
        let part = db.ok_or_else(gone)?;
        Ok(match dir {
            Some(_) => Unpacked::DataDir(DataDir { db: part, wal, snaps, snap_dbs, passed_over, doubts }),
            None => Unpacked::File { part, inner: Some(one), doubts },
        })
    }
}

fn is_in(name: &str, dir: &str, folder: &str, ending: &str) -> bool {
    let file = name.strip_prefix(dir).and_then(|rest| rest.strip_prefix(folder));
    file.is_some_and(|file| !file.contains('/') && file.ends_with(ending))
}

fn visit_tar(bytes: &[u8], visit: Visit<'_>) -> std::result::Result<(), Broken> {
    let left = Cell::new(0);
    let mut archive = tar::Archive::new(Headers { bytes: Cursor::new(bytes), left: &left });
    let mut entries = archive.entries_with_seek().map_err(Broken::Archive)?;
    loop {
        left.set(MAX_HEADERS);
        let Some(entry) = entries.next() else { return Ok(()) };
        left.set(u64::MAX);
        let mut entry = entry.map_err(Broken::Archive)?;
        if entry.header().entry_type().is_file() || entry.header().entry_type().is_gnu_sparse() {
            let name = file_name(OsStr::from_bytes(&entry.path_bytes())).trim_start_matches("./").to_owned();
            visit(&name, &mut entry).map_err(Broken::Visit)?;
        }
    }
}

fn visit_zip(bytes: &[u8], visit: Visit<'_>) -> std::result::Result<(), Broken> {
    let broken = |e: zip::result::ZipError| Broken::Archive(io::Error::other(e));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        if entry.is_file() {
            let name = file_name(OsStr::from_bytes(entry.name_raw())).trim_start_matches("./").to_owned();
            visit(&name, &mut entry).map_err(Broken::Visit)?;
        }
    }
    Ok(())
}

/// A tar, of whose headers not more is read than is allowed: the reader of tars takes a long name whole, which may be
/// that of a gigabyte.
struct Headers<'a> {
    bytes: Cursor<&'a [u8]>,
    left: &'a Cell<u64>,
}

impl Read for Headers<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buffer)?;
        let left = self.left.get().checked_sub(n as u64);
        self.left.set(left.ok_or_else(|| io::Error::other(format!("a header of more than {MAX_HEADERS} bytes")))?);
        Ok(n)
    }
}

impl Seek for Headers<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.bytes.seek(to)?;
        if at > self.bytes.get_ref().len() as u64 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(at) }
    }
}

/// Error for a Zstandard frame that cannot be decompressed without another file; `None` where that is not the problem.
fn incomplete(origin: &Origin, error: &io::Error) -> Option<Error> {
    let (what, hint) = match error.get_ref()?.downcast_ref()? {
        FrameDecoderError::DictNotProvided { dict_id } => (
            format!("zstd that was compressed with the dictionary {dict_id}"),
            "unpack it by hand: zstd -d -D DICTIONARY FILE",
        ),
        // The header of such a frame is that of any other. A changed byte can lead to the same error.
        FrameDecoderError::FailedToReadBlockBody(DecodeBlockContentError::DecompressBlockError(
            DecompressBlockError::ExecuteSequencesError(ExecuteSequencesError::DecodebufferError(
                DecodeBufferError::NotEnoughBytesInDictionary { .. },
            )),
        )) => (
            "zstd that needs the bytes of another file: it may be a difference that `zstd --patch-from` made"
                .to_owned(),
            "bring it back with the snapshot before it: deploy/keep.sh get STORE N FILE, or zstd -d --long=31 \
             --patch-from=BEFORE FILE; if it is no difference, it is damaged: use another copy of it",
        ),
        _ => return None,
    };
    Some(Error::Foreign { file: origin.display.clone(), what, hint: hint.to_owned().into(), may_be_one: true })
}

/// Error of a Zstandard frame. What is too large for the limit is not damaged.
fn in_frame(error: FrameDecoderError) -> io::Error {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } => io::Error::new(io::ErrorKind::OutOfMemory, error),
        error => io::Error::other(error),
    }
}

/// Zstandard frames in sequence.
struct ZstdFrames<'a> {
    rest: &'a [u8],
    frame: Option<ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl Read for ZstdFrames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.frame {
                Some(frame) => match frame.read(buffer)? {
                    0 => self.rest = self.frame.take().map_or(&[], |frame| frame.into_parts().0),
                    n => return Ok(n),
                },
                None if self.rest.is_empty() => return Ok(0),
                None => match skippable(self.rest) {
                    Some(rest) => self.rest = rest,
                    None => {
                        self.frame = Some(ruzstd::decoding::StreamingDecoder::new(self.rest).map_err(in_frame)?);
                    }
                },
            }
        }
    }
}

/// The bytes after a leading skippable frame; `None` without one.
fn skippable(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, len @ ..] => {
            let (len, rest) = len.split_first_chunk::<4>()?;
            rest.get(u32::from_le_bytes(*len) as usize..)
        }
        _ => None,
    }
}
