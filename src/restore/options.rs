//! Options of a restore.

use std::str::FromStr;

use super::{cluster::NewCluster, past::Past};
use crate::etcd::{Compact, boot::Minor};

/// Options of a restore.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The cluster that the members are of; `None` keeps the backup's own members, as a snapshot does.
    pub cluster: Option<NewCluster>,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// Parts of the state that are left out.
    pub carry: Carry,
    /// How far the revision is raised.
    pub bump: Option<Bump>,
    /// The highest revision that is known from elsewhere.
    pub past: Option<Past>,
    /// The highest revision in the backup and its log, when not everything is restored.
    pub known: Option<i64>,
    /// Which older revisions are removed.
    pub compact: Option<Compact>,
    /// Whether a new db is written, without free pages.
    pub defrag: bool,
    /// The etcd that has to start on it.
    pub for_etcd: Option<Minor>,
    /// The etcd that is started on it, as far as known.
    pub runs: Option<Minor>,
    /// Whether the logs of several members were compared.
    pub compared: bool,
}

impl Options {
    /// A new db of the backup's own members, without free pages, and without the history before `compact`.
    #[must_use]
    pub(crate) fn copy(compact: Option<Compact>) -> Self {
        Self { compact, defrag: true, ..Self::default() }
    }
}

/// Parts of the state that a restore leaves out; by default none.
#[derive(Debug, Clone, Default)]
pub struct Carry {
    /// The alarms.
    pub disarm_alarms: bool,
    /// Whether auth is turned off; users and roles are kept.
    pub reset_auth: bool,
    /// Auth, with users and roles.
    pub drop_auth: bool,
    /// The leases and the keys bound to them.
    pub drop_leases: bool,
    /// The keys with these prefixes.
    pub drop_keys: Vec<Vec<u8>>,
    /// A downgrade that is in progress.
    pub clear_downgrade: bool,
}

/// How far the revision is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bump {
    /// By this number.
    By(u64),
    /// Beyond everything that is known, by a fifth where the end of the old cluster is known, else by a billion.
    Auto,
}

impl FromStr for Bump {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::By).map_err(|_| "neither a number nor auto".to_owned()),
        }
    }
}

/// The size of an automatic bump when the end is not known; OpenShift uses the same.
pub(crate) const GUESS: u64 = 1_000_000_000;
