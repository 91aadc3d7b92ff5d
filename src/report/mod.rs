//! One page about a backup, to look at and to send on: verdict, summary, what fills it, what changed.
//!
//! ```text
//! verify::Report ──┐
//! analyze::Analysis ├─> Report ─> html: style, script and data in one file
//! diff::changes  ──┘
//! ```
//!
//! Names of Secrets and of Events about them, and whatever is masked elsewhere, are masked; values are not in it at
//! all.

#![deny(clippy::arithmetic_side_effects)]

mod changes;
mod gather;
mod names;
mod page;

use serde::Serialize;

pub use changes::Changes;
pub(crate) use changes::Listed;

use crate::analyze::Top;

/// What the page shows. Its JSON is what the script in the page reads, and no document of its own.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The file, as the user named it.
    pub path: String,
    /// The verdict of `verify`.
    pub verdict: String,
    /// The verdict in words.
    pub words: String,
    /// Names and values.
    pub summary: Vec<(String, String)>,
    /// The parts of the file.
    pub space: Vec<Part>,
    /// Sums by kind and namespace.
    pub groups: Vec<Sum>,
    /// The live keys with the biggest values.
    pub biggest: Vec<Top>,
    /// The keys with the most records.
    pub most_revisions: Vec<Top>,
    /// Severity, code, text and hint of each finding.
    pub findings: Vec<[String; 4]>,
    /// A minute, and how much was created, updated and deleted in it.
    pub minutes: Vec<(String, u64, u64, u64)>,
    /// The last changes, the newest first.
    pub changes: Vec<Listed>,
    /// Notes to the reader, such as how many changes are not listed; each is a sentence.
    pub notes: Vec<String>,
}

/// A part of the file.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// `live`.
    pub name: &'static str,
    /// Bytes of the part.
    pub bytes: u64,
}

/// Sums of the keys of one kind in one namespace.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// The kind.
    pub kind: String,
    /// The namespace; `-` for none.
    pub namespace: String,
    /// Live keys.
    pub keys: u64,
    /// Bytes of live records, of old ones, of tombstones.
    pub live: u64,
    /// See [`Sum::live`].
    pub old: u64,
    /// See [`Sum::live`].
    pub tombstones: u64,
    /// Bytes of managedFields, and of the manifests of `kubectl apply`.
    pub managed_fields: u64,
    /// See [`Sum::managed_fields`].
    pub last_applied: u64,
}
