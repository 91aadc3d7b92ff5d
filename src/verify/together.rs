//! Reports of several backups: their order, the newest good one of each cluster, and the logs of one cluster's members.

use std::path::Path;

use serde::{Serialize, Serializer};

use super::{Report, newest::newest_first};
use crate::{
    Error, Result,
    document::Id,
    etcd::{Load, Snapshot, agreement, whose_log},
    source::{BackupKind, Options, Source},
    wal::{Agreement, Held},
};

/// Reports of several backups.
#[derive(Debug, Clone)]
pub struct Together {
    /// The reports, newest content first.
    pub reports: Vec<Report>,
    /// The clusters of which several members are among them.
    pub members: Vec<Members>,
}

/// Several members of one cluster, and what their logs prove together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// The cluster's id, as the logs have it.
    pub cluster_id: Id,
    /// Paths of the data directories.
    pub paths: Vec<String>,
    /// The logs compared, or why they cannot be.
    pub agreement: Result<Agreement, String>,
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
    let mut clusters: Vec<(u64, Vec<usize>, Vec<&Source>)> = Vec::new();
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
        let members = Members { cluster_id: Id(cluster), paths, agreement };
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

impl Members {
    /// What the logs prove, in lines for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.agreement.as_ref().map_or_else(|why| vec![why.clone()], |agreement| agreement.lines(&self.paths))
    }
}

/// Places in the comparison are written as paths.
impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'m> {
            #[serde(rename = "clusterID")]
            cluster_id: Id,
            paths: &'m [String],
            voters: Option<usize>,
            compared: Option<usize>,
            keep: Option<&'m str>,
            entries: Option<&'m [Held]>,
            overruled: Option<Vec<Overruled<'m>>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'m str>,
        }
        #[derive(Serialize)]
        struct Overruled<'m> {
            path: Option<&'m str>,
            first: u64,
        }
        let path = |at: usize| self.paths.get(at).map(String::as_str);
        let agreement = self.agreement.as_ref().ok();
        let overruled = |of: &Agreement| {
            of.overruled.iter().map(|(at, first)| Overruled { path: path(*at), first: *first }).collect()
        };
        Document {
            cluster_id: self.cluster_id,
            paths: &self.paths,
            voters: agreement.map(|of| of.voters),
            compared: agreement.map(|of| of.here),
            keep: agreement.and_then(|of| path(of.keep)),
            entries: agreement.map(|of| of.held.as_slice()),
            overruled: agreement.map(overruled),
            error: self.agreement.as_ref().err().map(String::as_str),
        }
        .serialize(serializer)
    }
}
