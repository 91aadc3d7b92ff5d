//! Export: the objects of a keyspace in a form and an order in which another cluster accepts and keeps them.
//!
//! ```text
//! order     needed objects come first: Namespaces, definitions, classes, ...; webhooks and APIServices last
//! left_out  what a cluster creates itself, what is temporary, and what is secret: with the reason
//! version   conversion to a version that the target serves
//! prune     fields that the definition of a custom resource does not have
//! strip     fields that a server sets, or that are only valid in the original cluster
//! twice     lists that apply --server-side refuses
//! needs     objects that exported objects refer to and the export does not hold
//! Folder    the files and their MANIFEST, all of them or none
//! ```
//!
//! Errors show only after the apply: with an owner's uid that is unknown there, the garbage collector
//! deletes the object within seconds; a volume that is bound to a claim's old uid is never bound again.

mod change;
mod deps;
mod document;
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
pub use document::Document;
pub use exporter::{Exported, Exporter, Options};
pub use folder::{Folder, Written, look};
pub use left_out::{LeftOut, Why};
pub(crate) use name::file_name;
pub(crate) use needs::Needs;
pub use needs::{Lack, Need, Reference};
pub use order::sort;
pub use work::{Made, Stage, Tally};
