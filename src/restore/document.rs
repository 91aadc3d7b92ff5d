//! A restore as JSON: what `restore -o json` prints.

use serde::{Serialize, Serializer};

use super::{Done, Plan};
use crate::{error::Next, publish::Rehearsal, verify::Checked};

/// A restore that was done or rehearsed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'r> {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The plan.
    pub plan: &'r Plan<'r>,
    /// What is going to be done at the destination; of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<&'r Rehearsal>,
    /// The check of the backup.
    pub source: Checked<'r>,
    /// The result; of a run that was not dry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored: Option<&'r Done>,
    /// How each member is started.
    #[serde(flatten)]
    pub next: Option<Next>,
}

/// What the restored db holds, and the files.
impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Restored {
            hash: u32,
            revision: i64,
            total_key: u64,
            total_size: u64,
            files: Vec<String>,
            kept: Vec<String>,
        }
        let [files, kept] = [&self.files, &self.kept]
            .map(|paths| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>());
        let super::Restored { hash, revision, total_key, total_size } = self.restored;
        Restored { hash, revision, total_key, total_size, files, kept }.serialize(serializer)
    }
}
