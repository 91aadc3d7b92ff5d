use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error, Finding,
    bytes::file_name,
    error::{Fault, Severity},
    etcd::{Load, Snapshot, agreement, whose_log},
    source::{BackupKind, Candidate, Candidates, Options, Source},
    verify::{Report, Verdict, newest_first, unopened, verify},
};

use crate::{
    agreement::lines,
    args::{Format, LogArgs},
    failure::{Exit, Failure},
    render::{self, Color, Columns},
    session::{Session, one_stdin},
};

/// Check everything: is the backup good, and where is it damaged?
///
/// It prints a table of the files, newest content first, then the findings with their places, then the newest good one
/// of each cluster. `good`: everything was checked and is right. `doubtful`: all that can be checked is right, but
/// nothing proves the values (no trailer), or the file may be torn. `damaged`: something is wrong. STARTS ON: which
/// etcd starts on it, or on what a plain restore makes of it.
///
/// A folder means the files in it; with -r also those in its folders. What is surely something else there, such as a
/// list of sums, is reported and does not count. Of two backups of one cluster the newer one is that which continues
/// from the other, else that with the newer time inside; a time that other clocks of the cluster contradict does not
/// count.
///
/// For a data directory it also checks how db, log and `.snap` files fit, and where their member lists differ. For
/// several directories of one cluster it compares the logs: which directory to keep, and what was agreed on.
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
    /// Enter the folders in a folder too
    #[arg(short, long)]
    recursive: bool,
    /// Exit with 1 on doubt too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    log: LogArgs,
}

impl Verify {
    pub(super) fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let (mut reports, mut worst) = (Vec::new(), Exit::Good);
        one_stdin(&self.snapshot)?;
        let Candidates { files, not_entered } = Candidates::of(&self.snapshot, self.recursive);
        if files.is_empty() {
            let names: Vec<_> = self.snapshot.iter().map(file_name).collect();
            let what = format!("{}: there is no backup in it", names.join(", "));
            let hint = match not_entered {
                0 => "is the backup's disk mounted?".to_owned(),
                _ => format!("{}: -r enters them", folders(not_entered)),
            };
            return Err(Error::not_found(what).hinted(hint).into());
        }
        let options = session.options(&self.log.dir, files.iter().map(|file| file.path.as_path()))?;
        for Candidate { path: file, in_folder } in &files {
            let report = match one(session, file, &options, &self.log.load()) {
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
        let path = |at: usize| files.get(at).map(|file| file.path.as_path());
        let order = newest_first(&mut reports, |later, earlier| {
            path(later).zip(path(earlier)).is_some_and(|(later, earlier)| continues(later, earlier, &options))
        });
        let mut reports: Vec<_> = reports.into_iter().map(Some).collect();
        let reports: Vec<_> = order.into_iter().filter_map(|at| reports.get_mut(at)?.take()).collect();
        match self.output {
            Format::Table => {
                self.table(session, &reports, not_entered)?;
                let paths: Vec<_> = files.iter().map(|file| file.path.as_path()).collect();
                members(session, &paths, &options)?;
            }
            Format::Json | Format::Ndjson => {
                if not_entered > 0 {
                    say!("note: {}: -r enters them", folders(not_entered));
                }
                let (one, compact) = (self.snapshot.len() == 1, self.output == Format::Ndjson);
                render::documents(&mut session.out, &reports, one, compact)?;
            }
        }
        session.out.flush()?;
        Ok(worst)
    }

    fn table(&self, session: &mut Session, reports: &[Report], not_entered: usize) -> Result<(), Failure> {
        let headers = ["FILE", "VERDICT", "NEWEST", "REVISION", "KEYS", "SIZE", "VERSION", "TRAILER", "STARTS ON"];
        let mut columns = Columns::new(&headers).right(&[3, 4, 5]).colored(1, color);
        for report in reports {
            let or_dash = |text: Option<String>| text.filter(|t| !t.is_empty()).unwrap_or_else(|| "-".to_owned());
            let starts = report.starts_on.iter().filter_map(|(etcd, startup)| match startup.ok {
                Some(ok) => ok.then(|| etcd.to_string()),
                None => Some(format!("({etcd} wrote it: not judged)")),
            });
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
        if not_entered > 0 {
            writeln!(session.out, "{}: -r enters them", folders(not_entered))?;
        }
        newest_good(session, reports)
    }
}

/// The newest good one of each cluster; a cluster without one is listed, too.
fn newest_good(session: &mut Session, reports: &[Report]) -> Result<(), Failure> {
    let mut identities: Vec<Option<&str>> = Vec::new();
    for report in reports.iter().filter(|report| report.portrait.identity.is_some() || report.newest_good) {
        let identity = report.portrait.identity.as_deref();
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    if identities.is_empty() {
        identities.push(None);
    }
    let several = identities.len() > 1;
    for identity in identities {
        let is_it = |report: &&Report| report.newest_good && report.portrait.identity.as_deref() == identity;
        let name = reports.iter().find(is_it).map_or("none".to_owned(), |of| render::printable(of.path.clone()));
        let of = match identity {
            _ if !several => String::new(),
            Some(identity) => format!(" of cluster {}", render::printable(identity.to_owned())),
            None => " of no known cluster".to_owned(),
        };
        writeln!(session.out, "newest good{of}: {name}")?;
    }
    Ok(())
}

/// The colour of a verdict.
fn color(verdict: &str) -> Option<Color> {
    match verdict {
        "good" => Some(Color::Green),
        "doubtful" => Some(Color::Yellow),
        "damaged" => Some(Color::Red),
        _ => None,
    }
}

/// Agreement of the logs of several members of one cluster.
fn members(session: &mut Session, paths: &[&Path], options: &Options) -> Result<(), Failure> {
    let opened = paths.iter().filter(|path| path.is_dir()).filter_map(|path| Source::open(path, options).ok());
    let sources: Vec<_> = opened.filter(|source| source.kind() == BackupKind::DataDir).collect();
    let mut clusters: Vec<(u64, Vec<&Source>)> = Vec::new();
    for source in &sources {
        let Some(whose) = whose_log(source) else { continue };
        match clusters.iter_mut().find(|(cluster, _)| *cluster == whose.cluster_id) {
            Some((_, members)) => members.push(source),
            None => clusters.push((whose.cluster_id, vec![source])),
        }
    }
    for (cluster, members) in clusters.iter().filter(|(_, members)| members.len() > 1) {
        let names: Vec<_> = members.iter().map(|member| member.name().to_owned()).collect();
        let lines = match agreement(members) {
            Ok(agreement) => lines(&agreement, &names),
            Err(error) => vec![render::printable(error.to_string())],
        };
        writeln!(session.out, "members of cluster {cluster:x}:")?;
        lines.iter().try_for_each(|line| writeln!(session.out, "  {line}"))?;
    }
    Ok(())
}

/// How many folders were not entered.
fn folders(n: usize) -> String {
    if n == 1 { "1 folder was not entered".to_owned() } else { format!("{n} folders were not entered") }
}

/// Whether the backup `later` continues from the last revision of `earlier`; false when that cannot be decided.
fn continues(later: &Path, earlier: &Path, options: &Options) -> bool {
    let check = || {
        let (later, earlier) = (Source::open(later, options)?, Source::open(earlier, options)?);
        let load = Load::default();
        Ok(Snapshot::load(&later, &load)?.continues(&Snapshot::load(&earlier, &load)?))
    };
    let checked: etcdsnap::Result<Option<bool>> = check();
    checked.is_ok_and(|continues| continues == Some(true))
}

fn one(session: &mut Session, file: &Path, options: &Options, load: &Load) -> Result<Report, Failure> {
    let source = session.open_quietly(file, options)?;
    let progress = session.progress(&source);
    let report = verify(&source, load, |done| progress.tell(done, source.db().len()))?;
    drop(progress);
    session.intact(&source)?;
    Ok(report)
}
