use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Instant,
};

use clap::Args;
use etcdsnap::{
    Error,
    bytes::{counted, escape, file_name, shell},
    error::Fault,
    k8s::{Mask, Ring},
    objects::Query,
    publish::replace,
    rows::{self, Files, Header, Judged, Read, Reading, Row, Target, columns, lines, read},
    source::{Locator, Options, is_stdin},
    verify::Verdict,
};

use super::unknown::UnknownFields;
use crate::{
    args::{InNamespace, Keys, LogArgs, Masking},
    destination::{Destination, Stdout, say_written},
    failure::{Exit, Failure},
    render::printable,
    session::{Session, one_stdin, print_notes, stop_at_signal},
    words::{is_kind, is_path},
};

/// Write a row for each key, for DuckDB, Polars, Spark or a spreadsheet
///
/// Each row has the columns of docs/rows.md: kind, namespace and name of the object, its revisions, owners, labels and
/// images, the encryption of its value, and its backup and cluster. Each backup is checked as `verify` does before its
/// first row is written; a damaged one has no rows unless --force is given. Secrets in clear text have no value_hash,
/// and secrets are masked as in all other commands. What is in an encrypted value is not known without its key.
///
/// FILE is complete, or it is not made: it is written under another name and renamed at the end. If one of several
/// backups is damaged, its rows are left out. After an error of the system, no FILE is left.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap rows backup.db --to rows.csv
  etcdsnap rows monday.db tuesday.db pods,deployments -n shop --to rows.ndjson
  aws s3 cp s3://bucket/key - | etcdsnap rows - --format ndjson
  etcdsnap rows backup.db --dataset rows/ --verdict -

Exit status: 0 all rows are written; 1 a backup is damaged or no backup, a value cannot be read, or
what was asked for is not found; 2 wrong usage, or FILE exists; 3 could not be read or written, or
changed meanwhile: only then it makes sense to try again")]
pub(crate) struct Rows {
    /// The backup
    snapshot: PathBuf,
    /// More backups, then KIND[,KIND...] [NAME...] or KIND/NAME...
    #[arg(value_name = "SNAPSHOT|KIND[/NAME]")]
    what: Vec<OsString>,
    #[command(flatten)]
    within: InNamespace,
    #[command(flatten)]
    destination: Destination,
    /// The folder for a file of each backup, DIR/cluster=ID/date=DATE/SHA16.FORMAT; the same backup again replaces its
    /// file, also with another selection
    ///
    /// SHA16 is the beginning of the SHA-256 of the db; the last entry of the log follows, where the backup has one.
    /// Where a backup has no rows, because it is damaged or none of its keys are selected, an older file of it is
    /// removed.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "overwrite"])]
    dataset: Option<PathBuf>,
    /// Write to FILE the verdict on each backup, one JSON document a line, also when a backup fails; - for stdout
    #[arg(long, value_name = "FILE")]
    verdict: Option<PathBuf>,
    /// Add a column with the whole object as JSON
    #[arg(long)]
    with_object: bool,
    /// Write what can be read of a damaged backup
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    masking: Masking,
    #[command(flatten)]
    log: LogArgs,
}

/// What is asked for, and where it goes.
struct Job {
    query: Query,
    mask: Mask,
    out: Out,
    judged: Vec<Judged>,
    stop: std::sync::Arc<AtomicBool>,
    unknown: UnknownFields,
}

enum Out {
    Stdout(Stdout<rows::Keys>),
    Files(Files),
}

impl Rows {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let (snapshots, what) = self.words()?;
        one_stdin(&snapshots)?;
        let out = match self.out() {
            Ok(out) => out,
            Err(error) => {
                let failed = |snapshot: &PathBuf| Judged::failed(&file_name(snapshot), &error, 0.0);
                let judged: Vec<_> = snapshots.iter().map(failed).collect();
                if self.verdict.as_deref().is_some_and(|path| !is_stdin(path)) {
                    self.judge(session, &judged)?;
                }
                return Err(error.into());
            }
        };
        let query = Query { what, namespace: self.within.only(), range: None };
        let unknown = UnknownFields::default();
        let mut job =
            Job { query, mask: self.masking.mask()?, out, judged: Vec::new(), stop: stop_at_signal(), unknown };
        let ended = self.all(session, &snapshots, &mut job);
        if let Err(failure) = &ended {
            let (exit, printed) = (failure.exit() as u8, matches!(job.out, Out::Stdout(_)));
            job.judged.iter_mut().for_each(|judged| judged.cut_short(exit, printed));
        }
        match (ended, self.judge(session, &job.judged)) {
            (Ok(exit), Ok(())) => Ok(exit),
            (Ok(_), Err(failure)) => Err(failure),
            (Err(failure), written) => {
                written.err().iter().for_each(Failure::say);
                Err(failure)
            }
        }
    }

    /// Writes the verdicts.
    fn judge(&self, session: &mut Session, judged: &[Judged]) -> Result<(), Failure> {
        let lines: String = judged.iter().map(Judged::line).collect();
        match &self.verdict {
            None => Ok(()),
            Some(path) if is_stdin(path) => Ok(session.out.write_all(lines.as_bytes())?),
            Some(path) => {
                replace(path, 0o644, lines.as_bytes())?;
                Ok(session.wrote(self.verdict.as_slice())?)
            }
        }
    }

    /// The backups, and what of them is wanted.
    fn words(&self) -> Result<(Vec<PathBuf>, Vec<String>), Error> {
        let is_backup = |word: &&OsString| is_path(word) || Locator::is_there(Path::new(word)) && !is_kind(word);
        // Before the first KIND no word is a NAME, which may end as a file's does.
        let more = self.what.iter().take_while(|word| is_backup(word) || is_named_as_backup(word)).count();
        let (more, kinds) = self.what.split_at_checked(more).unwrap_or((&self.what, &[]));
        if let Some(late) = kinds.iter().find(is_backup) {
            let what = format!("{}: a backup after a KIND", file_name(late));
            return Err(Error::usage(what).hinted("the backups come first: etcdsnap rows SNAPSHOT... [KIND...]"));
        }
        let is_file = |word: &&OsString| {
            Path::new(word).extension().is_some_and(|ending| rows::Format::ALL.iter().any(|of| ending == of.name()))
        };
        if let Some(file) = kinds.iter().find(is_file) {
            let name = file_name(file);
            let hint = format!("--to {} names the file that is written", shell(&name));
            return Err(Error::usage(format!("{name} is no KIND")).hinted(hint));
        }
        for word in kinds.iter().filter(|word| Path::new(word).exists()) {
            let name = file_name(word);
            say!("note: {name} is read as a KIND; ./{name} names the file");
        }
        let snapshots = std::iter::once(&self.snapshot).cloned().chain(more.iter().map(PathBuf::from)).collect();
        Ok((snapshots, kinds.iter().map(|kind| kind.to_string_lossy().into_owned()).collect()))
    }

    /// The destination.
    fn out(&self) -> Result<Out, Error> {
        let format = self.destination.format()?;
        let target = match (self.destination.file(), &self.dataset) {
            (_, Some(dir)) => Target::Dataset(dir.clone()),
            (Some(to), _) => Target::File(to.to_owned()),
            (None, None) => {
                if self.verdict.as_deref().is_some_and(is_stdin) {
                    let error = Error::usage("--verdict -: the rows go to stdout");
                    return Err(error.hinted("name a file for one of the two: --to FILE or --verdict FILE"));
                }
                return Ok(Out::Stdout(Stdout::new(format, columns(self.with_object))?));
            }
        };
        Ok(Out::Files(Files::new(target, self.destination.overwrite, format, self.with_object)?))
    }

    /// Writes the rows of all backups.
    fn all(&self, session: &mut Session, snapshots: &[PathBuf], job: &mut Job) -> Result<Exit, Failure> {
        let options = session.options(&self.log.dir, snapshots.iter().map(PathBuf::as_path))?;
        let mut worst = Exit::Good;
        for snapshot in snapshots {
            let begun = Instant::now();
            match self.one(session, snapshot, &options, begun, job) {
                Ok(exit) => worst = worst.max(exit),
                Err(Failure::Error(error)) => {
                    job.judged.push(Judged::failed(&file_name(snapshot), &error, begun.elapsed().as_secs_f64()));
                    // Among others a file that is no backup is left out.
                    if snapshots.len() == 1 || error.fault() != Fault::Content {
                        return Err(error.into());
                    }
                    worst = worst.max(error.fault().into());
                    Failure::from(error).say();
                }
                Err(failure) => {
                    if let Failure::Output(error) = &failure {
                        let error = Error::io("the output", "write", io::Error::new(error.kind(), error.to_string()));
                        let seconds = begun.elapsed().as_secs_f64();
                        job.judged.push(Judged::failed(&file_name(snapshot), &error, seconds));
                    }
                    return Err(failure);
                }
            }
        }
        let rows: u64 = job.judged.iter().map(Judged::rows).sum();
        match &mut job.out {
            Out::Stdout(out) => out.end(session)?,
            Out::Files(_) if rows == 0 && worst != Exit::Good => {
                say!("note: nothing is written");
            }
            Out::Files(files) => {
                let written = files.end()?;
                if let Some(file) = &written {
                    let file = file.display().to_string();
                    job.judged.iter_mut().for_each(|judged| judged.written(&file));
                }
                session.wrote(written.as_slice())?;
                written.as_deref().or(self.dataset.as_deref()).iter().for_each(|to| say_written(rows, to));
            }
        }
        Ok(worst)
    }

    /// Writes the rows of one backup.
    fn one(
        &self,
        session: &mut Session,
        snapshot: &Path,
        options: &Options,
        begun: Instant,
        job: &mut Job,
    ) -> Result<Exit, Failure> {
        let source = session.open_quietly(snapshot, options)?;
        print_notes(&source);
        let ring: Ring = self.keys.ring()?;
        let (progress, size) = (session.progress(&source), source.db().len());
        let Job { query, mask, out, stop, unknown, .. } = &mut *job;
        let mut sealed = 0_u64;
        let load = self.log.load();
        let reading = Reading { query, load: &load, mask, with_object: self.with_object, force: self.force };
        let done = read(
            &source,
            ring,
            &reading,
            move |done| progress.update(done, size),
            |header, rows| {
                if stop.load(SeqCst) {
                    return Err(Failure::from(Error::Interrupted));
                }
                for row in rows {
                    sealed = sealed.saturating_add(row.sealed.into());
                    note(row, unknown);
                }
                write(session, out, header, rows)
            },
        )?;
        session.intact(&source)?;
        let exit = self.report(source.name(), &done);
        if sealed > 0 {
            say!(
                "note: {}: {} could not be opened: owners, labels, images and all else inside are not in the rows; --encryption-config opens what is encrypted",
                printable(source.name().to_owned()),
                counted(sealed, "encrypted value")
            );
        }
        let file = match out {
            Out::Files(files) if done.rows > 0 => files.end_backup()?,
            Out::Files(files) => {
                if let Some(old) = files.remove_old(&Header::of(&done.report))? {
                    say!("note: {} is removed: the backup has no rows now", printable(old.display().to_string()));
                }
                None
            }
            Out::Stdout(_) => None,
        };
        session.wrote(file.as_slice())?;
        let file = file.map(|file| file.display().to_string());
        job.judged.push(Judged::read(&done, file, exit as u8, begun.elapsed().as_secs_f64()));
        if let Some(missing) = done.missing {
            Failure::from(missing).say();
        }
        Ok(exit)
    }

    /// Prints what is wrong with a backup.
    fn report(&self, name: &str, read: &Read) -> Exit {
        let name = printable(name.to_owned());
        match read.report.verdict() {
            Some(Verdict::Damaged) => {
                if let Some(finding) =
                    read.report.findings.list().iter().find(|f| f.severity == etcdsnap::error::Severity::Error)
                {
                    say!("error: {name}: {finding}");
                }
                match read.refused {
                    true => say!(
                        "{name}: damaged, none of its rows are written; `etcdsnap verify` lists the findings, --force writes what can be read"
                    ),
                    false => say!("{name}: damaged; the rows hold what could be read"),
                }
                Exit::Content
            }
            _ if read.unreadable > 0 || read.missing.is_some() => Exit::Content,
            Some(Verdict::Doubtful) if read.report.findings.mixed() => {
                say!("warning: {name}: the rows may mix the data of two members; `etcdsnap verify` lists the reasons");
                Exit::Content
            }
            Some(Verdict::Doubtful) => {
                say!("note: {name} is doubtful; `etcdsnap verify` lists the reasons");
                Exit::Good
            }
            _ => Exit::Good,
        }
    }
}

/// Whether a word can only be the name of a backup, also of one that is not there.
fn is_named_as_backup(word: &OsString) -> bool {
    const ENDINGS: [&str; 10] = ["db", "gz", "tgz", "zst", "xz", "txz", "bz2", "tbz2", "tar", "zip"];
    let ending = Path::new(word).extension();
    let is_folder = word.as_encoded_bytes().iter().filter(|byte| **byte == b'/').count() > 1;
    !is_kind(word) && (is_folder || ENDINGS.iter().any(|known| ending.is_some_and(|ending| ending == *known)))
}

/// Reports what cannot be read, and what is not known in an object.
fn note(row: &Row<'_>, unknown: &mut UnknownFields) {
    if let Some(why) = &row.error {
        say!("error: {}: {}", escape(row.key.as_bytes()), printable(why.clone()));
    }
    if !row.unknown.is_empty() {
        unknown.note(row.key.as_bytes(), &row.unknown);
    }
}

fn write(session: &mut Session, out: &mut Out, header: &Header, rows: &[Row<'_>]) -> Result<(), Failure> {
    match out {
        Out::Files(files) => Ok(files.rows(header, rows)?),
        Out::Stdout(out) => out.rows(session, &lines(header, rows)),
    }
}
