use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use clap::Args;
use etcdsnap::{
    Error,
    catalog::{Added, Checked, Stamp, Writer},
    error::Fault,
    etcd::Load,
    k8s::Ring,
    source::{Candidate, Candidates, DoubtFile, Options, is_gone, is_stdin, is_url, part_of, without_secrets},
    verify::Verdict,
};
use serde::Serialize;

use super::common::{Db, display};
use crate::{
    args::{Keys, ReportFormat},
    failure::{Exit, Failure},
    render::{Progress, bytes, json, printable},
    session::{Session, one_stdin, stop_at_signal},
};

/// Check backups, and note in the catalog what they hold
///
/// A folder means all backups in it and in the folders below, also compressed ones. Files that are certainly no backups
/// are left out. Each backup in an archive of several is added by its own name, ARCHIVE:NAME. A file that has not
/// changed since it was added is not read again, unless you give keys now and some of its values could not be opened
/// before. A file that is no longer in its folder is marked as missing; what the catalog noted about it is kept.
///
/// Files with the same content are one backup, with the worst verdict on any of them. So a doubtful backup does not
/// become good when you copy it without its NAME.etcdsnap.json; only `rebuild` forgets a verdict.
///
/// Damaged backups are listed, but their objects are not in the catalog, because some may be missing. Several small
/// files are read at the same time. After ^C, the files that are being read are finished, and everything that was added
/// is kept.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap catalog add /backups
  aws s3 cp s3://bucket/a.db - | etcdsnap catalog add - --name s3://bucket/a.db
  etcdsnap catalog add /backups --encryption-config keys.yaml

Exit status: 0 all good or doubtful, 1 a backup is damaged, 3 a file could not be read")]
pub(crate) struct Add {
    /// Backups, or folders of backups
    #[arg(required = true)]
    path: Vec<PathBuf>,
    /// The name of the one backup, instead of its path: where it is kept
    #[arg(long, value_name = "URL")]
    name: Option<String>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text)]
    output: ReportFormat,
    #[command(flatten)]
    db: Db,
    #[command(flatten)]
    keys: Keys,
}

/// Make the catalog again from the backups, after it was damaged
///
/// Adds the backups to a new catalog, which replaces the old one at the end. The old one stays if nothing was added, a
/// PATH does not exist, or you press ^C.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    add: Add,
}

/// A file, or a backup in an archive, that is to be read.
struct Todo {
    file: PathBuf,
    name: PathBuf,
    /// The name of the archive of several backups that it is in.
    archive: Option<PathBuf>,
    in_folder: bool,
    /// From before it is opened; `None` for what has no place on the disk.
    stamp: Option<Stamp>,
    size: u64,
}

impl Todo {
    /// One of the backups in this archive.
    fn part(&self, part: &str) -> Self {
        Self {
            file: part_of(&self.file, part),
            name: part_of(&self.name, part),
            archive: Some(self.name.clone()),
            in_folder: false,
            stamp: self.stamp,
            size: 0,
        }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    added: Vec<One>,
    failed: Vec<Failed>,
    unchanged: u64,
    no_backups: u64,
    newly_missing: u64,
    interrupted: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    file: String,
    known: bool,
    #[serde(skip)]
    was_worse: bool,
    #[serde(flatten)]
    entry: etcdsnap::catalog::Entry,
}

#[derive(Debug, Serialize)]
struct Failed {
    file: String,
    error: String,
}

impl Rebuild {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.add.add(session, true)
    }
}

impl Add {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        self.add(session, false)
    }

    fn add(self, session: &mut Session, fresh: bool) -> Result<Exit, Failure> {
        one_stdin(&self.path)?;
        let stop = stop_at_signal();
        let options = session.options_with(None);
        let files = Candidates::of(&self.path, true, &options).files;
        if self.name.is_some() && (files.len() != 1 || self.path.iter().any(|path| path.is_dir())) {
            return Err(Error::usage("--name is the name of one backup").hinted("name one file, or -").into());
        }
        if let Some(path) =
            self.path.iter().filter(|path| fresh && !is_url(path) && !is_stdin(path)).find(|path| !path.exists())
        {
            return Err(Error::io(path.display().to_string(), "read", io::ErrorKind::NotFound.into()).into());
        }
        self.path.iter().filter(|path| is_url(path)).try_for_each(|path| note_empty(path, &files))?;
        let path = self.db.path()?;
        let writer = if fresh { Writer::fresh(&path)? } else { Writer::open(&path)? };
        let mut adding = Adding { writer, ring: self.keys.ring()?, document: Document::default(), exit: Exit::Good };
        let mut todo = self.changed(&files, &mut adding, &options)?;
        let all = todo.iter().fold(0_u64, |sum, of| sum.saturating_add(of.size));
        let (progress, mut done) = (Progress::new("catalog", session.wants_progress()), 0_u64);
        while let Some(first) = todo.pop_front() {
            if stop.load(Ordering::Relaxed) {
                adding.document.interrupted = true;
                break;
            }
            let group = together(first, &mut todo);
            let parts =
                adding.group(&group, session, &options, |read| progress.update(done.saturating_add(read), all))?;
            parts.into_iter().rev().for_each(|part| todo.push_front(part));
            done = group.iter().fold(done, |done, one| done.saturating_add(one.size));
            progress.update(done, all);
        }
        if !adding.document.interrupted {
            adding.mark_missing(&self.path, &files)?;
            adding.forget_unread(&self.path, &files)?;
        }
        let Adding { writer, document, exit, .. } = adding;
        let keeps_old = writer.replaces() && (document.interrupted || document.added.is_empty());
        if !keeps_old && writer.finish()? {
            session.wrote(&[path])?;
        }
        match self.output {
            ReportFormat::Json => json(&mut session.out, &document, false)?,
            ReportFormat::Text => text(session, &document)?,
        }
        match (document.interrupted, keeps_old) {
            (true, true) => say!("interrupted: the old catalog is kept"),
            (true, false) => {
                say!("interrupted: what was added is kept; the next `catalog add` continues with the rest");
            }
            (false, true) => return Err(Error::refused("nothing was added; the old catalog is kept").into()),
            (false, false) => return Ok(exit),
        }
        Ok(Exit::System)
    }

    /// The files that are not in the catalog as they are now; the others are counted.
    fn changed(&self, files: &[Candidate], adding: &mut Adding, options: &Options) -> Result<VecDeque<Todo>, Failure> {
        let listed: HashMap<&Path, Stamp> = files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), Stamp::of_object(file.stat.as_ref()?))))
            .collect();
        let mut todo = VecDeque::new();
        for Candidate { path: file, in_folder, stat } in files {
            let name = match &self.name {
                Some(name) => PathBuf::from(name),
                None => full_name(file)?,
            };
            if adding.writer.is_own(&name) {
                continue;
            }
            let now = match stat {
                Some(stat) => {
                    let doubts = DoubtFile::names(file).into_iter();
                    let doubts = doubts.filter_map(|name| listed.get(Path::new(&name)).copied());
                    Some(Stamp::of_object(stat).beside(doubts))
                }
                None if is_stdin(file) => None,
                None => Stamp::now(file, options).ok(),
            };
            // what a person named is not looked for again
            let stamp = now.filter(|_| self.name.is_none());
            let keys = self.keys.are_given();
            match stamp.map_or(Ok(None), |stamp| adding.writer.known(&name, stamp, keys))? {
                Some(known) => adding.document.unchanged = adding.document.unchanged.saturating_add(known),
                None => {
                    let size = now.map_or(0, |stamp| stamp.size);
                    let (file, in_folder) = (file.clone(), *in_folder);
                    todo.push_back(Todo { file, name, archive: None, in_folder, stamp, size });
                }
            }
        }
        Ok(todo)
    }
}

/// Backups that are being added.
struct Adding {
    writer: Writer,
    ring: Ring,
    document: Document,
    exit: Exit,
}

impl Adding {
    /// Reads some files at the same time and adds them. Returns the backups in those that are archives of several.
    /// `step` gets the number of bytes that were read, if there is one file.
    fn group(
        &mut self,
        group: &[Todo],
        session: &mut Session,
        options: &Options,
        step: impl Fn(u64),
    ) -> Result<Vec<Todo>, Failure> {
        let opened = session.open_all(group.iter().map(|one| one.file.as_path()), options);
        let good: Vec<_> = opened.iter().filter_map(|source| source.as_ref().ok()).collect();
        let checked = match &good[..] {
            [one] => vec![self.writer.check(one, &Load::default(), self.ring.clone(), step)],
            several => self.writer.check_all(several, &Load::default(), &self.ring),
        };
        let (mut checked, mut parts) = (checked.into_iter(), Vec::new());
        for (one, source) in group.iter().zip(&opened) {
            match source {
                Ok(source) => {
                    let Some(checked) = checked.next() else { break };
                    let checked = match session.intact(source) {
                        Ok(()) => checked,
                        Err(Failure::Error(error)) => checked.and(Err(error)),
                        Err(failure) => return Err(failure),
                    };
                    self.add(one, checked)?;
                }
                Err(Error::Several { found, .. }) if one.archive.is_none() && one.stamp.is_some() => {
                    self.writer.archive(&one.name, one.stamp, found)?;
                    parts.extend(found.iter().map(|part| one.part(part)));
                }
                Err(error) if one.in_folder && matches!(error, Error::Foreign { may_be_one: false, .. }) => {
                    self.writer.failed(&one.name, one.stamp, one.archive.as_deref(), error, false)?;
                    self.document.no_backups = self.document.no_backups.saturating_add(1);
                }
                Err(error) => self.failed(one, error)?,
            }
        }
        Ok(parts)
    }

    fn add(&mut self, one: &Todo, checked: Result<Checked, Error>) -> Result<(), Error> {
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => return self.failed(one, &error),
        };
        let Added { entry, known, was_worse } =
            self.writer.add(checked, &one.name, one.stamp, one.archive.as_deref())?;
        if entry.verdict == Verdict::Damaged {
            self.exit = self.exit.max(Exit::Content);
        }
        self.document.added.push(One { file: one.name.display().to_string(), known, was_worse, entry });
        Ok(())
    }

    /// Notes a file that could not be added.
    fn failed(&mut self, one: &Todo, error: &Error) -> Result<(), Error> {
        match error {
            // a mistyped path is no backup that is not searched; a link without its file may be one
            Error::Io { source, .. }
                if source.kind() == io::ErrorKind::NotFound
                    && one.archive.is_none()
                    && (is_url(&one.file) || is_gone(&one.file)) =>
            {
                let gone = self.writer.absent(&one.name)?;
                self.document.newly_missing = self.document.newly_missing.saturating_add(gone.into());
            }
            _ => self.writer.failed(&one.name, one.stamp, one.archive.as_deref(), error, true)?,
        }
        self.document.failed.push(Failed { file: one.name.display().to_string(), error: error.to_string() });
        self.exit = self.exit.max(match error.fault() {
            Fault::System => Exit::System,
            Fault::Content | Fault::Caller => Exit::Content,
        });
        Ok(())
    }

    /// Marks what was below `paths` and is no longer there. `files` are those that are there now.
    fn mark_missing(&mut self, paths: &[PathBuf], files: &[Candidate]) -> Result<(), Error> {
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
            self.document.newly_missing = self.document.newly_missing.saturating_add(gone);
        }
        Ok(())
    }

    /// Forgets what could not be read, and is not among the `files` now: a folder that can be listed again, and a name
    /// of which nothing else was known and that is gone.
    fn forget_unread(&mut self, paths: &[PathBuf], files: &[Candidate]) -> Result<(), Error> {
        let named = paths.iter().map(|path| full_name(path)).collect::<Result<HashSet<_>, _>>()?;
        let read = files.iter().map(|file| full_name(&file.path)).collect::<Result<HashSet<_>, _>>()?;
        self.writer.forget_failed(|name| {
            let is_below = || (name.is_dir() || is_gone(name)) && name.ancestors().any(|folder| named.contains(folder));
            !read.contains(name) && (named.contains(name) || is_below())
        })
    }
}

/// Reports a folder in a store that has no objects: its name may be mistyped, as a store knows only names of objects.
fn note_empty(folder: &Path, files: &[Candidate]) -> Result<(), Error> {
    let name = full_name(folder)?.to_string_lossy().into_owned();
    let is_below = |file: &Candidate| file.path == folder || file.path.to_string_lossy().starts_with(&name);
    if name.ends_with('/') && !files.iter().any(is_below) {
        say!("note: {}: this folder holds no objects", printable(name));
    }
    Ok(())
}

/// The name of a file in the catalog: its absolute path, or its URL.
fn full_name(file: &Path) -> Result<PathBuf, Error> {
    if is_stdin(file) {
        return Ok(PathBuf::from("-"));
    }
    if is_url(file) {
        return Ok(without_secrets(&file.to_string_lossy()).into());
    }
    std::path::absolute(file).map_err(|e| Error::io(file.display().to_string(), "find", e))
}

/// A file up to this size is read on one core, beside others.
const SMALL: u64 = 16 << 20;

/// The files that are read next, at the same time: some small ones, or a large one alone, on all cores.
fn together(first: Todo, todo: &mut VecDeque<Todo>) -> Vec<Todo> {
    let is_on_disk = |one: &Todo| one.stamp.is_some() && one.archive.is_none() && !is_url(&one.file);
    let is_small = |one: &Todo| one.size <= SMALL && is_on_disk(one);
    let most = rayon::current_num_threads().saturating_mul(2);
    let mut group = vec![first];
    while group.len() < most && group.last().is_some_and(is_small) && todo.front().is_some_and(is_small) {
        group.extend(todo.pop_front());
    }
    group
}

fn text(session: &mut Session, document: &Document) -> Result<(), Failure> {
    let out = &mut session.out;
    for One { file, was_worse, entry, .. } in &document.added {
        if entry.verdict != Verdict::Good {
            let why = printable(entry.finding.clone().unwrap_or_default());
            let when = if *was_worse { ", as a file with the same content that was added before" } else { "" };
            writeln!(out, "{}: {}{when}: {why}", display(file.as_ref()), entry.verdict)?;
        }
    }
    for Failed { error, .. } in &document.failed {
        // The first line names the file and the problem; the rest is a list.
        let error = error.lines().next().unwrap_or_default();
        writeln!(out, "not added: {}", printable(error.to_owned()))?;
    }
    let count = |verdict| document.added.iter().filter(|one| one.entry.verdict == verdict).count();
    let (good, doubtful, damaged) = (count(Verdict::Good), count(Verdict::Doubtful), count(Verdict::Damaged));
    let size = document.added.iter().fold(0_u64, |sum, one| sum.saturating_add(one.entry.size));
    write!(
        out,
        "added {} ({}): {good} good, {doubtful} doubtful, {damaged} damaged",
        document.added.len(),
        bytes(size)
    )?;
    for (n, what) in [
        (document.unchanged, "as they were"),
        (document.failed.len() as u64, "not added"),
        (document.newly_missing, "missing now"),
        (document.no_backups, "other files"),
    ] {
        if n > 0 {
            write!(out, "; {n} {what}")?;
        }
    }
    writeln!(out)?;
    Ok(())
}
