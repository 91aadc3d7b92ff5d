//! The rows of files: which were looked at, and what became of them.

use std::{
    collections::HashSet,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    entry::{Entry, FileRow, Stamp},
    file::broken,
    rows::{FILES, SNAPSHOTS, put_json},
    writer::Writer,
};
use crate::{Error, Result, source::part_of};

impl Writer {
    /// The number of backups that are known in a file, where it has not changed since: `stamp` is that of now. With
    /// `keys`, where there are any to open values with, a backup with values that no key has opened is not known yet.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn known(&self, path: &Path, stamp: Stamp, keys: bool) -> Result<Option<u64>> {
        let row = |name: &Path| {
            let row: Option<FileRow> = self.read(FILES, |rows| rows.json(name.as_os_str().as_bytes()))?;
            Ok::<_, Error>(row.filter(|row| row.stamp == Some(stamp) && !row.missing && !row.changed))
        };
        let Some(of) = row(path)? else { return Ok(None) };
        if of.parts.is_empty() {
            return Ok(self.is_read(&of, keys)?.then_some(1));
        }
        for part in &of.parts {
            match row(&part_of(path, part))? {
                Some(of) if self.is_read(&of, keys)? => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(of.parts.len() as u64))
    }

    /// Whether a file needs not be read again. What could not be read may be readable now, and is reported again where
    /// it is not.
    fn is_read(&self, row: &FileRow, keys: bool) -> Result<bool> {
        let Some(id) = &row.snapshot else { return Ok(false) };
        if !keys {
            return Ok(true);
        }
        let entry: Option<Entry> = self.read(SNAPSHOTS, |rows| rows.json(id.as_bytes()))?;
        Ok(entry.is_some_and(|entry| entry.sealed == 0))
    }

    /// Notes an archive of several backups, which are added by their own names ([`part_of`]) after it. Those that were
    /// in it and are not any more are marked as missing.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn archive(&mut self, name: &Path, stamp: Option<Stamp>, parts: &[String]) -> Result<()> {
        let before = self.without_others(name, parts)?;
        let row = FileRow { stamp, parts: parts.to_vec(), ..FileRow::default() };
        if before.as_ref() != Some(&row) {
            self.put_file(name, &row)?;
        }
        Ok(())
    }

    /// Marks as missing what was in the archive `name` and is not among `parts`, and returns its row.
    pub(super) fn without_others(&mut self, name: &Path, parts: &[String]) -> Result<Option<FileRow>> {
        let before: Option<FileRow> = self.read(FILES, |rows| rows.json(name.as_os_str().as_bytes()))?;
        let kept: HashSet<&String> = parts.iter().collect();
        let gone = before.iter().flat_map(|row| &row.parts).filter(|part| !kept.contains(part));
        for part in gone.map(|part| part_of(name, part)) {
            let row: Option<FileRow> = self.read(FILES, |rows| rows.json(part.as_os_str().as_bytes()))?;
            if let Some(row) = row {
                self.put_file(&part, &FileRow { missing: true, ..row })?;
            }
        }
        Ok(before)
    }

    /// Notes that a file could not be added, and why. One that the catalog does not know is noted when it `may_be_one`.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn failed(
        &mut self,
        name: &Path,
        stamp: Option<Stamp>,
        archive: Option<&Path>,
        error: &Error,
        may_be_one: bool,
    ) -> Result<()> {
        let before = self.without_others(name, &[])?;
        if before.is_none() && !may_be_one {
            return Ok(());
        }
        let archive = archive.map(|archive| archive.as_os_str().len());
        let row = FileRow { stamp, error: Some(error.to_string()), archive, ..FileRow::default() };
        if before.as_ref() != Some(&row) {
            self.put_file(name, &row)?;
        }
        Ok(())
    }

    /// Notes that a file whose stamp was `was` has another content now: [`Writer::known`] does not know the file any
    /// more.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn mark_changed(&mut self, name: &Path, was: Stamp) -> Result<()> {
        let row: Option<FileRow> = self.read(FILES, |rows| rows.json(name.as_os_str().as_bytes()))?;
        match row.filter(|row| row.stamp == Some(was) && !row.changed) {
            Some(row) => self.put_file(name, &FileRow { changed: true, ..row }),
            None => Ok(()),
        }
    }

    /// Notes that there is no file `name`, and returns whether the catalog knows that only now. A name of which it
    /// knows nothing else is forgotten.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn absent(&mut self, name: &Path) -> Result<bool> {
        match self.without_others(name, &[])? {
            Some(row) if row.is_only_an_error() && row.stamp.is_none() => self.forget(name).map(|()| false),
            Some(row) if row.stamp.is_some() && !row.missing => {
                self.put_file(name, &FileRow { missing: true, ..row }).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Forgets the names of which only an error is known, and which are not backups now: `is_none` decides. Files that
    /// are marked as missing stay.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn forget_failed(&mut self, is_none: impl Fn(&Path) -> bool) -> Result<()> {
        let files: Vec<(Vec<u8>, FileRow)> = self.read(FILES, |rows| rows.all())?;
        let failed = files.into_iter().filter(|(_, row)| row.is_only_an_error() && !row.missing);
        let names = failed.map(|(name, _)| PathBuf::from(OsStr::from_bytes(&name)));
        names.filter(|name| is_none(name)).try_for_each(|name| self.forget(&name))
    }

    /// Marks the files below `folder` that are gone, of which `is_gone` decides, and returns how many are newly so.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn mark_missing(&mut self, folder: &Path, is_gone: impl Fn(&Path) -> bool) -> Result<u64> {
        let files: Vec<(Vec<u8>, FileRow)> = self.read(FILES, |rows| rows.all())?;
        let mut marked = 0_u64;
        for (name, row) in files {
            let name = PathBuf::from(OsStr::from_bytes(&name));
            let on_disk = row.on_disk(&name);
            if !row.missing && row.stamp.is_some() && on_disk.starts_with(folder) && is_gone(on_disk) {
                self.put_file(&name, &FileRow { missing: true, ..row })?;
                marked = marked.saturating_add(1);
            }
        }
        Ok(marked)
    }

    /// Removes a file's row: the file was removed on purpose. What its backup held stays known.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn forget(&mut self, name: &Path) -> Result<()> {
        self.write(|tx, path| {
            let mut table = tx.open_table(FILES).map_err(|e| broken(path, e))?;
            table.remove(name.as_os_str().as_bytes()).map(drop).map_err(|e| broken(path, e))
        })?;
        self.changed()
    }

    fn put_file(&mut self, name: &Path, row: &FileRow) -> Result<()> {
        self.write(|tx, path| {
            let mut table = tx.open_table(FILES).map_err(|e| broken(path, e))?;
            put_json(path, &FILES, &mut table, name.as_os_str().as_bytes(), row)
        })?;
        self.changed()
    }
}
