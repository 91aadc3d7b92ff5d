//! The renames of a run, written down before the first is done, so that the next run can finish or undo them.
//!
//! Whether a rename was done is seen from the inode number of what it moves. When that is at neither end, somebody else
//! has been there, and nothing is touched.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::{
    disk::{fault, sync_dir},
    json_path,
    run::Run,
    zone::{self, Zone},
};
use crate::{Error, Result, source::read_small};

const NAME: &str = "journal.json";
/// The longest journal that is read, in bytes: of a log of some ten thousand segments.
const MAX_LEN: u64 = 16 << 20;

/// One rename.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What is renamed.
    #[serde(with = "json_path")]
    pub from: PathBuf,
    /// The new path of what is renamed.
    #[serde(with = "json_path")]
    pub to: PathBuf,
    /// Whether the two change places, so that there is always one at `to`.
    exchange: bool,
    /// Whether an empty folder at `to` is replaced.
    #[serde(default)]
    replace: bool,
    /// Inode of `from`. Not its device: that may have another number after a reboot.
    id: u64,
}

impl Step {
    /// Renames `from` to `to`, where nothing is.
    ///
    /// # Errors
    /// When there is no `from`.
    pub(crate) fn rename(from: PathBuf, to: PathBuf) -> Result<Self> {
        let id = inode(&from).map_err(fault(&from, "look at"))?;
        Ok(Self { from, to, exchange: false, replace: false, id })
    }

    /// Lets `from` and `to` change places.
    ///
    /// # Errors
    /// When there is no `from`.
    pub(crate) fn exchange(from: PathBuf, to: PathBuf) -> Result<Self> {
        Ok(Self { exchange: true, ..Self::rename(from, to)? })
    }

    /// Renames the folder `from` to `to`, where an empty folder is.
    ///
    /// # Errors
    /// When there is no `from`.
    pub(super) fn replace(from: PathBuf, to: PathBuf) -> Result<Self> {
        Ok(Self { replace: true, ..Self::rename(from, to)? })
    }

    /// The same inode, which an earlier step will have moved to `from`.
    #[must_use]
    pub(crate) fn moved_from(self, from: PathBuf) -> Self {
        Self { from, ..self }
    }

    fn is_done(&self) -> bool {
        inode(&self.to).is_ok_and(|id| id == self.id)
    }

    fn is_to_do(&self) -> bool {
        inode(&self.from).is_ok_and(|id| id == self.id)
    }

    fn run(&self) -> io::Result<()> {
        if self.replace {
            return fs::rename(&self.from, &self.to);
        }
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
        // The folder that it came from may be gone meanwhile: then it is all that is left of it.
        self.from.parent().map_or(Ok(()), fs::create_dir_all)?;
        if self.replace {
            fs::rename(&self.to, &self.from)?;
            fs::create_dir(&self.to)?;
            return fs::set_permissions(&self.to, fs::metadata(&self.from)?.permissions());
        }
        Self { from: self.to.clone(), to: self.from.clone(), ..self.clone() }.run()
    }

    fn sync_parents(&self) -> Result<()> {
        self.parents().try_for_each(sync_dir)
    }

    fn parents(&self) -> impl Iterator<Item = &Path> {
        let parents = [self.to.parent(), self.from.parent()].into_iter().flatten();
        parents.map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    path.symlink_metadata().map(|metadata| metadata.ino())
}

/// The renames of a run.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// Renames in order. The last one decides: when it was done, the run counts as done.
    pub steps: Vec<Step>,
    /// Renames after that, which tidy up.
    pub after: Vec<Step>,
    /// Staging folders besides the one that the journal is in.
    #[serde(with = "json_path::list")]
    pub also: Vec<PathBuf>,
    /// The folder that it was written to. A copy of it elsewhere is not followed.
    #[serde(default, with = "json_path")]
    folder: PathBuf,
}

/// Why the renames were not done, and whether those that were done could be undone.
pub(super) struct Failed {
    pub(super) why: Error,
    pub(super) undone: bool,
}

impl Journal {
    /// Does all renames or none, with the journal in `folder` meanwhile.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failed> {
        self.write(folder).map_err(|why| Failed { why, undone: true })?;
        let mut done = Vec::new();
        for step in self.steps.iter().chain(&self.after) {
            let result = step.run().map_err(fault(&step.to, "rename into place"));
            if result.is_ok() {
                done.push(step);
            }
            if let Err(why) = result.and_then(|()| step.sync_parents()) {
                // Newest first. What cannot be undone now is left to the next run, with the journal.
                let back = done.iter().rev().try_for_each(|step| step.undo().map(|()| drop(step.sync_parents())));
                return Err(Failed { why, undone: back.and_then(|()| forget(folder)).is_ok() });
            }
        }
        Ok(())
    }

    /// Writes it into `folder`, all or nothing.
    fn write(&self, folder: &Path) -> Result<()> {
        let (part, path) = (folder.join("journal.part"), folder.join(NAME));
        let whose = Self { folder: fs::canonicalize(folder).map_err(fault(folder, "look at"))?, ..self.clone() };
        for other in &self.also {
            zone::mark(other, &whose.folder)?;
            sync_dir(other)?;
            other.parent().map_or(Ok(()), sync_dir)?;
        }
        let text = serde_json::to_vec(&whose).map_err(|e| fault(&path, "write")(e.into()))?;
        let written = File::create_new(&part).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&part, &path)).map_err(fault(&path, "write"))?;
        sync_dir(folder)?;
        folder.parent().map_or(Ok(()), sync_dir)
    }

    /// The journal in `folder`; none when no rename was begun.
    pub(super) fn read(folder: &Path, run: Run) -> Result<Option<Self>> {
        let path = folder.join(NAME);
        let text = match read_small(&path, MAX_LEN) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(fault(&path, "read"))?,
        };
        let journal: Self =
            serde_json::from_slice(&text).map_err(|_| unsure(folder, run, "its journal cannot be read"))?;
        if fs::canonicalize(folder).is_ok_and(|here| here != journal.folder) {
            let what = format!("this is a copy, or was moved: it was in {}", journal.folder.display());
            return Err(unsure(folder, run, &what));
        }
        Ok(Some(journal))
    }

    /// Cleans up after a run that was killed: finishes the renames when the one that decides was done, else undoes
    /// them.
    pub(super) fn recover(&self, folder: &Path, run: Run) -> Result<()> {
        let zone = Zone::of(folder, &self.also, run);
        let check = |step: &Step| match [&step.from, &step.to].into_iter().find(|path| !zone.holds(path)) {
            Some(path) => {
                let what = format!("its journal names {}, which is no path of this run", path.display());
                Err(unsure(folder, run, &what))
            }
            None => Ok(()),
        };
        if self.steps.last().is_some_and(Step::is_done) {
            self.after.iter().filter(|step| step.is_to_do()).try_for_each(check)?;
            self.tidy();
            if let Some(kept) = self.after.iter().find(|step| step.is_to_do()) {
                return Err(fault(&kept.to, "move the old member to")(io::ErrorKind::AlreadyExists.into()));
            }
        } else {
            if self.steps.iter().any(|step| !step.is_done() && !step.is_to_do()) {
                return Err(unsure(folder, run, "what it had to rename is not there"));
            }
            self.steps.iter().filter(|step| step.is_done()).try_for_each(check)?;
            for step in self.steps.iter().rev().filter(|step| step.is_done()) {
                step.undo().map_err(fault(&step.from, "put back"))?;
            }
        }
        self.sync(&zone)?;
        forget(folder).map_err(fault(folder, "remove the journal in"))
    }

    /// Syncs the folders of its renames: none may be lost that was done or undone once there is no journal.
    fn sync(&self, zone: &Zone) -> Result<()> {
        let steps = self.steps.iter().chain(&self.after);
        let known = steps.filter(|step| zone.holds(&step.from) && zone.holds(&step.to));
        let folders: BTreeSet<_> = known.flat_map(Step::parents).filter(|folder| folder.is_dir()).collect();
        folders.into_iter().try_for_each(sync_dir)
    }

    /// Does what is left to do of `after`.
    fn tidy(&self) {
        for step in &self.after {
            // What was moved aside stays in the staging folder otherwise, for the next run to move.
            if step.is_to_do() && step.run().is_ok() {
                let _ = step.sync_parents();
            }
        }
    }
}

/// Whether there is a journal in the folder.
pub(super) fn is_in(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Removes the journal for good: from here on what else is in the folder is not needed any more.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NAME)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| File::open(folder)?.sync_all()),
    }
}

/// That a person has to look at it.
pub(super) fn unsure(folder: &Path, run: Run, why: &str) -> Error {
    let (run, hint) = match run {
        Run::Restore => ("a restore", "look inside: it may hold an old member; then move it to another place"),
        Run::Export => ("an export", "look inside, then move it to another place"),
        Run::Salvage => ("a salvage", "look inside, then move it to another place"),
        Run::Rows => ("a run", "look inside, then move it to another place"),
    };
    Error::usage(format!("{}: {run} was interrupted here, and {why}", folder.display())).hinted(hint)
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    use super::*;

    #[test]
    fn paths_that_are_not_utf8_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(OsStr::from_bytes(b"\xff"));
        fs::create_dir(&odd).unwrap();
        let step = Step::rename(odd.clone(), dir.path().join("to")).unwrap();
        let journal = Journal { steps: vec![step], also: vec![odd.clone()], ..Journal::default() };
        journal.write(&odd).unwrap();
        let read = Journal::read(&odd, Run::Export).unwrap().unwrap();
        assert_eq!((&read.steps[0].from, &read.steps[0].to, &read.also[0]), (&odd, &dir.path().join("to"), &odd));
    }

    #[test]
    fn what_a_copied_journal_names_is_left_alone() {
        let run = Run::Restore;
        let [here, copy] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Journal::default().write(here.path()).unwrap();
        fs::copy(here.path().join(NAME), copy.path().join(NAME)).unwrap();
        assert!(Journal::read(here.path(), run).unwrap().is_some());
        let told = Journal::read(copy.path(), run).unwrap_err().to_string();
        assert!(told.contains(&format!("it was in {}", here.path().display())), "{told}");
    }
}
