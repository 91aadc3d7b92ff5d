//! Carries out a planned change, as a copy or in place.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    change::PlannedChange,
    directory::{Directory, Way, copy_part},
};
use crate::{
    Error, Result,
    etcd::Snapshot,
    publish::{
        Destination, Journal, MemberDir, MemberDirs, Place, Run, Staging, Step, Watch, fault, free_name, now,
        settle_one, sync_dir,
    },
    source::Source,
    verify::{Report, verify},
};

/// Result of a change.
#[derive(Debug)]
pub struct Rewritten {
    /// Report on the directory before the change.
    pub report: Report,
    /// The files that were written, where they are now.
    pub files: Vec<PathBuf>,
    /// The old files, where they are kept.
    pub kept: Vec<PathBuf>,
    /// Whether an etcd was started during the change: it uses the old files.
    pub started: bool,
}

impl Rewritten {
    /// What to do at once.
    #[must_use]
    pub fn warnings(&self) -> &'static [&'static str] {
        const STARTED: &str = "an etcd was started here during the change, and uses the old files that are kept: stop \
            it, rename them back, and run this again";
        if self.started { &[STARTED] } else { &[] }
    }
}

/// Carries out `change` in `directory`, all or nothing; with `force` also in a damaged one.
///
/// # Errors
/// What went wrong; then everything is as it was.
pub fn apply(
    directory: &Directory<'_>,
    change: &impl PlannedChange,
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

/// Checks that `report` on the directory, and the result of `change`, are good enough; `force` lets everything through.
///
/// # Errors
/// Why they are not.
pub fn judge(report: &Report, change: &impl PlannedChange, force: bool) -> Result<()> {
    if force {
        return Ok(());
    }
    let refused = |what: String, hint: &str| Err(Error::refused(format!("{}: {what}", report.path)).hinted(hint));
    if let Some(first) = report.damage() {
        let hint =
            "`etcdsnap verify` lists everything that is wrong; --force continues, and etcd may not start on the result";
        return refused(format!("damaged: {first}"), hint);
    }
    match change.stopped() {
        Some(why) => {
            refused(why, "`etcdsnap restore` makes a new member with its data; --force makes the change anyway")
        }
        None => Ok(()),
    }
}

/// What etcd serves on a changed directory: its last revision, and the number of its keys.
///
/// # Errors
/// When it cannot be read.
pub fn served(source: &Source, change: &impl PlannedChange) -> Result<(i64, u64)> {
    let snapshot = Snapshot::load(source, &change.load())?;
    Ok((snapshot.head().map_err(|finding| source.damaged(finding))?, snapshot.survey().live.count_live()))
}

fn copy(
    directory: &Directory<'_>,
    change: &impl PlannedChange,
    place: &Place,
    arguments: Vec<String>,
    report: Report,
    watch: Watch<'_>,
) -> Result<Rewritten> {
    let source = directory.source;
    let (mode, owner) = Directory::rights(&directory.member)?;
    let (places, folder) = (vec![place.clone()], place.data_dir.clone());
    let to = Destination { places, folder, keep_old: false, owner, mode: mode | 0o700 };
    let members = MemberDirs::create(&to)?;
    let files =
        members.dirs.iter().map(|dir| fill(dir, directory, change, watch)).collect::<Result<Vec<_>>>()?.concat();
    source.intact()?;
    directory.check_stopped()?;
    members.publish(report.doubt(&arguments).as_ref(), watch)?;
    Ok(Rewritten { report, files, kept: Vec::new(), started: false })
}

/// Copies and writes the files of `directory` into `dir`; returns where they are in the end.
fn fill(
    dir: &MemberDir<'_>,
    directory: &Directory<'_>,
    change: &impl PlannedChange,
    watch: Watch<'_>,
) -> Result<Vec<PathBuf>> {
    let source = directory.source;
    let (final_snap, final_wal) = (dir.place.member_dir().join("snap"), dir.place.final_wal());
    let anew = change.files(directory)?;
    let parts = [source.db()].into_iter().chain(source.snaps()).chain(source.snap_dbs()).chain(source.wal());
    let mut all: Vec<_> = parts.map(|part| (directory.path_of(part), Some(part))).collect();
    all.retain(|(path, _)| !anew.contains(path));
    all.extend(anew.into_iter().map(|path| (path, None)));
    let mut files = Vec::new();
    for (file, part) in all {
        let of_log = file.parent() == Some(&directory.wal);
        let (folder, final_folder) = if of_log { (&dir.wal, &final_wal) } else { (&dir.snap, &final_snap) };
        let name = file.file_name().unwrap_or_default();
        let to = folder.join(name);
        match part {
            Some(part) => drop(copy_part(part, &to, watch)?),
            None => {
                change.write(source, &file, &to, watch)?;
                change.check(source, &file, &to)?;
            }
        }
        files.push(final_folder.join(name));
        watch.check()?;
    }
    Ok(files)
}

fn in_place(
    directory: &Directory<'_>,
    change: &impl PlannedChange,
    report: Report,
    watch: Watch<'_>,
) -> Result<Rewritten> {
    let source = directory.source;
    let _lock = directory.lock_as_opened()?;
    let files = change.files(directory)?;
    let now = now();
    let (mut journal, mut kept) = (Journal::default(), Vec::new());
    // One staging in each folder that something changes in; the journal in that of the last file names the others.
    let mut stagings: Vec<Beside> = Vec::new();
    for file in &files {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(fault(file, "replace")(io::ErrorKind::InvalidInput.into()));
        };
        let known = stagings.iter().position(|beside| beside.folder == folder);
        let beside = known.map_or_else(|| Beside::new(folder), |at| Ok(stagings.remove(at)))?;
        let new = beside.staging.path(name);
        change.write(source, file, &new, watch)?;
        change.check(source, file, &new)?;
        // A new file gets the rights of the db.
        let like = if file.exists() { file.clone() } else { directory.path_of(source.db()) };
        let (mode, owner) = Directory::rights(&like)?;
        settle_one(&new, mode, owner)?;
        fs::File::open(&new).and_then(|file| file.sync_all()).map_err(fault(&new, "sync"))?;
        sync_dir(&beside.staging.path(""))?;
        kept.extend(beside.steps(&new, file, &now, &mut journal)?);
        watch.check()?;
        stagings.push(beside);
    }
    source.intact()?;
    directory.check_stopped()?;
    let Some(mut last) = stagings.pop() else {
        return Err(Error::refused(format!("{}: there is nothing to change", source.name())));
    };
    journal.also.extend(stagings.iter().map(|other| other.staging.path("")));
    if let Err(error) = last.staging.publish(&journal) {
        stagings.iter_mut().for_each(|other| other.staging.keep_with(&last.staging));
        return Err(error);
    }
    // An etcd that was started before the renames has the old files open, whatever they are called now.
    Ok(Rewritten { report, files, kept, started: source.db().is_locked() })
}

/// A folder that files change in, and its staging.
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

    /// Adds the renames that put `new` in the place of `file`; returns where the old file is kept.
    fn steps(&self, new: &Path, file: &Path, now: &str, journal: &mut Journal) -> Result<Option<PathBuf>> {
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
