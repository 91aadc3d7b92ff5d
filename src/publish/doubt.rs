//! The doubt file: what was made from a doubtful backup has a file beside it that records the doubt.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::disk::{create, fault};
use crate::{
    Code, Finding, Result,
    source::{BackupKind, Source},
};

/// The longest such file that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;

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
    /// The path of the file for what is at `path`.
    #[must_use]
    pub(crate) fn beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".etcdsnap.json");
        PathBuf::from(name)
    }

    /// Writes it to the file `path`, which must not exist, and syncs it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| fault(path, "write")(e.into()))?;
        let mut file = create(path)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(fault(path, "write"))
    }

    /// The file beside `source`, as a finding; `None` when there is none.
    #[must_use]
    pub(crate) fn about(source: &Source) -> Option<Finding> {
        if !source.wrapping().is_empty() {
            return None;
        }
        let path = source.path();
        let member = path.join("member");
        let path = if source.kind() == BackupKind::DataDir && member.is_dir() { &member } else { path };
        let beside = Self::beside(path);
        let mut text = Vec::new();
        File::open(&beside).ok()?.take(MAX_LEN).read_to_end(&mut text).ok()?;
        let doubt: Self = serde_json::from_slice(&text).unwrap_or_default();
        let why = doubt.findings.first().map_or(String::new(), |first| format!(" ({first})"));
        let what = match doubt.source.as_str() {
            "" => format!("{} lies beside it: it was made from a doubtful backup", beside.display()),
            from => format!("it was made from {from}, which was {}{why}", doubt.verdict),
        };
        Some(Finding::warning(Code::MadeInDoubt, what).hint(format!("see {}", beside.display())))
    }
}
