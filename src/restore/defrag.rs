//! A smaller copy of a snapshot: a new db without free pages, as etcd's `defrag` makes one, and without the history
//! that a compaction removes.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Done, Facts, Options, Plan, SaveJob, save};
use crate::{
    Code, Finding, Result,
    bytes::{counted, size},
    error::Next,
    etcd::{Compact, Load},
    publish::Watch,
    source::Source,
    verify::Checked,
};

/// A copy that was made.
#[derive(Debug)]
pub struct Defragged<'a> {
    /// The plan that was carried out.
    pub plan: Plan<'a>,
    /// The copy, and the report on the backup.
    pub done: Done,
    /// The revision that the copy is compacted at, or -1.
    pub compacted: i64,
}

/// Makes a copy of `source`, read as `load` asks for, without free pages and without the history before `compact`.
///
/// # Errors
/// Any error; then there is no file.
pub fn defrag<'a>(
    source: &'a Source,
    load: &Load,
    compact: Option<Compact>,
    job: &SaveJob,
    watch: Watch<'_>,
) -> Result<Defragged<'a>> {
    job.recover()?;
    job.look()?;
    let wanted = Options::copy(compact);
    let facts = Facts::gather(source, load, &wanted.carry)?;
    let plan = Plan::make(&facts, &wanted)?;
    let compacted = plan.changes.compact_to.unwrap_or(facts.compacted);
    let done = save(source, &plan, job, watch)?;
    Ok(Defragged { plan, done, compacted })
}

/// What a restore warns about, and is nothing new in a copy.
const OF_A_RESTORE: [Code; 4] = [Code::NoBump, Code::Auth, Code::Alarm, Code::Downgrade];

impl Defragged<'_> {
    /// Warnings about the copy.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.plan.warnings.iter().filter(|warning| !OF_A_RESTORE.contains(&warning.code))
    }

    /// What was done, in lines for people, each with the name of what it is about.
    #[must_use]
    pub fn lines(&self, to: &str) -> Vec<(&'static str, String)> {
        let Plan { kind, version, revision, log, changes, .. } = &self.plan;
        let version = version.as_ref().map_or(String::new(), |version| format!("storage version {version}, "));
        let before = self.plan.total_size;
        let mut lines = vec![("from", format!("{kind}, {version}revision {revision}, {}", size(before)))];
        lines.extend(log.as_ref().filter(|log| log.entries > 0).map(|log| {
            let (n, to) = (log.entries, log.to_index);
            ("log", format!("{} applied, to entry {to}", counted(n, "entry")))
        }));
        lines.push(("checked", self.done.report.in_words()));
        let restored = self.done.restored;
        let mut what = format!("{to}: revision {}, {}", restored.revision, counted(restored.total_key, "key"));
        match changes.compact_to {
            Some(at) => _ = write!(what, ", compacted at {at}"),
            None if self.compacted >= 0 => _ = write!(what, ", compacted at {} as before", self.compacted),
            None => {}
        }
        lines.push(("written", format!("{what}, status hash {:x}", restored.hash)));
        let after = restored.total_size;
        let less = before.checked_sub(after).filter(|less| *less > 0);
        let less = less.map_or(String::new(), |less| format!(", {} less", size(less)));
        lines.push(("size", format!("{} before, {} now{less}", size(before), size(after))));
        lines
    }

    /// The document that `defrag -o json` prints; `next` are the steps after it.
    #[must_use]
    pub fn document(&self, next: Next) -> impl Serialize + '_ {
        Document {
            source: self.done.report.checked(),
            kind: self.plan.kind.to_string(),
            size_before: self.plan.total_size,
            compact_revision: self.compacted,
            warnings: self.warnings().collect(),
            written: &self.done,
            next,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    source: Checked<'d>,
    kind: String,
    size_before: u64,
    compact_revision: i64,
    warnings: Vec<&'d Finding>,
    written: &'d Done,
    #[serde(flatten)]
    next: Next,
}
