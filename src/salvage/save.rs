//! A new snapshot of what is proved or likely, all or nothing.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use jiff::Timestamp;

use super::{
    buckets::{Small, compacted_at, compaction_of, small_buckets},
    entry::Entry,
    judge::Verdict,
    log::{self, Fit},
    report::{BucketFrom, LISTED, Report, Saved},
    salvaged::{Options, Other, Salvage, Sum, Trailer},
};
use crate::{
    Error, Findings, Result,
    bolt::{Db, Tree},
    bytes::{counted, counted_are},
    document::Stamp,
    error::{Call, Severity},
    etcd::{Snapshot, Uncommitted, rewrite::DbWriter},
    hash::{Sha256, hex},
    publish::{Doubt, Draft, Run, Watch, check_names, check_room, create, fault, real, settle_one},
    source::{Part, Source},
};

/// Bytes that are summed at a time.
const WINDOW: usize = 128 << 10;

/// Which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// Values that are proved or likely.
    #[default]
    Likely,
    /// Values that are proved.
    Proved,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Job {
    /// The file that is made.
    pub to: PathBuf,
    /// Which values are written.
    pub only: Only,
    /// How the input is read.
    pub options: Options,
    /// Whether entries of the log past the last commit on disk are applied.
    pub uncommitted: Option<Uncommitted>,
    /// The command line, for the file beside the result.
    pub arguments: Vec<String>,
}

impl Job {
    /// Checks that the file can be made, and is not inside `source`, and cleans up what a killed run has left of its
    /// work on the file; returns its path without links.
    fn look(&self, source: &Source) -> Result<PathBuf> {
        let to = std::path::absolute(&self.to).map_err(fault(&self.to, "look at"))?;
        check_names(&to)?;
        let to = real(&to)?;
        let input = source.path().canonicalize().unwrap_or_default();
        if input.is_dir() && to.starts_with(&input) {
            let what = format!("{}: it is inside the input, which is never changed", to.display());
            return Err(Error::usage(what).hinted("name a file elsewhere"));
        }
        Draft::recover(&to, Run::Salvage)?;
        if to.exists() {
            let what = format!("{}: there is a file or folder of this name already", to.display());
            return Err(Error::usage(what).hinted("name a new file"));
        }
        Ok(to)
    }
}

/// Reads `source`, and writes what can be saved.
///
/// # Errors
/// Any error; then there is no file. [`Error::NotFound`] when there is nothing to save.
pub fn save(source: &Source, job: &Job, watch: Watch<'_>) -> Result<Report> {
    let to = job.look(source)?;
    let stop = watch.stop;
    // The file is read once for its sums; the judgement may wait for them.
    let sum = Sum::new();
    let work = || -> Result<(Report, Draft, Saved)> {
        let mut salvage = Salvage::of(source, &job.options, Some(&sum));
        let log = log::log(source);
        let fit = log.as_ref().map(|log| log::rebase(&mut salvage, log));
        let log_findings = log.as_ref().map(|(_, findings)| findings.clone()).unwrap_or_default();
        let log = log.filter(|_| fit == Some(Fit::Continues));
        if salvage.set.entries.is_empty() && log.is_none() {
            return Err(nothing(source, &job.options));
        }
        let buckets = small_buckets(&salvage.carve, &salvage.roots);
        let from = buckets.iter().map(BucketFrom::new).collect();
        let draft = Draft::create(&to, Run::Salvage)?;
        let path = draft.path();
        let (file, records) = write(&salvage, buckets, (job.only, log.is_some()), &path, stop)?;
        let added = log.map(|_| log::apply(source, &salvage, job.uncommitted, (&file, &path))).transpose()?;
        let head = added.as_ref().map_or(salvage.head(), |(_, head, ..)| *head);
        let more = added.as_ref().map_or(0, |(log, ..)| log.records);
        let saved = finish(&file, &path, records.saturating_add(more), head)?;
        // It is read once more when it is applied.
        let wrong = errors(added.as_ref().map_or(&log_findings, |(.., findings)| findings));
        let added = added.as_ref().map(|(log, _, written, _)| (*log, written));
        let mut report = Report::new(source.name(), &salvage, from, added);
        report.complete &= wrong.is_empty();
        report.log_damage = wrong;
        if let Some(Fit::No(why)) = fit {
            (report.log_left_out, report.complete) = (Some(why), false);
        }
        Ok((report, draft, saved))
    };
    let (work, digests) = std::thread::scope(|scope| {
        let work = scope.spawn(work);
        let digests = source.db().digests(|done| (watch.progress)(done, source.db().len()));
        let _ = sum.set(digests.as_ref().ok().map(|digests| digests.image));
        (work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), digests)
    });
    let (mut report, draft, mut saved) = work?;
    let digests = digests?;
    source.intact()?;
    watch.check()?;
    report.doubts = Doubt::about(source).map(|doubt| doubt.what).collect();
    report.complete &= report.doubts.is_empty();
    saved.file = job.to.display().to_string();
    report.keys.written = saved.keys;
    let restore = Call::new("etcdsnap restore").arg(&job.to).args(["--data-dir", "DIR", "--member", "NAME"]);
    report.next =
        [Call::new("etcdsnap verify").arg(&job.to), restore.args(["--bump-revision", "auto"])].into_iter().collect();
    report.written = Some(saved);
    let beside = draft.publish(Some(&doubt(&report, job, &digests.file)))?;
    if let Some(saved) = &mut report.written {
        saved.files = [to].into_iter().chain(beside).collect();
    }
    Ok(report)
}

/// The errors among `findings`, in words.
fn errors(findings: &Findings) -> Vec<String> {
    let errors = findings.list().iter().filter(|finding| finding.severity == Severity::Error);
    errors.take(LISTED).map(ToString::to_string).collect()
}

/// Reads and judges the db of `source`.
///
/// # Errors
/// When there is no record in it.
pub fn read<'a>(source: &'a Source, options: &Options) -> Result<Salvage<'a>> {
    let salvage = Salvage::of(source, options, None);
    if salvage.set.entries.is_empty() { Err(nothing(source, options)) } else { Ok(salvage) }
}

fn nothing(source: &Source, options: &Options) -> Error {
    let what = format!("{}: there is no record of an etcd db in it", source.name());
    let hint = (!options.scan).then_some("--scan looks for a db at any place in the file");
    Error::not_found(what).hinted_if(hint)
}

/// Writes the db to `path`; `continues`: a log is applied to it. Returns the file and the number of its records.
fn write(
    salvage: &Salvage<'_>,
    buckets: Vec<Small>,
    (only, continues): (Only, bool),
    path: &Path,
    stop: &AtomicBool,
) -> Result<(File, u64)> {
    // Another bucket `meta` than that of the tree may be the one that is usable.
    let exact = salvage.is_complete() && compaction_of(&buckets) == salvage.compacted();
    let bytes = salvage.carve.bytes();
    let records: Vec<&Entry> = wanted(salvage, only, exact).collect();
    let size = records.iter().map(|entry| u64::from(entry.len).saturating_add(64)).fold(0, u64::saturating_add);
    let file = create(path)?;
    check_room(&file, path, size)?;
    let head = salvage.head();
    let fail = |error| fault(path, "write")(error);
    let txid = salvage.carve.meta().map_or(1, |meta| meta.txid);
    let mut out = DbWriter::fresh(&file, salvage.carve.page_size(), txid).map_err(fail)?;
    let mut tree = Tree::default();
    for entry in &records {
        let (key, value) = entry.stored(bytes);
        out.push(&mut tree, key, value).map_err(fail)?;
        if stop.load(SeqCst) {
            return Err(Error::Interrupted);
        }
    }
    out.bucket(b"key", tree).map_err(fail)?;
    for small in buckets {
        let raised = small.name == "meta" && !exact;
        let items = if raised { compacted_at(small.items, head, continues) } else { small.items };
        out.small(small.name, &items).map_err(fail)?;
    }
    out.end().map_err(fail)?;
    let records = records.len() as u64;
    Ok((file, records))
}

/// The records that are written: all where everything is proved, else the newest of each key.
fn wanted<'s>(salvage: &'s Salvage<'_>, only: Only, exact: bool) -> impl Iterator<Item = &'s Entry> {
    let live = move |at: usize| match salvage.judged.verdict(at).0 {
        Verdict::Proved => true,
        Verdict::Likely | Verdict::Conflicting => only == Only::Likely,
        Verdict::Superseded | Verdict::Deleted => false,
    };
    let entries = salvage.set.entries.iter().enumerate();
    entries.filter(move |(at, entry)| if exact { !entry.removed } else { live(*at) }).map(|(_, entry)| entry)
}

/// Reads the file back, and appends the trailer.
fn finish(file: &File, path: &Path, records: u64, head: i64) -> Result<Saved> {
    let wrong = |what: String| fault(path, "read back")(std::io::Error::other(what));
    let size = Db::open(Part::open(path)?.image()).map(|db| db.size()).map_err(|finding| wrong(finding.to_string()))?;
    file.set_len(size).map_err(fault(path, "write"))?;
    let part = Part::open(path)?;
    let (sha, survey) = std::thread::scope(|scope| {
        let sha = scope.spawn(|| {
            let mut sha = Sha256::default();
            part.bytes().chunks(WINDOW).for_each(|window| sha.update(window));
            sha
        });
        let survey = Snapshot::open(part.bytes()).and_then(|snapshot| {
            let survey = snapshot.survey();
            Ok((snapshot.head()?, snapshot.keyspace.compacted(), survey.total_key))
        });
        (sha.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), survey)
    });
    let (revision, compacted, keys) = survey.map_err(|finding| wrong(finding.to_string()))?;
    let (sum, mut sha) = (sha.clone().finish(), sha);
    sha.update(&sum);
    file.write_all_at(&sum, size).map_err(fault(path, "write"))?;
    settle_one(path, 0o600, None)?;
    let part = Part::open(path)?;
    if revision != head || part.trailer() != Some(sum) {
        return Err(wrong(format!("its revision is {revision}, and should be {head}")));
    }
    let (sha256, size) = (hex(&sha.finish()), part.len());
    Ok(Saved { file: String::new(), revision, compacted, keys, records, size, sha256, files: Vec::new() })
}

/// The file beside the result. The gravest finding is the first: other commands print that one alone.
fn doubt(report: &Report, job: &Job, sha256: &[u8; 32]) -> Doubt {
    Doubt {
        stamp: Stamp::default(),
        made: Timestamp::now().to_string(),
        source: report.source.clone(),
        sha256: hex(sha256),
        verdict: if report.complete { "doubtful" } else { "damaged" }.to_owned(),
        findings: findings(report).into_iter().map(|what| format!("salvaged: {what}")).collect(),
        arguments: job.arguments.clone(),
        salvage: serde_json::to_value(report).ok(),
    }
}

fn findings(report: &Report) -> Vec<String> {
    let keys = &report.keys;
    let mut findings = Vec::new();
    if report.trailer == Trailer::Differs {
        findings.push("the SHA-256 differs from the trailer: a byte of any value may be wrong".to_owned());
    }
    findings.extend(report.doubts.iter().cloned());
    if let Some(first) = report.log_damage.first() {
        findings.push(format!("the log is damaged, so later changes may be lost: {first}"));
    }
    if let Some(log) = report.log.filter(|log| log.left > 0) {
        findings.push(format!("{} left out", counted_are(log.left, "entry", " of the log")));
    }
    if let Some(log) = report.log.filter(|log| log.newer > 0) {
        findings.push(format!("{} left out", counted_are(log.newer, "record", " newer than the log")));
    }
    if let Some(why) = report.log_left_out {
        findings.push(format!("the log is not added: {why}"));
    }
    match report.revisions.missing {
        Some(0) => {}
        Some(n) => findings.push(format!("{} missing", counted_are(n, "revision", ""))),
        None => findings.push("it is not known how many revisions are missing".to_owned()),
    }
    if let Some(n) = report.revisions.missing_below.filter(|n| *n > 0) {
        findings.push(format!("up to {} may be lost that did not change after the compaction", counted(n, "key")));
    }
    for other in &report.others {
        let Other { base, first_page, last_page, offset, .. } = *other;
        findings.push(match other.piece {
            true => format!("pages {first_page} to {last_page}, at offset {offset}, are of another piece of the db, or of another db, and not read"),
            false => format!("another db is in the file, at offset {base}"),
        });
    }
    if report.records.far > 0 {
        let n = report.records.far;
        findings.push(format!("{} left out", counted_are(n, "record", " with a revision far above all others")));
    }
    if report.revisions.open {
        findings.push("revisions after the last one may be missing".to_owned());
    }
    for bucket in report.buckets.iter().filter(|bucket| !bucket.is_whole()) {
        findings.push(format!("bucket {}: {}", bucket.name, bucket.in_words()));
    }
    if keys.conflicting > 0 {
        findings.push(format!("copies of {} differ", counted(keys.conflicting, "key")));
    }
    let proved = counted_are(keys.proved, "key", "");
    findings.push(format!("{proved} proved, {} likely, {} conflicting", keys.likely, keys.conflicting));
    if report.trailer == Trailer::Absent {
        findings.push("there is no SHA-256 trailer: a byte of any value may be wrong".to_owned());
    }
    findings
}
