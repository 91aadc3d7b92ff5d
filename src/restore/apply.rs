//! Doing what was planned.

use std::{path::PathBuf, thread};

use super::{
    Trust, db, member,
    plan::Plan,
    verify::{self, Restored},
};
use crate::{
    Error, Result,
    publish::{Destination, MemberDir, MemberDirs, Watch, copy, fault},
    source::{Part, Source},
    verify::Report,
    wal::{FIRST_SEGMENT, SEGMENT_SIZE, write_segment},
};

/// Destination of a restore, and how it is written.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the members go.
    pub to: Destination,
    /// How much doubt is accepted.
    pub trust: Trust,
    /// The command line, for the file beside a result of a doubtful backup.
    pub arguments: Vec<String>,
}

/// Result of a restore.
#[derive(Debug)]
pub struct Done {
    /// Report on the backup.
    pub report: Report,
    /// What the restored db holds.
    pub restored: Restored,
    /// The paths of members that were moved aside.
    pub kept: Vec<PathBuf>,
    /// The files that were written, where they are now.
    pub files: Vec<PathBuf>,
}

/// Carries out `plan` with `source`, all or nothing.
///
/// # Errors
/// Any error; then the destination is unchanged.
pub fn apply(source: &Source, plan: &Plan<'_>, job: &Job, watch: Watch<'_>) -> Result<Done> {
    let cluster = plan.cluster()?;
    let members = MemberDirs::create(&job.to)?;
    let [first, others @ ..] = members.dirs.as_slice() else {
        return Err(Error::usage("no member is to be restored"));
    };
    members.dirs.iter().try_for_each(|dir| dir.check_log_room(SEGMENT_SIZE))?;
    let (report, file) = db::write(source, plan, job.trust, &first.db(), watch)?;
    let part = Part::open(&first.db())?;
    others.iter().try_for_each(|other| copy(&part, &other.db(), watch).map(drop))?;
    drop(part);
    members.check_room(SEGMENT_SIZE.saturating_mul(members.dirs.len() as u64))?;
    let snap = member::snap(cluster);
    for dir in &members.dirs {
        let log = member::log(cluster, cluster.member(&dir.place.member)?);
        write_segment(&dir.wal.join(FIRST_SEGMENT), &[&log])?;
        snap.write(&dir.snap.join(snap.file_name()))?;
        watch.check()?;
    }
    // The disk may take its time over the last pages while they are read back.
    let (synced, restored) = thread::scope(|scope| {
        let sync = scope.spawn(|| file.sync_all().map_err(fault(&first.db(), "sync")));
        let damaged = report.findings.damaged();
        let restored = members.dirs.iter().map(|dir| read_back(dir, plan, damaged)).collect::<Result<Vec<_>>>();
        (sync.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), restored)
    });
    synced?;
    let restored = restored?;
    let Some(restored) = restored.first().copied().filter(|first| restored.iter().all(|other| other == first)) else {
        return Err(fault(&members.path(), "read back")(std::io::Error::other("the members' copies differ")));
    };
    source.intact()?;
    let files = members.dirs.iter().flat_map(|dir| files(dir, &snap.file_name())).collect();
    let kept = members.publish(report.doubt(&job.arguments).as_ref(), watch)?;
    Ok(Done { report, restored, kept, files })
}

fn read_back(dir: &MemberDir<'_>, plan: &Plan<'_>, damaged: bool) -> Result<Restored> {
    let cluster = plan.cluster()?;
    verify::raft(&dir.wal, &dir.snap, cluster, cluster.member(&dir.place.member)?)?;
    verify::db(&dir.db(), plan, damaged)
}

/// The files of a member, where they are in the end.
fn files(dir: &MemberDir<'_>, snap: &str) -> [PathBuf; 3] {
    let folder = dir.place.member_dir().join("snap");
    [folder.join("db"), folder.join(snap), dir.place.final_wal().join(FIRST_SEGMENT)]
}
