//! What can be saved of a broken db: the records of all pages, and for each key whether its value is proved.
//!
//! ```text
//! bolt::carve ─> Set       every record that is there, by revision, each once
//!             ─> roots     the best root bucket, and the small buckets
//!                 walk ─> Cover    what trees and leaves prove: reached, removed, nothing between
//!                                   judge ─> Judged    a verdict for each record, and what is missing
//!                                             save     a new snapshot of what is proved or likely
//! ```
//!
//! A value that was deleted or overwritten is never *proved*. What cannot be decided is *likely*.

mod buckets;
mod candidates;
mod cover;
mod entry;
mod garbled;
mod judge;
mod latest;
mod links;
mod log;
mod raw;
mod report;
mod root;
mod row;
mod salvaged;
mod save;
mod set;
#[cfg(test)]
mod tests;
mod walk;
mod widen;

pub use buckets::From;
pub use judge::{Rule, Verdict};
pub use log::FromLog;
pub use report::{Report, Saved};
pub use row::Row;
pub use salvaged::{Options, Other, Salvage, Trailer};
pub use save::{Job, Only, read, save};
