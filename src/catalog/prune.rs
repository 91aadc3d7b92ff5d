//! Removing backups.
//!
//! ```text
//! Plan::new     ─> each file of a good backup: kept, and why, or to be removed
//! Plan::refused ─> the newest of each branch, read again: of which branches nothing is removed now
//! Plan::apply   ─> removes the files that are as they were, and their rows in the catalog
//! ```

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    branch::Branch,
    entry::Stamp,
    lives::Holder,
    plan::{Counted, FileFate, Plan, Planned},
    writer::Writer,
};
use crate::{Error, Result, bytes::one_line, hash::hex, source::Source};

/// A branch of which nothing is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The branch.
    pub branch: Branch,
    /// Why not: with the file.
    pub why: String,
    /// Why not: which backup, and what is wrong with it.
    which: &'static str,
    short: &'static str,
    /// The file of that, if it was found now to have another content.
    changed: Option<PathBuf>,
}

impl Refused {
    fn fate(&self) -> FileFate {
        FileFate::NotRemoved(format!("{} of {} {}", self.which, self.branch.label, self.short))
    }
}

/// What was done.
#[derive(Debug)]
pub struct Pruned<'c> {
    /// The files of the plan.
    pub files: Vec<Planned<'c>>,
    /// Whether the catalog was written.
    pub wrote: bool,
    /// Why the catalog could not be written: it may list files that were removed.
    pub error: Option<Error>,
}

impl<'c> Plan<'c> {
    /// The branches of which nothing is removed, because a backup that has to be good is not certain to be so now.
    /// `read` reads a file again and gives its [`sum_without_doubt`]; an error that it returns around that ends the
    /// search.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn refused<E>(&self, mut read: impl FnMut(&Path) -> Result<Result<String>, E>) -> Result<Vec<Refused>, E> {
        let loses = |of: &Branch| self.backups.iter().any(|(holder, why)| why.is_empty() && of.has(holder));
        let is_touched = |of: &Branch| self.wanted.contains(&of.number) || loses(of);
        let (mut known, mut refused) = (HashMap::new(), Vec::new());
        for Counted { branch, newest, .. } in self.branches.iter().filter(|of| is_touched(&of.branch)) {
            if let Some(file) = self.changed.iter().find(|of| branch.has(of)).and_then(|of| of.files.first()) {
                let why = format!("{} {CHANGED}: `etcdsnap catalog add` reads it again", file.display());
                refused.push(Refused { branch: branch.clone(), why, which: "a backup", short: CHANGED, changed: None });
                continue;
            }
            for holder in newest {
                let id = holder.entry.id.as_str();
                if !known.contains_key(id) {
                    let on_disk = holder.files.iter().find(|file| file.exists());
                    let read =
                        on_disk.or(holder.files.first()).map(|file| Ok((file.as_path(), read(file)?))).transpose()?;
                    known.insert(id, not_as_it_was(holder, read));
                }
                if let Some(Some((short, why, changed))) = known.get(id) {
                    let (why, changed) = (why.clone(), changed.clone());
                    refused.push(Refused { branch: branch.clone(), why, which: "the newest", short, changed });
                    break;
                }
            }
        }
        Ok(refused)
    }

    /// Removes what may be removed, but for the files of branches that are `refused`, and their rows in the catalog. A
    /// file that was found to have changed is noted there. After an error of the catalog no more files are removed.
    #[must_use]
    pub fn apply(self, refused: &[Refused], mut writer: Writer) -> Pruned<'c> {
        let (files, mut failed) = self.removed(refused, |file| writer.forget(file));
        let left = FileFate::NotRemoved(format!("it {CHANGED}"));
        let is_changed = |of: &&Planned<'_>| {
            of.fate == left || refused.iter().any(|refused| refused.changed.as_deref() == Some(of.file))
        };
        for changed in files.iter().filter(is_changed) {
            if let Some(was) = changed.stamp.filter(|_| failed.is_none()) {
                failed = writer.mark_changed(changed.file, was).err();
            }
        }
        let (wrote, error) = match writer.finish() {
            Ok(wrote) => (wrote, failed),
            Err(error) => (false, Some(failed.unwrap_or(error))),
        };
        Pruned { files, wrote, error }
    }

    /// Removes files. Returns the first error of `forget`, too.
    fn removed(
        mut self,
        refused: &[Refused],
        mut forget: impl FnMut(&Path) -> Result<()>,
    ) -> (Vec<Planned<'c>>, Option<Error>) {
        let mut failed = None;
        for planned in self.files.iter_mut().filter(|of| of.fate == FileFate::ToBeRemoved) {
            planned.fate = match refused.iter().find(|of| of.branch.has(planned.holder)) {
                Some(refused) => refused.fate(),
                None if failed.is_some() => FileFate::NotRemoved("the catalog could not be written".to_owned()),
                None => match remove(planned.file, planned.stamp) {
                    Ok(()) => {
                        failed = forget(planned.file).err();
                        FileFate::Removed
                    }
                    Err(why) => FileFate::NotRemoved(why),
                },
            };
        }
        (self.files, failed)
    }
}

/// The SHA-256 of a backup that is open, as the catalog has it. The caller checks with [`Source::intact`] that it did
/// not change meanwhile.
///
/// # Errors
/// When it cannot be read, or there is doubt recorded about it.
pub fn sum_without_doubt(source: &Source) -> Result<String> {
    if let Some(doubt) = source.doubts().first() {
        return Err(Error::refused(format!("{} records doubt about it", one_line(&doubt.name))));
    }
    Ok(hex(&source.db().digests(|_| {})?.file))
}

/// Why a newest backup is not certain to be as it was when it was added: in a few words, and with its file; the file,
/// too, if it has another content. `read` is what reading its file again gave.
fn not_as_it_was(
    holder: &Holder,
    read: Option<(&Path, Result<String>)>,
) -> Option<(&'static str, String, Option<PathBuf>)> {
    let Some((file, sum)) = read else { return Some(("has no file", "the newest has no file".to_owned(), None)) };
    let name = file.display();
    match sum {
        Ok(sum) if Some(&sum) == holder.entry.sha256.as_ref() => None,
        Ok(_) => Some((CHANGED, format!("the newest, {name}, {CHANGED}"), Some(file.to_owned()))),
        Err(error) => {
            let short = "is not certain to be good";
            Some((short, format!("the newest, {name}, {short}: {error}"), None))
        }
    }
}

/// What is wrong with a file that is not as it was.
const CHANGED: &str = "has changed since it was added";

/// Removes a file that is as it was.
fn remove(file: &Path, was: Option<Stamp>) -> Result<(), String> {
    let now = Stamp::of(file).map_err(|e| e.to_string())?;
    if was != Some(now) {
        return Err(format!("it {CHANGED}"));
    }
    if !file.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("only regular files are removed".to_owned());
    }
    fs::remove_file(file).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            entry::FileRow,
            plan::tests::{LAST, backup, branches, fates, plan},
        },
        *,
    };

    /// The sum of a file that is as it was.
    #[allow(clippy::unnecessary_wraps)]
    fn as_it_was(file: &Path) -> Result<Result<String>> {
        Ok(Ok(format!("sum of {}", file.display().to_string().trim_start_matches('/'))))
    }

    #[test]
    fn the_newest_is_read_again() {
        let holders = [backup("both1", &[1, 2]), backup("one2", &[1]), backup("two3", &[2])];
        let why = |refused: &[Refused]| -> Vec<_> {
            refused.iter().map(|of| format!("{}: {}", of.branch.label, of.why)).collect()
        };
        let (all, mut read) = (plan(&holders, &[1, 2], LAST, &[1]), Vec::new());
        let refused = all.refused(|file| {
            read.push(file.to_owned());
            as_it_was(file)
        });
        assert_eq!((why(&refused.unwrap()), read), (Vec::new(), vec!["/one2".into(), "/two3".into()]), "each once");
        let refused = all.refused(|file| match file.ends_with("two3") {
            true => Ok(Ok("another".to_owned())),
            false => as_it_was(file),
        });
        let changed = "31cfb609/2: the newest, /two3, has changed since it was added";
        assert_eq!(why(&refused.unwrap()), [changed], "it loses a backup, too");
        let refused = all.refused(|_| Ok::<_, Error>(Err(Error::refused("no"))));
        assert_eq!(why(&refused.unwrap())[0], "31cfb609/1: the newest, /one2, is not certain to be good: no");
        assert!(all.refused(|_| Err(Error::Interrupted)).is_err());
        // Where a branch that is not asked for loses nothing, it is not read.
        let holders = [backup("one1", &[1]), backup("one2", &[1]), backup("two3", &[2])];
        let refused = plan(&holders, &[1, 2], LAST, &[1]).refused(|_| Ok::<_, Error>(Ok("another".to_owned())));
        assert_eq!(why(&refused.unwrap()), ["31cfb609/1: the newest, /one2, has changed since it was added"]);
    }

    #[test]
    fn files_of_a_refused_branch_are_not_removed() {
        let holders = [backup("both1", &[1, 2]), backup("one2", &[1]), backup("two3", &[2])];
        let all = plan(&holders, &[1, 2], LAST, &[1]);
        let refused = all.refused(|file| match file.ends_with("two3") {
            true => Ok(Err(Error::refused("no"))),
            false => as_it_was(file),
        });
        let (files, failed) = all.removed(&refused.unwrap(), |_| panic!("nothing was removed"));
        let want = "/both1 not removed: the newest of 31cfb609/2 is not certain to be good";
        assert_eq!((fates(&files)[0].as_str(), failed.is_none()), (want, true));
    }

    /// Backups of one branch in files of a folder, of which the last is kept.
    fn on_disk(folder: &Path) -> (Vec<Holder>, Vec<(PathBuf, FileRow)>) {
        let (mut holders, mut rows) = (Vec::new(), Vec::new());
        for id in ["a1", "b2", "c3"] {
            let file = folder.join(id);
            fs::write(&file, id).unwrap();
            rows.push((file.clone(), FileRow { stamp: Some(Stamp::of(&file).unwrap()), ..FileRow::default() }));
            holders.push(Holder { files: vec![file], ..backup(id, &[1]) });
        }
        (holders, rows)
    }

    #[test]
    fn nothing_more_is_removed_after_an_error_of_the_catalog() {
        let dir = tempfile::tempdir().unwrap();
        let (holders, rows) = on_disk(dir.path());
        let all = Plan::of(&holders, &rows, branches(&[1]), LAST, &branches(&[1]));
        let (files, failed) = all.removed(&[], |_| Err(Error::refused("full")));
        let left = FileFate::NotRemoved("the catalog could not be written".to_owned());
        assert_eq!([&files[0].fate, &files[1].fate], [&FileFate::Removed, &left]);
        assert_eq!(failed.unwrap().to_string(), "full");
        assert!(!dir.path().join("a1").exists() && dir.path().join("b2").exists());
    }

    #[test]
    fn what_was_removed_is_known_where_the_catalog_cannot_be_published() {
        let dir = tempfile::tempdir().unwrap();
        let (holders, rows) = on_disk(dir.path());
        let state = dir.path().join("state");
        let writer = Writer::open(&state.join("catalog.redb")).unwrap();
        fs::remove_dir_all(&state).unwrap();
        let done = Plan::of(&holders, &rows, branches(&[1]), LAST, &branches(&[1])).apply(&[], writer);
        assert!(matches!(done.error, Some(Error::Io { .. })) && !done.wrote, "{:?}", done.error);
        assert_eq!(done.files.iter().filter(|of| of.fate == FileFate::Removed).count(), 2);
    }
}
