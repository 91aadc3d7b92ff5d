//! A report as JSON: what `verify -o json` prints.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{LogAhead, Report, Trailer, Verdict, members::Members};
use crate::{
    Code, Finding,
    error::Severity,
    etcd::{
        Bootstrap,
        boot::{Minor, Startup, by_version},
    },
    hash::hex,
    source::BackupKind,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'r> {
    path: &'r str,
    kind: Option<BackupKind>,
    sha256: Option<String>,
    newest: Option<String>,
    identity: Option<&'r str>,
    encryption: &'r BTreeMap<String, u64>,
    member: Option<&'r Bootstrap>,
    verdict: Option<Verdict>,
    unread: Option<&'static str>,
    trailer: Trailer,
    hash: Option<u32>,
    revision: Option<i64>,
    total_key: Option<u64>,
    total_size: Option<u64>,
    file_size: Option<u64>,
    version: Option<&'r str>,
    log: Option<LogAhead>,
    findings: &'r [Finding],
    finding_counts: Vec<Count>,
    errors: u64,
    #[serde(serialize_with = "by_version")]
    starts_on: &'r [(Minor, Startup)],
    newest_good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<&'r Members>,
}

/// The part of a report that a restore's document has.
#[derive(Debug, Serialize)]
pub struct Checked<'r> {
    path: &'r str,
    sha256: Option<String>,
    verdict: Option<Verdict>,
    findings: &'r [Finding],
}

impl Report {
    /// The part of the report that a restore's document has.
    #[must_use]
    pub fn checked(&self) -> Checked<'_> {
        Checked {
            path: &self.path,
            sha256: self.sha256.map(|sum| hex(&sum)),
            verdict: self.verdict(),
            findings: self.findings.list(),
        }
    }
}

#[derive(Serialize)]
struct Count {
    code: Code,
    severity: Severity,
    count: u64,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.findings.counts();
        Document {
            path: &self.path,
            kind: self.kind,
            sha256: self.sha256.map(|sum| hex(&sum)),
            newest: self.portrait.newest.time.map(|newest| newest.to_string()),
            identity: self.portrait.identity.as_deref(),
            encryption: &self.portrait.sealed,
            member: self.member.as_ref(),
            verdict: self.verdict(),
            unread: self.unread,
            trailer: self.trailer,
            hash: self.hash,
            revision: self.revision,
            total_key: self.total_key,
            total_size: self.total_size,
            file_size: self.file_size,
            version: self.version.as_deref(),
            log: self.log,
            findings: self.findings.list(),
            finding_counts: counts.map(|(code, severity, count)| Count { code, severity, count }).collect(),
            errors: self.findings.count(Severity::Error),
            starts_on: &self.starts_on,
            newest_good: self.newest_good,
            agreement: self.agreement.as_ref(),
        }
        .serialize(serializer)
    }
}
