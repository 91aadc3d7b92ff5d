//! One member in the staging: its folders, and where they go.

use std::path::{Path, PathBuf};

use super::{destination::Destination, place::Place};
use crate::{
    Result,
    publish::{
        disk::{check_room, make_dir},
        run::Run,
        stage::Staging,
    },
};

/// One member in the staging.
#[derive(Debug)]
pub struct MemberDir<'a> {
    /// The destination of the member.
    pub place: &'a Place,
    /// The folder of its db and `.snap` files.
    pub snap: PathBuf,
    /// The folder of its log.
    pub wal: PathBuf,
    /// What becomes its data directory, or the `member/` in it.
    pub(super) data: PathBuf,
    /// The staging of a log that goes elsewhere.
    pub(super) wal_staging: Option<Staging>,
}

impl<'a> MemberDir<'a> {
    /// Creates the folders below `new`, which becomes the destination's folder.
    pub(super) fn create(place: &'a Place, to: &Destination, new: &Path) -> Result<Self> {
        let inner = place.data_dir.strip_prefix(&to.folder).unwrap_or(Path::new(""));
        let data = if inner.as_os_str().is_empty() { new.to_owned() } else { new.join(inner) };
        let snap = data.join("member").join("snap");
        make_dir(&snap, 0o700)?;
        let stage = |wal_dir| Staging::create(wal_dir, Run::Restore);
        let wal_staging = place.wal_dir.as_deref().map(stage).transpose()?;
        let wal = wal_staging.as_ref().map_or_else(|| data.join("member").join("wal"), |staging| staging.path("new"));
        make_dir(&wal, 0o700)?;
        Ok(Self { place, data, snap, wal, wal_staging })
    }

    /// The path of the member's db in the staging folder.
    #[must_use]
    pub(crate) fn db(&self) -> PathBuf {
        self.snap.join("db")
    }

    /// Checks that `need` bytes fit where its log goes, when that is elsewhere.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) fn check_log_room(&self, need: u64) -> Result<()> {
        let staging = self.wal_staging.as_ref();
        staging.map_or(Ok(()), |staging| check_room(staging.folder(), &self.wal, need))
    }
}
