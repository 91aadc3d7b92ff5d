//! Reports of several backups: their order, the newest good one of each cluster, and the logs of one cluster's members.

use std::path::{Path, PathBuf};

use super::{
    members::Members,
    newest::newest_first,
    report::{Report, Verdict},
    unopened,
};
use crate::{
    Code, Error, Result,
    bolt::carve::Carve,
    bytes::file_name,
    document::Id,
    error::{Call, Fault},
    etcd::{Load, Snapshot, agreement, whose_log},
    source::{BackupKind, Candidate, Options, Source},
};

/// The backups that are kept open until all are compared; more are opened again where that is needed. A data directory
/// is always kept open.
const OPEN: usize = 64;

/// Backups that are verified one after the other, to be compared in the end.
#[derive(Debug)]
pub struct Backups<'o> {
    options: &'o Options,
    all: Vec<Backup>,
    open: usize,
}

/// One of several backups.
#[derive(Debug)]
struct Backup {
    path: PathBuf,
    report: Report,
    source: Option<Source>,
    /// Why it could not be opened or read.
    fault: Option<Fault>,
}

/// Reports of several backups.
#[derive(Debug)]
pub struct Together<'o> {
    /// The reports, newest content first.
    pub reports: Vec<Report>,
    /// The clusters of which several members are among them.
    pub members: Vec<Members>,
    /// The paths of `reports`.
    paths: Vec<PathBuf>,
    options: &'o Options,
    fault: Option<Fault>,
}

/// The command that saves what is left in the file at `path`, which could not be opened as a db; none if no pages of
/// one are found in it.
#[must_use]
pub fn salvaging(path: &Path, options: &Options) -> Option<Call> {
    has_pages(path, options).then(|| salvage(path))
}

fn salvage(path: &Path) -> Call {
    Call::new("etcdsnap salvage").arg(path).args(["--to", "saved.db"])
}

/// Whether there are pages of a db in a file that is none any more.
fn has_pages(path: &Path, options: &Options) -> bool {
    let options = Options { metas_lost: true, ..options.clone() };
    Source::open(path, &options).is_ok_and(|source| Carve::find(source.db().image(), None, false).is_some())
}

impl<'o> Backups<'o> {
    /// None yet; `options` opens those that have to be opened again.
    #[must_use]
    pub fn new(options: &'o Options) -> Self {
        Self { options, all: Vec::new(), open: 0 }
    }

    /// Adds the `report` on the backup at `path`, which is open as `source`.
    pub fn add(&mut self, path: &Path, source: Source, report: Report) {
        let is_plain = source.wrapping().is_empty() && self.open < OPEN;
        let kept = (is_plain || source.kind() == BackupKind::DataDir).then_some(source);
        self.open = self.open.saturating_add(kept.is_some().into());
        self.all.push(Backup { path: path.to_owned(), report, source: kept, fault: None });
    }

    /// Adds one of `all` candidates that could not be opened or read. Among others, a file that is not one backup is a
    /// finding like any other; a file in a folder that is certainly no backup is none, as sums and notes lie beside
    /// backups.
    pub fn failed(&mut self, candidate: &Candidate, all: usize, error: &Error) {
        let fault = match error {
            Error::Foreign { may_be_one: false, .. } if candidate.in_folder => None,
            _ if all > 1 && error.fault() == Fault::Caller => Some(Fault::Content),
            _ => Some(error.fault()),
        };
        let report = unopened(&file_name(&candidate.path), error);
        self.all.push(Backup { path: candidate.path.clone(), report, source: None, fault });
    }

    /// Compares them with each other.
    #[must_use]
    pub fn compared(mut self) -> Together<'o> {
        let members = members(&mut self.all);
        let order = {
            let reports: Vec<_> = self.all.iter().map(|backup| &backup.report).collect();
            newest_first(&reports, |later, earlier| {
                let both = self.all.get(later).zip(self.all.get(earlier));
                both.is_some_and(|(later, earlier)| later.continues(earlier, self.options))
            })
        };
        let mut fault = self.all.iter().filter_map(|backup| backup.fault).max();
        if self.all.iter().all(|backup| backup.report.unread.is_some()) {
            fault = fault.max(Some(Fault::Content));
        }
        for at in order.newest_good {
            if let Some(backup) = self.all.get_mut(at) {
                backup.report.newest_good = true;
            }
        }
        let mut all: Vec<_> = self.all.into_iter().map(|backup| Some((backup.path, backup.report))).collect();
        let (paths, reports) = order.places.into_iter().filter_map(|at| all.get_mut(at)?.take()).unzip();
        Together { reports, members, paths, options: self.options, fault }
    }
}

impl Backup {
    /// Whether it continues from the last revision of `earlier`; false when that cannot be decided.
    fn continues(&self, earlier: &Self, options: &Options) -> bool {
        let check = || {
            let (mut a, mut b) = (None, None);
            let (later, earlier) = (self.source(&mut a, options)?, earlier.source(&mut b, options)?);
            let load = Load::default();
            Ok(Snapshot::load(later, &load)?.continues(&Snapshot::load(earlier, &load)?))
        };
        let checked: Result<Option<bool>> = check();
        checked.is_ok_and(|continues| continues == Some(true))
    }

    fn source<'s>(&'s self, again: &'s mut Option<Source>, options: &Options) -> Result<&'s Source> {
        match &self.source {
            Some(source) => Ok(source),
            None => Ok(again.insert(Source::open(&self.path, options)?)),
        }
    }
}

impl Together<'_> {
    /// What is wrong with the worst of them: none where all are good, or doubtful and not `strict`.
    #[must_use]
    pub fn fault(&self, strict: bool) -> Option<Fault> {
        let is_bad = |verdict: Verdict| verdict == Verdict::Damaged || strict && verdict == Verdict::Doubtful;
        let bad = self.reports.iter().filter_map(Report::verdict).any(is_bad);
        self.fault.max(bad.then_some(Fault::Content))
    }

    /// A note where some of them name no cluster, and may be of several: each cluster has a newest one.
    #[must_use]
    pub fn unnamed(&self) -> Option<String> {
        let n = Some(of_any_cluster(&self.reports)).filter(|n| *n > 0)?;
        Some(format!("{n} backups name no cluster and may be of several: only the newest good one of all is known"))
    }

    /// The commands that save what is left in a damaged db, or in a file that is none any more.
    #[must_use]
    pub fn salvages(&self) -> Vec<Call> {
        let is_left = |(path, report): &(&PathBuf, &Report)| {
            // What could not be read for another reason than its content may be whole.
            let foreign = report.findings.list().iter().any(|finding| finding.code == Code::Foreign);
            report.db_damaged() && if foreign { has_pages(path, self.options) } else { report.unread.is_none() }
        };
        self.paths.iter().zip(&self.reports).filter(is_left).map(|(path, _)| salvage(path)).collect()
    }

    /// The identity of each cluster, and its newest good backup if there is one; one entry at least.
    #[must_use]
    pub fn newest_good(&self) -> Vec<(Option<&str>, Option<&Report>)> {
        let mut identities: Vec<Option<&str>> = Vec::new();
        for report in self.reports.iter().filter(|report| report.portrait.identity.is_some() || report.newest_good) {
            let identity = report.portrait.identity.as_deref();
            if !identities.contains(&identity) {
                identities.push(identity);
            }
        }
        if identities.is_empty() {
            identities.push(None);
        }
        let newest = |identity| {
            let is_it = |report: &&Report| report.newest_good && report.portrait.identity.as_deref() == identity;
            (identity, self.reports.iter().find(is_it))
        };
        identities.into_iter().map(newest).collect()
    }
}

/// The number of reports of a backup without an identity, where nothing shows that all are of one cluster; otherwise 0.
fn of_any_cluster(reports: &[Report]) -> usize {
    let is_one = |report: &&Report| report.portrait.identity.is_none() && report.verdict().is_some();
    let mut others: Vec<_> = reports.iter().filter(is_one).collect();
    let all = others.len();
    let mut members = others.pop().map(|report| report.listed.clone()).unwrap_or_default();
    loop {
        let before = others.len();
        others.retain(|report| {
            let is_another = report.listed.is_disjoint(&members);
            members.extend(report.listed.iter().filter(|_| !is_another));
            is_another
        });
        match others.len() {
            0 => return 0,
            left if left == before => return all,
            _ => {}
        }
    }
}

/// Compares the logs of members of one cluster, and adds the result to their reports.
fn members(backups: &mut [Backup]) -> Vec<Members> {
    let mut clusters: Vec<(Id, Vec<usize>)> = Vec::new();
    for (at, backup) in backups.iter().enumerate().filter(|(_, backup)| backup.path.is_dir()) {
        let source = backup.source.as_ref().filter(|source| source.kind() == BackupKind::DataDir);
        let Some(whose) = source.and_then(whose_log) else { continue };
        match clusters.iter_mut().find(|(cluster, _)| *cluster == whose.cluster_id) {
            Some((_, places)) => places.push(at),
            None => clusters.push((whose.cluster_id, vec![at])),
        }
    }
    let mut all = Vec::new();
    for (cluster_id, places) in clusters.into_iter().filter(|(_, places)| places.len() > 1) {
        let sources: Vec<_> = places.iter().filter_map(|at| backups.get(*at)?.source.as_ref()).collect();
        let paths = sources.iter().map(|member| member.name().to_owned()).collect();
        let agreement = agreement(&sources).map_err(|error: Error| error.to_string());
        let members = Members { cluster_id, paths, agreement };
        for at in places {
            if let Some(backup) = backups.get_mut(at) {
                backup.report.agreement = Some(members.clone());
            }
        }
        all.push(members);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_that_name_no_cluster_may_be_of_several() {
        let report = |identity: Option<&str>, members: &[u64]| {
            let mut report = Report::empty("x.db");
            report.portrait.identity = identity.map(str::to_owned);
            report.listed = members.iter().map(|id| Id(*id)).collect();
            report
        };
        let count = |all: &[&[u64]]| {
            let unnamed = all.iter().map(|members| report(None, members));
            of_any_cluster(&unnamed.chain([report(Some("a"), &[9])]).collect::<Vec<_>>())
        };
        assert_eq!([count(&[]), count(&[&[1]]), count(&[&[1], &[3, 2], &[1, 2]])], [0, 0, 0]);
        assert_eq!([count(&[&[1], &[2]]), count(&[&[1], &[1], &[]])], [2, 3]);
    }
}
