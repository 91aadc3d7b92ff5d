//! A read-only Kubernetes API on a backup, for kubectl and other clients.
//!
//! ```text
//!  Server: sockets, HTTP ──> Request ──> Api ──> one Backup ──> Answer: bytes, or pieces as the client takes them
//!                                                  Catalog: groups, versions, resources
//!                                                  states: Clusters at revisions
//!     └────────── HTTP/2 ──> Etcd: etcd's API on the same backup, and writes in memory
//! ```
//!
//! What is served does not change: the catalog is made once, and a request reads only the keys that it asks for.
//! Nothing of an answer is sent before [`Source::intact`](crate::source::Source::intact) is asked: when the file has
//! changed, the client gets an error, or, in the middle of a list, a connection that breaks.

#![deny(clippy::arithmetic_side_effects)]

mod accept;
mod access;
mod answer;
mod api;
mod backup;
mod body;
mod catalog;
mod convert;
mod discovery;
mod document;
mod etcd;
mod health;
mod item;
mod kubeconfig;
mod list;
mod openapi;
mod options;
mod place;
mod request;
mod review;
mod server;
mod socket;
mod status;
mod tally;
mod warnings;
mod watch;
mod websocket;

pub use access::Access;
pub use backup::Backup;
pub use etcd::{Etcd, saved_path};
pub use kubeconfig::{Context, Credentials, Endpoint, KubeconfigFile};
pub use server::Server;
pub use tally::{Answered, Log};
