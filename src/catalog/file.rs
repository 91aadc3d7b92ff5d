//! The file of a catalog: a redb database, and 32 bytes that prove it whole.
//!
//! ```text
//! database                      as redb writes it
//! "etcdsnap catalog"            16 bytes
//! schema                        u32, little-endian
//! CRC-32C of the database       u32, little-endian
//! length of the database        u64, little-endian
//! ```
//!
//! redb itself panics on a damaged file or answers from it, so nothing of it is read before the sum is right.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use redb::StorageBackend;

use crate::{
    Error, Result,
    bytes::{shell, u32_le, u64_le},
    hash::{Crc32c, Crc32cWriter},
    publish::{fault, sync_dir},
    source::Part,
};

/// The version of the layout. A file with another one is not read: 1 held branches that contradict each other as one.
pub const SCHEMA: u32 = 2;

const MAGIC: &[u8; 16] = b"etcdsnap catalog";

/// The first bytes of a database of redb.
const DATABASE: &[u8; 9] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// Length of what follows the database.
const TRAILER: usize = 32;

/// The error of a catalog whose content is not what was written.
pub(super) fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::refused(format!("{}: the catalog is damaged: {why}", path.display())).hinted(rebuild(path))
}

fn rebuild(path: &Path) -> String {
    format!("rebuild it from the backups: etcdsnap catalog rebuild FOLDER... --db {}", shell(path))
}

/// The error of redb on a file whose sum was right.
pub(super) fn broken(path: &Path, error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Io(error) => fault(path, "read or write")(io::Error::other(error.to_string())),
        error => damaged(path, error),
    }
}

/// Calls redb, which panics where a page is not what it should be.
pub(super) fn caught<T>(path: &Path, call: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    caught.unwrap_or_else(|_| Err(damaged(path, "its pages contradict each other")))
}

/// The database in a catalog's file: checked, open, and never written to.
#[derive(Debug)]
pub(super) struct Image {
    part: Part,
    len: u64,
}

impl Image {
    /// Opens a catalog and checks its sum.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            let what = format!("{}: there is no catalog", path.display());
            return Err(Error::not_found(what).hinted("etcdsnap catalog add FOLDER makes one"));
        }
        let part = Part::open(path)?;
        part.will_be_read();
        let len = check(path, part.bytes())?;
        Ok(Self { part, len })
    }

    fn database(&self) -> &[u8] {
        usize::try_from(self.len).ok().and_then(|len| self.part.bytes().get(..len)).unwrap_or_default()
    }

    /// Copies the database to a new file at `to`.
    pub(super) fn copy(&self, to: &Path) -> Result<()> {
        let mut file = create(to)?;
        file.write_all(self.database()).map_err(fault(to, "write"))
    }
}

/// Checks that a new catalog may take the place of the file at `path`: a catalog that this program can read, also a
/// damaged one.
pub(super) fn may_be_replaced(path: &Path) -> Result<()> {
    if fs::metadata(path).map_or(true, |metadata| metadata.is_file() && metadata.len() == 0) {
        return Ok(());
    }
    trailer(path, Part::open(path)?.bytes()).map(drop)
}

/// The database, and what follows it, which is cut off in a damaged catalog.
fn trailer<'b>(path: &Path, bytes: &'b [u8]) -> Result<Option<(&'b [u8], &'b [u8; TRAILER])>> {
    let split = bytes.split_last_chunk().filter(|(_, trailer)| trailer.starts_with(MAGIC));
    if split.is_none() && !bytes.starts_with(DATABASE) {
        let what = format!("{}: this file is no catalog", path.display());
        return Err(Error::refused(what).hinted("name another --db, or move the file away"));
    }
    let schema = split.and_then(|(_, trailer)| u32_le(trailer, 16)).unwrap_or_default();
    if schema > SCHEMA {
        let what = format!(
            "{}: the catalog has the schema {schema}, and this etcdsnap knows those up to {SCHEMA}",
            path.display()
        );
        return Err(Error::refused(what).hinted("use the etcdsnap that wrote it, or a newer one; or name another --db"));
    }
    Ok(split)
}

/// Checks what follows the database, and returns the length of that.
fn check(path: &Path, bytes: &[u8]) -> Result<u64> {
    let Some((database, trailer)) = trailer(path, bytes)? else { return Err(damaged(path, "its end is missing")) };
    let (schema, sum) = (u32_le(trailer, 16).unwrap_or_default(), u32_le(trailer, 20).unwrap_or_default());
    let len = u64_le(trailer, 24).unwrap_or_default();
    if len != database.len() as u64 {
        return Err(damaged(path, "its length is not what was written"));
    }
    if Crc32c::of(database).sum() != sum {
        return Err(damaged(path, "its checksum is wrong"));
    }
    if schema != SCHEMA {
        let what = format!("{}: the catalog has the schema {schema}, of an earlier etcdsnap", path.display());
        return Err(Error::refused(what).hinted(rebuild(path)));
    }
    Ok(len)
}

impl StorageBackend for Image {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let window = crate::bytes::window(self.database(), offset, out.len() as u64);
        out.copy_from_slice(window.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, _: u64) -> Result<(), io::Error> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> Result<(), io::Error> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// The copy that a writer works on.
pub(super) fn work_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".etcdsnap-new");
    path.with_file_name(name)
}

fn create(path: &Path) -> Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(path, "remove")(error)),
        _ => {}
    }
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o600).open(path).map_err(fault(path, "create"))
}

/// A new, empty file for a database.
pub(super) fn create_empty(path: &Path) -> Result<()> {
    create(path).map(drop)
}

/// Adds the trailer to the database at `work`, and puts it in the place of the catalog at `path`.
pub(super) fn publish(work: &Path, path: &Path) -> Result<()> {
    let mut file = File::options().read(true).write(true).open(work).map_err(fault(work, "open"))?;
    let (mut sum, mut len, mut window) = (Crc32cWriter::default(), 0_u64, vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut window).map_err(fault(work, "read"))?;
        let Some(read @ [_, ..]) = window.get(..n) else { break };
        sum.update(read);
        len = len.saturating_add(n as u64);
    }
    let mut trailer = MAGIC.to_vec();
    trailer.extend(SCHEMA.to_le_bytes());
    trailer.extend(sum.finish().sum().to_le_bytes());
    trailer.extend(len.to_le_bytes());
    file.write_all_at(&trailer, len).and_then(|()| file.sync_all()).map_err(fault(work, "write"))?;
    fs::rename(work, path).map_err(fault(path, "replace"))?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(".".as_ref()),
    }
}
