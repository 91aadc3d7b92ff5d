//! What all rows of one backup share.

use crate::{
    hash::hex,
    k8s::Moment,
    verify::{Report, Verdict},
};

/// The backup that a row is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The cluster's identity: the uid of the Namespace `kube-system`.
    pub cluster: Option<String>,
    /// The backup, as the user named it.
    pub snapshot: String,
    /// SHA-256 of the whole (unpacked) file, hex; empty where it is not known.
    pub sha256: String,
    /// The last revision, that of the log included.
    pub revision: i64,
    /// The last entry of the log that the rows include; none where there is no log.
    pub entry: Option<u64>,
    /// The newest time in the backup.
    pub time: Option<Moment>,
    /// Whether the backup can be trusted.
    pub verdict: Option<Verdict>,
}

impl Header {
    /// The header of the rows of the backup that `report` is about.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        Self {
            cluster: report.portrait.identity.clone(),
            snapshot: report.path.clone(),
            sha256: report.sha256.map(|sum| hex(&sum)).unwrap_or_default(),
            revision: report.last_revision().unwrap_or_default(),
            entry: report.log.map(|log| log.index),
            time: report.portrait.newest.time,
            verdict: report.verdict(),
        }
    }
}
