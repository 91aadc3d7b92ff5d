//! The API server's audit log: which request made a change.
//!
//! ```text
//! changes of the backup ─> Wanted ─┐
//! log, line by line ─> Event ──────┴─> candidates of each change ─> Requests
//! ```
//!
//! The log is read once, as a stream, and only what may have made one of the wanted changes is kept. How much is
//! certain depends on the log's level:
//!
//! - *exact*: the answer of one request, at the time of the change, holds its revision (RequestResponse);
//! - *by time and object*: one request about the object, of the right verb, was running when the change was written;
//! - *by time and kind*: a request about a collection, or for a name that the server makes, was;
//! - *unsure*: several were, or one that may have made another change or none, as a dry run; or the log does not
//!   cover all of the time in which another request may have made the change.
//!
//! Mirrors `apis/audit/v1` of `k8s.io/apiserver`.

#![deny(clippy::arithmetic_side_effects)]

mod cover;
mod event;
mod read;
mod requests;
mod wanted;

pub use event::Request;
pub use read::{Coverage, Stopped, read};
pub use requests::{Answer, Known, Requests};
pub use wanted::{Act, Deletion, Wanted};
