//! The log of a stopped member, as far as etcd would read it, and how it is continued.

use std::path::Path;

use crate::{
    Code, Error, Finding, Findings, Result,
    error::Severity,
    source::{Part, Source},
    wal::{Log, Segment, Tail, Writer, write_segment},
};

/// The last segment of the log of `source`.
///
/// # Errors
/// When the log has no segment.
pub(super) fn last(source: &Source) -> Result<&Part> {
    let missing = || unusable(source, Finding::error(Code::WalEmpty, "the log has no segment"));
    source.wal().last().ok_or_else(missing)
}

/// Writes the last segment up to `tail` to `path`, with the records that `more` appends.
///
/// # Errors
/// When it cannot be written, or there is no record to continue from.
pub(super) fn write_on(source: &Source, tail: Tail, path: &Path, more: impl FnOnce(&mut Writer)) -> Result<()> {
    let kept = usize::try_from(tail.offset).ok().and_then(|end| last(source).ok()?.bytes().get(..end));
    let Some((kept, sum)) = kept.filter(|kept| !kept.is_empty()).zip(tail.crc) else {
        return Err(unusable(source, Finding::error(Code::WalEmpty, "the last segment of the log is empty")));
    };
    let mut writer = Writer::go_on(sum);
    more(&mut writer);
    write_segment(path, &[kept, &writer.finish()])
}

/// The log with `last` in place of its last segment. What follows a torn record is left out: etcd cuts it off before it
/// starts.
///
/// # Errors
/// When it is damaged, so that etcd would not start on it.
pub(super) fn read<'a>(source: &'a Source, last: Option<&'a [u8]>) -> Result<Log<'a>> {
    let mut segments: Vec<Segment<'a>> = source.wal().iter().map(Segment::from).collect();
    if let (Some(segment), Some(bytes)) = (segments.last_mut(), last) {
        segment.bytes = bytes;
    }
    let mut findings = Findings::default();
    let mut log = Log::read(&segments, &mut findings);
    let torn = findings.list().iter().find(|finding| finding.code == Code::WalTorn).and_then(|finding| finding.offset);
    if let Some(torn) = torn.filter(|torn| *torn < log.tail().offset)
        && let Some(segment) = segments.last_mut()
    {
        segment.bytes = usize::try_from(torn).ok().and_then(|torn| segment.bytes.get(..torn)).unwrap_or_default();
        findings = Findings::default();
        log = Log::read(&segments, &mut findings);
    }
    match findings.list().iter().find(|finding| finding.severity == Severity::Error) {
        Some(finding) => Err(unusable(source, finding.clone())),
        None => Ok(log),
    }
}

/// The error that no etcd continues such a log, because of `finding`.
pub(super) fn unusable(source: &Source, finding: Finding) -> Error {
    let hint = "no etcd continues from such a log; `etcdsnap restore --no-wal` makes a new cluster of its db";
    let file = finding.file.clone().unwrap_or_else(|| source.name().to_owned());
    Error::Damaged { file, finding: Box::new(finding.hint(hint)) }
}

/// Checks that the db, which holds the entries up to `at`, reaches as far as the snapshots.
///
/// # Errors
/// When it does not: then etcd takes another db in its place.
pub(super) fn reaches(source: &Source, log: &Log<'_>, at: u64) -> Result<()> {
    let Some(ahead) = log.newest_snapshot().filter(|newest| newest.index > at) else { return Ok(()) };
    let what = format!("the db holds the entries up to {at}, but a snapshot goes up to {}", ahead.index);
    Err(unusable(source, Finding::error(Code::SnapAhead, what)))
}
