//! Making a data directory out of a snapshot.

mod manifest;

pub use manifest::Manifest;
