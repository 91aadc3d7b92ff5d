//! Adding backups to a catalog.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    ops::ControlFlow,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rayon::prelude::*;
use redb::{Database, Durability, WriteTransaction};

use super::{
    chain::{self, Conflict},
    entry::{Entry, FileRow, Lineage, Stamp},
    facts::Facts,
    file::{self, Image, SCHEMA, broken, caught},
    rows::{
        ALL, DEFINITIONS, Definition, FACTS, FILES, LINEAGES, META, OBJECTS, REPORTS, Rows, SNAPSHOTS, after, put,
        put_json,
    },
    state::{PREFIXES, Seen, State},
    version::{self, Version},
};
use crate::{
    Error, Result,
    document::TOOL,
    error::Severity,
    etcd::{Load, Snapshot, Survey},
    hash::{Sha256, hex, random},
    k8s::{Key, Object, Resource, Ring, Value},
    publish::{DirLock, fault, make_dir},
    source::{BackupKind, Source, part_of},
    verify::{Report, Verdict, verify_and},
};

/// What is complete is put in the place of the catalog so often.
const PUBLISHED: Duration = Duration::from_secs(60);

/// The most lineages of one cluster. It has more only where a great many of its backups are of several branches, and
/// nothing that they hold shows of which: then new backups get one lineage, with the most backups that they can follow.
const LINEAGES_OF_ONE: usize = 64;

/// The most findings of a report that are kept.
const FINDINGS: usize = 100;

/// The result of adding one file.
#[derive(Debug, Clone)]
pub struct Added {
    /// The backup in it.
    pub entry: Entry,
    /// Whether the catalog had the same content already, from this file or another.
    pub known: bool,
    /// Whether its verdict is from then, because it is the worse one.
    pub was_worse: bool,
}

/// A backup that was checked.
#[derive(Debug)]
pub struct Checked<'s> {
    source: &'s Source,
    report: Report,
    state: Option<State<'s>>,
}

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

/// A changed row of the table of objects, and the value whose object is to be read for it.
struct Row<'a> {
    key: Vec<u8>,
    versions: Vec<Version>,
    read: Option<(&'a [u8], &'a [u8], i64)>,
}

/// The comparison of a backup with a lineage.
struct Compared<'a> {
    /// The backups that contradict it.
    conflict: Option<Conflict>,
    /// Whether they have a record in common.
    shared: bool,
    /// What joining it changes.
    rows: Vec<Row<'a>>,
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
    fn write<T>(&self, change: impl FnOnce(&WriteTransaction, &Path) -> Result<T>) -> Result<T> {
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

    fn read<T>(
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
    fn without_others(&mut self, name: &Path, parts: &[String]) -> Result<Option<FileRow>> {
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

    /// Checks a backup, and reads what the catalog keeps of it. `progress` gets the number of bytes read.
    ///
    /// # Errors
    /// As [`verify_and`], and when the input changed meanwhile.
    pub fn check<'s>(
        &self,
        source: &'s Source,
        load: &Load,
        ring: Ring,
        progress: impl Fn(u64),
    ) -> Result<Checked<'s>> {
        let look = |snapshot: &Snapshot<'s>, survey: &Survey<'s>| State::of(snapshot, survey, &self.key, ring);
        let (report, state) = verify_and(source, load, progress, look)?;
        source.intact()?;
        Ok(Checked { source, report, state })
    }

    /// Opens and checks several small backups at the same time.
    #[must_use]
    pub fn check_all<'s>(&self, sources: &[&'s Source], load: &Load, ring: &Ring) -> Vec<Result<Checked<'s>>> {
        sources.par_iter().map(|source| self.check(source, load, ring.clone(), |_| {})).collect()
    }

    /// Adds a backup under `name`, an absolute path unless a person chose it, or one of [`part_of`] the `archive`.
    /// `stamp` is from before the file was opened.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn add(
        &mut self,
        checked: Checked<'_>,
        name: &Path,
        stamp: Option<Stamp>,
        archive: Option<&Path>,
    ) -> Result<Added> {
        let Checked { source, mut report, state } = checked;
        report.path = name.to_string_lossy().into_owned();
        let verdict = report.verdict().unwrap_or(Verdict::Damaged);
        let mut entry = entry(source, &report, state.as_ref(), verdict);
        let known: Option<Entry> = self.read(SNAPSHOTS, |rows| rows.json(entry.id.as_bytes()))?;
        let was = known.is_some();
        let was_worse = known.as_ref().is_some_and(|known| known.verdict > verdict);
        let is_worse = known.as_ref().is_none_or(|known| known.verdict < verdict);
        if let Some(known) = &known {
            entry.lineages.clone_from(&known.lineages);
            entry.sealed = entry.sealed.min(known.sealed);
            // What is recorded beside one file is about the content: a copy that was made without it is no better.
            if was_worse {
                (entry.verdict, entry.finding) = (known.verdict, known.finding.clone());
            }
        }
        // Known content is read again where a key has opened more of it.
        let opens = known.is_some_and(|known| entry.sealed < known.sealed);
        if let Some(state) = state.filter(|_| entry.verdict != Verdict::Damaged && (!was || opens)) {
            entry.lineages = self.index(&state)?;
        }
        self.without_others(name, &[])?;
        let archive = archive.map(|archive| archive.as_os_str().len());
        let row = FileRow { stamp, snapshot: Some(entry.id.clone()), archive, ..FileRow::default() };
        self.write(|tx, path| {
            let mut table = tx.open_table(SNAPSHOTS).map_err(|e| broken(path, e))?;
            put_json(path, &SNAPSHOTS, &mut table, entry.id.as_bytes(), &entry)?;
            if is_worse {
                let mut table = tx.open_table(REPORTS).map_err(|e| broken(path, e))?;
                put_json(path, &REPORTS, &mut table, entry.id.as_bytes(), &kept(&report))?;
            }
            let mut table = tx.open_table(FILES).map_err(|e| broken(path, e))?;
            put_json(path, &FILES, &mut table, name.as_os_str().as_bytes(), &row)
        })?;
        self.changed()?;
        Ok(Added { entry, known: was, was_worse })
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
        let names = failed.map(|(name, _)| PathBuf::from(std::ffi::OsStr::from_bytes(&name)));
        names.filter(|name| is_none(name)).try_for_each(|name| self.forget(&name))
    }

    fn put_file(&mut self, name: &Path, row: &FileRow) -> Result<()> {
        self.write(|tx, path| {
            let mut table = tx.open_table(FILES).map_err(|e| broken(path, e))?;
            put_json(path, &FILES, &mut table, name.as_os_str().as_bytes(), row)
        })?;
        self.changed()
    }

    /// Marks the files below `folder` that are gone, of which `is_gone` decides, and returns how many are newly so.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn mark_missing(&mut self, folder: &Path, is_gone: impl Fn(&Path) -> bool) -> Result<u64> {
        let files: Vec<(Vec<u8>, FileRow)> = self.read(FILES, |rows| rows.all())?;
        let mut marked = 0_u64;
        for (name, row) in files {
            let name = PathBuf::from(std::ffi::OsStr::from_bytes(&name));
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

    fn changed(&mut self) -> Result<()> {
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

    /// Indexes a state, and returns the lineages that it belongs to.
    fn index(&self, state: &State<'_>) -> Result<Vec<u32>> {
        let all: Vec<(Vec<u8>, Lineage)> = self.read(LINEAGES, |rows| rows.all())?;
        let number = |key: &[u8]| key.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let mut next = all.last().map_or(1, |(key, _)| number(key).saturating_add(1));
        let prefixes = state.prefixes();
        let (mut joined, mut others) = (Vec::new(), Vec::new());
        for (key, lineage) in all.into_iter().filter(|(_, lineage)| lineage.identity == state.identity) {
            let compared = self.compare(number(&key), &lineage.heads, state)?;
            // Without an identity only a common record shows that it is the same cluster.
            if state.identity.is_none() && !compared.shared {
                continue;
            }
            match compared.conflict {
                None => {
                    self.join(number(&key), lineage, compared.rows, state, &prefixes)?;
                    joined.push(number(&key));
                }
                Some(conflict) => others.push((number(&key), lineage, conflict)),
            }
        }
        let mut new = self.forks(&joined, others)?;
        if joined.is_empty() && new.is_empty() {
            new.push((0, Lineage { identity: state.identity.clone(), ..Lineage::default() }));
        }
        for (from, lineage) in new {
            self.fork(from, next, &lineage)?;
            let compared = self.compare(next, &lineage.heads, state)?;
            self.join(next, lineage, compared.rows, state, &prefixes)?;
            joined.push(next);
            next = next.saturating_add(1);
        }
        Ok(joined)
    }

    /// The parts of lineages with which a backup begins new ones, each with the number of the lineage that it is a part
    /// of: `joined` are those that it is in already, `others` contradict it.
    fn forks(&self, joined: &[u32], others: Vec<(u32, Lineage, Conflict)>) -> Result<Vec<(u32, Lineage)>> {
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let entries: Vec<(Vec<u8>, Entry)> = self.read(SNAPSHOTS, |rows| rows.all())?;
        let part = |number: u32, conflict: Option<&Conflict>| -> BTreeSet<&str> {
            let is_in = |entry: &&Entry| {
                let head = entry.revision.filter(|head| conflict.is_none_or(|conflict| !conflict.has(*head)));
                head.is_some() && entry.lineages.contains(&number)
            };
            entries.iter().map(|(_, entry)| entry).filter(is_in).map(|entry| entry.id.as_str()).collect()
        };
        let mut parts: Vec<_> =
            others.iter().map(|(number, _, conflict)| (part(*number, Some(conflict)), false)).collect();
        parts.extend(joined.iter().map(|number| (part(*number, None), true)));
        let mut forks = chain::forks(&parts);
        if parts.len().saturating_add(forks.len()) > LINEAGES_OF_ONE {
            let longest = forks.into_iter().max_by_key(|at| parts.get(*at).map_or(0, |(part, _)| part.len()));
            forks = longest.filter(|_| joined.is_empty()).into_iter().collect();
        }
        let others = others.into_iter().enumerate().filter(|(at, _)| forks.contains(at));
        let kept = |(number, mut lineage, conflict): (u32, Lineage, Conflict)| {
            lineage.heads.retain(|head| !conflict.has(*head));
            (number, lineage)
        };
        Ok(others.map(|(_, other)| kept(other)).collect())
    }

    /// Compares a state with what is known of a lineage.
    fn compare<'a>(&self, number: u32, heads: &[i64], state: &State<'a>) -> Result<Compared<'a>> {
        let prefix = number.to_be_bytes();
        let newest = heads.last().copied();
        let mut compared = Compared { conflict: None, shared: false, rows: Vec::new() };
        let mut take = |key: &[u8], runs: &[Version], seen: Option<&Seen<'a>>| {
            let version = seen.map(|seen| &seen.version);
            if let Some(conflict) = chain::conflict(heads, runs, version, state.head) {
                compared.conflict = Some(conflict.with(compared.conflict));
            }
            let known = version.and_then(|seen| runs.iter().find(|run| run.mod_revision == seen.mod_revision));
            compared.shared |= version.is_some_and(|seen| known.is_some_and(|known| known.is_same(seen)));
            if let Some(versions) = chain::merged(newest, runs, version, state.head) {
                let reads = |seen: &&Seen<'a>| known.is_none_or(|known| known.learns(&seen.version));
                let read = seen.filter(reads).map(|seen| (seen.key, seen.value, seen.version.mod_revision));
                compared.rows.push(Row { key: [&prefix, key].concat(), versions, read });
            }
        };
        let mut seen = state.seen.iter().peekable();
        self.read(OBJECTS, |rows| {
            rows.each(&prefix, after(&prefix).as_deref(), |key, row| {
                let key = key.get(prefix.len()..).unwrap_or_default();
                while let Some(new) = seen.next_if(|seen| seen.key < key) {
                    take(new.key, &[], Some(new));
                }
                let runs = version::decode(row).ok_or_else(|| rows.damaged())?;
                take(key, &runs, seen.next_if(|seen| seen.key == key));
                Ok(ControlFlow::Continue(()))
            })
        })?;
        seen.for_each(|new| take(new.key, &[], Some(new)));
        Ok(compared)
    }

    /// Writes what a state changes in a lineage that it joins.
    fn join(
        &self,
        number: u32,
        mut lineage: Lineage,
        mut rows: Vec<Row<'_>>,
        state: &State<'_>,
        prefixes: &[String],
    ) -> Result<()> {
        if let Err(at) = lineage.heads.binary_search(&state.head) {
            lineage.heads.insert(at, state.head);
        }
        lineage.prefixes.extend(prefixes.iter().cloned());
        lineage.prefixes.sort();
        lineage.prefixes.dedup();
        lineage.prefixes.truncate(PREFIXES);
        let read: Vec<Read> = rows.par_iter_mut().filter_map(|row| row.learn(&state.ring)).collect();
        let facts: HashMap<u64, Vec<u8>> =
            read.iter().map(|read| read.facts.clone()).filter(|(id, _)| *id != 0).collect();
        self.write(|tx, path| {
            let mut table = tx.open_table(OBJECTS).map_err(|e| broken(path, e))?;
            for row in &rows {
                put(path, &OBJECTS, &mut table, &row.key, version::encode(&row.versions))?;
            }
            let mut table = tx.open_table(FACTS).map_err(|e| broken(path, e))?;
            for (id, row) in facts {
                put(path, &FACTS, &mut table, &id.to_le_bytes(), row)?;
            }
            let mut table = tx.open_table(DEFINITIONS).map_err(|e| broken(path, e))?;
            for (name, mod_revision, definition) in read.iter().filter_map(|read| read.definition.as_ref()) {
                let key = [&number.to_be_bytes(), name.as_bytes()].concat();
                let rows = Rows { path, definition: DEFINITIONS, table: &table };
                let have: Option<(i64, serde_json::Value)> = rows.json(&key)?;
                if have.is_none_or(|(have, _)| have < *mod_revision) {
                    put_json(path, &DEFINITIONS, &mut table, &key, &(mod_revision, definition))?;
                }
            }
            let mut table = tx.open_table(LINEAGES).map_err(|e| broken(path, e))?;
            put_json(path, &LINEAGES, &mut table, &number.to_be_bytes(), &lineage)
        })
    }

    /// Begins the lineage `to` with the part of `from` that `lineage` names by its heads; with none where it has none.
    fn fork(&self, from: u32, to: u32, lineage: &Lineage) -> Result<()> {
        if lineage.heads.is_empty() {
            return Ok(());
        }
        let (old, new) = (from.to_be_bytes(), to.to_be_bytes());
        self.write(|tx, path| {
            for definition in [OBJECTS, DEFINITIONS] {
                self.read(definition, |rows| {
                    let mut table = tx.open_table(definition).map_err(|e| broken(path, e))?;
                    rows.each(&old, after(&old).as_deref(), |key, row| {
                        let key = [&new[..], key.get(old.len()..).unwrap_or_default()].concat();
                        let row = match redb::TableHandle::name(&definition) {
                            "objects" => {
                                let runs = version::decode(row).ok_or_else(|| rows.damaged())?;
                                let runs = chain::within(&runs, &lineage.heads);
                                if runs.is_empty() {
                                    return Ok(ControlFlow::Continue(()));
                                }
                                version::encode(&runs)
                            }
                            _ => row.to_vec(),
                        };
                        put(path, &definition, &mut table, &key, row)?;
                        Ok(ControlFlow::Continue(()))
                    })
                })?;
            }
            let mut table = tx.open_table(LINEAGES).map_err(|e| broken(path, e))?;
            put_json(path, &LINEAGES, &mut table, &new, lineage)?;
            // What contradicts neither belongs to both.
            let entries: Vec<(Vec<u8>, Entry)> = self.read(SNAPSHOTS, |rows| rows.all())?;
            let mut table = tx.open_table(SNAPSHOTS).map_err(|e| broken(path, e))?;
            for (id, mut entry) in entries {
                let is_kept = entry.revision.is_some_and(|head| lineage.heads.binary_search(&head).is_ok());
                if entry.lineages.contains(&from) && is_kept {
                    entry.lineages.push(to);
                    put_json(path, &SNAPSHOTS, &mut table, &id, &entry)?;
                }
            }
            Ok(())
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A working copy that was published has another name by now; what is left of another is of no use.
        drop(self.db.take());
        let _ = fs::remove_file(&self.work);
    }
}

/// What was read from an object.
struct Read {
    facts: (u64, Vec<u8>),
    definition: Option<(String, i64, serde_json::Value)>,
}

impl Row<'_> {
    /// Reads the object of the version that is new, or can be opened now.
    fn learn(&mut self, ring: &Ring) -> Option<Read> {
        let (key, value, mod_revision) = self.read?;
        let parsed = Key::new(key);
        let object = parsed.object()?;
        let decoded = ring.object(key, value).ok()?;
        let (facts, uid) = Facts::of(&decoded);
        let facts = facts.row();
        let version = self.versions.iter_mut().find(|of| of.mod_revision == mod_revision)?;
        (version.facts, version.uid) = (facts.0, uid);
        let is_definition = object.resource == "customresourcedefinitions";
        let definition = is_definition.then(|| definition(&decoded)).flatten();
        Some(Read { facts, definition: definition.map(|(name, of)| (name, mod_revision, of)) })
    }
}

/// The names and versions of a CustomResourceDefinition, without their schemas.
fn definition(object: &Object<'_>) -> Option<(String, serde_json::Value)> {
    let resource = Resource::of_definition(&object.value)?;
    let spec = object.value.get("spec")?;
    let json = |value: &Value<'_>| serde_json::from_str::<serde_json::Value>(&value.to_json()).ok();
    let versions: Vec<_> = spec.get("versions").and_then(Value::as_list).unwrap_or_default().iter().collect();
    let versions = versions.into_iter().map(|version| {
        let of = |field| version.get(field).and_then(json);
        serde_json::json!({"name": of("name"), "served": of("served"), "storage": of("storage")})
    });
    let of = |field| spec.get(field).and_then(json);
    let kept = serde_json::json!({"spec": {"group": of("group"), "names": of("names"), "scope": of("scope"),
        "version": of("version"), "versions": versions.collect::<Vec<_>>()}});
    Some((resource.full_name(), kept))
}

/// The entry of a backup that was checked, without its lineages.
fn entry(source: &Source, report: &Report, state: Option<&State<'_>>, verdict: Verdict) -> Entry {
    let mut id = Sha256::default();
    id.update(&report.sha256.unwrap_or_default());
    match state {
        _ if source.kind() != BackupKind::DataDir => {}
        // What a log adds is not in the sum of the db.
        Some(state) => {
            id.update(&state.head.to_le_bytes());
            state.seen.iter().for_each(|seen| id.update(&seen.version.mod_revision.to_le_bytes()));
        }
        // That its log cannot be read is not known against a copy of its db.
        None => id.update(b"log"),
    }
    let findings = report.findings.list().iter();
    let worst = findings.filter(|of| of.severity > Severity::Info).min_by_key(|of| std::cmp::Reverse(of.severity));
    Entry {
        id: hex(id.finish().first_chunk::<16>().map_or(&[][..], |half| half)),
        sha256: report.sha256.map(|sum| hex(&sum)),
        lineages: Vec::new(),
        identity: state.and_then(|state| state.identity.clone()).or_else(|| report.portrait.identity.clone()),
        revision: state.map(|state| state.head),
        compacted: state.map(|state| state.compacted),
        bump: state.and_then(|state| state.bump),
        keys: state.map(|state| state.seen.len() as u64),
        size: source.db().len(),
        newest: report.portrait.newest.time.map(|newest| newest.to_string()),
        verdict,
        finding: worst.map(ToString::to_string),
        sealed: state.map_or(0, State::sealed),
    }
    .of_what_was_read()
}

/// The error of a catalog after one that closed it.
fn closed() -> Error {
    Error::refused("the catalog is closed")
}

/// The report as it is kept: with its first findings.
fn kept(report: &Report) -> serde_json::Value {
    let mut report = serde_json::to_value(report).unwrap_or_default();
    if let Some(findings) = report.get_mut("findings").and_then(serde_json::Value::as_array_mut) {
        findings.truncate(FINDINGS);
    }
    report
}
