//! What fills a db file: every byte of it is counted once.
//!
//! ```text
//! file ─┬─ live            the newest record of each key that exists
//!       ├─ old revisions   records that a compaction removes
//!       ├─ tombstones      records that delete a key; a compaction removes them, too
//!       ├─ overhead        meta pages, branches, page headers, unused room, other buckets, the trailer
//!       └─ free            pages that no tree leads to
//! ```
//!
//! One pass over the pages counts bytes and keeps for each key its newest record and the sums of its records; one pass
//! over that table decodes the metadata of each live object and adds up the groups. Bytes of a record are those of its
//! revision and its message, as the leaf holds them.

#![deny(clippy::arithmetic_side_effects)]

mod analysis;
mod by;
mod free;
mod group;
mod growth;
mod held;
mod packed;
mod space;
mod tops;

pub use analysis::{Analysis, Encryption, GivesBack, Plaintext, Request};
pub use by::By;
pub use free::FreeValues;
pub use group::Group;
pub use growth::{Grown, Growth};
pub use space::{Free, Overhead, Space};
pub use tops::Top;
