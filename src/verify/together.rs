//! Reports of several backups: their order, the newest good one of each cluster, and the logs of one cluster's members.

use std::path::Path;

use super::{members::Members, newest::newest_first, report::Report};
use crate::{
    Error, Result,
    document::Id,
    etcd::{Load, Snapshot, agreement, whose_log},
    source::{BackupKind, Options, Source},
};

/// Reports of several backups.
#[derive(Debug, Clone)]
pub struct Together {
    /// The reports, newest content first.
    pub reports: Vec<Report>,
    /// The clusters of which several members are among them.
    pub members: Vec<Members>,
}

impl Together {
    /// Compares the backups at `paths`, which `options` opens, with each other. `reports` are in the order of `paths`.
    #[must_use]
    pub fn of(mut reports: Vec<Report>, paths: &[&Path], options: &Options) -> Self {
        let members = members(&mut reports, paths, options);
        let path = |at: usize| paths.get(at).copied();
        let order = newest_first(&mut reports, |later, earlier| {
            path(later).zip(path(earlier)).is_some_and(|(later, earlier)| continues(later, earlier, options))
        });
        let mut reports: Vec<_> = reports.into_iter().map(Some).collect();
        Self { reports: order.into_iter().filter_map(|at| reports.get_mut(at)?.take()).collect(), members }
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

/// Compares the logs of members of one cluster, and adds the result to their reports.
fn members(reports: &mut [Report], paths: &[&Path], options: &Options) -> Vec<Members> {
    let directories = paths.iter().enumerate().filter(|(_, path)| path.is_dir());
    let opened = directories.filter_map(|(at, path)| Some((at, Source::open(path, options).ok()?)));
    let sources: Vec<_> = opened.filter(|(_, source)| source.kind() == BackupKind::DataDir).collect();
    let mut clusters: Vec<(Id, Vec<usize>, Vec<&Source>)> = Vec::new();
    for (at, source) in &sources {
        let Some(whose) = whose_log(source) else { continue };
        match clusters.iter_mut().find(|(cluster, ..)| *cluster == whose.cluster_id) {
            Some((_, places, members)) => {
                places.push(*at);
                members.push(source);
            }
            None => clusters.push((whose.cluster_id, vec![*at], vec![source])),
        }
    }
    let mut all = Vec::new();
    for (cluster, places, sources) in clusters.into_iter().filter(|(.., sources)| sources.len() > 1) {
        let paths = sources.iter().map(|member| member.name().to_owned()).collect();
        let agreement = agreement(&sources).map_err(|error: Error| error.to_string());
        let members = Members { cluster_id: cluster, paths, agreement };
        for at in places {
            if let Some(report) = reports.get_mut(at) {
                report.agreement = Some(members.clone());
            }
        }
        all.push(members);
    }
    all
}

/// Whether the backup `later` continues from the last revision of `earlier`; false when that cannot be decided.
fn continues(later: &Path, earlier: &Path, options: &Options) -> bool {
    let check = || {
        let (later, earlier) = (Source::open(later, options)?, Source::open(earlier, options)?);
        let load = Load::default();
        Ok(Snapshot::load(&later, &load)?.continues(&Snapshot::load(&earlier, &load)?))
    };
    let checked: Result<Option<bool>> = check();
    checked.is_ok_and(|continues| continues == Some(true))
}
