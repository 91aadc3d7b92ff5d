//! A member's own directory with a few files replaced: it keeps its identity and all its data.
//!
//! ```text
//! Alone       its log removes the others: a new last segment     (etcd's --force-new-cluster)
//! Migrate     its db has another storage version: a new db       (etcdutl migrate)
//! LogStart    where one of the two needs it, the log starts after a new snapshot: a .snap, a new last segment
//! apply       ┌ a copy: everything else cloned or copied into the staging folder
//!             └ in place: each file staged beside the old one, exchanged with it, and the old one kept
//! ```
//!
//! A plan implements [`PlannedChange`]; nothing is written before it was printed.

mod alone;
mod apply;
mod change;
mod directory;
mod document;
mod log;
mod log_start;
mod members;
mod migrate;
mod requests;
mod voters;

pub use alone::{Alone, LogEnd};
pub use apply::{Rewritten, apply, judge, served};
pub use change::PlannedChange;
pub use directory::{Directory, Way};
pub use document::Document;
pub use migrate::Migrate;
pub use requests::{Alarmed, Besides};
