//! One member in the staging: its folders, and where they are going.

use std::path::{Path, PathBuf};

use super::{
    apply::Job,
    member,
    place::Place,
    plan::Plan,
    verify::{self, Restored},
};
use crate::{
    Result,
    publish::{Run, Staging, check_room, make_dir},
    wal::SEGMENT_SIZE,
};

/// One member in the staging.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    pub(super) place: &'a Place,
    /// What becomes its data directory, or gives it `member/`.
    pub(super) data: PathBuf,
    pub(super) snap: PathBuf,
    pub(super) wal: PathBuf,
    pub(super) wal_staging: Option<Staging>,
}

impl<'a> Staged<'a> {
    pub(super) fn make(place: &'a Place, job: &Job, new: &Path) -> Result<Self> {
        let inner = place.data_dir.strip_prefix(&job.destination).unwrap_or(Path::new(""));
        let data = if inner.as_os_str().is_empty() { new.to_owned() } else { new.join(inner) };
        let snap = data.join("member").join("snap");
        make_dir(&snap, 0o700)?;
        let stage = |wal_dir| Staging::create(wal_dir, Run::Restore);
        let wal_staging = place.wal_dir.as_deref().map(stage).transpose()?;
        let wal = wal_staging.as_ref().map_or_else(|| data.join("member").join("wal"), |staging| staging.path("new"));
        make_dir(&wal, 0o700)?;
        if let Some(staging) = &wal_staging {
            check_room(staging.folder(), &wal, SEGMENT_SIZE)?;
        }
        Ok(Self { place, data, snap, wal, wal_staging })
    }

    pub(super) fn db(&self) -> PathBuf {
        self.snap.join("db")
    }

    pub(super) fn read_back(&self, plan: &Plan<'_>, damaged: bool) -> Result<Restored> {
        verify::raft(&self.wal, &self.snap, plan, plan.cluster.member(&self.place.member)?)?;
        verify::db(&self.db(), plan, damaged)
    }

    /// Where its files come to stand.
    pub(super) fn files(&self, snap: &str) -> Vec<PathBuf> {
        let folder = self.place.member_dir().join("snap");
        vec![folder.join("db"), folder.join(snap), self.place.final_wal().join(member::SEGMENT)]
    }
}
