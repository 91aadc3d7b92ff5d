//! The rows of one backup, which is checked meanwhile.

use std::sync::mpsc::{self, Receiver};

use super::{header::Header, row::Row};
use crate::{
    Error, Result,
    etcd::{Load, Snapshot, View},
    k8s::{Mask, Ring},
    objects::{Cluster, NoNamespace, Query},
    ordered::ordered_items,
    source::Source,
    verify::{Report, Verdict, verify_and},
};

/// Bytes of rows that wait for the verdict at most; then decoding waits, too.
const WAITING: usize = 160 << 20;

/// What is read of a backup.
#[derive(Debug)]
pub struct Reading<'r> {
    /// Which keys; the default is all.
    pub query: &'r Query,
    /// How much of a data directory's log is applied.
    pub load: &'r Load,
    /// Hides secrets.
    pub mask: &'r Mask,
    /// Whether rows have the object.
    pub with_object: bool,
    /// Whether the rows of a damaged backup are read, as far as possible.
    pub force: bool,
}

/// Result of the reading of one backup.
#[derive(Debug)]
pub struct Read {
    /// Result of the checks.
    pub report: Report,
    /// Number of rows that were handed on.
    pub rows: u64,
    /// Number of them whose value cannot be read.
    pub unreadable: u64,
    /// Whether there are no rows because the backup is damaged.
    pub refused: bool,
    /// What was asked for and is not in the backup: [`Error::NotFound`]. Then there are no rows.
    pub missing: Option<Error>,
}

/// Checks a backup, and hands its rows to `take`, in key order. `progress` gets the number of bytes that are checked.
///
/// No row is handed on before the backup is checked; of a damaged one none, unless [`Reading::force`] is set.
///
/// # Errors
/// Errors of the system, of `take`, and of a log that does not reach the end that [`Reading::load`] asks for. That a
/// backup is damaged is in the report, and what it lacks in [`Read::missing`].
pub fn read<E: From<Error>>(
    source: &Source,
    ring: Ring,
    reading: &Reading<'_>,
    progress: impl Fn(u64) + Send,
    take: impl FnMut(&Header, &[Row<'_>]) -> Result<(), E>,
) -> Result<Read, E> {
    let (done, checked) = mpsc::sync_channel(1);
    let (found, view) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Nobody waits for them once reading has failed.
            let report = verify_and(source, reading.load, progress, |snapshot, survey| {
                let _ = found.send(snapshot.view_of_survey(survey));
            });
            let _ = done.send(report.map(|(report, _)| report));
        });
        let mut gate = Gate { checked, report: None, header: None, force: reading.force, rows: 0, unreadable: 0, take };
        let missing = match rows(source, ring, reading, &view, &mut gate) {
            // The report has the finding.
            Ok(()) | Err(Stop::Refused | Stop::Failed(Error::Damaged { .. })) => None,
            Err(Stop::Failed(missing @ Error::NotFound { .. })) => Some(missing),
            Err(Stop::Failed(failed)) => return Err(failed.into()),
            Err(Stop::Taken(error)) => return Err(error),
        };
        gate.end(missing)
    })
}

/// Why no more rows are wanted.
enum Stop<E> {
    /// They cannot be read.
    Failed(Error),
    /// The caller's error.
    Taken(E),
    /// The backup is damaged.
    Refused,
}

fn rows<'s, E, T>(
    source: &'s Source,
    ring: Ring,
    reading: &Reading<'_>,
    view: &Receiver<View<'s>>,
    gate: &mut Gate<T>,
) -> Result<(), Stop<E>>
where
    T: FnMut(&Header, &[Row<'_>]) -> Result<(), E>,
{
    let snapshot = Snapshot::load(source, reading.load).map_err(Stop::Failed)?;
    // Without one, the check has failed, and its report is what the caller gets.
    let Ok(view) = view.recv() else { return Err(Stop::Refused) };
    let cluster = Cluster::of(&snapshot, ring, view);
    let found = cluster.find(reading.query).map_err(Stop::Failed)?;
    if let Some((kind, name)) = found.missing.first() {
        let what = format!("{}: no {kind} {name} at revision {}", source.name(), cluster.view.revision);
        return Err(Stop::Failed(Error::not_found(what)));
    }
    if let Some(name) = &reading.query.namespace
        && found.objects.is_empty()
        && let Some(absent) = NoNamespace::in_all(&[&cluster], name)
    {
        let what = format!("{}: no namespace {name} at revision {}", source.name(), cluster.view.revision);
        let hint = absent.nearest.map(|near| format!("did you mean -n {near}?"));
        return Err(Stop::Failed(Error::not_found(what).hinted_if(hint)));
    }
    let make = |window: Vec<_>| -> Vec<Row<'_>> {
        window.iter().map(|kv| Row::of(&cluster, kv, reading.mask, reading.with_object)).collect()
    };
    let mut waiting = Waiting::default();
    ordered_items(found.objects.into_iter(), |kv| kv.value.len(), make, |rows| gate.rows(&mut waiting, rows))?;
    gate.open()?;
    gate.hand_on(&mut waiting)
}

/// Rows that wait for the verdict.
#[derive(Default)]
struct Waiting<'a> {
    rows: Vec<Row<'a>>,
    bytes: usize,
}

/// Lets rows pass once the backup is checked.
struct Gate<T> {
    checked: Receiver<Result<Report>>,
    report: Option<Report>,
    /// Set once rows may pass.
    header: Option<Header>,
    force: bool,
    rows: u64,
    unreadable: u64,
    take: T,
}

impl<T> Gate<T> {
    fn rows<'a, E>(&mut self, waiting: &mut Waiting<'a>, rows: Vec<Row<'a>>) -> Result<(), Stop<E>>
    where
        T: FnMut(&Header, &[Row<'_>]) -> Result<(), E>,
    {
        waiting.bytes = rows.iter().map(Row::weight).fold(waiting.bytes, usize::saturating_add);
        waiting.rows.extend(rows);
        if self.header.is_none() {
            match self.checked.try_recv() {
                Ok(report) => self.judge(report)?,
                Err(_) if waiting.bytes < WAITING => return Ok(()),
                Err(_) => self.open()?,
            }
        }
        self.hand_on(waiting)
    }

    /// Waits for the verdict, unless it is known.
    fn open<E>(&mut self) -> Result<(), Stop<E>> {
        if self.header.is_some() { Ok(()) } else { self.judge(received(&self.checked)) }
    }

    fn judge<E>(&mut self, report: Result<Report>) -> Result<(), Stop<E>> {
        let report = self.report.insert(report.map_err(Stop::Failed)?);
        if report.verdict() == Some(Verdict::Damaged) && !self.force {
            return Err(Stop::Refused);
        }
        self.header = Some(Header::of(report));
        Ok(())
    }

    fn hand_on<E>(&mut self, waiting: &mut Waiting<'_>) -> Result<(), Stop<E>>
    where
        T: FnMut(&Header, &[Row<'_>]) -> Result<(), E>,
    {
        let Some(header) = &self.header else { return Ok(()) };
        waiting.bytes = 0;
        let rows = std::mem::take(&mut waiting.rows);
        if rows.is_empty() {
            return Ok(());
        }
        (self.take)(header, &rows).map_err(Stop::Taken)?;
        let unreadable = rows.iter().filter(|row| row.error.is_some()).count();
        self.rows = self.rows.saturating_add(rows.len() as u64);
        self.unreadable = self.unreadable.saturating_add(unreadable as u64);
        Ok(())
    }

    fn end<E: From<Error>>(self, missing: Option<Error>) -> Result<Read, E> {
        let report = match self.report {
            Some(report) => report,
            None => received(&self.checked)?,
        };
        let would_be_refused = report.verdict() == Some(Verdict::Damaged) && !self.force;
        let refused = self.header.is_none() && (missing.is_none() || would_be_refused);
        Ok(Read { report, rows: self.rows, unreadable: self.unreadable, refused, missing })
    }
}

fn received(checked: &Receiver<Result<Report>>) -> Result<Report> {
    // It is always sent, unless its thread panicked; then the scope ends in that panic.
    checked.recv().unwrap_or(Err(Error::Interrupted))
}
