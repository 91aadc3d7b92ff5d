//! A change of a member's directory as JSON: what `force-new-cluster -o json` and `migrate -o json` print.

use std::path::PathBuf;

use serde::Serialize;

use super::{PlannedChange, Rewritten};
use crate::{
    error::Next,
    verify::{Checked, Report},
};

/// A change that was done, or only planned.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'r, P> {
    dry_run: bool,
    plan: &'r P,
    source: Checked<'r>,
    #[serde(flatten)]
    done: Option<Done<'r>>,
}

#[derive(Debug, Serialize)]
struct Done<'r> {
    files: Vec<String>,
    kept: Vec<String>,
    warnings: &'r [&'static str],
    #[serde(flatten)]
    next: &'r Next,
}

impl<'r, P: PlannedChange + Serialize> Document<'r, P> {
    /// The document of a `plan` for the directory of `report`.
    pub fn planned(plan: &'r P, report: &'r Report) -> Self {
        Self { dry_run: true, plan, source: report.checked(), done: None }
    }

    /// The document of a `plan` that was carried out.
    pub fn done(plan: &'r P, done: &'r Rewritten, next: &'r Next) -> Self {
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
        let (files, kept) = (paths(&done.files), paths(&done.kept));
        let done_part = Done { files, kept, warnings: done.warnings(), next };
        Self { dry_run: false, plan, source: done.report.checked(), done: Some(done_part) }
    }
}
