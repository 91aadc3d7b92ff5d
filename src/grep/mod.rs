//! A search for text in every string of every object, of the live ones or of every stored revision, and in free pages.
//!
//! ```text
//! stored value ─> prefilter: may it hold the text? ─> opened, decoded ─> walk: each string, with its path ─> Hit
//! free pages   ─> bytes ─> FreeHit
//! ```
//!
//! A pattern that begins with text, as most do, is looked for in the stored bytes first, and only a value that has it
//! is decoded: protobuf stores strings as they are. What is stored otherwise (times, numbers, encrypted values, JSON
//! with escapes, also within protobuf) is always decoded, so the prefilter never loses a match.

#![deny(clippy::arithmetic_side_effects)]

mod free;
mod hit;
mod pattern;
mod place;
mod search;
mod walk;

pub use free::{FreeHit, search_free};
pub use hit::{Hit, ValueHits};
pub use pattern::{Pattern, Words};
pub use place::Place;
pub use search::Search;
