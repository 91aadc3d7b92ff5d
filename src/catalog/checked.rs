//! Checking a backup, and what the catalog keeps of it.

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use rayon::prelude::*;

use super::{
    entry::{Entry, FileRow, Stamp},
    file::broken,
    rows::{FILES, REPORTS, SNAPSHOTS, put_json},
    state::State,
    writer::Writer,
};
use crate::{
    Result,
    error::Severity,
    etcd::{Load, Snapshot, Survey},
    hash::{Sha256, hex},
    k8s::Ring,
    source::{BackupKind, Source},
    verify::{Report, Verdict, verify_and},
};

/// The most findings of a report that are kept.
const FINDINGS: usize = 100;

/// The result of adding one file.
#[derive(Debug, Clone)]
pub struct Added {
    /// The backup in it.
    pub entry: Entry,
    /// Whether the catalog had the same content already, from this file or another.
    pub known: bool,
    /// Whether its verdict is from then, because it is the worse one.
    pub was_worse: bool,
}

/// A backup that was checked.
#[derive(Debug)]
pub struct Checked<'s> {
    source: &'s Source,
    report: Report,
    state: Option<State<'s>>,
}

impl Writer {
    /// Checks a backup, and reads what the catalog keeps of it. `progress` gets the number of bytes read.
    ///
    /// # Errors
    /// As [`verify_and`], and when the input changed meanwhile.
    pub fn check<'s>(
        &self,
        source: &'s Source,
        load: &Load,
        ring: Ring,
        progress: impl Fn(u64),
    ) -> Result<Checked<'s>> {
        let look = |snapshot: &Snapshot<'s>, survey: &Survey<'s>| State::of(snapshot, survey, self.key(), ring);
        let (report, state) = verify_and(source, load, progress, look)?;
        source.intact()?;
        Ok(Checked { source, report, state })
    }

    /// Opens and checks several small backups at the same time.
    #[must_use]
    pub fn check_all<'s>(&self, sources: &[&'s Source], load: &Load, ring: &Ring) -> Vec<Result<Checked<'s>>> {
        sources.par_iter().map(|source| self.check(source, load, ring.clone(), |_| {})).collect()
    }

    /// Adds a backup under `name`, an absolute path unless a person chose it, or one of [`crate::source::part_of`] the
    /// `archive`. `stamp` is from before the file was opened.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn add(
        &mut self,
        checked: Checked<'_>,
        name: &Path,
        stamp: Option<Stamp>,
        archive: Option<&Path>,
    ) -> Result<Added> {
        let Checked { source, mut report, state } = checked;
        report.path = name.to_string_lossy().into_owned();
        let verdict = report.verdict().unwrap_or(Verdict::Damaged);
        let mut entry = entry(source, &report, state.as_ref(), verdict);
        let known: Option<Entry> = self.read(SNAPSHOTS, |rows| rows.json(entry.id.as_bytes()))?;
        let was = known.is_some();
        let was_worse = known.as_ref().is_some_and(|known| known.verdict > verdict);
        let is_worse = known.as_ref().is_none_or(|known| known.verdict < verdict);
        if let Some(known) = &known {
            entry.lineages.clone_from(&known.lineages);
            entry.sealed = entry.sealed.min(known.sealed);
            // What is recorded beside one file is about the content: a copy that was made without it is no better.
            if was_worse {
                (entry.verdict, entry.finding) = (known.verdict, known.finding.clone());
            }
        }
        // Known content is read again where a key has opened more of it.
        let opens = known.is_some_and(|known| entry.sealed < known.sealed);
        if let Some(state) = state.filter(|_| entry.verdict != Verdict::Damaged && (!was || opens)) {
            entry.lineages = self.index(&state)?;
        }
        self.without_others(name, &[])?;
        let archive = archive.map(|archive| archive.as_os_str().len());
        let row = FileRow { stamp, snapshot: Some(entry.id.clone()), archive, ..FileRow::default() };
        self.write(|tx, path| {
            let mut table = tx.open_table(SNAPSHOTS).map_err(|e| broken(path, e))?;
            put_json(path, &SNAPSHOTS, &mut table, entry.id.as_bytes(), &entry)?;
            if is_worse {
                let mut table = tx.open_table(REPORTS).map_err(|e| broken(path, e))?;
                put_json(path, &REPORTS, &mut table, entry.id.as_bytes(), &kept(&report))?;
            }
            let mut table = tx.open_table(FILES).map_err(|e| broken(path, e))?;
            put_json(path, &FILES, &mut table, name.as_os_str().as_bytes(), &row)
        })?;
        self.changed()?;
        Ok(Added { entry, known: was, was_worse })
    }
}

/// The entry of a backup that was checked, without its lineages.
fn entry(source: &Source, report: &Report, state: Option<&State<'_>>, verdict: Verdict) -> Entry {
    let mut id = Sha256::default();
    id.update(&report.sha256.unwrap_or_default());
    match state {
        _ if source.kind() != BackupKind::DataDir => {}
        // What a log adds is not in the sum of the db.
        Some(state) => {
            id.update(&state.head.to_le_bytes());
            state.seen.iter().for_each(|seen| id.update(&seen.version.mod_revision.to_le_bytes()));
        }
        // That its log cannot be read is not known against a copy of its db.
        None => id.update(b"log"),
    }
    let findings = report.findings.list().iter();
    let worst = findings.filter(|of| of.severity > Severity::Info).min_by_key(|of| std::cmp::Reverse(of.severity));
    Entry {
        id: hex(id.finish().first_chunk::<16>().map_or(&[][..], |half| half)),
        sha256: report.sha256.map(|sum| hex(&sum)),
        lineages: Vec::new(),
        identity: state.and_then(|state| state.identity.clone()).or_else(|| report.portrait.identity.clone()),
        revision: state.map(|state| state.head),
        compacted: state.map(|state| state.compacted),
        bump: state.and_then(|state| state.bump),
        keys: state.map(|state| state.seen.len() as u64),
        size: source.db().len(),
        newest: report.portrait.newest.time.map(|newest| newest.to_string()),
        verdict,
        finding: worst.map(ToString::to_string),
        sealed: state.map_or(0, State::sealed),
    }
    .of_what_was_read()
}

/// The report as it is kept: with its first findings.
fn kept(report: &Report) -> serde_json::Value {
    let mut report = serde_json::to_value(report).unwrap_or_default();
    if let Some(findings) = report.get_mut("findings").and_then(serde_json::Value::as_array_mut) {
        findings.truncate(FINDINGS);
    }
    report
}
