//! Is this backup good? Every check there is, in one pass over the file beside one SHA-256 stream of it.
//!
//! ```text
//! container and file      source: kind found by content, unpacked
//! trailer                 SHA-256 of everything before it            ┐ on one core
//! metas, pages, freelist  bolt: every invariant of tx.Check          ┐
//! revisions, KeyValues    etcd: each record, and none missing        │ on the others
//! members, leases, ...    the small buckets, and how they fit        │
//! a member's directory    log and .snap files, and how they fit      ┘
//! ```

mod document;
mod hashkvs;
mod member;
mod members;
mod newest;
mod prometheus;
mod report;
mod state;
mod status;
mod together;
mod trailer;

pub use document::Checked;
pub use hashkvs::{Difference, HashKvs, Held, OfFile, OtherRecord};
pub use members::Members;
pub use newest::propose;
pub use prometheus::metrics;
pub use report::{Report, Verdict};
pub use status::{LogAhead, Status};
pub use together::{Backups, Together, salvaging};
pub use trailer::{TRAILER, Trailer};

use crate::{
    Code, Error, Finding, Result,
    bytes::counted,
    error::Fault,
    etcd::{Bootstrap, Load, Snapshot, Survey, boot, state::AlarmKind},
    k8s::ClusterInfo,
    publish::Doubt,
    source::{BackupKind, Source},
};

/// Checks everything, with as much of a data directory's log as `load` asks for. `progress` gets the number of bytes of
/// the db that the longest check, the SHA-256, has read.
///
/// # Errors
/// Errors of the system, and a `load` that does not fit the log: what is wrong with the input is in the report.
pub fn verify(source: &Source, load: &Load, progress: impl Fn(u64)) -> Result<Report> {
    verify_and(source, load, progress, |_, _| ()).map(|(report, _)| report)
}

/// As [`verify`], and calls `look` with what the checks have read, so that nothing has to be read twice: on the threads
/// of the checks, while the SHA-256 is still being computed. `None` where the backup could not be opened.
///
/// # Errors
/// As [`verify`].
pub fn verify_and<'s, T: Send>(
    source: &'s Source,
    load: &Load,
    progress: impl Fn(u64),
    look: impl FnOnce(&Snapshot<'s>, &Survey<'s>) -> T + Send,
) -> Result<(Report, Option<T>)> {
    std::thread::scope(|scope| {
        let checks = scope.spawn(|| check_and(source, load, look));
        let digests = source.db().digests(progress);
        let (mut report, looked) = match checks.join() {
            Ok(checked) => checked?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        report.conclude(source, &digests?);
        Ok((report, looked))
    })
}

/// Runs all checks but the SHA-256, which [`Report::conclude`] adds, on all threads but the one that computes it, if
/// any.
pub(crate) fn check(source: &Source, load: &Load) -> Result<Report> {
    check_and(source, load, |_, _| ()).map(|(report, _)| report)
}

fn check_and<'s, T: Send>(
    source: &'s Source,
    load: &Load,
    look: impl FnOnce(&Snapshot<'s>, &Survey<'s>) -> T + Send,
) -> Result<(Report, Option<T>)> {
    let summing = usize::from(!source.db().is_summed());
    let threads = rayon::current_num_threads().saturating_sub(summing).max(1);
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(|| checked(source, load, look)),
        Err(_) => checked(source, load, look),
    }
}

fn checked<'s, T>(
    source: &'s Source,
    load: &Load,
    look: impl FnOnce(&Snapshot<'s>, &Survey<'s>) -> T,
) -> Result<(Report, Option<T>)> {
    let mut report = Report::new(source);
    let (snapshot, log) = match Snapshot::load_with_log(source, load) {
        Ok(loaded) => loaded,
        Err(Error::Damaged { finding, .. }) => {
            report.findings.push(*finding);
            return Ok((report, None));
        }
        Err(error) => return Err(error),
    };
    let survey = snapshot.survey();
    let looked = look(&snapshot, &survey);
    report.shape = Some(trailer::Shape::of(snapshot.db(), source.db().image().len() as u64));
    report.revision = Some(survey.revision);
    report.total_key = Some(survey.total_key);
    report.total_size = Some(survey.total_size);
    report.in_use = Some(survey.pages_met.saturating_mul(snapshot.db().page_size()));
    report.log = LogAhead::of(&snapshot, &survey);
    report.hash = Some(survey.hash);
    report.version = snapshot.state.meta.storage_version.clone();
    report.portrait = ClusterInfo::of(&survey);
    report.listed = hashkvs::listed(&snapshot.state);
    for (key, values) in &report.portrait.sealed {
        let what = format!("encrypted by {key}: {}", counted(values, "value"));
        report.findings.push(Finding::info(Code::Encryption, what));
    }
    report.content_alarm = snapshot.state.alarms.iter().any(|alarm| alarm.kind != AlarmKind::NoSpace);
    state::check(&snapshot, &survey, &mut report.findings);
    report.findings.append(survey.findings);
    report.findings.push_all(Doubt::about(source));
    report.member = log.filter(|_| source.kind() == BackupKind::DataDir).map(|log| {
        let index = snapshot.log.map_or(0, |replayed| replayed.index);
        Bootstrap::of(source, &log, &snapshot.state, index)
    });
    if let Some(member) = &report.member {
        report.findings.push_all(member::check(&snapshot, member, survey.revision));
    }
    let role = report.member.as_ref().map_or(boot::Role::Restored, boot::Role::Member);
    report.starts_on = boot::starts_on(&snapshot.state, role);
    Ok((report, Some(looked)))
}

/// The report on a file that could not be opened, for a table of many.
pub(crate) fn unopened(path: &str, error: &Error) -> Report {
    let mut report = Report::empty(path);
    let (finding, unread) = match error {
        Error::Damaged { finding, .. } => (finding.as_ref().clone(), None),
        Error::Foreign { what, .. } => {
            (Finding::error(Code::Foreign, format!("not an etcd snapshot: {what}")), Some("not a snapshot"))
        }
        Error::Changed { .. } => (Finding::error(Code::Changed, error.to_string()), Some("not read")),
        _ if error.fault() == Fault::System => (Finding::error(Code::Unreadable, error.to_string()), Some("not read")),
        Error::NotFound { .. } => (Finding::error(Code::NotFound, error.to_string()), Some("not read")),
        _ => (Finding::error(Code::NotOneSnapshot, error.to_string()), Some("not read")),
    };
    let hint = finding.hint.clone().or_else(|| error.advice());
    report.findings.push(Finding { hint, ..finding });
    report.unread = unread;
    report
}
