//! Records of runs, in a chain that shows when a record is missing.
//!
//! One JSON record a line: the tool and its own SHA-256, the arguments, host, start and end, every input with its
//! SHA-256 before and after, what was printed with its SHA-256, what was served, the exit code, and the SHA-256 of the
//! line before; with a key, an HMAC of all that as the last member, `,"hmac":"..."}`. A [`Recorder`] writes one,
//! [`check`] reads them all.

mod chain;
mod check;
mod recorder;

pub use chain::Key;
pub use check::{Checked, Fault, check};
pub use recorder::{Printed, Recorder, Served, ServedState};
