//! Doing what was planned.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::Ordering::SeqCst,
    thread,
};

use jiff::Timestamp;

use super::{
    changes::Fault,
    copy::{Watch, check_room, copy},
    member,
    place::{Owner, Place, contents, has_content},
    plan::Plan,
    stage::{Journal, Staging, Step, fault, make_dir, sync_dir},
    verify::{self, Restored},
};
use crate::{
    Error, Findings, Result,
    etcd::Snapshot,
    source::{Part, Source},
    verify::{Doubt, Report, Trailer},
    wal::SEGMENT_SIZE,
};

/// How much doubt is let through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust {
    /// A backup without a trailer.
    pub skip_hash_check: bool,
    /// A backup whose trailer is wrong.
    pub wrong_trailer: bool,
    /// A backup that is damaged.
    pub force: bool,
}

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
    /// Looks whether it can be done, as far as that can be told before.
    ///
    /// # Errors
    /// Why not.
    pub fn look(&self) -> Result<()> {
        self.places.iter().try_for_each(|place| place.look(self.keep_old))
    }
}

impl Trust {
    /// Whether what `report` says of the backup is let through.
    ///
    /// # Errors
    /// Why not, and what would let it through.
    pub fn judge(self, report: &Report) -> Result<()> {
        let Self { skip_hash_check, wrong_trailer, force } = self;
        let refused = |what: String, hint: &str| Error::Refused { what, hint: Some(hint.to_owned()) };
        let path = &report.path;
        match &report.trailer {
            Trailer::Differs { stored, computed } if !wrong_trailer => {
                let (stored, computed) = (crate::hash::hex(stored), crate::hash::hex(computed));
                let what = format!("{path}: expected sha256 {stored}, got {computed}");
                let hint = "the file is not what was saved: use another copy of it; --skip-hash-check --force takes it as it is";
                return Err(refused(what, hint));
            }
            Trailer::Absent if !skip_hash_check => {
                let what = format!("{path}: snapshot missing hash: nothing proves that it is what was saved");
                return Err(refused(what, "--skip-hash-check takes a copy of member/snap/db, which has none"));
            }
            _ => {}
        }
        let first =
            report.findings.list().iter().find(|finding| {
                finding.severity == crate::error::Severity::Error && finding.code != "trailer-mismatch"
            });
        match first {
            Some(first) if !force => {
                let what = format!("{path}: damaged: {first}");
                Err(refused(
                    what,
                    "`etcdsnap verify` tells all; --force restores what can be read, and says so beside the result",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Does what `plan` says with `source`. All is there when it returns, or nothing is.
///
/// # Errors
/// What went wrong; then the destination is as it was.
pub fn apply(source: &Source, plan: &Plan, job: &Job, watch: Watch<'_>) -> Result<Done> {
    job.look()?;
    let mut staging = Staging::create(&job.destination)?;
    let new = staging.path("new");
    let staged: Vec<Staged> = job.places.iter().map(|place| Staged::make(place, job, &new)).collect::<Result<_>>()?;
    let Some(first) = staged.first() else { return Err(Error::Interrupted) };
    let (report, file) = write_db(source, plan, job, &first.db(), watch)?;
    let part = Part::open(&first.db())?;
    for other in staged.iter().skip(1) {
        let to = member::create(&other.db())?;
        if !part.clone_to(&to) {
            check_room(&to, &other.db(), part.len())?;
            let name = other.db().display().to_string();
            part.copy_to(&to, &name, |_| !watch.stop.load(SeqCst))?;
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
    let doubt = Doubt::of(&report, &job.arguments);
    let journal = journal(&staging, &staged, job, doubt.as_ref())?;
    member::settle(&new, job.mode, job.owner)?;
    for staged in staged.iter().filter(|staged| staged.wal_staging.is_some()) {
        member::settle(&staged.wal, job.mode, job.owner)?;
    }
    watch.check()?;
    staging.publish(&journal)?;
    staging.keep_parents();
    let kept = journal.after.iter().map(|step| step.to.clone()).collect();
    let files = staged.iter().flat_map(|staged| staged.files(&snap.file_name())).collect();
    for mut staged in staged {
        staged.wal_staging.iter_mut().for_each(Staging::keep_parents);
    }
    Ok(Done { report, restored, kept, files })
}

/// Writes the restored db to `path`, and returns what there is to say about the backup.
fn write_db(source: &Source, plan: &Plan, job: &Job, path: &Path, watch: Watch<'_>) -> Result<(Report, File)> {
    let unwritten = |error| match error {
        Fault::Io(e) if e.kind() == std::io::ErrorKind::Interrupted => Error::Interrupted,
        Fault::Io(e) => fault(path, "write")(e),
        Fault::Damaged(finding) => Error::Damaged { file: source.name().to_owned(), finding: Box::new(finding) },
    };
    let load = |image| Snapshot::load(image).map_err(|finding| unwritten(Fault::Damaged(finding)));
    if !plan.changes.defrag {
        let (file, report) = copy(source, path, watch)?;
        job.trust.judge(&report)?;
        let staged = source.copy(file.try_clone().map_err(fault(path, "open"))?)?;
        plan.changes.write_over(&load(staged.db().image())?, &file).map_err(unwritten)?;
        return Ok((report, file));
    }
    let file = member::create(path)?;
    check_room(&file, path, plan.in_use.unwrap_or(plan.total_size))?;
    let (report, written) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let snapshot = load(source.db().image())?;
            // What is wrong on the way is told by the check that runs beside this.
            let mut findings = Findings::default();
            let go_on = |_| !watch.stop.load(SeqCst);
            plan.changes.write_fresh(&snapshot, &file, &mut findings, &go_on).map_err(unwritten)
        });
        let report = crate::verify::verify(source, |done| (watch.progress)(done, source.db().len()));
        (report, writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    written?;
    let report = report?;
    job.trust.judge(&report)?;
    Ok((report, file))
}

/// One member in the staging.
#[derive(Debug)]
struct Staged<'a> {
    place: &'a Place,
    /// What becomes its data directory, or gives it `member/`.
    data: PathBuf,
    snap: PathBuf,
    wal: PathBuf,
    wal_staging: Option<Staging>,
}

impl<'a> Staged<'a> {
    fn make(place: &'a Place, job: &Job, new: &Path) -> Result<Self> {
        let inner = place.data_dir.strip_prefix(&job.destination).unwrap_or(Path::new(""));
        let data = if inner.as_os_str().is_empty() { new.to_owned() } else { new.join(inner) };
        let snap = data.join("member").join("snap");
        make_dir(&snap, 0o700)?;
        let wal_staging = place.wal_dir.as_deref().map(Staging::create).transpose()?;
        let wal = wal_staging.as_ref().map_or_else(|| data.join("member").join("wal"), |staging| staging.path("new"));
        make_dir(&wal, 0o700)?;
        if let Some(staging) = &wal_staging {
            check_room(staging.folder(), &wal, SEGMENT_SIZE)?;
        }
        Ok(Self { place, data, snap, wal, wal_staging })
    }

    fn db(&self) -> PathBuf {
        self.snap.join("db")
    }

    fn read_back(&self, plan: &Plan, damaged: bool) -> Result<Restored> {
        verify::raft(&self.wal, &self.snap, plan, plan.cluster.member(&self.place.member)?)?;
        verify::db(&self.db(), plan, damaged)
    }

    /// Where its files come to stand.
    fn files(&self, snap: &str) -> Vec<PathBuf> {
        let folder = self.place.member_dir().join("snap");
        vec![folder.join("db"), folder.join(snap), self.place.final_wal().join(member::SEGMENT)]
    }
}

/// The renames that show the result: logs elsewhere first, `member/` last.
fn journal(staging: &Staging, staged: &[Staged<'_>], job: &Job, doubt: Option<&Doubt>) -> Result<Journal> {
    let mut journal = Journal::default();
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let whole = !job.destination.is_dir();
    for (n, one) in staged.iter().enumerate() {
        let aside = |name: &str| staging.path(format!("{name}-{n}"));
        if let (Some(wal_dir), Some(other)) = (&one.place.wal_dir, &one.wal_staging) {
            journal.also.push(other.path(""));
            wal_steps(wal_dir, other, &one.wal, &now, &mut journal.steps)?;
        }
        let member = one.place.member_dir();
        if let Some(doubt) = doubt {
            let path = Doubt::beside(&one.data.join("member"));
            let text = serde_json::to_vec_pretty(doubt).map_err(|e| fault(&path, "write")(e.into()))?;
            fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all()).map_err(fault(&path, "write"))?;
        }
        if whole {
            continue;
        }
        let before = one.place.data_dir.join(format!("member.before-{now}"));
        let (old_doubt, new_doubt) = (Doubt::beside(&member), Doubt::beside(&one.data.join("member")));
        if old_doubt.exists() {
            // It is about the member that was there, and goes where that goes.
            journal.steps.push(Step::new(old_doubt.clone(), aside("doubt"), false)?);
        }
        if !one.place.data_dir.is_dir() {
            journal.steps.push(Step::new(one.data.clone(), one.place.data_dir.clone(), false)?);
            continue;
        }
        if new_doubt.exists() {
            journal.steps.push(Step::new(new_doubt, old_doubt.clone(), false)?);
        }
        let staged_member = one.data.join("member");
        let has_old = has_content(&member)?;
        if has_old && staging.can_exchange() {
            journal.after.push(Step::new(member.clone(), before.clone(), false)?.moved_from(staged_member.clone()));
            journal.steps.push(Step::new(staged_member, member, true)?);
        } else {
            if has_old {
                journal.steps.push(Step::new(member.clone(), before.clone(), false)?);
            } else if member.exists() {
                journal.steps.push(Step::new(member.clone(), aside("empty"), false)?);
            }
            journal.steps.push(Step::new(staged_member, member, false)?);
        }
        if has_old && old_doubt.exists() {
            journal.after.push(Step::new(old_doubt, Doubt::beside(&before), false)?.moved_from(aside("doubt")));
        }
    }
    if whole {
        journal.steps.push(Step::new(staging.path("new"), job.destination.clone(), false)?);
    }
    Ok(journal)
}

/// How the log comes to `wal_dir`.
fn wal_steps(wal_dir: &Path, staging: &Staging, wal: &Path, now: &str, steps: &mut Vec<Step>) -> Result<()> {
    if !wal_dir.is_dir() {
        steps.push(Step::new(wal.to_owned(), wal_dir.to_owned(), false)?);
        return Ok(());
    }
    // It may be a mount point, which cannot be renamed: what is in it can.
    let old = contents(wal_dir)?;
    if !old.is_empty() {
        let (aside, before) = (staging.path("before"), wal_dir.join(format!("before-{now}")));
        make_dir(&aside, 0o700)?;
        steps.push(Step::new(aside, before.clone(), false)?);
        for path in old {
            let name = path.file_name().unwrap_or_default();
            steps.push(Step::new(path.clone(), before.join(name), false)?);
        }
    }
    steps.push(Step::new(wal.join(member::SEGMENT), wal_dir.join(member::SEGMENT), false)?);
    sync_dir(wal_dir)
}
