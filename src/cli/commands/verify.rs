use std::{
    cmp::Reverse,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error, Finding,
    bytes::file_name,
    error::{Fault, Severity},
    etcd::Load,
    source::{Candidate, candidates},
    verify::{Report, Verdict, unopened, verify},
};

use crate::{
    args::{Format, LogArgs},
    failure::{Exit, Failure},
    render::{self, Columns},
    session::Session,
};

/// Is the backup good? Every check there is, with the place of everything that is wrong
///
/// A table of the files, newest content first, then the findings. `good`: everything was checked and is right.
/// `doubtful`: all that can be checked is right, but nothing proves the values (no trailer), or it may be torn.
/// `damaged`: something is wrong. Of a data directory it tells, too, how db, log and `.snap` files fit, and where their
/// member lists differ. STARTS ON: which etcd starts on it, or on what a plain restore makes of it. A folder stands for the files in it; what is surely something else there, such as a list
/// of sums, is told and does not count.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etcdsnap verify backup.db
  etcdsnap verify --strict backups/ && echo all are good
  etcdsnap verify backups/*.db -o json

Exit status: 0 good or doubtful (with --strict: good), 1 damaged, 3 could not be read or changed meanwhile")]
pub(crate) struct Verify {
    /// The backups
    #[arg(required = true)]
    snapshot: Vec<PathBuf>,
    /// The format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Exit with 1 on doubt too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl Verify {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let (mut reports, mut worst) = (Vec::new(), Exit::Good);
        let files = candidates(&self.snapshot);
        if files.is_empty() {
            let names: Vec<_> = self.snapshot.iter().map(file_name).collect();
            let what = format!("{}: there is no backup in it", names.join(", "));
            return Err(Error::not_found(what).hinted("is the backup's disk mounted?").into());
        }
        for Candidate { path: file, in_folder } in &files {
            let report = match one(session, file, &self.log.load()) {
                Ok(report) => report,
                Err(Failure::Error(error)) => {
                    // Among others, a file that is not one backup is a finding like any other.
                    let among = files.len() > 1 && error.fault() == Fault::Caller;
                    worst = worst.max(match error {
                        // Sums and notes lie beside backups.
                        Error::Foreign { may_be_one: false, .. } if *in_folder => Exit::Good,
                        _ if among => Exit::Content,
                        _ => error.fault().into(),
                    });
                    unopened(&file_name(file), &error)
                }
                Err(failure) => return Err(failure),
            };
            worst = worst.max(match report.verdict() {
                // What keeps a file from being read is counted above.
                Some(Verdict::Damaged) => Exit::Content,
                Some(Verdict::Doubtful) if self.strict => Exit::Content,
                Some(Verdict::Doubtful | Verdict::Good) | None => Exit::Good,
            });
            reports.push(report);
        }
        if reports.iter().all(|report| report.unread.is_some()) {
            worst = worst.max(Exit::Content);
        }
        // Newest content first: what the clocks inside say, then the revisions.
        reports.sort_by_key(|report| Reverse((report.portrait.newest, report.revision)));
        match self.output {
            Format::Table => self.table(session, &reports)?,
            Format::Json | Format::Ndjson => {
                let (one, compact) = (self.snapshot.len() == 1, self.output == Format::Ndjson);
                render::documents(&mut session.out, &reports, one, compact)?;
            }
        }
        session.out.flush()?;
        Ok(worst)
    }

    fn table(&self, session: &mut Session, reports: &[Report]) -> Result<(), Failure> {
        let headers = ["FILE", "VERDICT", "NEWEST", "REVISION", "KEYS", "SIZE", "VERSION", "TRAILER", "STARTS ON"];
        let mut columns = Columns::new(&headers).right(&[3, 4, 5]);
        for report in reports {
            let or_dash = |text: Option<String>| text.filter(|t| !t.is_empty()).unwrap_or_else(|| "-".to_owned());
            let starts = report.starts_on.iter().filter(|(_, startup)| startup.ok).map(|(etcd, _)| etcd.to_string());
            columns.add([
                report.path.clone(),
                report.verdict().map_or(report.unread.unwrap_or_default().to_owned(), |verdict| verdict.to_string()),
                or_dash(report.portrait.newest.map(|newest| newest.to_string())),
                or_dash(report.revision.map(|n| n.to_string())),
                or_dash(report.total_key.map(|n| n.to_string())),
                or_dash(report.total_size.map(render::bytes)),
                or_dash(report.version.clone()),
                report.trailer.to_string(),
                or_dash(Some(starts.collect::<Vec<_>>().join(" "))),
            ]);
        }
        columns.finish(&mut session.out)?;
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
        let newest = reports.iter().find(|report| report.verdict() == Some(Verdict::Good));
        writeln!(
            session.out,
            "newest good: {}",
            newest.map_or("none".to_owned(), |report| render::printable(report.path.clone()))
        )?;
        Ok(())
    }
}

fn one(session: &mut Session, file: &Path, load: &Load) -> Result<Report, Failure> {
    let source = session.open_quietly(file)?;
    let progress = session.progress(&source);
    let report = verify(&source, load, |done| progress.tell(done, source.db().len()))?;
    drop(progress);
    session.intact(&source)?;
    Ok(report)
}
