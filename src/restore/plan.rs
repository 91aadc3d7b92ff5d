//! The plan of a restore, which can be printed without being carried out.

use serde::{Serialize, Serializer};

use super::{cluster::NewCluster, log::FromLog};
use crate::{
    Error, Finding, Result,
    etcd::{
        Load, State,
        boot::{Minor, Startup, by_version},
        rewrite::Changes,
    },
    source::{BackupKind, Part},
};

/// The plan of a restore.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan<'a> {
    /// The backup, as the user named it.
    pub source: String,
    /// What kind of backup it is.
    #[serde(serialize_with = "display")]
    pub kind: BackupKind,
    /// The db's length in bytes, up to the high-water mark.
    pub total_size: u64,
    /// Bytes of the db that are in use, where the whole file was read.
    pub in_use: Option<u64>,
    /// The storage version of the db.
    pub version: Option<String>,
    /// The last revision in it.
    pub revision: i64,
    /// The last revision of the result.
    pub new_revision: i64,
    /// The entries that the log adds.
    pub log: Option<FromLog>,
    /// The cluster that is made; `None` for a snapshot, which keeps the backup's own members.
    pub cluster: Option<NewCluster>,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// The changes of the db.
    pub changes: Changes<'a>,
    /// Which etcd versions start on the result.
    #[serde(serialize_with = "by_version")]
    pub starts_on: Vec<(Minor, Startup)>,
    /// Notes on what is kept.
    pub carried: Vec<Finding>,
    /// Warnings.
    pub warnings: Vec<Finding>,
    /// The state of the small buckets in the result.
    #[serde(skip)]
    pub state: State,
    /// How the backup is read.
    #[serde(skip)]
    pub load: Load,
    /// The db that is copied and changed.
    #[serde(skip)]
    pub db: &'a Part,
}

impl Plan<'_> {
    /// The cluster that is made.
    ///
    /// # Errors
    /// When the plan is for a snapshot.
    pub(super) fn cluster(&self) -> Result<&NewCluster> {
        self.cluster.as_ref().ok_or_else(|| Error::usage("no member is to be restored"))
    }
}

fn display<S: Serializer>(kind: &BackupKind, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}
