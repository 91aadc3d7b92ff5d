//! Where data directories go, and how.

use std::{collections::BTreeMap, path::PathBuf};

use super::place::{Place, real};
use crate::{
    Error, Result,
    publish::{lock::DirLock, owner::Owner, run::Run, stage::recover},
};

/// Where data directories go, and how.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The place of each member.
    pub places: Vec<Place>,
    /// The folder that is created or added to: the data directory, or the one that all of them are in.
    pub folder: PathBuf,
    /// Whether a member that exists is moved aside.
    pub keep_old: bool,
    /// The owner of what is written.
    pub owner: Option<Owner>,
    /// The folders' mode; files have the same without the right to execute.
    pub mode: u32,
}

impl Destination {
    /// Cleans up what a killed run has left there.
    ///
    /// # Errors
    /// As [`recover`].
    pub(crate) fn recover(&self) -> Result<()> {
        let _lock = self.lock()?;
        self.clean_up()
    }

    /// Locks what is written into.
    pub(super) fn lock(&self) -> Result<DirLock> {
        let logs = self.places.iter().filter_map(|place| place.wal_dir.as_deref());
        DirLock::take(self.places.iter().map(|place| place.data_dir.as_path()).chain(logs))
    }

    /// As [`Destination::recover`], where all of it is locked.
    pub(super) fn clean_up(&self) -> Result<()> {
        recover(&self.folder, Run::Restore)?;
        let mut logs = self.places.iter().filter_map(|place| place.wal_dir.as_deref());
        logs.try_for_each(|log| recover(log, Run::Restore))
    }

    /// Checks that the members can go there, as far as that can be known before.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn look(&self) -> Result<()> {
        self.look_apart()?;
        self.places.iter().try_for_each(|place| place.look(self.keep_old))
    }

    /// Checks that no two members have one place.
    fn look_apart(&self) -> Result<()> {
        let mut taken = BTreeMap::new();
        for place in &self.places {
            for folder in [place.member_dir(), place.final_wal()] {
                if let Some(other) = taken.insert(real(&folder)?, &place.member) {
                    let (member, folder) = (&place.member, folder.display());
                    let what = format!("{folder}: named for two members, {other} and {member}");
                    return Err(Error::usage(what).hinted("each member has a data directory of its own"));
                }
            }
        }
        Ok(())
    }
}
