//! Kind and size of a backup and of its content, without a check of everything.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Trailer;
use crate::{
    Findings,
    error::Severity,
    etcd::{Snapshot, Survey},
    k8s::ClusterInfo,
    source::{BackupKind, Digests, Source},
};

/// The fields of `etcdutl snapshot status -w json` under their names, then the others.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The status hash: CRC-32C of all keys and values of the db.
    pub hash: u32,
    /// The last revision of the db.
    pub revision: i64,
    /// Live keys of the db.
    pub total_key: u64,
    /// Bytes of the db by its meta page, as etcdutl counts them.
    pub total_size: u64,
    /// The storage version; empty before etcd 3.6.
    pub version: String,
    /// The file as the user named it.
    pub path: String,
    /// What kind of backup it is.
    pub kind: BackupKind,
    /// The SHA-256 trailer.
    pub trailer: Trailer,
    /// Bytes of the db's file, unpacked: more than `total_size` where space at the end is not in use, less where the
    /// file was cut off.
    pub file_size: u64,
    /// Records of all revisions that are kept, tombstones too.
    pub total_records: u64,
    /// `hash` as hex without padding.
    pub hash_hex: String,
    /// The revision that the keyspace was compacted at; -1 without one.
    pub compact_revision: i64,
    /// The newest time in the objects, RFC 3339.
    pub newest_time: Option<String>,
    /// Why that time may be wrong.
    #[serde(skip)]
    pub newest_doubt: Option<String>,
    /// The uid of the Namespace `kube-system`.
    pub identity: Option<String>,
    /// Live values by the key that encrypts them.
    pub encryption: BTreeMap<String, u64>,
    /// Whether an error was found.
    pub damaged: bool,
    /// What the log of a data directory adds to its db.
    pub log: Option<LogAhead>,
    /// All findings.
    #[serde(skip)]
    pub findings: Findings,
}

/// What a log adds to the db.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogAhead {
    /// Entries that etcd applies when it starts.
    pub entries: u64,
    /// Entries past the last commit on disk.
    pub past_commit: u64,
    /// The raft index of the last entry that is in what was read.
    pub index: u64,
    /// The revision after that entry.
    pub revision: i64,
    /// Live keys after that entry.
    pub total_key: u64,
}

impl Status {
    /// Surveys `snapshot`, which was read from `source`. The trailer is compared where the db's `digests` are given.
    #[must_use]
    pub fn of(source: &Source, snapshot: &Snapshot<'_>, digests: Option<&Digests>) -> Self {
        let survey = snapshot.survey();
        let info = ClusterInfo::of(&survey);
        Self {
            hash: survey.hash,
            revision: survey.revision,
            total_key: survey.total_key,
            total_size: survey.total_size,
            version: snapshot.state.meta.storage_version.clone().unwrap_or_default(),
            path: source.name().to_owned(),
            kind: source.kind(),
            trailer: Trailer::judge(source, digests),
            file_size: source.db().len(),
            total_records: survey.total_records,
            hash_hex: format!("{:x}", survey.hash),
            compact_revision: snapshot.keyspace.compacted(),
            newest_time: info.newest.time.map(|newest| newest.to_string()),
            newest_doubt: info.newest.doubt(),
            identity: info.identity,
            encryption: info.sealed,
            damaged: survey.findings.count(Severity::Error) > 0,
            log: LogAhead::of(snapshot, &survey),
            findings: survey.findings,
        }
    }
}

impl LogAhead {
    /// What the log adds that `snapshot` was loaded with, by the survey of it.
    pub(super) fn of(snapshot: &Snapshot<'_>, survey: &Survey<'_>) -> Option<Self> {
        let log = snapshot.log?;
        let (entries, past_commit) = (log.unapplied.applied_at_start, log.unapplied.past_commit);
        let total_key = if log.applied > 0 { survey.live.count_live() } else { survey.total_key };
        let revision = log.revision.unwrap_or(survey.revision);
        Some(Self { entries, past_commit, index: log.index, revision, total_key })
    }
}
