//! One new file or folder, all or nothing.
//!
//! ```text
//! PARENT/.NAME.etcdsnap-RUN/new     -> PARENT/NAME, the rename that decides
//! PARENT/NAME.etcdsnap.json         the doubt about its source, in place before NAME is
//! ```

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    data_dir::{check_names, real},
    disk::{create, fault, sync_dir},
    doubt::Doubt,
    journal::{Journal, Step},
    rehearsal::Move,
    run::Run,
    stage::{Staging, recover_in},
};
use crate::{Error, Result};

/// A file or folder that is being written; dropping it before it is published leaves nothing.
#[derive(Debug)]
pub(crate) struct Draft {
    to: PathBuf,
    staging: Staging,
}

fn staging_of(to: &Path, run: Run) -> Result<PathBuf> {
    let unnamed = || Error::usage(format!("{}: it cannot be made", to.display())).hinted("name a new folder");
    run.beside(to).ok_or_else(unnamed)
}

impl Draft {
    /// Cleans up what a killed run has left of its work on `to`.
    ///
    /// # Errors
    /// Why that is not possible, such as another run that is at it.
    pub(crate) fn recover(to: &Path, run: Run) -> Result<()> {
        recover_in(&staging_of(to, run)?, run)
    }

    /// The rename that [`Draft::publish`] ends with.
    ///
    /// # Errors
    /// When `to` has no name.
    pub(crate) fn rename(to: &Path, run: Run) -> Result<Move> {
        Ok(Move { from: staging_of(to, run)?.join("new"), to: to.to_owned() })
    }

    /// Begins what becomes `to`, an absolute path without links: nothing is there, or an empty folder that is replaced
    /// by a folder.
    ///
    /// # Errors
    /// When it cannot be staged, or another run is at it.
    pub(crate) fn create(to: &Path, run: Run) -> Result<Self> {
        Ok(Self { staging: Staging::at(staging_of(to, run)?, run)?, to: to.to_owned() })
    }

    /// Where the file or folder is to be created and written.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        self.staging.path("new")
    }

    /// The path for a temporary file beside it, removed at the end; not `new` or `doubt`.
    #[must_use]
    pub(crate) fn temporary(&self, name: &str) -> PathBuf {
        self.staging.path(name)
    }

    /// Syncs the file and renames it to where it belongs, in place of a file that is there.
    ///
    /// # Errors
    /// When that failed; then everything is as it was.
    pub(crate) fn replace(mut self) -> Result<()> {
        let new = self.path();
        File::open(&new).and_then(|new| new.sync_all()).map_err(fault(&new, "sync"))?;
        self.staging.sync_made()?;
        fs::rename(&new, &self.to).map_err(fault(&self.to, "replace"))?;
        self.staging.keep_parents();
        self.to.parent().map_or(Ok(()), sync_dir)
    }

    /// Syncs it and renames it into place, with `doubt` beside it; returns where that is. An older doubt there is about
    /// something that no longer exists, and is removed.
    ///
    /// # Errors
    /// When that failed; then everything is as it was.
    pub(crate) fn publish(mut self, doubt: Option<&Doubt>) -> Result<Option<PathBuf>> {
        let (new, staged_doubt) = (self.path(), self.staging.path("doubt"));
        if let Some(doubt) = doubt {
            doubt.write(&staged_doubt)?;
        }
        let replaced = fs::metadata(&self.to).ok().filter(fs::Metadata::is_dir);
        if let Some(replaced) = &replaced {
            fs::set_permissions(&new, replaced.permissions()).map_err(fault(&new, "change the mode of"))?;
        }
        // One sync of the file system: one for each of a hundred thousand small files takes minutes.
        File::open(&new).and_then(|new| Ok(rustix::fs::syncfs(new)?)).map_err(fault(&new, "sync"))?;
        let beside = Doubt::beside(&self.to);
        let mut journal = Journal::default();
        if beside.exists() {
            journal.steps.push(Step::rename(beside.clone(), self.staging.path("stale"))?);
        }
        if doubt.is_some() {
            journal.steps.push(Step::rename(staged_doubt, beside.clone())?);
        }
        let step = if replaced.is_some() { Step::replace } else { Step::rename };
        journal.steps.push(step(new, self.to.clone())?);
        self.staging.publish(&journal)?;
        self.staging.keep_parents();
        Ok(doubt.map(|_| beside))
    }
}

/// Writes the file `to`, or replaces it, by one rename: nobody sees half of it. Its mode is `mode`.
///
/// # Errors
/// When that failed, or `to` is something else than a file; then everything is as it was.
pub fn replace(to: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let (to, run) = (target(to)?, Run::Rows);
    let draft = Draft::create(&to, run)?;
    let path = draft.path();
    let mut file = create(&path)?;
    file.write_all(bytes).map_err(fault(&path, "write"))?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(fault(&path, "change the mode of"))?;
    draft.replace()
}

/// The path without links of a file that is written or replaced; what a killed run has left of its work on it is
/// removed.
///
/// # Errors
/// When it cannot be written, or is something else than a file.
pub(crate) fn target(to: &Path) -> Result<PathBuf> {
    let to = std::path::absolute(to).map_err(fault(to, "look at"))?;
    check_names(&to)?;
    let to = real(&to)?;
    if to.exists() && !to.is_file() {
        let what = format!("{}: it exists, and is not a file", to.display());
        return Err(Error::usage(what).hinted("name a file"));
    }
    Draft::recover(&to, Run::Rows)?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("file");
        let names = || fs::read_dir(dir.path()).unwrap().count();
        let draft = |text: &str| {
            let draft = Draft::create(&to, Run::Export).unwrap();
            fs::write(draft.path(), text).unwrap();
            draft
        };
        drop(draft("dropped"));
        assert_eq!(names(), 0);
        let beside = draft("new").publish(Some(&Doubt::default())).unwrap();
        assert_eq!((fs::read_to_string(&to).unwrap(), beside), ("new".to_owned(), Some(Doubt::beside(&to))));
        assert_eq!(names(), 2);
        // An existing file is not overwritten.
        draft("other").publish(None).unwrap_err();
        assert_eq!((fs::read_to_string(&to).unwrap(), names()), ("new".to_owned(), 2));
    }
}
