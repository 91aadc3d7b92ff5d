//! What is wanted of a restore.

use super::cluster::NewCluster;
use crate::etcd::boot::Minor;

/// What is wanted of a restore.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The cluster that the members are of.
    pub cluster: NewCluster,
    /// The members whose directories are made, by name.
    pub members: Vec<String>,
    /// What is left behind on the way.
    pub carry: Carry,
    /// How far the revision is raised.
    pub bump: Option<Bump>,
    /// The highest revision that is known from elsewhere.
    pub past: Option<i64>,
    /// The highest revision in the backup and its log, where not all of them is restored.
    pub known: Option<i64>,
    /// Which older revisions are given up.
    pub compact: Option<Compact>,
    /// Whether the db is written afresh, without free pages.
    pub defrag: bool,
    /// The etcd that has to start on it.
    pub for_etcd: Option<Minor>,
    /// The etcd that is known to be started on it.
    pub runs: Option<Minor>,
}

/// What a restore carries along unless it is told not to.
#[derive(Debug, Clone, Default)]
pub struct Carry {
    /// Without the alarms.
    pub disarm_alarms: bool,
    /// With auth off, users kept.
    pub reset_auth: bool,
    /// Without auth, users and roles.
    pub drop_auth: bool,
    /// Without the leases and the keys bound to them.
    pub drop_leases: bool,
    /// Without the keys that begin so.
    pub drop_keys: Vec<Vec<u8>>,
    /// Without a downgrade that is under way.
    pub clear_downgrade: bool,
}

/// How far the revision is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bump {
    /// By so many.
    By(u64),
    /// Behind everything that is known, by a fifth; by [`GUESS`] when nothing is known.
    Auto,
}

/// How far `--bump-revision auto` goes when nothing is known: what OpenShift takes, too.
pub const GUESS: u64 = 1_000_000_000;

/// Which older revisions are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compact {
    /// Those before this one.
    At(i64),
    /// All but the last.
    Latest,
}
