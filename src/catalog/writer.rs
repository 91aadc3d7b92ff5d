//! Changing a catalog: the working copy, and putting it in its place.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use redb::{Database, Durability, WriteTransaction};

use super::{
    file::{self, Image, SCHEMA, broken, caught},
    rows::{ALL, Definition, META, Rows, put},
};
use crate::{
    Error, Result,
    document::TOOL,
    hash::random,
    publish::{DirLock, fault, make_dir},
};

/// What is complete is put in the place of the catalog so often.
const PUBLISHED: Duration = Duration::from_secs(60);

/// The one who changes a catalog. Dropping it without [`Writer::finish`] leaves the catalog as it was last published.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    work: PathBuf,
    key: Vec<u8>,
    db: Option<Database>,
    changed: bool,
    /// Whether the catalog was put in its place.
    wrote: bool,
    published: Instant,
    /// Whether another catalog is there, which is replaced at the end.
    replaces: bool,
    _lock: DirLock,
}

impl Writer {
    /// Opens the catalog at `path` to change it, or makes one.
    ///
    /// # Errors
    /// When another process changes a catalog in that folder, the catalog is damaged or of a newer schema, or the
    /// system refuses.
    pub fn open(path: &Path) -> Result<Self> {
        Self::begin_at(path, path.exists())
    }

    /// Begins an empty catalog, which takes the place of the one at `path` when it is finished; that may be damaged.
    ///
    /// # Errors
    /// When another process changes a catalog in that folder, the file at `path` is no catalog or one of a newer
    /// schema, or the system refuses.
    pub fn fresh(path: &Path) -> Result<Self> {
        file::may_be_replaced(path)?;
        Self::begin_at(path, false)
    }

    fn begin_at(path: &Path, goes_on: bool) -> Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(".".as_ref());
        if !parent.is_dir() {
            fs::create_dir_all(parent.parent().unwrap_or(parent)).map_err(fault(parent, "create"))?;
            make_dir(parent, 0o700)?;
        }
        let lock = DirLock::take([parent]).map_err(|error| match error {
            Error::Busy { .. } => {
                let what = format!("{}: another etcdsnap is adding to the catalog", path.display());
                Error::usage(what)
                    .hinted("wait until it ends; `catalog ls` and the other commands that only read work now")
            }
            error => error,
        })?;
        let work = file::work_path(path);
        match goes_on {
            true => Image::open(path)?.copy(&work)?,
            false => file::create_empty(&work)?,
        }
        let mut writer = Self {
            path: path.to_owned(),
            work,
            key: Vec::new(),
            db: None,
            changed: !goes_on,
            wrote: false,
            published: Instant::now(),
            replaces: !goes_on && path.exists(),
            _lock: lock,
        };
        writer.begin()?;
        if !goes_on {
            let key = random::<32>()?;
            writer.write(|tx, path| {
                for definition in ALL {
                    tx.open_table(definition).map_err(|e| broken(path, e))?;
                }
                let mut table = tx.open_table(META).map_err(|e| broken(path, e))?;
                put(path, &META, &mut table, b"key", key.to_vec())?;
                put(path, &META, &mut table, b"schema", SCHEMA.to_le_bytes().to_vec())?;
                put(path, &META, &mut table, b"tool", TOOL.as_bytes().to_vec())
            })?;
        }
        let key = writer.read(META, |rows| rows.get(b"key"))?;
        writer.key = key.filter(|key| key.len() == 32).ok_or_else(|| file::damaged(path, "its key is missing"))?;
        Ok(writer)
    }

    /// Opens the working copy.
    fn begin(&mut self) -> Result<()> {
        let db = caught(&self.path, || Database::create(&self.work).map_err(|e| broken(&self.path, e)))?;
        self.db = Some(db);
        Ok(())
    }

    fn db(&self) -> Result<&Database> {
        self.db.as_ref().ok_or_else(closed)
    }

    /// One transaction.
    pub(super) fn write<T>(&self, change: impl FnOnce(&WriteTransaction, &Path) -> Result<T>) -> Result<T> {
        let path = &self.path;
        caught(path, || {
            let mut tx = self.db()?.begin_write().map_err(|e| broken(path, e))?;
            // The copy counts only when it is complete, and is synced then.
            tx.set_durability(Durability::None).map_err(|e| broken(path, e))?;
            let done = change(&tx, path)?;
            tx.commit().map_err(|e| broken(path, e))?;
            Ok(done)
        })
    }

    pub(super) fn read<T>(
        &self,
        definition: Definition,
        read: impl FnOnce(Rows<'_, redb::ReadOnlyTable<&'static [u8], &'static [u8]>>) -> Result<T>,
    ) -> Result<T> {
        let path = &self.path;
        caught(path, || {
            let tx = redb::ReadableDatabase::begin_read(self.db()?).map_err(|e| broken(path, e))?;
            let table = tx.open_table(definition).map_err(|e| broken(path, e))?;
            read(Rows { path, definition, table: &table })
        })
    }

    /// Whether a path is that of the catalog itself, which may be in a folder of backups.
    #[must_use]
    pub fn is_own(&self, path: &Path) -> bool {
        let own = |own: &Path| std::path::absolute(own).is_ok_and(|own| own == path);
        own(&self.path) || own(&self.work)
    }

    /// The key of the HMACs.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn changed(&mut self) -> Result<()> {
        self.changed = true;
        if self.published.elapsed() >= PUBLISHED && !self.replaces {
            self.publish()?;
            Image::open(&self.path)?.copy(&self.work)?;
            self.begin()?;
        }
        Ok(())
    }

    /// Whether another catalog is there, which is replaced at the end.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Puts the catalog in its place. `false` where it was not written since the writer was opened, as nothing had
    /// changed.
    ///
    /// # Errors
    /// When it cannot be written; then the catalog is as it was.
    pub fn finish(mut self) -> Result<bool> {
        if self.changed {
            self.publish()?;
        }
        Ok(self.wrote)
    }

    fn publish(&mut self) -> Result<()> {
        let path = &self.path;
        // Closed by an error, the copy may not be complete.
        let mut db = self.db.take().ok_or_else(closed)?;
        caught(path, || {
            db.begin_write().map_err(|e| broken(path, e))?.commit().map_err(|e| broken(path, e))?;
            db.compact().map_err(|e| broken(path, e))?;
            db.close().map_err(|e| broken(path, e))
        })?;
        file::publish(&self.work, path)?;
        (self.changed, self.wrote, self.published) = (false, true, Instant::now());
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A working copy that was published has another name by now; what is left of another is of no use.
        drop(self.db.take());
        let _ = fs::remove_file(&self.work);
    }
}

/// The error of a catalog after one that closed it.
fn closed() -> Error {
    Error::refused("the catalog is closed")
}
