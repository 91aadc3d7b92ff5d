use std::{
    collections::VecDeque,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error, Finding,
    bytes::file_name,
    error::Severity,
    etcd::Load,
    publish::replace,
    source::{Candidate, Candidates, Options, Source, is_stdin, is_url, part_of},
    verify::{Backups, Members, Report, Together, metrics, verify},
};
use jiff::Timestamp;

use crate::{
    args::{Format, LogArgs},
    failure::{Exit, Failure},
    render::{self, Columns},
    session::{Session, note_doubt, one_stdin},
};

/// Check everything: is the backup good, and where is it damaged?
///
/// It prints a table of the files, newest content first, then the findings with their places, then the newest good one
/// of each cluster. `good`: everything was checked and is right. `doubtful`: no error was found, but something cannot
/// be checked. For example, there is no trailer, so nothing proves the values; or the file was copied while etcd wrote
/// to it. `damaged`: something is wrong. STARTS ON: the etcd versions that start on a data directory as it is; for any
/// other backup, those that start on the result of a plain restore. REVISION and KEYS include the entries of the log
/// that etcd applies when it starts on a data directory. SIZE is that of the db; for a file that was cut off, both
/// sizes are printed: that of the file, and that of the db.
///
/// A folder means the files in it, with -r also the files in the folders below; an archive means all backups in it. A
/// file that is certainly no backup, such as a list of checksums, is reported, but does not change the exit status. The
/// newer of two backups of one cluster is the one that continues the history of the other. If the histories do not show
/// this, the one with the newer time in its objects is the newer backup. A time is ignored when other clocks of the
/// cluster contradict it. Backups that name no cluster count as one cluster; a note tells where they may be of several.
///
/// For a data directory it also checks how db, log and `.snap` files fit, and where their member lists differ. For
/// several directories of one cluster it compares the logs, and prints which directory to keep, and which entries were
/// committed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap verify backup.db
  etcdsnap verify --strict backups/ && echo all are good
  etcdsnap verify backups/*.db -o json

Exit status: 0 good or doubtful (with --strict: good); 1 damaged, or not certain which is newest;
2 wrong usage; 3 could not be read, or changed meanwhile")]
pub(crate) struct Verify {
    /// The backups
    #[arg(required = true)]
    snapshot: Vec<PathBuf>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Check also the files in the folders below a folder
    #[arg(short, long)]
    recursive: bool,
    /// Exit with 1 also when a backup is doubtful
    #[arg(long)]
    strict: bool,
    /// Write to FILE, for Prometheus' textfile collector, age, size, revision and verdict of the newest backups
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

impl Verify {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        one_stdin(&self.snapshot)?;
        let Candidates { files, not_entered } =
            Candidates::of(&self.snapshot, self.recursive, &session.options_with(None));
        if files.is_empty() {
            self.write_metrics(&Backups::new(&Options::default()).compared())?;
            let names: Vec<_> = self.snapshot.iter().map(file_name).collect();
            let what = format!("{}: there is no backup in it", names.join(", "));
            let hint = match not_entered {
                0 if self.snapshot.iter().any(|path| is_url(path)) => "is the name of the folder right?".to_owned(),
                0 => "is the disk with the backups mounted?".to_owned(),
                _ => format!("{}: -r enters them", folders(not_entered)),
            };
            return Err(Error::not_found(what).hinted(hint).into());
        }
        let options = session.options(&self.log.dir, files.iter().map(|file| file.path.as_path()))?;
        let mut backups = Backups::new(&options);
        let mut todo = VecDeque::from(files);
        let mut all = todo.len();
        while let Some(file) = todo.pop_front() {
            match one(session, &file.path, &options, &self.log.load()) {
                Ok((source, report)) => backups.add(&file.path, source, report),
                Err(Failure::Error(Error::Several { found, .. })) if !is_stdin(&file.path) => {
                    all = all.saturating_add(found.len());
                    let inside = found.iter().map(|inner| Candidate {
                        path: part_of(&file.path, inner),
                        in_folder: true,
                        stat: None,
                    });
                    inside.rev().for_each(|inside| todo.push_front(inside));
                }
                Err(Failure::Error(error)) => backups.failed(&file, all, &error),
                Err(failure) => return Err(failure),
            }
        }
        let together = backups.compared();
        self.write_metrics(&together)?;
        session.wrote(self.metrics.as_slice())?;
        match self.output {
            Format::Table => {
                table(session, &together.reports)?;
                findings(session, &together.reports)?;
                if not_entered > 0 {
                    writeln!(session.out, "{}: -r enters them", folders(not_entered))?;
                }
                newest_good(session, &together)?;
                members(session, &together.members)?;
                for call in together.salvages() {
                    writeln!(session.out, "to save what is left: {call}")?;
                }
            }
            Format::Json | Format::Ndjson => {
                if not_entered > 0 {
                    say!("note: {}: -r enters them", folders(not_entered));
                }
                let (one, compact) = (self.snapshot.len() == 1, self.output == Format::Ndjson);
                render::documents(&mut session.out, &together.reports, one, compact)?;
            }
        }
        session.out.flush()?;
        if let Some(note) = together.unnamed() {
            say!("note: {note}");
        }
        let worst = together.fault(self.strict).map_or(Exit::Good, Exit::from);
        let doubts = together.reports.iter().map(|report| (&report.path, report.portrait.newest.doubt()));
        Ok(doubts.fold(worst, |worst, (path, doubt)| worst.max(note_doubt(path, doubt))))
    }

    fn write_metrics(&self, together: &Together<'_>) -> Result<(), Error> {
        // node_exporter is another user
        let write = |file| replace(file, 0o644, metrics(together, Timestamp::now()).as_bytes());
        self.metrics.as_deref().map_or(Ok(()), write)
    }
}

/// A report a line.
fn table(session: &mut Session, reports: &[Report]) -> Result<(), Failure> {
    let headers = ["FILE", "VERDICT", "NEWEST", "REVISION", "KEYS", "SIZE", "STORAGE VERSION", "TRAILER", "STARTS ON"];
    let mut columns = Columns::new(&headers).right(&[3, 4, 5]).colored(1, render::of_verdict);
    for report in reports {
        let or_dash = |text: Option<String>| text.filter(|t| !t.is_empty()).unwrap_or_else(|| "-".to_owned());
        let starts = report.starts_on.iter().filter_map(|(etcd, startup)| match startup.ok {
            Some(ok) => ok.then(|| etcd.to_string()),
            None => Some(format!("({etcd} wrote it: not judged)")),
        });
        // of a db of which no key can be read, these are not known
        let was_read = !report.db_damaged() || report.live_keys().is_some_and(|keys| keys > 0);
        columns.add([
            report.path.clone(),
            report.verdict().map_or(report.unread.unwrap_or_default().to_owned(), |verdict| verdict.to_string()),
            or_dash(report.portrait.newest.time.map(|newest| newest.to_string())),
            or_dash(report.last_revision().filter(|_| was_read).map(|n| n.to_string())),
            or_dash(report.live_keys().filter(|_| was_read).map(|n| n.to_string())),
            or_dash(report.total_size.zip(report.file_size).map(|(db, file)| render::size(db, file))),
            or_dash(report.version.clone()),
            report.trailer.to_string(),
            or_dash(Some(starts.collect::<Vec<_>>().join(" "))),
        ]);
    }
    Ok(columns.finish(&mut session.out)?)
}

/// The findings of each report, with their places.
fn findings(session: &mut Session, reports: &[Report]) -> Result<(), Failure> {
    for report in reports {
        // Remarks on many files would bury what matters.
        let worth = |finding: &&Finding| reports.len() == 1 || finding.severity > Severity::Info;
        let path = render::printable(report.path.clone());
        for finding in report.findings.list().iter().filter(worth) {
            writeln!(session.out, "{path}: {} {}: {finding}", finding.severity, finding.code)?;
            if let Some(hint) = &finding.hint {
                writeln!(session.out, "    hint: {hint}")?;
            }
        }
        let kept = report.findings.list().len() as u64;
        let all = report.findings.counts().map(|(.., n)| n).sum::<u64>();
        if all > kept {
            writeln!(session.out, "{path}: {} more findings", all - kept)?;
        }
    }
    Ok(())
}

/// The newest good one of each cluster; a cluster without one is listed, too.
fn newest_good(session: &mut Session, together: &Together<'_>) -> Result<(), Failure> {
    let newest = together.newest_good();
    for (identity, report) in &newest {
        let name = report.map_or("none".to_owned(), |of| render::printable(of.path.clone()));
        let of = match identity {
            _ if newest.len() == 1 => String::new(),
            Some(identity) => format!(" of cluster {}", render::printable((*identity).to_owned())),
            None => " of no known cluster".to_owned(),
        };
        writeln!(session.out, "newest good{of}: {name}")?;
    }
    Ok(())
}

/// Agreement of the logs of several members of one cluster.
fn members(session: &mut Session, clusters: &[Members]) -> Result<(), Failure> {
    for cluster in clusters {
        writeln!(session.out, "members of cluster {}:", cluster.cluster_id)?;
        let lines = cluster.lines().into_iter().map(render::printable);
        lines.into_iter().try_for_each(|line| writeln!(session.out, "  {line}"))?;
    }
    Ok(())
}

/// How many folders were not entered.
fn folders(n: usize) -> String {
    if n == 1 { "1 folder was not entered".to_owned() } else { format!("{n} folders were not entered") }
}

fn one(session: &mut Session, file: &Path, options: &Options, load: &Load) -> Result<(Source, Report), Failure> {
    let source = session.open_quietly(file, options)?;
    let progress = session.progress(&source);
    let report = verify(&source, load, |done| progress.update(done, source.db().len()))?;
    drop(progress);
    session.intact(&source)?;
    Ok((source, report))
}
