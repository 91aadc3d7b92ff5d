//! Objects to be applied: which of a keyspace's objects another cluster takes and keeps, what of them, and in which order.
//!
//! ```text
//! order     what the others need comes first: Namespaces, definitions, classes, ...; webhooks and APIServices last
//! left_out  what a cluster makes by itself, what is of its moment only, and what is secret: with the reason
//! version   one that the target serves
//! prune     fields that the definition of a custom resource does not have
//! strip     what a server sets, and what only holds in the cluster that it is from
//! twice     what apply --server-side refuses
//! needs     what exported objects name and the export does not hold
//! Folder    the files and their MANIFEST, all of them or none
//! ```
//!
//! Whether it is right is seen where it is applied: an owner's uid that is not known there has the garbage collector
//! delete the object within seconds, a volume that is bound to a claim's old uid is never bound again.

mod change;
mod deps;
mod exporter;
mod folder;
mod left_out;
mod name;
mod needs;
mod neighbours;
mod order;
mod prune;
mod strip;
mod twice;
mod version;
mod work;

pub use change::Change;
pub use exporter::{Exported, Exporter, Wanted, Who};
pub use folder::{Folder, Written, look};
pub use left_out::{LeftOut, Why};
pub use name::file_name;
pub use needs::{Lack, Need, Needs, Reference};
pub use order::sort;
pub use work::{Made, Stage, Tally};
