//! A backup opened for its Kubernetes objects, at one revision.
//!
//! ```text
//! Snapshot ─> Cluster ─┬─ list, get, object      one kind, one object, decoded as an API server answers
//!   at an At           ├─ find, pick             kubectl's words, labels, fields, order
//!                      └─ Joined                 several backups of one cluster
//! ```
//!
//! A [`Cluster`] holds about 60 bytes a key; objects are decoded one at a time, when they are asked for.

mod allocation;
mod at;
mod cluster;
mod events;
mod family;
mod find;
mod foreign;
mod former;
mod joined;
mod list;
mod namespaces;
mod near;
mod pick;
mod time;

pub use allocation::{Allocation, Amount, Amounts, PodOnNode};
pub use at::{At, Dated, Period, Point};
pub use cluster::{Cluster, Unreadable};
pub use events::{Event, Events};
pub use family::{Family, Relative};
pub use find::{Found, Query};
pub use foreign::Prefixes;
pub(crate) use joined::Records;
pub use joined::{Joined, Stored};
pub use list::{Form, List};
pub use namespaces::NoNamespace;
pub use pick::Picker;
pub use time::Time;
