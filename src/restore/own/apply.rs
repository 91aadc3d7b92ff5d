//! Doing it: as a copy, or in place.

use std::{fs, path::PathBuf};

use jiff::Timestamp;

use super::{Directory, Rewrite, Way, log::segments};
use crate::{
    Error, Result,
    restore::{
        Job, Trust,
        copy::Watch,
        disk::{check_room, create, fault, sync_dir},
        journal::{Journal, Step},
        owner::{settle, settle_one},
        place::Place,
        show::{self, free},
        stage::{Staging, recover},
        staged::Staged,
    },
    source::Part,
    verify::{Doubt, Report, verify},
};

/// What was done.
#[derive(Debug)]
pub struct Rewritten {
    /// What there is to say about the directory as it was.
    pub report: Report,
    /// The files that were written, where they are now.
    pub files: Vec<PathBuf>,
    /// What was there, where it is kept.
    pub kept: Option<PathBuf>,
}

/// Does to `directory` what `change` says; damage in it is let through with `force`. All is there when it returns, or
/// nothing is.
///
/// # Errors
/// What went wrong; then all is as it was.
pub fn apply(
    directory: &Directory<'_>,
    change: &impl Rewrite,
    way: &Way,
    force: bool,
    arguments: Vec<String>,
    watch: Watch<'_>,
) -> Result<Rewritten> {
    let source = directory.source;
    let all = source.db().len();
    let mut report = verify(source, &change.load(), |done| (watch.progress)(done, all))?;
    judge(&report, force)?;
    report.path = source.name().to_owned();
    watch.check()?;
    match way {
        Way::Copy(place) => copy(directory, change, place, arguments, report, watch),
        Way::InPlace => in_place(directory, change, report, watch),
    }
}

/// Whether what `report` says of the directory is let through.
///
/// # Errors
/// Why not.
pub fn judge(report: &Report, force: bool) -> Result<()> {
    let Some(first) = report.damage().filter(|_| !force) else { return Ok(()) };
    let what = format!("{}: damaged: {first}", report.path);
    let hint = "`etcdsnap verify` tells all; --force goes on with it as it is, and etcd may not start on it";
    Err(Error::Refused { what, hint: Some(hint.to_owned()) })
}

fn copy(
    directory: &Directory<'_>,
    change: &impl Rewrite,
    place: &Place,
    arguments: Vec<String>,
    report: Report,
    watch: Watch<'_>,
) -> Result<Rewritten> {
    let source = directory.source;
    let (mode, owner) = Directory::rights(&directory.member)?;
    let (places, destination) = (vec![place.clone()], place.data_dir.clone());
    let trust = Trust::default();
    let job = Job { places, destination, trust, keep_old: false, owner, mode: mode | 0o700, arguments };
    job.recover()?;
    job.look()?;
    let mut staging = Staging::create(&job.destination)?;
    let new = staging.path("new");
    let staged = Staged::make(place, &job, &new)?;
    let old = change.old(source)?;
    let mut files = Vec::new();
    let log = segments(source).into_iter().map(|part| (part, &staged.wal, place.final_wal()));
    let snap = place.member_dir().join("snap");
    let parts = [source.db()].into_iter().chain(source.snaps()).chain(source.snap_dbs());
    for (part, folder, shown) in parts.map(|part| (part, &staged.snap, snap.clone())).chain(log) {
        let from = directory.path_of(part);
        let name = from.file_name().unwrap_or_default();
        let to = folder.join(name);
        if part.id() == old.id() {
            change.write(source, &to, watch)?;
            change.check(source, &to)?;
        } else {
            copy_part(part, &to, watch)?;
        }
        files.push(shown.join(name));
        watch.check()?;
    }
    source.intact()?;
    directory.check_stopped()?;
    // Somebody else may have been quicker.
    job.look()?;
    let doubt = Doubt::of(&report, &job.arguments);
    let journal = show::journal(&staging, std::slice::from_ref(&staged), &job, doubt.as_ref())?;
    settle(&new, job.mode, job.owner)?;
    staging.made().iter().try_for_each(|folder| settle_one(folder, job.mode, job.owner))?;
    watch.check()?;
    staging.publish(&journal)?;
    staging.keep_parents();
    Ok(Rewritten { report, files, kept: None })
}

/// Copies a part, shared where the file system can do that; what was copied is compared.
fn copy_part(part: &Part, to: &std::path::Path, watch: Watch<'_>) -> Result<()> {
    use std::sync::atomic::Ordering::SeqCst;
    let file = create(to)?;
    let shared = part.clone_to(&file);
    if !shared {
        check_room(&file, to, part.len())?;
        part.copy_to(&file, &to.display().to_string(), |_| !watch.stop.load(SeqCst))?;
    }
    file.sync_all().map_err(fault(to, "sync"))?;
    if shared || Part::open(to)?.bytes() == part.bytes() {
        return Ok(());
    }
    Err(fault(to, "read back")(std::io::Error::other("it is not what was copied")))
}

fn in_place(directory: &Directory<'_>, change: &impl Rewrite, report: Report, watch: Watch<'_>) -> Result<Rewritten> {
    let source = directory.source;
    let path = directory.path_of(change.old(source)?);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Error::Interrupted) };
    recover(folder)?;
    let mut staging = Staging::create(folder)?;
    let new = staging.path(name);
    change.write(source, &new, watch)?;
    change.check(source, &new)?;
    let (mode, owner) = Directory::rights(&path)?;
    settle_one(&new, mode, owner)?;
    fs::File::open(&new).and_then(|file| file.sync_all()).map_err(fault(&new, "sync"))?;
    sync_dir(&staging.path(""))?;
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let mut before = path.clone().into_os_string();
    before.push(format!(".before-{now}"));
    let before = free(PathBuf::from(before));
    let mut journal = Journal::default();
    let old = Step::new(path.clone(), before.clone(), false)?;
    if staging.can_exchange() {
        journal.after.push(old.moved_from(new.clone()));
        journal.steps.push(Step::new(new, path.clone(), true)?);
    } else {
        journal.steps.push(old);
        journal.steps.push(Step::new(new, path.clone(), false)?);
    }
    source.intact()?;
    directory.check_stopped()?;
    watch.check()?;
    staging.publish(&journal)?;
    Ok(Rewritten { report, files: vec![path], kept: Some(before) })
}
