//! The restored db: the copy with the changes behind its pages, or all of it written afresh.

use std::{
    fs::File,
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use super::{
    Trust,
    changes::Fault,
    copy::{Watch, copy},
    disk::{check_room, create, fault},
    plan::Plan,
};
use crate::{
    Error, Findings, Result,
    etcd::{Load, Snapshot},
    source::Source,
    verify::{Report, verify},
};

/// Writes the restored db to `path`, when the backup is good enough for `trust`; returns what there is to say about that.
pub(super) fn write(
    source: &Source,
    plan: &Plan,
    trust: Trust,
    path: &Path,
    watch: Watch<'_>,
) -> Result<(Report, File)> {
    if plan.changes.defrag {
        let file = create(path)?;
        // How much it will be is known only where the whole file was read before; else the disk says when it is full.
        check_room(&file, path, plan.in_use.unwrap_or(0))?;
        let (report, written) = thread::scope(|scope| {
            let writer = scope.spawn(|| afresh(source, plan, &file, path, watch.stop));
            let report = verify(source, &Load::default(), |done| (watch.progress)(done, source.db().len()));
            (report, writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        written?;
        let report = report?;
        trust.judge(&report)?;
        return Ok((report, file));
    }
    let (file, report) = copy(source, path, watch)?;
    trust.judge(&report)?;
    let copied = source.copy(file.try_clone().map_err(fault(path, "open"))?)?;
    if report.damage().is_none() {
        plan.changes.write_over(&load(&copied)?, &file).map_err(|error| unwritten(error, source, path))?;
        return Ok((report, file));
    }
    // No etcd starts on a page that it cannot read: what can be read is written afresh.
    let fresh = path.with_extension("fresh");
    let file = create(&fresh)?;
    afresh(&copied, plan, &file, path, watch.stop)?;
    std::fs::rename(&fresh, path).map_err(fault(path, "write"))?;
    Ok((report, file))
}

/// Writes what of the db of `source` can be read, changed, into `file`, which becomes `path`.
fn afresh(source: &Source, plan: &Plan, file: &File, path: &Path, stop: &AtomicBool) -> Result<()> {
    // What is wrong on the way is told by the check.
    let mut findings = Findings::default();
    let go_on = |_| !stop.load(SeqCst);
    let written = plan.changes.write_fresh(&load(source)?, file, &mut findings, &go_on);
    written.map_err(|error| unwritten(error, source, path))
}

fn load(source: &Source) -> Result<Snapshot<'_>> {
    Snapshot::open(source.db().image()).map_err(|finding| damaged(source, finding))
}

fn damaged(source: &Source, finding: crate::Finding) -> Error {
    Error::Damaged { file: source.name().to_owned(), finding: Box::new(finding) }
}

fn unwritten(error: Fault, source: &Source, path: &Path) -> Error {
    match error {
        Fault::Io(e) if e.kind() == io::ErrorKind::Interrupted => Error::Interrupted,
        Fault::Io(e) => fault(path, "write")(e),
        Fault::Damaged(finding) => damaged(source, finding),
    }
}
