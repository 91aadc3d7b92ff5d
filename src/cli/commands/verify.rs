use std::{
    cmp::Reverse,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Args;
use etcdsnap::{
    Error, Finding,
    bytes::file_name,
    error::{Fault, Severity},
    etcd::{Bootstrap, Load},
    hash, source,
    verify::{Report, Trailer, Verdict, unopened, verify},
};
use serde_json::{Map, Value, json};

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
        let files = files(&self.snapshot);
        if files.is_empty() {
            let names: Vec<_> = self.snapshot.iter().map(file_name).collect();
            let what = format!("{}: there is no backup in it", names.join(", "));
            return Err(Error::not_found(what).hinted("is the backup's disk mounted?").into());
        }
        for File { path: file, inside } in &files {
            let report = match one(session, file, &self.log.load()) {
                Ok(report) => report,
                Err(Failure::Error(error)) => {
                    // Among others, a file that is not one backup is a finding like any other.
                    let among = files.len() > 1 && error.fault() == Fault::Caller;
                    worst = worst.max(match error {
                        // Sums and notes lie beside backups.
                        Error::Foreign { may_be_one: false, .. } if *inside => Exit::Good,
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
                let documents: Vec<_> = reports.iter().map(document).collect();
                let (one, compact) = (self.snapshot.len() == 1, self.output == Format::Ndjson);
                render::documents(&mut session.out, &documents, one, compact)?;
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
                trailer(&report.trailer).to_owned(),
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

/// A file to be looked at.
struct File {
    path: PathBuf,
    /// Whether the folder that it is in was named.
    inside: bool,
}

/// A folder of backups stands for what is in it; a data directory for itself.
fn files(named: &[PathBuf]) -> Vec<File> {
    let mut files = Vec::new();
    for path in named {
        let entries = path.is_dir().then(|| fs::read_dir(path).ok()).flatten();
        match entries {
            Some(entries) if !source::is_data_dir(path) => {
                let paths = entries.flatten().map(|entry| entry.path());
                let backups = paths.filter(|path| path.is_file() || source::is_data_dir(path));
                let mut inside: Vec<_> = backups.collect();
                inside.sort();
                files.extend(inside.into_iter().map(|path| File { path, inside: true }));
            }
            _ => files.push(File { path: path.clone(), inside: false }),
        }
    }
    files
}

fn one(session: &mut Session, file: &Path, load: &Load) -> Result<Report, Failure> {
    let source = session.open_quietly(file)?;
    let progress = session.progress(&source);
    let report = verify(&source, load, |done| progress.tell(done, source.db().len()))?;
    drop(progress);
    session.intact(&source)?;
    Ok(report)
}

fn trailer(trailer: &Trailer) -> &'static str {
    match trailer {
        Trailer::Matches => "matches",
        Trailer::Differs { .. } => "differs",
        Trailer::Absent => "absent",
        Trailer::NotExpected => "none expected",
        Trailer::Unknown => "-",
    }
}

/// What a member's log and `.snap` files say of it; ids as they are printed, since they are beyond 2^53.
fn member(member: &Bootstrap) -> Value {
    let hex = |id: u64| format!("{id:x}");
    let state = member.hard_state.unwrap_or_default();
    let (first, last) = member.entries.unzip();
    json!({
        "id": member.metadata.map(|of| hex(of.node_id)),
        "clusterID": member.metadata.map(|of| hex(of.cluster_id)),
        "term": state.term,
        "vote": hex(state.vote),
        "commit": state.commit,
        "firstIndex": first,
        "lastIndex": last,
        "snap": member.snap.as_ref().map(|snap| json!({"file": snap.name, "index": snap.index, "term": snap.term})),
        "snapshotRecord": member.record.map(|(index, term)| json!({"index": index, "term": term})),
        "members": {
            "db": member.db.iter().copied().map(hex).collect::<Vec<_>>(),
            "snap": member.snap.as_ref().map(|snap| snap.members.iter().copied().map(hex).collect::<Vec<_>>()),
            "v2store": member.v2.as_ref().map(|v2| v2.members.keys().map(|id| hex(*id)).collect::<Vec<_>>()),
            "voters": member.voters.as_ref().map(|voters| voters.iter().copied().map(hex).collect::<Vec<_>>()),
        },
    })
}

fn document(report: &Report) -> Value {
    let starts_on: Map<String, Value> = report
        .starts_on
        .iter()
        .map(|(etcd, startup)| (etcd.to_string(), json!({"ok": startup.ok, "why": startup.why})))
        .collect();
    let counts: Vec<Value> = report
        .findings
        .counts()
        .map(|(code, severity, count)| json!({"code": code, "severity": severity, "count": count}))
        .collect();
    json!({
        "path": report.path,
        "kind": report.kind.map(|kind| kind.to_string()),
        "sha256": report.sha256.map(|sum| hash::hex(&sum)),
        "newest": report.portrait.newest.map(|newest| newest.to_string()),
        "identity": report.portrait.identity,
        "encryption": report.portrait.sealed,
        "member": report.member.as_ref().map(member),
        "verdict": report.verdict().map(|verdict| verdict.to_string()),
        "unread": report.unread,
        "trailer": trailer(&report.trailer),
        "hash": report.hash,
        "revision": report.revision,
        "totalKey": report.total_key,
        "totalSize": report.total_size,
        "version": report.version,
        "findings": report.findings.list(),
        "findingCounts": counts,
        "errors": report.findings.count(Severity::Error),
        "startsOn": starts_on,
    })
}
