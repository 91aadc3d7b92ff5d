//! The restored db: a copy with the changes as one more transaction, or a new db.

use std::{
    fs::File,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use super::{Trust, copy::copy, plan::Plan};
use crate::{
    Error, Findings, Result,
    etcd::Snapshot,
    hash::Sha256,
    publish::{Watch, check_room, create, fault},
    source::{Part, Source},
    verify::{Report, verify},
};

/// Writes a new db as a plan with `defrag` asks for, as [`write`], and takes its SHA-256 on the way; returns the report
/// on the backup, the file, the sum, and the db's size.
pub(super) fn write_summed(
    source: &Source,
    plan: &Plan<'_>,
    trust: Trust,
    path: &Path,
    watch: Watch<'_>,
) -> Result<(Report, File, Sha256, u64)> {
    let (report, file, (sum, size)) = write_beside(source, plan, trust, path, watch, |file| {
        let (mut findings, go_on) = (Findings::default(), |_| !watch.stop.load(SeqCst));
        let written = plan.changes.write_summed(&load(plan.db, plan)?, file, &mut findings, &go_on);
        written.map_err(|error| error.error(&plan.source, path))
    })?;
    Ok((report, file, sum, size))
}

/// Writes the restored db to `path`, when the backup is good enough for `trust`; returns the report on the backup.
pub(super) fn write(
    source: &Source,
    plan: &Plan<'_>,
    trust: Trust,
    path: &Path,
    watch: Watch<'_>,
) -> Result<(Report, File)> {
    if plan.changes.defrag {
        let write = |file: &File| write_new(plan.db, plan, file, path, watch.stop);
        let (report, file, ()) = write_beside(source, plan, trust, path, watch, write)?;
        return Ok((report, file));
    }
    let (file, report) = copy(source, plan, path, watch)?;
    // What changes while it is copied looks damaged.
    source.intact()?;
    trust.judge(&report)?;
    let copied = Part::open(path)?;
    if !report.db_damaged() {
        plan.changes.write_over(&load(&copied, plan)?, &file).map_err(|error| error.error(&plan.source, path))?;
        return Ok((report, file));
    }
    // No etcd starts on a page that it cannot read, so all that can be read is written to a new db.
    let fresh = path.with_extension("fresh");
    let file = create(&fresh)?;
    write_new(&copied, plan, &file, path, watch.stop)?;
    std::fs::rename(&fresh, path).map_err(fault(path, "write"))?;
    Ok((report, file))
}

/// Makes the file `path`, and fills it with `write` while the backup is verified; returns the report on the backup, the
/// file, and what `write` returned, when the backup is good enough for `trust`.
fn write_beside<T: Send>(
    source: &Source,
    plan: &Plan<'_>,
    trust: Trust,
    path: &Path,
    watch: Watch<'_>,
    write: impl FnOnce(&File) -> Result<T> + Send,
) -> Result<(Report, File, T)> {
    let file = create(path)?;
    // The size is known only when the whole file was read before; otherwise the disk reports when it is full.
    check_room(&file, path, plan.in_use.unwrap_or(0).saturating_add(plan.changes.log_records.len() as u64))?;
    let (report, written) = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&file));
        let report = verify(source, &plan.load, |done| (watch.progress)(done, source.db().len()));
        (report, writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    source.intact()?;
    let written = written?;
    let report = report?;
    trust.judge(&report)?;
    Ok((report, file, written))
}

/// Writes what can be read of `db`, with the changes, into `file`, which becomes `path`.
fn write_new(db: &Part, plan: &Plan<'_>, file: &File, path: &Path, stop: &AtomicBool) -> Result<()> {
    // The check reports what is wrong on the way.
    let mut findings = Findings::default();
    let go_on = |_| !stop.load(SeqCst);
    let written = plan.changes.write_fresh(&load(db, plan)?, file, &mut findings, &go_on);
    written.map_err(|error| error.error(&plan.source, path))
}

/// `db`, with the records of the log after its own.
fn load<'a>(db: &'a Part, plan: &Plan<'a>) -> Result<Snapshot<'a>> {
    let mut snapshot = Snapshot::open(db.image()).map_err(|finding| damaged(&plan.source, finding))?;
    snapshot.keyspace.log_records = plan.changes.log_records;
    Ok(snapshot)
}

fn damaged(source: &str, finding: crate::Finding) -> Error {
    Error::Damaged { file: source.to_owned(), finding: Box::new(finding) }
}
