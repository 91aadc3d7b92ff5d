//! A new snapshot of what is proved or likely, all or nothing.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Entry, Options, Report, Salvage, Verdict,
    buckets::{Small, compacted_at, small_buckets},
};
use crate::{
    Error, Result,
    bolt::Tree,
    document::{SCHEMA_VERSION, TOOL},
    etcd::{Snapshot, rewrite::DbWriter},
    hash::hex,
    publish::{Doubt, Draft, Run, Watch, check_names, check_room, create, fault, real, settle_one},
    source::{Part, Source},
};

/// Which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// Those that are proved or likely.
    #[default]
    Likely,
    /// Those that are proved.
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
    /// The commands that come next, for the report.
    pub next: Vec<String>,
    /// The command line, for the file beside the result.
    pub arguments: Vec<String>,
}

/// The file that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Saved {
    /// The file.
    pub file: String,
    /// The last revision.
    pub revision: i64,
    /// The compaction, -1 for none.
    pub compacted: i64,
    /// Live keys.
    pub keys: u64,
    /// Records.
    pub records: u64,
    /// Bytes, with the trailer.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// All files that were written.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

impl Job {
    /// Checks that the file can be made, and is not inside `source`; returns its path without links.
    fn look(&self, source: &Source) -> Result<PathBuf> {
        let to = std::path::absolute(&self.to).map_err(fault(&self.to, "look at"))?;
        check_names(&to)?;
        if to.exists() {
            let what = format!("{}: there is a file or folder of this name already", to.display());
            return Err(Error::usage(what).hinted("name a new file"));
        }
        let to = real(&to)?;
        let input = source.path().canonicalize().unwrap_or_default();
        if input.is_dir() && to.starts_with(&input) {
            let what = format!("{}: it is inside the input, which is never changed", to.display());
            return Err(Error::usage(what).hinted("name a file elsewhere"));
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
    let work = || -> Result<(Report, Draft, Saved)> {
        let salvage = read(source, &job.options)?;
        let buckets = small_buckets(&salvage.carve, &salvage.roots);
        let report = Report::new(source.name(), &salvage, &buckets);
        let draft = Draft::create(&to, Run::Salvage)?;
        let saved = write(&salvage, buckets, job.only, &draft.path(), stop)?;
        Ok((report, draft, saved))
    };
    let (work, digests) = std::thread::scope(|scope| {
        let work = scope.spawn(work);
        let digests = source.db().digests(|done| (watch.progress)(done, source.db().len()));
        (work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), digests)
    });
    let (mut report, draft, mut saved) = work?;
    let digests = digests?;
    source.intact()?;
    watch.check()?;
    saved.file = job.to.display().to_string();
    report.keys.written = saved.keys;
    report.next.clone_from(&job.next);
    report.written = Some(saved);
    let beside = draft.publish(Some(&doubt(&report, job, &digests.file)))?;
    if let Some(saved) = &mut report.written {
        saved.files = [to].into_iter().chain(beside).collect();
    }
    Ok(report)
}

/// Reads and judges the db of `source`.
///
/// # Errors
/// When there is no page of a db in it.
pub fn read<'a>(source: &'a Source, options: &Options) -> Result<Salvage<'a>> {
    Salvage::read(source.db().image(), options).filter(|salvage| !salvage.set.entries.is_empty()).ok_or_else(|| {
        let what = format!("{}: not one record of an etcd db is in it", source.name());
        let hint = (!options.scan).then_some("--scan looks for a db that is somewhere inside the file");
        Error::not_found(what).hinted_if(hint)
    })
}

/// Writes the snapshot to `path`.
fn write(salvage: &Salvage<'_>, buckets: Vec<Small>, only: Only, path: &Path, stop: &AtomicBool) -> Result<Saved> {
    let exact = salvage.is_complete();
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
        let items = if raised { compacted_at(small.items, head) } else { small.items };
        out.small(small.name, &items).map_err(fail)?;
    }
    out.end().map_err(fail)?;
    finish(&file, path, records.len() as u64, head)
}

/// The records that are written: all where everything is proved, else the newest of each key.
fn wanted<'s>(salvage: &'s Salvage<'_>, only: Only, exact: bool) -> impl Iterator<Item = &'s Entry> {
    let live = move |at: usize, entry: &Entry| match salvage.judged.verdict(at).0 {
        Verdict::Proved => true,
        Verdict::Likely => only == Only::Likely,
        Verdict::Conflicting => only == Only::Likely && entry.reached,
        Verdict::Superseded | Verdict::Deleted => false,
    };
    let entries = salvage.set.entries.iter().enumerate();
    entries.filter(move |(at, entry)| if exact { !entry.removed } else { live(*at, entry) }).map(|(_, entry)| entry)
}

/// Appends the trailer, and reads the file back.
fn finish(file: &File, path: &Path, records: u64, head: i64) -> Result<Saved> {
    let size = file.metadata().map_err(fault(path, "look at"))?.len();
    let sum = Part::open(path)?.digests(|_| ())?.image;
    file.write_all_at(&sum, size).map_err(fault(path, "write"))?;
    settle_one(path, 0o600, None)?;
    let part = Part::open(path)?;
    let wrong = |what: String| fault(path, "read back")(std::io::Error::other(what));
    let snapshot = Snapshot::open(part.image()).map_err(|finding| wrong(finding.to_string()))?;
    let revision = snapshot.head().map_err(|finding| wrong(finding.to_string()))?;
    let survey = snapshot.survey();
    if revision != head || part.trailer() != Some(sum) {
        return Err(wrong(format!("its revision is {revision}, and should be {head}")));
    }
    let sha256 = hex(&part.digests(|_| ())?.file);
    let compacted = snapshot.keyspace.compacted();
    let (keys, size) = (survey.total_key, part.len());
    Ok(Saved { file: String::new(), revision, compacted, keys, records, size, sha256, files: Vec::new() })
}

/// The file beside the result.
fn doubt(report: &Report, job: &Job, sha256: &[u8; 32]) -> Doubt {
    let keys = &report.keys;
    let mut findings = vec![format!("salvaged: {} keys are proved, {} are likely", keys.proved, keys.likely)];
    let lost = |what: String| format!("salvaged: {what}");
    if report.revisions.missing > 0 {
        findings.push(lost(format!("{} revisions are missing", report.revisions.missing)));
    }
    if report.revisions.open {
        findings.push(lost("revisions after the last one may be missing".to_owned()));
    }
    if keys.conflicting > 0 {
        findings.push(lost(format!("{} keys have copies that differ", keys.conflicting)));
    }
    Doubt {
        schema_version: SCHEMA_VERSION,
        tool: TOOL.to_owned(),
        made: Timestamp::now().to_string(),
        source: report.source.clone(),
        sha256: hex(sha256),
        verdict: if report.complete { "doubtful" } else { "damaged" }.to_owned(),
        findings,
        arguments: job.arguments.clone(),
        salvage: serde_json::to_value(report).ok(),
    }
}
