//! The renames that show a result, written down before the first is done: who finds them half done knows the way on, or
//! back.
//!
//! A rename is told from one that was not done by the number of the inode that it moves: where that is at neither end,
//! somebody else has been there, and nothing is touched.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::disk::{fault, sync_dir};
use crate::{Error, Result};

const NAME: &str = "journal.json";

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

    fn sync_parents(&self) -> Result<()> {
        let parents = [self.to.parent(), self.from.parent()];
        parents
            .into_iter()
            .flatten()
            .map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
            .try_for_each(sync_dir)
    }
}

fn inode(path: &Path) -> io::Result<u64> {
    path.symlink_metadata().map(|metadata| metadata.ino())
}

/// The renames of a run. The last of `steps` is the one that counts; those of `after` tidy up.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) steps: Vec<Step>,
    pub(super) after: Vec<Step>,
    /// Other folders that were staged in.
    pub(super) also: Vec<PathBuf>,
    /// Where it was written: what it names is there, and not where it may have been copied to.
    #[serde(default)]
    folder: PathBuf,
}

/// Why the renames were not done, and whether those that were could be taken back.
pub(super) struct Undone {
    pub(super) why: Error,
    pub(super) taken_back: bool,
}

impl Journal {
    /// Does the renames, all of them or none, with the journal in `folder` meanwhile.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Undone> {
        self.write(folder).map_err(|why| Undone { why, taken_back: true })?;
        let mut done = Vec::new();
        for step in self.steps.iter().chain(&self.after) {
            let result = step.run().map_err(fault(&step.to, "rename into place"));
            if result.is_ok() {
                done.push(step);
            }
            if let Err(why) = result.and_then(|()| step.sync_parents()) {
                // Newest first. What cannot be taken back now is left to the next run, with the journal.
                let back = done.iter().rev().try_for_each(|step| step.undo().map(|()| drop(step.sync_parents())));
                return Err(Undone { why, taken_back: back.and_then(|()| forget(folder)).is_ok() });
            }
        }
        Ok(())
    }

    /// Writes it into `folder`: whole, or not at all.
    fn write(&self, folder: &Path) -> Result<()> {
        let (part, path) = (folder.join("journal.part"), folder.join(NAME));
        let whose = Self { folder: fs::canonicalize(folder).map_err(fault(folder, "look at"))?, ..self.clone() };
        let text = serde_json::to_vec(&whose).map_err(|e| fault(&path, "write")(e.into()))?;
        let written = File::create_new(&part).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&part, &path)).map_err(fault(&path, "write"))?;
        sync_dir(folder)?;
        folder.parent().map_or(Ok(()), sync_dir)
    }

    /// The journal in `folder`; none when no rename was begun.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(fault(&path, "read"))?,
        };
        let journal: Self = serde_json::from_slice(&text).map_err(|_| unsure(folder, "its journal cannot be read"))?;
        if fs::canonicalize(folder).is_ok_and(|here| here != journal.folder) {
            let what = format!("this is a copy, or was moved: it was in {}", journal.folder.display());
            return Err(unsure(folder, &what));
        }
        Ok(Some(journal))
    }

    /// Puts right what a run that was killed has done of it: what is left to do is tidied up when the step that counts
    /// was done, else all is taken back.
    pub(super) fn recover(&self, folder: &Path) -> Result<()> {
        if self.steps.last().is_some_and(Step::is_done) {
            self.tidy();
            if let Some(kept) = self.after.iter().find(|step| step.is_to_do()) {
                return Err(fault(&kept.to, "move the old member to")(io::ErrorKind::AlreadyExists.into()));
            }
        } else {
            if self.steps.iter().any(|step| !step.is_done() && !step.is_to_do()) {
                return Err(unsure(folder, "what it was to rename is not where it was"));
            }
            for step in self.steps.iter().rev().filter(|step| step.is_done()) {
                step.undo().map_err(fault(&step.from, "put back"))?;
            }
        }
        forget(folder).map_err(fault(folder, "remove the journal in"))
    }

    /// After the step that counts, when that was done by a run that was killed.
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

/// Removes the journal: what else is in the folder is not needed any more.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NAME)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// What cannot be put right without asking.
pub(super) fn unsure(folder: &Path, why: &str) -> Error {
    Error::usage(format!("{}: a restore was broken off here, and {why}", folder.display()))
        .hinted("look into it: an old member may be there; then move it away")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_copied_journal_names_is_left_alone() {
        let [here, copy] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        Journal::default().write(here.path()).unwrap();
        fs::copy(here.path().join(NAME), copy.path().join(NAME)).unwrap();
        assert!(Journal::read(here.path()).unwrap().is_some());
        let told = Journal::read(copy.path()).unwrap_err().to_string();
        assert!(told.contains(&format!("it was in {}", here.path().display())), "{told}");
    }
}
