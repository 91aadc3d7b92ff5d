//! All or nothing: what is written is staged in a folder that nobody reads, and shown by renames.
//!
//! ```text
//! DIR exists       DIR/.etcdsnap-restore/new/member            -> DIR/member
//! DIR does not     PARENT/.DIR.etcdsnap-restore/new/member     new -> DIR
//! ```
//!
//! The folder is locked while it is worked in. One that nobody has locked was left by a kill or a power cut: the next
//! run finds in its journal which renames were to be done, takes back those that were if the last of them was not, and
//! removes it. A rename is told from one that was not done by the number of the inode that it moves: where that is at
//! neither end, somebody else has been there, and nothing is touched.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub(super) const FOLDER: &str = ".etcdsnap-restore";
const JOURNAL: &str = "journal.json";

/// `Error::Io` for `path`.
pub(super) fn fault(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error {
    let file = path.display().to_string();
    move |source| Error::Io { file: file.clone(), doing, offset: None, source }
}

/// One rename that shows something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    /// The two change places, so that there is never none.
    pub(super) exchange: bool,
    /// Inode of `from`. Not its device: that may have another number when the machine has started again.
    id: u64,
}

impl Step {
    pub(super) fn new(from: PathBuf, to: PathBuf, exchange: bool) -> Result<Self> {
        let id = inode(&from).map_err(fault(&from, "look at"))?;
        Ok(Self { from, to, exchange, id })
    }

    /// The same inode, which an earlier step is going to have moved to `from`.
    pub(super) fn moved_from(self, from: PathBuf) -> Self {
        Self { from, ..self }
    }

    fn is_done(&self) -> bool {
        inode(&self.to).is_ok_and(|id| id == self.id)
    }

    fn is_to_do(&self) -> bool {
        inode(&self.from).is_ok_and(|id| id == self.id)
    }

    fn run(&self) -> io::Result<()> {
        let flags = if self.exchange { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        match renameat_with(CWD, &self.from, CWD, &self.to, flags) {
            // The file system has no such renames; what is at `to` is known not to be there.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !self.exchange => {
                fs::rename(&self.from, &self.to)
            }
            done => Ok(done?),
        }
    }

    fn undo(&self) -> io::Result<()> {
        // The folder may be gone that it came from: then only this is left of it.
        self.from.parent().map_or(Ok(()), fs::create_dir_all)?;
        Self { from: self.to.clone(), to: self.from.clone(), ..self.clone() }.run()
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    path.symlink_metadata().map(|metadata| metadata.ino())
}

/// The renames of a run. The last of `steps` is the one that counts; those of `after` tidy up.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) steps: Vec<Step>,
    pub(super) after: Vec<Step>,
    /// Other folders that were staged in.
    pub(super) also: Vec<PathBuf>,
}

/// A folder to stage in, gone when this is dropped.
#[derive(Debug)]
pub(super) struct Staging {
    root: PathBuf,
    lock: File,
    /// Folders that had to be made for it, outermost first.
    made: Vec<PathBuf>,
    /// What is in it is needed still.
    keep: bool,
}

/// The folder that a result which becomes `destination` is staged in: inside it when it exists, else beside it.
fn folder_for(destination: &Path) -> PathBuf {
    beside(destination).filter(|_| !destination.is_dir()).unwrap_or_else(|| destination.join(FOLDER))
}

fn beside(destination: &Path) -> Option<PathBuf> {
    let mut folder = std::ffi::OsString::from(".");
    folder.push(destination.file_name()?);
    folder.push(FOLDER);
    Some(destination.parent()?.join(folder))
}

/// Puts right what a run that was killed has left of its work on `destination`, which may be there since.
///
/// # Errors
/// Why it cannot be put right; when another run is at it, too.
pub fn recover(destination: &Path) -> Result<()> {
    let folders = [Some(destination.join(FOLDER)), beside(destination)];
    folders.into_iter().flatten().filter(|folder| folder.is_dir()).try_for_each(|folder| clear(&folder))
}

impl Staging {
    /// Makes the folder for what becomes `destination`, with what is missing above it; what an earlier run left there is
    /// put right first.
    pub(super) fn create(destination: &Path) -> Result<Self> {
        let root = folder_for(destination);
        let made = match root.parent() {
            Some(parent) => make_missing(parent)?,
            None => Vec::new(),
        };
        let unmake = |error| {
            made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
            error
        };
        let lock = claim(&root).map_err(unmake)?;
        Ok(Self { root, lock, made, keep: false })
    }

    /// A place in the folder.
    pub(super) fn path(&self, inner: impl AsRef<Path>) -> PathBuf {
        self.root.join(inner)
    }

    /// The folder, open.
    pub(super) fn folder(&self) -> &File {
        &self.lock
    }

    /// Whether two folders can change places in this file system.
    pub(super) fn can_exchange(&self) -> bool {
        let (a, b) = (self.path("a"), self.path("b"));
        let made = fs::create_dir(&a).and_then(|()| fs::create_dir(&b));
        made.is_ok() && renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).is_ok()
    }

    /// Does the renames: all of them, or none.
    pub(super) fn publish(&mut self, journal: &Journal) -> Result<()> {
        self.write(journal)?;
        let mut done = Vec::new();
        for step in journal.steps.iter().chain(&journal.after) {
            let result = step.run().map_err(fault(&step.to, "rename into place"));
            if result.is_ok() {
                done.push(step);
            }
            if let Err(error) = result.and_then(|()| sync_parents(step)) {
                // Newest first. What cannot be taken back now is left to the next run, with the journal.
                let back = done.iter().rev().try_for_each(|step| step.undo().map(|()| drop(sync_parents(step))));
                self.keep = back.and_then(|()| forget(&self.root)).is_err();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes the journal: whole, or not at all.
    fn write(&self, journal: &Journal) -> Result<()> {
        let (part, path) = (self.path("journal.part"), self.path(JOURNAL));
        let text = serde_json::to_vec(journal).map_err(|e| fault(&path, "write")(e.into()))?;
        let written = File::create_new(&part).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&part, &path)).map_err(fault(&path, "write"))?;
        sync_dir(&self.root)?;
        self.root.parent().map_or(Ok(()), sync_dir)
    }

    /// Leaves the folder to the next run when `other` is left to it: the journal there leads to what is here.
    pub(super) fn keep_with(&mut self, other: &Self) {
        self.keep |= other.keep;
    }

    /// Folders that had to be made above it, outermost first.
    pub(super) fn made(&self) -> &[PathBuf] {
        &self.made
    }

    /// Keeps what had to be made above the folder: it holds the result now.
    pub(super) fn keep_parents(&mut self) {
        self.made.clear();
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed now is removed by the next run.
            let _ = forget(&self.root);
            let _ = fs::remove_dir_all(&self.root);
        }
        self.made.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// After the step that counts, when that was done by a run that was killed.
fn tidy(journal: &Journal) {
    for step in &journal.after {
        // What was moved aside stays in the staging folder otherwise, for the next run to move.
        if step.is_to_do() && step.run().is_ok() {
            let _ = sync_parents(step);
        }
    }
}

/// Makes `folder` and locks it; one that was left behind is put right and removed first.
fn claim(folder: &Path) -> Result<File> {
    for _ in 0..3 {
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {
                if let Some(lock) = lock(folder)? {
                    return Ok(lock);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => clear(folder)?,
            Err(e) => return Err(fault(folder, "make")(e)),
        }
    }
    Err(busy(folder))
}

/// Locks the folder; `None` when it went away meanwhile, as another run's does when that ends.
fn lock(folder: &Path) -> Result<Option<File>> {
    let lock = match File::open(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        lock => lock.map_err(fault(folder, "open"))?,
    };
    lock.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => busy(folder),
        TryLockError::Error(e) => fault(folder, "lock")(e),
    })?;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let is_there = folder.symlink_metadata().is_ok_and(|there| lock.metadata().is_ok_and(|m| id(there) == id(m)));
    Ok(Some(lock).filter(|_| is_there))
}

fn busy(folder: &Path) -> Error {
    Error::Usage {
        what: format!("{}: another restore into the same place is under way", folder.display()),
        hint: Some("wait until it ends".to_owned()),
    }
}

/// Puts right what a run that was killed has left.
fn clear(folder: &Path) -> Result<()> {
    let Some(lock) = lock(folder)? else { return Ok(()) };
    // Its journal says what is renamed and removed: whoever may make folders here could have it say anything.
    if lock.metadata().map_err(fault(folder, "look at"))?.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsure(folder, "another user has left it"));
    }
    let journal = read_journal(folder)?;
    if let Some(journal) = &journal {
        if journal.steps.last().is_some_and(Step::is_done) {
            tidy(journal);
            if let Some(kept) = journal.after.iter().find(|step| step.is_to_do()) {
                return Err(fault(&kept.to, "move the old member to")(io::ErrorKind::AlreadyExists.into()));
            }
        } else {
            if journal.steps.iter().any(|step| !step.is_done() && !step.is_to_do()) {
                return Err(unsure(folder, "what it was to rename is not where it was"));
            }
            for step in journal.steps.iter().rev().filter(|step| step.is_done()) {
                step.undo().map_err(fault(&step.from, "put back"))?;
            }
        }
        forget(folder).map_err(fault(folder, "remove the journal in"))?;
        journal.also.iter().filter(|other| is_staging(other)).for_each(|other| drop(fs::remove_dir_all(other)));
    }
    fs::remove_dir_all(folder).map_err(fault(folder, "remove"))
}

/// The journal in `folder`; none when no rename was begun.
fn read_journal(folder: &Path) -> Result<Option<Journal>> {
    let path = folder.join(JOURNAL);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(fault(&path, "read"))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|_| unsure(folder, "its journal cannot be read"))
}

/// Removes the journal: what else is in the folder is not needed any more.
fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(JOURNAL)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn unsure(folder: &Path, why: &str) -> Error {
    Error::Usage {
        what: format!("{}: a restore was broken off here, and {why}", folder.display()),
        hint: Some("look into it: an old member may be there; then move it away".to_owned()),
    }
}

fn is_staging(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().ends_with(FOLDER))
}

/// Makes `folder` and what is missing above it; returns what was made, outermost first.
fn make_missing(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut missing: Vec<_> =
        folder.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    missing.reverse();
    let mut made: Vec<PathBuf> = Vec::new();
    for dir in missing {
        if let Err(e) = fs::DirBuilder::new().mode(0o700).create(dir) {
            made.iter().rev().for_each(|dir| drop(fs::remove_dir(dir)));
            return Err(fault(dir, "make")(e));
        }
        made.push(dir.to_owned());
    }
    Ok(made)
}

/// Makes a folder in the staging.
pub(super) fn make_dir(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().mode(mode).recursive(true).create(path).map_err(fault(path, "make"))
}

/// Makes sure that what is in the folder `path` survives a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(fault(path, "sync"))
}

fn sync_parents(step: &Step) -> Result<()> {
    let parents = [step.to.parent(), step.from.parent()];
    parents
        .into_iter()
        .flatten()
        .map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
        .try_for_each(sync_dir)
}
