//! All members of a destination in the staging, and their way into place.

use std::path::PathBuf;

use super::{destination::Destination, member_dir::MemberDir, steps::journal};
use crate::{
    Result,
    publish::{
        disk::check_room,
        doubt::Doubt,
        lock::DirLock,
        owner::{settle, settle_one},
        run::Run,
        stage::Staging,
        watch::Watch,
    },
};

/// Members that are being written; dropping it before they are published leaves nothing.
#[derive(Debug)]
pub struct MemberDirs<'a> {
    /// The members, in the order of the destination's places.
    pub dirs: Vec<MemberDir<'a>>,
    to: &'a Destination,
    staging: Staging,
    _lock: DirLock,
}

impl<'a> MemberDirs<'a> {
    /// Cleans up, checks that the members can go to `to`, and creates their folders in the staging.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(crate) fn create(to: &'a Destination) -> Result<Self> {
        let lock = to.lock()?;
        to.clean_up()?;
        to.look()?;
        let staging = Staging::create(&to.folder, Run::Restore)?;
        let new = staging.path("new");
        let dirs = to.places.iter().map(|place| MemberDir::create(place, to, &new)).collect::<Result<_>>()?;
        Ok(Self { dirs, to, staging, _lock: lock })
    }

    /// The folder in the staging that becomes the destination's, or is added to it.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        self.staging.path("new")
    }

    /// Checks that `need` more bytes fit into the staging.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) fn check_room(&self, need: u64) -> Result<()> {
        check_room(self.staging.folder(), &self.path(), need)
    }

    /// Sets owner and mode, and renames everything into place, with `doubt` beside each member; returns what was moved
    /// aside.
    ///
    /// # Errors
    /// When that failed or was stopped; then everything is as it was.
    pub(crate) fn publish(mut self, doubt: Option<&Doubt>, watch: Watch<'_>) -> Result<Vec<PathBuf>> {
        let Destination { owner, mode, .. } = *self.to;
        // Somebody else may have been quicker.
        self.to.look()?;
        let (journal, kept) = journal(&self.staging, &self.dirs, self.to, doubt)?;
        settle(&self.path(), mode, owner)?;
        for (dir, log) in self.dirs.iter().filter_map(|dir| Some((dir, dir.wal_staging.as_ref()?))) {
            settle(&dir.wal, mode, owner)?;
            log.made().iter().try_for_each(|folder| settle_one(folder, mode, owner))?;
            log.sync_made()?;
        }
        self.staging.made().iter().try_for_each(|folder| settle_one(folder, mode, owner))?;
        watch.check()?;
        let logs = self.dirs.iter_mut().filter_map(|dir| dir.wal_staging.as_mut());
        if let Err(error) = self.staging.publish(&journal) {
            logs.for_each(|log| log.keep_with(&self.staging));
            return Err(error);
        }
        logs.for_each(Staging::keep_parents);
        self.staging.keep_parents();
        Ok(kept)
    }
}
