//! The outcome of an export as a JSON document.

use std::path::Path;

use etcdsnap::export::{Lack, Need, Who, Written};
use serde::Serialize;

use super::text::Outcome;

/// What was exported, changed and left out, and what is needed besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    folder: String,
    exported: u64,
    changed: Vec<String>,
    needs: Vec<Needed>,
    left_out: Vec<Counted>,
    manifest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<String>,
    next: Vec<String>,
}

/// An object that is needed and was not exported.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Needed {
    #[serde(flatten)]
    object: Who,
    needed_by: Who,
    count: u64,
    in_backup: bool,
    why: String,
}

/// So many objects, and why.
#[derive(Serialize)]
struct Counted {
    why: String,
    count: u64,
}

impl Outcome<'_, '_, '_> {
    /// The document of the folder that was written.
    pub(super) fn document(&self, written: &Written) -> Document {
        let name = |path: &Path| path.display().to_string();
        let needed = |need: &Need| Needed {
            object: self.exporter.who(&need.key),
            needed_by: self.exporter.who(&need.by),
            count: need.count,
            in_backup: need.lack != Lack::Absent,
            why: need.lack.to_string(),
        };
        let counted = |(why, count): (&etcdsnap::export::Why, &u64)| Counted { why: why.to_string(), count: *count };
        Document {
            folder: name(&written.folder),
            exported: self.tally.exported,
            changed: self.changed(),
            needs: self.tally.needs.iter().map(needed).collect(),
            left_out: self.tally.left_out.iter().map(counted).collect(),
            manifest: name(&written.manifest),
            doubt: written.doubt.as_deref().map(name),
            next: self.next(&written.folder),
        }
    }
}
