//! Doubt is never washed off: what was made from a doubtful backup has a file beside it that says so.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Report, Verdict};
use crate::{
    Code, Finding,
    error::Severity,
    hash::hex,
    source::{Kind, Source},
};

/// No such file is longer, in bytes.
const MAX_LEN: u64 = 1 << 20;
/// So many findings are kept in it.
const KEPT: usize = 100;

/// What is known against a file or directory that was made from a doubtful backup: `NAME.etcdsnap.json` beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Doubt {
    /// The version of this document's shape.
    pub schema_version: u32,
    /// What made it.
    pub tool: String,
    /// When, UTC.
    pub made: String,
    /// The backup, as the user named it.
    pub source: String,
    /// SHA-256 of the backup's file, hex.
    pub sha256: String,
    /// `doubtful` or `damaged`.
    pub verdict: String,
    /// What was found in the backup.
    pub findings: Vec<String>,
    /// With which arguments it was made.
    pub arguments: Vec<String>,
}

impl Doubt {
    /// What `report` says against the backup it is about; `None` when that is good.
    #[must_use]
    pub fn of(report: &Report, arguments: &[String]) -> Option<Self> {
        let verdict = report.verdict().filter(|verdict| *verdict != Verdict::Good)?;
        let told = report.findings.list().iter().filter(|finding| finding.severity > Severity::Info);
        Some(Self {
            schema_version: 1,
            tool: concat!("etcdsnap ", env!("CARGO_PKG_VERSION")).to_owned(),
            made: Timestamp::now().to_string(),
            source: report.path.clone(),
            sha256: report.sha256.map(|sum| hex(&sum)).unwrap_or_default(),
            verdict: verdict.to_string(),
            findings: told.take(KEPT).map(|finding| format!("{}: {finding}", finding.code)).collect(),
            arguments: arguments.to_vec(),
        })
    }

    /// Where it lies for what is at `path`.
    #[must_use]
    pub fn beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".etcdsnap.json");
        PathBuf::from(name)
    }

    /// What lies beside `source`, as a finding.
    pub(super) fn about(source: &Source) -> Option<Finding> {
        if !source.wrapping().is_empty() {
            return None;
        }
        let path = source.path();
        let member = path.join("member");
        let path = if source.kind() == Kind::DataDir && member.is_dir() { &member } else { path };
        let beside = Self::beside(path);
        let mut text = Vec::new();
        File::open(&beside).ok()?.take(MAX_LEN).read_to_end(&mut text).ok()?;
        let doubt: Self = serde_json::from_slice(&text).unwrap_or_default();
        let why = doubt.findings.first().map_or(String::new(), |first| format!(" ({first})"));
        let what = match doubt.source.as_str() {
            "" => format!("{} lies beside it: it was made from a doubtful backup", beside.display()),
            from => format!("it was made from {from}, which was {}{why}", doubt.verdict),
        };
        Some(Finding::warning(Code::MadeInDoubt, what).hint(format!("{} says more", beside.display())))
    }
}
