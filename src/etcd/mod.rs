//! The etcd backend: what the buckets of `member/snap/db` mean, from etcd 3.3 to 3.7.
//!
//! ```text
//! key              revision -> KeyValue: every change, in order; the state at a revision is made from them
//! meta             consistent index, term, compaction, storage version
//! members, members_removed, cluster, lease, alarm, auth, authUsers, authRoles
//! ```
//!
//! [`Snapshot::load`] reads the small buckets into a [`State`] and leaves `key` in the file; entries of a data
//! directory's log that the db does not hold become changes of the state and the keyspace's [`AddedRecords`]
//! (`replay`). [`Keyspace`] visits all records: in revision order on all cores (`Keyspace::scan`), or as the state at
//! a revision in key order ([`View`]). [`rewrite`] writes a db.
//!
//! Mirrors `server/storage/schema` and `server/storage/mvcc` of `go.etcd.io/etcd`.

#![deny(clippy::arithmetic_side_effects)]

mod added;
mod agreement;
pub mod boot;
mod bootstrap;
mod chain;
mod compaction;
mod depth;
mod descent;
mod generation;
mod glance;
mod hashkv;
mod keyspace;
mod kv_text;
mod load;
mod log_filter;
mod log_lasting;
mod log_match;
mod log_of_another;
mod log_overlap;
mod log_record;
mod log_writers;
mod newest;
mod options;
mod range;
mod record;
mod replay;
pub mod request;
mod retrace;
mod revision;
pub mod rewrite;
mod snap_files;
mod snapshot;
pub mod state;
mod stored;
mod survey;
mod urls;
mod view;
mod whole;

pub use added::AddedRecords;
pub use agreement::agreement;
pub(crate) use agreement::whose_log;
pub use bootstrap::{Bootstrap, SnapFile, V2};
pub(crate) use chain::Newest;
pub(crate) use compaction::Compaction;
pub use depth::Depth;
pub(crate) use descent::Bump;
pub(crate) use generation::Generation;
pub use glance::Glance;
pub(crate) use hashkv::Covered;
pub use hashkv::HashKv;
pub use keyspace::Keyspace;
pub use kv_text::{KvFormat, KvPrinter};
pub use log_filter::{LogFilter, LogType};
pub(crate) use log_of_another::log_of_stranger;
pub(crate) use log_overlap::Overlap;
pub use log_record::{LogItem, LogRecord, LogRecords};
pub(crate) use newest::NewestByKey;
pub(crate) use options::Compacted;
pub use options::{Compact, Load, Uncommitted};
pub use range::Range;
pub use record::{KeyValue, Record, tombstone};
pub use replay::Replayed;
pub(crate) use replay::read_log;
pub use request::Request;
pub use retrace::Retraced;
pub use revision::Revision;
pub use snap_files::{SnapFiles, SnapFormat, SnapshotFile};
pub use snapshot::Snapshot;
pub use state::State;
pub(crate) use stored::BUCKETS;
pub use stored::{Stored, bucket_of};
pub use survey::Survey;
pub(crate) use urls::peer_urls;
pub use view::View;
