//! Doing what was planned.

use std::{path::PathBuf, thread};

use super::{Trust, db, member, place::Place, plan::Plan, show::journal, staged::Staged, verify::Restored};
use crate::{
    Error, Result,
    publish::{Owner, Run, Staging, Watch, check_room, create, fault, recover, settle, settle_one},
    source::{Part, Source},
    verify::Report,
    wal::SEGMENT_SIZE,
};

/// Where and how a plan is done.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where each member goes.
    pub places: Vec<Place>,
    /// The folder that is made or added to: the data directory, or the one that they all lie in.
    pub destination: PathBuf,
    /// How much doubt is let through.
    pub trust: Trust,
    /// Whether a member that is there already is moved aside.
    pub keep_old: bool,
    /// Who is to own the result.
    pub owner: Option<Owner>,
    /// The folders' mode; files have the same without the right to be run.
    pub mode: u32,
    /// The command line, for what is written down beside a result that is in doubt.
    pub arguments: Vec<String>,
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// What there is to say about the backup.
    pub report: Report,
    /// What the restored db says.
    pub restored: Restored,
    /// What was moved aside, and to where.
    pub kept: Vec<PathBuf>,
    /// The files that were written, where they are now.
    pub files: Vec<PathBuf>,
}

impl Job {
    /// Puts right what a run that was killed has left there.
    ///
    /// # Errors
    /// As [`recover`].
    pub fn recover(&self) -> Result<()> {
        recover(&self.destination, Run::Restore)?;
        let mut logs = self.places.iter().filter_map(|place| place.wal_dir.as_deref());
        logs.try_for_each(|log| recover(log, Run::Restore))
    }

    /// Looks whether it can be done, as far as that can be told before.
    ///
    /// # Errors
    /// Why not.
    pub fn look(&self) -> Result<()> {
        self.places.iter().try_for_each(|place| place.look(self.keep_old))
    }
}

/// Does what `plan` says with `source`. All is there when it returns, or nothing is.
///
/// # Errors
/// What went wrong; then the destination is as it was.
pub fn apply(source: &Source, plan: &Plan<'_>, job: &Job, watch: Watch<'_>) -> Result<Done> {
    job.recover()?;
    job.look()?;
    let mut staging = Staging::create(&job.destination, Run::Restore)?;
    let new = staging.path("new");
    let mut staged: Vec<Staged> =
        job.places.iter().map(|place| Staged::make(place, job, &new)).collect::<Result<_>>()?;
    let Some(first) = staged.first() else { return Err(Error::Interrupted) };
    let (report, file) = db::write(source, plan, job.trust, &first.db(), watch)?;
    let part = Part::open(&first.db())?;
    for other in staged.iter().skip(1) {
        let to = create(&other.db())?;
        if !part.clone_to(&to) {
            check_room(&to, &other.db(), part.len())?;
            let name = other.db().display().to_string();
            part.copy_to(&to, &name, |_| !watch.stopped())?;
        }
        to.sync_all().map_err(fault(&other.db(), "sync"))?;
    }
    drop(part);
    let snap = member::snap(&plan.cluster);
    check_room(staging.folder(), &new, SEGMENT_SIZE.saturating_mul(staged.len() as u64))?;
    for staged in &staged {
        member::write_log(&staged.wal, &member::log(&plan.cluster, plan.cluster.member(&staged.place.member)?))?;
        member::write_snap(&staged.snap, &snap)?;
        watch.check()?;
    }
    // The disk may take its time over the last pages while they are read back.
    let (synced, restored) = thread::scope(|scope| {
        let sync = scope.spawn(|| file.sync_all().map_err(fault(&first.db(), "sync")));
        let restored =
            staged.iter().map(|staged| staged.read_back(plan, report.findings.damaged())).collect::<Result<Vec<_>>>();
        (sync.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), restored)
    });
    synced?;
    let restored = restored?;
    let Some(restored) = restored.first().copied().filter(|first| restored.iter().all(|other| other == first)) else {
        return Err(fault(&new, "read back")(std::io::Error::other("the members' copies differ")));
    };
    source.intact()?;
    // Somebody else may have been quicker.
    job.look()?;
    let doubt = report.doubt(&job.arguments);
    let journal = journal(&staging, &staged, job, doubt.as_ref())?;
    settle(&new, job.mode, job.owner)?;
    for (staged, log) in staged.iter().filter_map(|staged| Some((staged, staged.wal_staging.as_ref()?))) {
        settle(&staged.wal, job.mode, job.owner)?;
        log.made().iter().try_for_each(|folder| settle_one(folder, job.mode, job.owner))?;
    }
    staging.made().iter().try_for_each(|folder| settle_one(folder, job.mode, job.owner))?;
    watch.check()?;
    if let Err(error) = staging.publish(&journal) {
        staged.iter_mut().filter_map(|staged| staged.wal_staging.as_mut()).for_each(|log| log.keep_with(&staging));
        return Err(error);
    }
    staging.keep_parents();
    let kept = journal.after.iter().map(|step| step.to.clone()).collect();
    let files = staged.iter().flat_map(|staged| staged.files(&snap.file_name())).collect();
    for mut staged in staged {
        staged.wal_staging.iter_mut().for_each(Staging::keep_parents);
    }
    Ok(Done { report, restored, kept, files })
}
