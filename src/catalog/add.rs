//! Adding files and folders of backups to a catalog.
//!
//! ```text
//! Addition::new ─> the files in the folders
//! Addition::run ─> those that changed are read, some at the same time ─> Writer::add, or why not
//!               ─> what was there before, and is gone, is marked as missing
//! ```

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    checked::{Added, Checked},
    entry::{Entry, Stamp},
    opener::Opener,
    queue::{Queued, full_name, next_group},
    writer::Writer,
};
use crate::{
    Error, Result,
    error::Fault,
    etcd::Load,
    k8s::Ring,
    source::{Candidate, Candidates, DoubtFile, Options, is_gone, is_stdin, is_url},
    verify::Verdict,
};

/// The result of adding files to a catalog.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddReport {
    /// The files with a backup that were read.
    pub added: Vec<AddedFile>,
    /// The files that could not be added.
    pub failed: Vec<FailedFile>,
    /// Number of backups in files that have not changed since they were added.
    pub unchanged: u64,
    /// Number of files in folders that are no backups.
    pub no_backups: u64,
    /// Number of files that are marked as missing now.
    pub newly_missing: u64,
    /// Whether the run was stopped before the end.
    pub interrupted: bool,
    /// Whether another catalog, which was to be replaced, is kept: nothing was added, or the run was stopped.
    #[serde(skip)]
    pub keeps_old: bool,
    /// Whether the catalog was written.
    #[serde(skip)]
    pub wrote: bool,
}

impl AddReport {
    /// Number of added files with this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.added.iter().filter(|of| of.entry.verdict == verdict).count()
    }

    /// Bytes of the unpacked backups that were added.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.added.iter().fold(0, |sum, of| sum.saturating_add(of.entry.size))
    }
}

/// A file that was added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedFile {
    /// Its name in the catalog.
    pub file: String,
    /// As [`Added::known`].
    pub known: bool,
    /// As [`Added::was_worse`].
    #[serde(skip)]
    pub was_worse: bool,
    /// The backup in it.
    #[serde(flatten)]
    pub entry: Entry,
}

/// A file that could not be added.
#[derive(Debug, Serialize)]
pub struct FailedFile {
    /// Its name in the catalog.
    pub file: String,
    /// Why not.
    pub error: String,
    /// Whose fault it is.
    #[serde(skip)]
    pub fault: Fault,
}

/// Files and folders of backups that are to be added.
#[derive(Debug)]
pub struct Addition<'p> {
    paths: &'p [PathBuf],
    name: Option<&'p str>,
    options: Options,
    files: Vec<Candidate>,
}

impl<'p> Addition<'p> {
    /// Lists the folders among `paths`, with those below. `name` is the name of one backup, instead of its path.
    ///
    /// # Errors
    /// When there is a name, and not one file.
    pub fn new(paths: &'p [PathBuf], name: Option<&'p str>, options: Options) -> Result<Self> {
        let files = Candidates::of(paths, true, &options).files;
        if name.is_some() && (files.len() != 1 || paths.iter().any(|path| path.is_dir())) {
            return Err(Error::usage("--name is the name of one backup").hinted("name one file, or -"));
        }
        Ok(Self { paths, name, options, files })
    }

    /// Checks that the paths on disk exist, for a catalog that replaces another.
    ///
    /// # Errors
    /// When one does not.
    pub fn exists(&self) -> Result<()> {
        let mut on_disk = self.paths.iter().filter(|path| !is_url(path) && !is_stdin(path));
        match on_disk.find(|path| !path.exists()) {
            Some(path) => Err(Error::io(path.display().to_string(), "read", io::ErrorKind::NotFound.into())),
            None => Ok(()),
        }
    }

    /// The folders in a store that have no objects. A store knows only names of objects, so such a name may be
    /// mistyped.
    ///
    /// # Errors
    /// When the working folder cannot be found.
    pub fn empty_folders(&self) -> Result<Vec<String>> {
        let mut empty = Vec::new();
        for folder in self.paths.iter().filter(|path| is_url(path)) {
            let name = full_name(folder)?.to_string_lossy().into_owned();
            let is_below = |file: &Candidate| file.path == *folder || file.path.to_string_lossy().starts_with(&name);
            if name.ends_with('/') && !self.files.iter().any(is_below) {
                empty.push(name);
            }
        }
        Ok(empty)
    }

    /// Reads the files that are not in the catalog as they are now, adds them, and finishes the catalog. `keys` open
    /// values: where they are given, a backup with values that no key has opened is read again.
    ///
    /// # Errors
    /// When the catalog cannot be read or written, and those that end a run of `opener`. A file that cannot be read is
    /// in the report.
    pub fn run<O: Opener>(&self, writer: Writer, keys: Option<Ring>, opener: &mut O) -> Result<AddReport, O::Failure> {
        let mut report = AddReport::default();
        let mut queue = self.changed(&writer, keys.is_some(), &mut report)?;
        let mut adding = Adding { writer, ring: keys.unwrap_or_default(), options: &self.options, report };
        let all = queue.iter().fold(0_u64, |sum, of| sum.saturating_add(of.size));
        let mut done = 0_u64;
        while !queue.is_empty() {
            if opener.is_stopped() {
                adding.report.interrupted = true;
                break;
            }
            let group = next_group(&mut queue);
            let parts = adding.group(&group, opener, done, all)?;
            parts.into_iter().rev().for_each(|part| queue.push_front(part));
            done = group.iter().fold(done, |done, one| done.saturating_add(one.size));
            opener.progress(done, all);
        }
        if !adding.report.interrupted {
            adding.mark_missing(self.paths, &self.files)?;
            adding.forget_unread(self.paths, &self.files)?;
        }
        let Adding { writer, mut report, .. } = adding;
        report.keeps_old = writer.replaces() && (report.interrupted || report.added.is_empty());
        report.wrote = !report.keeps_old && writer.finish()?;
        Ok(report)
    }

    /// The files that are not in the catalog as they are now; the others are counted.
    fn changed(&self, writer: &Writer, keys: bool, report: &mut AddReport) -> Result<VecDeque<Queued>> {
        let listed: HashMap<&Path, Stamp> = self
            .files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), Stamp::of_object(file.stat.as_ref()?))))
            .collect();
        let mut queue = VecDeque::new();
        for Candidate { path, in_folder, stat } in &self.files {
            let name = match self.name {
                Some(name) => PathBuf::from(name),
                None => full_name(path)?,
            };
            if writer.is_own(&name) {
                continue;
            }
            let now = match stat {
                Some(stat) => {
                    let doubts = DoubtFile::names(path).into_iter();
                    let doubts = doubts.filter_map(|name| listed.get(Path::new(&name)).copied());
                    Some(Stamp::of_object(stat).beside(doubts))
                }
                None if is_stdin(path) => None,
                None => Stamp::now(path, &self.options).ok(),
            };
            // what a person named is not looked for again
            let stamp = now.filter(|_| self.name.is_none());
            match stamp.map_or(Ok(None), |stamp| writer.known(&name, stamp, keys))? {
                Some(known) => report.unchanged = report.unchanged.saturating_add(known),
                None => {
                    let size = now.map_or(0, |stamp| stamp.size);
                    let (path, in_folder) = (path.clone(), *in_folder);
                    queue.push_back(Queued { path, name, archive: None, in_folder, stamp, size });
                }
            }
        }
        Ok(queue)
    }
}

/// Backups that are being added.
struct Adding<'o> {
    writer: Writer,
    ring: Ring,
    options: &'o Options,
    report: AddReport,
}

impl Adding<'_> {
    /// Reads some files at the same time and adds them. Returns the backups in those that are archives of several.
    /// `done` and `all` are the bytes of the files before these, and of all.
    fn group<O: Opener>(
        &mut self,
        group: &[Queued],
        opener: &mut O,
        done: u64,
        all: u64,
    ) -> Result<Vec<Queued>, O::Failure> {
        let paths: Vec<_> = group.iter().map(|one| one.path.as_path()).collect();
        let opened = opener.open_all(&paths, self.options);
        let good: Vec<_> = opened.iter().filter_map(|source| source.as_ref().ok()).collect();
        let checked = match &good[..] {
            [one] => {
                let progress = |read| opener.progress(done.saturating_add(read), all);
                vec![self.writer.check(one, &Load::default(), self.ring.clone(), progress)]
            }
            several => self.writer.check_all(several, &Load::default(), &self.ring),
        };
        let (mut checked, mut parts) = (checked.into_iter(), Vec::new());
        for (one, source) in group.iter().zip(&opened) {
            match source {
                Ok(source) => {
                    let Some(checked) = checked.next() else { break };
                    let checked = match opener.close(source)? {
                        Ok(()) => checked,
                        Err(error) => checked.and(Err(error)),
                    };
                    self.add(one, checked)?;
                }
                Err(Error::Several { found, .. }) if one.archive.is_none() && one.stamp.is_some() => {
                    self.writer.archive(&one.name, one.stamp, found)?;
                    parts.extend(found.iter().map(|part| one.part(part)));
                }
                Err(error) if one.in_folder && matches!(error, Error::Foreign { may_be_one: false, .. }) => {
                    self.writer.failed(&one.name, one.stamp, one.archive.as_deref(), error, false)?;
                    self.report.no_backups = self.report.no_backups.saturating_add(1);
                }
                Err(error) => self.failed(one, error)?,
            }
        }
        Ok(parts)
    }

    fn add(&mut self, one: &Queued, checked: Result<Checked<'_>>) -> Result<()> {
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => return self.failed(one, &error),
        };
        let Added { entry, known, was_worse } =
            self.writer.add(checked, &one.name, one.stamp, one.archive.as_deref())?;
        self.report.added.push(AddedFile { file: one.name.display().to_string(), known, was_worse, entry });
        Ok(())
    }

    /// Notes a file that could not be added.
    fn failed(&mut self, one: &Queued, error: &Error) -> Result<()> {
        match error {
            // a mistyped path is no backup that is not searched; a link without its file may be one
            Error::Io { source, .. }
                if source.kind() == io::ErrorKind::NotFound
                    && one.archive.is_none()
                    && (is_url(&one.path) || is_gone(&one.path)) =>
            {
                let gone = self.writer.absent(&one.name)?;
                self.report.newly_missing = self.report.newly_missing.saturating_add(gone.into());
            }
            _ => self.writer.failed(&one.name, one.stamp, one.archive.as_deref(), error, true)?,
        }
        let (file, error, fault) = (one.name.display().to_string(), error.to_string(), error.fault());
        self.report.failed.push(FailedFile { file, error, fault });
        Ok(())
    }

    /// Marks what was below `paths` and is no longer there. `files` are those that are there now.
    fn mark_missing(&mut self, paths: &[PathBuf], files: &[Candidate]) -> Result<()> {
        let named: HashSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        for path in paths {
            let gone = match is_url(path) {
                // One that could not be listed is among the files itself.
                true if path.as_os_str().as_encoded_bytes().ends_with(b"/") && !named.contains(path.as_path()) => {
                    self.writer.mark_missing(path, |name| !named.contains(name))?
                }
                true => 0,
                false => self.writer.mark_missing(&full_name(path)?, is_gone)?,
            };
            self.report.newly_missing = self.report.newly_missing.saturating_add(gone);
        }
        Ok(())
    }

    /// Forgets what could not be read, and is not among the `files` now: a folder that can be listed again, and a name
    /// of which nothing else was known and that is gone.
    fn forget_unread(&mut self, paths: &[PathBuf], files: &[Candidate]) -> Result<()> {
        let named = paths.iter().map(|path| full_name(path)).collect::<Result<HashSet<_>, _>>()?;
        let read = files.iter().map(|file| full_name(&file.path)).collect::<Result<HashSet<_>, _>>()?;
        self.writer.forget_failed(|name| {
            let is_below = || (name.is_dir() || is_gone(name)) && name.ancestors().any(|folder| named.contains(folder));
            !read.contains(name) && (named.contains(name) || is_below())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        catalog::{Catalog, CheckReport, FileState, Scope, Wanted},
        source::Source,
    };

    /// Opens files, and keeps no record.
    #[derive(Default)]
    struct Plain {
        stopped: bool,
    }

    impl Opener for Plain {
        type Failure = Error;

        fn open(&mut self, file: &Path, options: &Options) -> Result<Source> {
            Source::open(file, options)
        }

        fn open_all(&mut self, files: &[&Path], options: &Options) -> Vec<Result<Source>> {
            files.iter().map(|file| Source::open(file, options)).collect()
        }

        fn close(&mut self, source: &Source) -> Result<Result<()>> {
            Ok(source.intact())
        }

        fn progress(&self, _: u64, _: u64) {}

        fn is_stopped(&self) -> bool {
            self.stopped
        }
    }

    #[test]
    fn a_folder_is_added_searched_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, db) = (dir.path().join("backups"), dir.path().join("state/catalog.redb"));
        fs::create_dir(&folder).unwrap();
        let (kube, damaged) = (folder.join("kube.db"), folder.join("damaged.db"));
        fs::copy("fixtures/kube.db", &kube).unwrap();
        fs::write(&damaged, &fs::read("fixtures/kube.db").unwrap()[..40_000]).unwrap();
        fs::write(folder.join("notes.txt"), "hello").unwrap();
        let paths = [folder];
        let add = |stopped: bool| {
            let addition = Addition::new(&paths, None, Options::default()).unwrap();
            addition.run(Writer::open(&db).unwrap(), None, &mut Plain { stopped }).unwrap()
        };
        let stopped = add(true);
        assert!(stopped.interrupted && stopped.added.is_empty() && !stopped.keeps_old);
        let report = add(false);
        let counts = [Verdict::Good, Verdict::Doubtful, Verdict::Damaged].map(|verdict| report.count(verdict));
        assert_eq!((counts, report.failed.len(), report.no_backups), ([1, 0, 1], 0, 1));
        let again = add(false);
        assert_eq!((again.added.len(), again.unchanged, again.wrote), (0, 2, false));

        let catalog = Catalog::open(&db).unwrap();
        let wanted = Wanted { what: vec!["deploy/web".to_owned()], ..Wanted::default() };
        let found = catalog.found(&Scope::default(), &wanted).unwrap();
        assert_eq!(
            found.objects.iter().map(|of| of.object.as_str()).collect::<Vec<_>>(),
            ["deployment.apps/web -n shop"]
        );
        assert_eq!(found.objects[0].bring_back.as_ref().unwrap().file, kube);
        assert_eq!(catalog.doubts(&Scope::default()).unwrap().damaged, 1);

        fs::remove_file(&kube).unwrap();
        let check = CheckReport::new(&catalog, false, &Options::default(), &mut Plain::default()).unwrap();
        let states: Vec<_> = check.files.iter().map(|of| of.state).collect();
        assert_eq!((&states[..], check.has_news()), (&[FileState::AsItWas, FileState::Missing][..], false));
        assert_eq!(add(false).newly_missing, 1);
    }
}
