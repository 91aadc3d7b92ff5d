//! Data directories out of a snapshot, with no etcd running.
//!
//! ```text
//! Whose           which member: by the snapshot, a manifest or flags
//! NewCluster      its cluster: ids from URLs and token
//! Options, Facts   what is wanted, and what the snapshot holds
//! Plan            what is going to be done, pure; it can be printed and thrown away
//! apply           the db copied into the staging, summed there, verified and changed, what the log adds appended;
//!                 log and .snap written; everything synced, read back, and published
//! save            the same for one snapshot file, which keeps the backup's own members
//! defrag          a new db in such a file, and nothing else is changed
//! redact          the same, with other bytes in place of secrets
//! ```
//!
//! Mirrors `etcdutl/snapshot/v3_snapshot.go`; with its flags only, the db is equal to etcdutl's.

mod apply;
mod cluster;
mod copy;
mod db;
mod decide;
mod defrag;
mod document;
mod facts;
mod lines;
mod log;
mod manifest;
mod member;
mod options;
mod past;
mod plan;
mod redact;
mod rehearse;
mod save;
mod steps;
mod target;
mod trust;
mod verify;
mod warnings;
mod whose;

pub use apply::{Done, Job, apply};
pub use cluster::{NewCluster, NewMember, check_advertised};
pub use defrag::{Defragged, defrag};
pub use document::Document;
pub use facts::{Facts, known_beyond, left_beside};
pub use log::FromLog;
pub use manifest::Form;
pub use options::{Bump, Carry, Options};
pub use past::Past;
pub use plan::Plan;
pub use redact::{Redacted, redact};
pub use rehearse::rehearse;
pub use save::SaveJob;
pub(crate) use save::save;
pub use steps::StartedBy;
pub use target::Target;
pub use trust::Trust;
pub use verify::Restored;
pub use whose::{Chosen, DEFAULT_TOKEN, NotChosen, Whose, fresh_token};
