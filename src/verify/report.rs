//! The result of `verify` for one file.

use std::{cmp::Reverse, collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    LogAhead,
    members::Members,
    trailer::{Shape, Trailer},
};
use crate::{
    Code, Finding, Findings,
    bytes::counted,
    document::{Id, Stamp},
    error::Severity,
    etcd::{
        Bootstrap,
        boot::{Minor, Startup},
    },
    hash::hex,
    k8s::ClusterInfo,
    publish::Doubt,
    source::{BackupKind, Digests, Input as _, Source},
};

/// The most findings that a [`Doubt`] lists.
const IN_DOUBT: usize = 100;

/// Whether a backup can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was checked, and no error was found.
    Good,
    /// No error was found, but not everything could be checked.
    Doubtful,
    /// An error was found.
    Damaged,
}

impl Verdict {
    /// `good`, `doubtful` or `damaged`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Result of the checks of one file.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file as the user named it.
    pub path: String,
    /// What kind of backup it is.
    pub kind: Option<BackupKind>,
    /// SHA-256 of the whole (unpacked) file.
    pub sha256: Option<[u8; 32]>,
    /// The SHA-256 trailer.
    pub trailer: Trailer,
    /// The status hash.
    pub hash: Option<u32>,
    /// The last revision of the db.
    pub revision: Option<i64>,
    /// Live keys of the db.
    pub total_key: Option<u64>,
    /// Bytes of the db by its meta page.
    pub total_size: Option<u64>,
    /// Bytes of the db's file, unpacked.
    pub file_size: Option<u64>,
    /// What the log of a data directory adds to its db.
    pub log: Option<LogAhead>,
    /// Bytes on pages that are in use.
    pub in_use: Option<u64>,
    /// The storage version.
    pub version: Option<String>,
    /// Identity of the cluster, by its keyspace.
    pub portrait: ClusterInfo,
    /// The member, by its log and `.snap` files.
    pub member: Option<Bootstrap>,
    /// The logs of this and other members of its cluster compared, when several were verified.
    pub agreement: Option<Members>,
    /// All findings.
    pub findings: Findings,
    /// Which etcd versions start on it.
    pub starts_on: Vec<(Minor, Startup)>,
    /// Why there is no verdict: `not a snapshot`, `not read`.
    pub unread: Option<&'static str>,
    /// Whether the backup is the newest good one of its cluster, among those it was compared with
    /// ([`super::Together`]).
    pub newest_good: bool,
    /// The members that it lists, those that were removed too.
    pub(super) listed: BTreeSet<Id>,
    /// Whether an alarm is about the data: any but NOSPACE.
    pub(super) content_alarm: bool,
    pub(super) shape: Option<Shape>,
}

impl Report {
    pub(super) fn empty(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            kind: None,
            sha256: None,
            trailer: Trailer::Unknown,
            hash: None,
            revision: None,
            total_key: None,
            total_size: None,
            file_size: None,
            log: None,
            in_use: None,
            version: None,
            portrait: ClusterInfo::default(),
            member: None,
            agreement: None,
            findings: Findings::default(),
            starts_on: Vec::new(),
            unread: None,
            newest_good: false,
            listed: BTreeSet::new(),
            content_alarm: false,
            shape: None,
        }
    }

    pub(super) fn new(source: &Source) -> Self {
        let file_size = Some(source.db().len());
        let mut report = Self { kind: Some(source.kind()), file_size, ..Self::empty(source.name()) };
        report.findings.push_all(source.notes().iter().cloned());
        report
    }

    /// Adds the check of the trailer against the file's digests.
    pub(crate) fn conclude(&mut self, source: &Source, digests: &Digests) {
        self.sha256 = Some(digests.file);
        self.trailer = Trailer::judge(source, Some(digests));
        if let Some(shape) = self.shape {
            self.findings.push_all(self.trailer.finding(source, shape));
        }
        // No etcd starts on a damaged db: no restore takes it as it is.
        if self.findings.damaged() {
            for (_, startup) in &mut self.starts_on {
                *startup = Startup { ok: Some(false), why: "damaged".to_owned() };
            }
        }
    }

    /// The last revision, that of the log included.
    #[must_use]
    pub fn last_revision(&self) -> Option<i64> {
        self.log.map(|log| log.revision).or(self.revision)
    }

    /// Live keys, with the changes of the log.
    #[must_use]
    pub fn live_keys(&self) -> Option<u64> {
        self.log.map(|log| log.total_key).or(self.total_key)
    }

    /// The verdict: damaged with an error, doubtful with a doubt. `None` for a file that was not read as a backup.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if self.unread.is_some() {
            None
        } else if self.findings.damaged() {
            Some(Verdict::Damaged)
        } else if self.is_doubtful() {
            Some(Verdict::Doubtful)
        } else {
            Some(Verdict::Good)
        }
    }

    /// The verdict and the reason for it, in one line.
    #[must_use]
    pub fn in_words(&self) -> String {
        let verdict = self.verdict().map_or("not read".to_owned(), |verdict| verdict.to_string());
        let findings = self.findings.list().iter().filter(|finding| finding.severity > Severity::Info);
        // the gravest; among the warnings, what the file was made from
        let rank = |finding: &&Finding| (Reverse(finding.severity), finding.code != Code::MadeInDoubt);
        let why = match (findings.min_by_key(rank), &self.trailer) {
            (Some(finding), _) => format!("{}; ", finding.what),
            (None, Trailer::Matches) => "SHA-256 trailer matches, ".to_owned(),
            (None, _) => String::new(),
        };
        let more = self.findings.count(Severity::Error).saturating_add(self.findings.count(Severity::Warning));
        let more = match more {
            0 | 1 => String::new(),
            n => format!(", {} more: `etcdsnap verify` lists them", n.saturating_sub(1)),
        };
        format!("{verdict}: {why}{}{more}", counted(self.live_keys().unwrap_or(0), "key"))
    }

    /// Whether a warning puts the backup in doubt. The alarm NOSPACE does not: the data are complete.
    fn is_doubtful(&self) -> bool {
        let warnings = self.findings.counts().filter(|(_, severity, _)| *severity == Severity::Warning);
        warnings.map(|(code, ..)| code).any(|code| code != Code::Alarm || self.content_alarm)
    }

    /// Doubt file for a result that is made of this backup with `arguments`; `None` when the backup is good.
    #[must_use]
    pub fn doubt(&self, arguments: &[String]) -> Option<Doubt> {
        let verdict = self.verdict().filter(|verdict| *verdict != Verdict::Good)?;
        let findings = self.findings.list().iter().filter(|finding| finding.severity > Severity::Info);
        Some(Doubt {
            stamp: Stamp::default(),
            made: Timestamp::now().to_string(),
            source: self.path.clone(),
            sha256: self.sha256.map(|sum| hex(&sum)).unwrap_or_default(),
            verdict: verdict.to_string(),
            findings: findings.take(IN_DOUBT).map(|finding| format!("{}: {finding}", finding.code)).collect(),
            arguments: arguments.to_vec(),
            salvage: None,
        })
    }

    /// First error that is not about the trailer: where only the trailer differs, everything can be read.
    #[must_use]
    pub fn damage(&self) -> Option<&Finding> {
        let mut findings = self.findings.list().iter();
        findings.find(|finding| finding.severity == Severity::Error && finding.code != Code::TrailerMismatch)
    }

    /// Whether the db itself has an error, and not only the log or how the two fit.
    #[must_use]
    pub fn db_damaged(&self) -> bool {
        const BESIDE: [Code; 3] = [Code::TrailerMismatch, Code::LogGap, Code::DbAhead];
        let mut errors = self.findings.list().iter().filter(|finding| finding.severity == Severity::Error);
        errors.any(|finding| finding.file.is_none() && !BESIDE.contains(&finding.code))
    }
}
