//! Doing it: as a copy, or in place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Directory, Rewrite, Way};
use crate::{
    Error, Result,
    publish::{
        Journal, Run, Staging, Step, Watch, check_room, create, fault, free_name, now, settle, settle_one, sync_dir,
    },
    restore::{Job, Trust, place::Place, show, staged::Staged},
    source::Part,
    verify::{Report, verify},
};

/// What was done.
#[derive(Debug)]
pub struct Rewritten {
    /// What there is to say about the directory as it was.
    pub report: Report,
    /// The files that were written, where they are now.
    pub files: Vec<PathBuf>,
    /// What was there, where it is kept.
    pub kept: Vec<PathBuf>,
    /// Whether an etcd was started meanwhile: it goes on with what is kept.
    pub started: bool,
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
    judge(&report, change, force)?;
    report.path = source.name().to_owned();
    watch.check()?;
    match way {
        Way::Copy(place) => copy(directory, change, place, arguments, report, watch),
        Way::InPlace => in_place(directory, change, report, watch),
    }
}

/// Whether what `report` says of the directory is let through, and what is to become of it.
///
/// # Errors
/// Why not.
pub fn judge(report: &Report, change: &impl Rewrite, force: bool) -> Result<()> {
    if force {
        return Ok(());
    }
    let refused = |what: String, hint: &str| Err(Error::refused(format!("{}: {what}", report.path)).hinted(hint));
    if let Some(first) = report.damage() {
        let hint = "`etcdsnap verify` tells all; --force goes on with it as it is, and etcd may not start on it";
        return refused(format!("damaged: {first}"), hint);
    }
    match change.stopped() {
        Some(why) => {
            refused(why, "`etcdsnap restore` makes a new member of what it holds; --force does this all the same")
        }
        None => Ok(()),
    }
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
    let mut staging = Staging::create(&job.destination, Run::Restore)?;
    let new = staging.path("new");
    let staged = Staged::make(place, &job, &new)?;
    let (snap, log) = (place.member_dir().join("snap"), place.final_wal());
    let anew = change.files(directory)?;
    let parts = [source.db()].into_iter().chain(source.snaps()).chain(source.snap_dbs()).chain(source.wal());
    let mut all: Vec<_> = parts.map(|part| (directory.path_of(part), Some(part))).collect();
    all.retain(|(path, _)| !anew.contains(path));
    all.extend(anew.into_iter().map(|path| (path, None)));
    let mut files = Vec::new();
    for (file, part) in all {
        let of_log = file.parent() == Some(&directory.wal);
        let (folder, shown) = if of_log { (&staged.wal, &log) } else { (&staged.snap, &snap) };
        let name = file.file_name().unwrap_or_default();
        let to = folder.join(name);
        match part {
            Some(part) => drop(copy_part(part, &to, watch)?),
            None => {
                change.write(source, &file, &to, watch)?;
                change.check(source, &file, &to)?;
            }
        }
        files.push(shown.join(name));
        watch.check()?;
    }
    source.intact()?;
    directory.check_stopped()?;
    // Somebody else may have been quicker.
    job.look()?;
    let doubt = report.doubt(&job.arguments);
    let journal = show::journal(&staging, std::slice::from_ref(&staged), &job, doubt.as_ref())?;
    settle(&new, job.mode, job.owner)?;
    staging.made().iter().try_for_each(|folder| settle_one(folder, job.mode, job.owner))?;
    watch.check()?;
    staging.publish(&journal)?;
    staging.keep_parents();
    Ok(Rewritten { report, files, kept: Vec::new(), started: false })
}

/// Copies a part, shared where the file system can do that; what was copied is compared.
pub(super) fn copy_part(part: &Part, to: &Path, watch: Watch<'_>) -> Result<fs::File> {
    let file = create(to)?;
    let shared = part.clone_to(&file);
    if !shared {
        check_room(&file, to, part.len())?;
        part.copy_to(&file, &to.display().to_string(), |_| !watch.stopped())?;
    }
    file.sync_all().map_err(fault(to, "sync"))?;
    if shared || Part::open(to)?.bytes() == part.bytes() {
        return Ok(file);
    }
    Err(fault(to, "read back")(std::io::Error::other("it is not what was copied")))
}

fn in_place(directory: &Directory<'_>, change: &impl Rewrite, report: Report, watch: Watch<'_>) -> Result<Rewritten> {
    let source = directory.source;
    let files = change.files(directory)?;
    let now = now();
    let (mut journal, mut kept) = (Journal::default(), Vec::new());
    // One staging folder in each folder that something changes in; the journal in that of the last file leads to the others.
    let mut stagings: Vec<Beside> = Vec::new();
    for file in &files {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Err(Error::Interrupted) };
        // The last file's is the last of them.
        match stagings.iter().position(|beside| beside.folder == folder) {
            Some(at) => {
                let beside = stagings.remove(at);
                stagings.push(beside);
            }
            None => stagings.push(Beside::new(folder)?),
        }
        let Some(beside) = stagings.last() else { continue };
        let new = beside.staging.path(name);
        change.write(source, file, &new, watch)?;
        change.check(source, file, &new)?;
        // A new one has the rights of the db.
        let like = if file.exists() { file.clone() } else { directory.path_of(source.db()) };
        let (mode, owner) = Directory::rights(&like)?;
        settle_one(&new, mode, owner)?;
        fs::File::open(&new).and_then(|file| file.sync_all()).map_err(fault(&new, "sync"))?;
        sync_dir(&beside.staging.path(""))?;
        kept.extend(beside.show(&new, file, &now, &mut journal)?);
        watch.check()?;
    }
    source.intact()?;
    directory.check_stopped()?;
    let Some(mut last) = stagings.pop() else { return Err(Error::Interrupted) };
    journal.also.extend(stagings.iter().map(|other| other.staging.path("")));
    if let Err(error) = last.staging.publish(&journal) {
        stagings.iter_mut().for_each(|other| other.staging.keep_with(&last.staging));
        return Err(error);
    }
    // One that came before the renames has the old files open, whatever they are called now.
    Ok(Rewritten { report, files, kept, started: source.db().is_locked() })
}

/// A folder that files change in, and the one that they are staged in.
struct Beside {
    folder: PathBuf,
    staging: Staging,
    can_exchange: bool,
}

impl Beside {
    fn new(folder: &Path) -> Result<Self> {
        let staging = Staging::create(folder, Run::Restore)?;
        Ok(Self { folder: folder.to_owned(), can_exchange: staging.can_exchange(), staging })
    }

    /// The renames that show `new` at `file`; returns where what is there is kept.
    fn show(&self, new: &Path, file: &Path, now: &str, journal: &mut Journal) -> Result<Option<PathBuf>> {
        if !file.exists() {
            journal.steps.push(Step::rename(new.to_owned(), file.to_owned())?);
            return Ok(None);
        }
        let mut before = file.as_os_str().to_owned();
        before.push(format!(".before-{now}"));
        let before = free_name(PathBuf::from(before));
        let old = Step::rename(file.to_owned(), before.clone())?;
        if self.can_exchange {
            journal.after.push(old.moved_from(new.to_owned()));
            journal.steps.push(Step::exchange(new.to_owned(), file.to_owned())?);
        } else {
            journal.steps.push(old);
            journal.steps.push(Step::rename(new.to_owned(), file.to_owned())?);
        }
        Ok(Some(before))
    }
}
