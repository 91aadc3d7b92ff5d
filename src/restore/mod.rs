//! Making data directories out of a snapshot, with no etcd running.
//!
//! ```text
//! NewCluster      whose member: ids from URLs and token
//! Facts ─> Plan   what is going to be done, pure; it can be printed and thrown away
//! apply           the db copied into a staging folder and summed there, verified, changed, what the log adds appended;
//!                 WAL and .snap written;
//!                 everything synced, read back, and shown by renames, member/ last
//! ```
//!
//! `own` changes a member's own directory instead, which stays that member's.
//!
//! Mirrors `etcdutl/snapshot/v3_snapshot.go`; with nothing but its flags the db holds what etcdutl's does.

mod apply;
mod carried;
mod cluster;
mod copy;
mod db;
mod facts;
mod log;
mod manifest;
mod member;
mod own;
mod place;
mod plan;
mod show;
mod staged;
mod trust;
mod verify;

pub use apply::{Done, Job, apply};
pub use cluster::{Id, NewCluster, NewMember, check_advertised};
pub use facts::Facts;
pub use log::FromLog;
pub use manifest::Manifest;
pub use own::{Alone, Directory, LogEnd, Migrate, Rewrite, Rewritten, Way, apply as rewrite, judge};
pub use place::Place;
pub use plan::{Bump, Carry, Compact, GUESS, Plan, Wanted};
pub use trust::Trust;
pub use verify::Restored;
