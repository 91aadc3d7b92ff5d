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
mod cover;
mod entry;
mod judge;
mod report;
mod root;
mod row;
mod save;
mod set;
mod walk;

pub use buckets::{From, Small};
pub use entry::Entry;
pub use judge::{Gap, Horizon, Judged, Rule, Verdict, judge};
pub use report::Report;
pub use root::RootOf;
pub use row::Row;
pub use save::{Job, Only, Saved, read, save};
pub use set::{Pages, Set};
pub use walk::Walked;

use cover::Cover;

use crate::{bolt::carve::Carve, etcd::Revision};

/// How a file is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The page size, where it is known.
    pub page_size: Option<u32>,
    /// Look for pages at every sector: the db is somewhere inside the file.
    pub scan: bool,
}

/// A broken db, read and judged.
#[derive(Debug)]
pub struct Salvage<'a> {
    /// Its pages.
    pub carve: Carve<'a>,
    /// Its records.
    pub set: Set,
    /// Its root buckets, best first.
    pub roots: Vec<RootOf<'a>>,
    /// What the walk over the tree of the best one has seen.
    pub walked: Walked,
    /// What is known of the whole.
    pub horizon: Horizon,
    /// The judgement.
    pub judged: Judged,
}

impl<'a> Salvage<'a> {
    /// Reads and judges all pages in `bytes`; `None` where there is no page of a db.
    #[must_use]
    pub fn read(bytes: &'a [u8], options: &Options) -> Option<Self> {
        let carve = Carve::find(bytes, options.page_size, options.scan)?;
        let mut set = Set::collect(&carve);
        let roots = root::roots(&carve, &set.roots);
        let cover = Cover::new(set.entries.len());
        let tree = roots.first().and_then(|root| root.bucket("key"));
        let walked = tree.map_or_else(Walked::default, |key| walk::walk(&carve, key, &mut set, &cover));
        walk::leaves(&carve, &set, &cover);
        let newer = cover.apply(&mut set.entries);
        set.number(bytes);
        let horizon = horizon(&carve, &set, &roots, &walked, newer > 0);
        let judged = judge(&set.entries, set.keys, &horizon);
        Some(Self { carve, set, roots, walked, horizon, judged })
    }

    /// The last revision that is known: of a record, or of a compaction.
    #[must_use]
    pub fn head(&self) -> i64 {
        let last = self.set.entries.last().map_or(1, |entry| entry.revision.main);
        last.max(self.compacted())
    }

    /// The last compaction, of all root buckets; -1 for none.
    #[must_use]
    pub fn compacted(&self) -> i64 {
        self.roots.iter().filter_map(|root| root.finished.max(root.scheduled)).map(|of| of.main).max().unwrap_or(-1)
    }

    /// Whether every live key is proved, and nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let proved = |(verdict, _): &(Verdict, Rule)| !matches!(verdict, Verdict::Likely | Verdict::Conflicting);
        let certain = self.horizon.closed && !self.horizon.mixed && self.horizon.finished.is_some();
        certain && self.walked.holes == 0 && self.judged.gaps.is_empty() && self.judged.verdicts.iter().all(proved)
    }
}

fn horizon(carve: &Carve<'_>, set: &Set, roots: &[RootOf<'_>], walked: &Walked, newer: bool) -> Horizon {
    let Some(root) = roots.first() else { return Horizon { scheduled: -1, ..Horizon::default() } };
    let last = set.entries.iter().rev().find(|entry| !entry.removed).map_or(Revision::default(), |of| of.revision);
    let main = |revision: Option<Revision>| revision.map_or(-1, |revision| revision.main);
    let beyond = walked.head.is_some_and(|head| head < last);
    let replaced = !root.of_meta && roots.iter().any(|root| root.of_meta);
    Horizon {
        finished: root.has_meta.then(|| main(root.finished)),
        scheduled: main(root.scheduled),
        closed: root.of_meta && walked.head == Some(last),
        mixed: newer || replaced || (beyond && carve.meta().is_some()),
    }
}
