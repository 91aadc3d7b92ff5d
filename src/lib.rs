//! etcdsnap opens any etcd backup offline.
//!
//! The way of the data is the order of the rooms, and each uses only those before it:
//!
//! ```text
//! error bytes proto hash ─> source ─> bolt ─> etcd ─> k8s      the trunk: bytes on disk to Kubernetes objects
//! ```

pub mod bolt;
pub mod bytes;
pub mod error;
pub mod etcd;
pub mod hash;
pub mod k8s;
pub mod proto;
pub mod select;
pub mod source;
pub mod verify;

pub use error::{Error, Finding, Findings, Result};
