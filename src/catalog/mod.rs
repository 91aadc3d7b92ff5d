//! An index over many backups: which hold what, from when to when, and how good each is.
//!
//! ```text
//! Addition::run  ─> the files that changed, opened by the caller's Opener ─> Writer::check, Writer::add
//! Writer::check  ─> verify (kept whole) ─> State: every live key with the hash of its value
//! Writer::add    ─> chain: does it continue what is known, or is it a fork?
//!                ─> one row a key: its versions, each with the last backup that holds it
//! Catalog::open  ─> entries, files, objects
//! Scope::search  ─> the branches to ask ─> Catalog::found, growth, history_sources, VersionRows
//! Scope::backup  ─> BackupPair: what differs     Plan: what may be removed     CheckReport: what changed on disk
//! ```
//!
//! A version of a key is live over one stretch of revisions, so the row is the same in whatever order backups are
//! added, and a key that did not change costs no write. Backups of one cluster form a [`Lineage`]; a cluster that was
//! restored and went on from there has more than one, and the backups from before are in each.
//!
//! A catalog file is never written in place: a writer works on a copy and renames it over the file when it is complete,
//! so a reader beside it sees a whole catalog, the old one or the new one. `docs/catalog.md` has the layout.

#![deny(clippy::arithmetic_side_effects)]

mod add;
mod branch;
mod chain;
mod check;
mod checked;
mod compare;
mod doubts;
mod entry;
mod facts;
mod file;
mod file_rows;
mod find;
mod growth;
mod history;
mod index;
mod listing;
mod lives;
mod open;
mod opener;
mod plan;
mod prune;
mod queue;
mod retention;
mod rows;
mod schedule;
mod scope;
mod search;
mod state;
mod table;
mod version;
mod version_rows;
mod wanted;
mod writer;

pub use add::{AddReport, AddedFile, Addition, FailedFile};
pub use branch::{Branch, Labels};
pub use check::{CheckReport, CheckedFile, FileState};
pub use checked::{Added, Checked};
pub use compare::{Absent, BackupPair, ChangedObject, ComparedBackup, Comparison};
pub use doubts::Doubts;
pub use entry::{Entry, FileRow, Lineage, Stamp};
pub use facts::Facts;
pub use file::SCHEMA;
pub use find::{BackupAt, BringBack, FoundObject, FoundObjects, FoundVersion};
pub use growth::{BranchGrowth, Growth, Series};
pub use history::HistorySources;
pub use listing::{ListedBackup, Listing, UnreadFile};
pub use lives::{Change, Holder, Life, Object};
pub use open::Catalog;
pub use opener::Opener;
pub use plan::{FileFate, Plan, Planned};
pub use prune::{Pruned, Refused, sum_without_doubt};
pub use retention::{Fate, Keep};
pub use schedule::{Gap, gaps};
pub use scope::Scope;
pub use search::{ByName, Searched};
pub use table::{BACKUPS, BackupRow, Backups, VERSIONS, VersionRow, Versions};
pub use version::{Half, Version};
pub use version_rows::{VersionRows, VersionsFound};
pub use wanted::{Wanted, kind_of, words};
pub use writer::Writer;
