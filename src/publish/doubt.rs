//! The doubt file: what was made from a doubtful backup has a file beside it that records the doubt.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::disk::{create, fault};
use crate::{
    Code, Finding, Result,
    bytes::one_line,
    document::Stamp,
    source::{DoubtFile, Source},
};

/// What is known against a file or directory that was made from a doubtful backup: `NAME.etcdsnap.json` beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Doubt {
    /// What made it.
    #[serde(flatten, skip_deserializing)]
    pub stamp: Stamp,
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
    /// The report of `salvage`, for a file that it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salvage: Option<serde_json::Value>,
}

impl Doubt {
    /// The path of the file for what is at `path`.
    #[must_use]
    pub(crate) fn beside(path: &Path) -> PathBuf {
        DoubtFile::beside(path)
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

    /// The finding of each doubt that is recorded about `source`.
    pub(crate) fn about(source: &Source) -> impl Iterator<Item = Finding> {
        source.doubts().iter().map(|file| {
            let doubt: Self = serde_json::from_slice(&file.text).unwrap_or_default();
            let name = one_line(&file.name);
            let why = doubt.findings.first().map_or(String::new(), |first| format!(" ({})", one_line(first)));
            let what = match doubt.source.as_str() {
                "" => format!("{name} is next to it: it was made from a doubtful backup"),
                from => {
                    format!("it was made from {}, which was {}{why}", one_line(from), one_line(&doubt.verdict))
                }
            };
            Finding::warning(Code::MadeInDoubt, what).hint(format!("see {name}"))
        })
    }
}
