//! A broken db, read and judged.

use std::sync::OnceLock;

use serde::Serialize;

use super::{
    candidates::Candidates,
    cover::Cover,
    entry::Entry,
    garbled,
    judge::{Horizon, Judged, Rule, Verdict, judge},
    latest, links,
    root::{self, RootOf},
    set::Set,
    walk::{self, Walked},
    widen::widen,
};
use crate::{
    bolt::{
        PageId,
        carve::{Carve, Votes},
    },
    etcd::Revision,
    source::Source,
};

/// How a file is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The page size, where it is known.
    pub page_size: Option<u32>,
    /// Look for pages at every sector: the db is somewhere inside the file.
    pub scan: bool,
}

/// The most dbs of a file that are read.
const MOST_FILES: usize = 4;

/// Another db in the file, or another piece of the same.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    /// Offset of the other db's page 0 in the file, in bytes; negative where the file lacks the start of that db.
    pub base: i64,
    /// Number of the other db's pages that were found.
    pub pages: u64,
    /// The lowest page number among the pages found.
    pub first_page: u64,
    /// The highest page number among the pages found.
    pub last_page: u64,
    /// Offset of the page with the lowest number in the file, in bytes.
    pub offset: u64,
    /// Whether the other db has none of the page numbers of the db that is read. If so, both may be pieces of one db,
    /// which the file system keeps in several places.
    pub piece: bool,
}

impl Other {
    fn new((carve, votes): (Carve<'_>, Votes), (read, of_read): (Carve<'_>, Votes)) -> Self {
        let apart = votes.last < of_read.first || of_read.last < votes.first;
        Self {
            base: carve.base(),
            pages: votes.pages,
            first_page: votes.first,
            last_page: votes.last,
            offset: carve.offset(PageId(votes.first)).unwrap_or(0),
            piece: apart && carve.page_size() == read.page_size(),
        }
    }
}

/// A broken db, read and judged.
#[derive(Debug)]
pub struct Salvage<'a> {
    /// The pages of the db, in the bytes of the file.
    pub(crate) carve: Carve<'a>,
    /// The records that were found on the pages.
    pub(crate) set: Set,
    /// The root buckets that were found, best first.
    pub(crate) roots: Vec<RootOf<'a>>,
    /// Records that are newer than the state to which the log is added: the log has them, too.
    pub(crate) beyond: Vec<Entry>,
    /// What the walk over the tree of the best root bucket has seen.
    pub(crate) walked: Walked,
    /// Whether the tree of the best root bucket is the latest one: nothing shows a later state.
    pub(crate) latest: bool,
    /// What is known of the whole keyspace.
    pub(crate) horizon: Horizon,
    /// Number of records that were dropped: their revision is far above all others.
    pub(crate) far: u64,
    /// Other dbs in the file, or other pieces of the same.
    pub(crate) others: Vec<Other>,
    /// The verdict on each record, and the gaps between the revisions.
    pub(crate) judged: Judged,
    /// Whether entries of the log are lost, or not added: then later revisions than all that were found may be missing.
    pub(super) log_is_lost: bool,
    /// The SHA-256 at the end of the file. Where it is there, the end of the file is not lost.
    trailer: Option<[u8; 32]>,
    /// The file that is read.
    source: &'a Source,
    /// The place where another thread leaves the SHA-256 of the file.
    sum: Option<&'a Sum>,
    /// The SHA-256 of the file, where no other thread computes it.
    own_sum: Sum,
}

/// The SHA-256 that `snapshot save` appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trailer {
    /// The trailer is the SHA-256 of what is before it.
    Matches,
    /// The trailer is another SHA-256.
    Differs,
    /// The file has no trailer, as no db in use has one.
    Absent,
}

/// The SHA-256 of what is before the trailer of a file; nothing where that cannot be read.
pub(super) type Sum = OnceLock<Option<[u8; 32]>>;

impl<'a> Salvage<'a> {
    /// Reads and judges all pages of the db in `source`; there may be none. Another thread may leave the file's sum in
    /// `sum`: what depends on it waits for that.
    #[must_use]
    pub(super) fn of(source: &'a Source, options: &Options, sum: Option<&'a Sum>) -> Self {
        let bytes = source.db().image();
        let Options { page_size, scan } = *options;
        let mut found = Carve::find_all(bytes, page_size, scan);
        let unread = found.split_off(found.len().min(MOST_FILES));
        let several = found.len() > 1;
        let read = |(carve, votes): (Carve<'a>, Option<Votes>)| {
            let set = Set::collect(&carve);
            let roots = root::roots(&carve, &set.roots);
            (carve, votes, set, roots)
        };
        let mut found: Vec<_> = found.into_iter().map(|(carve, votes)| read((carve, Some(votes)))).collect();
        if several {
            // The newer one comes first.
            found
                .sort_by_cached_key(|(.., set, roots)| std::cmp::Reverse((roots.first().map(RootOf::age), set.last())));
        }
        let others = found.iter().skip(1).filter_map(|(carve, votes, ..)| Some((*carve, (*votes)?))).chain(unread);
        let chosen = found.first().and_then(|(carve, votes, ..)| Some((*carve, (*votes)?)));
        let others = chosen.map_or_else(Vec::new, |chosen| others.map(|other| Other::new(other, chosen)).collect());
        let (carve, _, mut set, roots) = match found.into_iter().next() {
            Some(first) => first,
            None => read((Carve::new(bytes, page_size), None)),
        };
        // A db somewhere in the file is not the one that has the trailer.
        let trailer = source.db().trailer().filter(|_| !scan || (carve.base() == 0 && others.is_empty()));
        let head = roots.iter().find(|root| root.of_meta).map(|root| root.head);
        let head = head.flatten().or_else(|| roots.iter().filter_map(|root| root.head).max());
        let far = set.drop_far(head.map_or(0, |head| head.main));
        let (walked, horizon, judged) = Default::default();
        let mut salvage = Self {
            carve,
            set,
            roots,
            beyond: Vec::new(),
            walked,
            latest: false,
            horizon,
            far,
            others,
            judged,
            log_is_lost: false,
            trailer,
            source,
            sum,
            own_sum: Sum::new(),
        };
        salvage.settle(None);
        salvage
    }

    /// Proves and judges the records; with `head`, those up to there, which a log continues.
    pub(super) fn settle(&mut self, head: Option<i64>) {
        let Self { carve, set, .. } = self;
        if let Some(head) = head {
            let at = set.entries.partition_point(|entry| entry.revision.main <= head);
            self.beyond = set.entries.split_off(at);
        }
        set.forget();
        let cover = Cover::new(set.entries.len());
        let tree = self.roots.first().and_then(|root| root.bucket("key"));
        let (walked, seams) = tree.map_or_else(Default::default, |key| walk::walk(carve, key, set));
        let (runs, branches) = (walk::leaves(carve, set, &cover), links::branches(carve, set));
        let newer = head.is_none() && cover.is_newer(&set.entries);
        self.walked = walked;
        self.latest = !newer && latest::is_latest(&self.set, &self.roots, &walked, head);
        // A compaction removes nothing that is newer.
        let compacted = self.compacted();
        let Self { carve, set, .. } = self;
        let kept = set.entries.partition_point(|entry| entry.revision.main <= compacted);
        let candidates = Candidates::new(&branches, &runs, &cover.removed());
        widen(&branches, &runs, set.entries.len(), &cover);
        for at in candidates.removed(set.entries.len(), kept) {
            cover.remove(at, at.saturating_add(1));
        }
        match (self.latest, self.roots.first()) {
            (true, Some(root)) => {
                latest::delete(set, root, (&mut self.walked, seams, &branches, self.trailer.is_some()), &cover);
            }
            // What it reaches may have been removed since.
            _ => set.entries.iter_mut().for_each(|entry| entry.reached = false),
        }
        cover.apply(&mut set.entries);
        links::link(set, &branches, &runs);
        set.number(carve.bytes());
        self.horizon = match head {
            None => self.horizon(newer),
            // The log has all that is newer.
            Some(_) => {
                let known = self.horizon(false);
                let finished = known.finished.or(self.roots.is_empty().then_some(-1));
                Horizon { finished, closed: !self.log_is_lost, unfinished: false, mixed: false, ..known }
            }
        };
        self.judged = judge(&self.set.entries, self.set.keys, &self.horizon);
        let mut judged = std::mem::take(&mut self.judged);
        let sound = self.is_sound(&judged);
        // A trailer that matches shows that each value is as it was written.
        if !sound || self.trailer.is_none() {
            garbled::doubt_garbled(&self.carve, &self.set.entries, &mut judged, sound);
        }
        self.judged = judged;
    }

    /// Goes back to the state of the root bucket at `page`, whose last revision is `head`; without one, to the
    /// beginning.
    pub(super) fn settle_on(&mut self, page: Option<PageId>, head: i64) {
        self.set.entries.append(&mut self.beyond);
        match page {
            Some(page) => self.roots.sort_by_key(|root| root.page != page),
            None => self.roots.clear(),
        }
        self.settle(Some(head));
    }

    /// What is known of the whole; `newer`: pages show a later state than the tree.
    fn horizon(&self, newer: bool) -> Horizon {
        let Self { set, roots, walked, .. } = self;
        let Some(root) = roots.first() else { return Horizon { scheduled: -1, ..Horizon::default() } };
        let last = set.entries.iter().rev().find(|entry| !entry.removed).map_or(Revision::default(), |of| of.revision);
        let main = |revision: Option<Revision>| revision.map_or(-1, |revision| revision.main);
        let replaced = !root.of_meta && roots.iter().any(|root| root.of_meta);
        Horizon {
            finished: root.has_meta.then(|| main(root.finished)),
            scheduled: main(root.scheduled),
            begins: walked.begins && self.latest,
            closed: self.latest
                && walked.head == Some(last)
                && (root.of_meta || self.is_accounted_for())
                && !self.log_is_lost,
            // A snapshot was copied by one transaction of bbolt.
            unfinished: self.trailer.is_none() && may_lack_its_end(&set.entries),
            mixed: newer || replaced || self.far > 0 || !self.others.is_empty() || (root.of_meta && !self.latest),
        }
    }

    /// Whether the newest root bucket is surely that of the file although no valid meta names it: its tree is whole,
    /// and no page is lost that could hold something newer.
    fn is_accounted_for(&self) -> bool {
        let (meta, end) = (self.carve.meta(), self.carve.range().end);
        let ends = meta.map_or(self.trailer.is_some(), |meta| meta.high_water.0 <= end);
        self.walked.holes == 0 && ends && self.has_all_pages()
    }

    /// Whether nothing shows that a page was overwritten; where there is a trailer, whether it matches.
    fn is_sound(&self, judged: &Judged) -> bool {
        let Self { set, walked, .. } = self;
        let is_hit = |entry: &Entry| entry.reached && (entry.erased || entry.differs);
        let damaged = walked.holes > 0
            || !judged.gaps.is_empty()
            || judged.missing_below > 0
            || !self.has_all_pages()
            || set.entries.iter().any(is_hit);
        !damaged && self.trailer() != Trailer::Differs
    }

    /// Compares the trailer, if there is one. Reads the whole file, where nobody else does.
    #[must_use]
    pub fn trailer(&self) -> Trailer {
        let Some(trailer) = self.trailer else { return Trailer::Absent };
        let sum = match self.sum {
            Some(sum) => *sum.wait(),
            None => *self.own_sum.get_or_init(|| self.source.db().digests(|_| ()).ok().map(|digests| digests.image)),
        };
        if sum == Some(trailer) { Trailer::Matches } else { Trailer::Differs }
    }

    /// Whether no page is lost that could hold something.
    fn has_all_pages(&self) -> bool {
        let root = self.carve.meta().map(|meta| meta.root);
        self.set.lost.iter().all(|(page, count)| *count == 1 && Some(*page) == root)
    }

    /// The last revision that is known: of a record, or of a compaction.
    #[must_use]
    pub(crate) fn head(&self) -> i64 {
        let last = self.set.entries.last().map_or(1, |entry| entry.revision.main);
        last.max(self.compacted())
    }

    /// The last compaction, of all root buckets; -1 for none.
    #[must_use]
    pub(crate) fn compacted(&self) -> i64 {
        self.roots.iter().map(RootOf::compacted).max().unwrap_or(-1)
    }

    /// Whether every live key is proved, and nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let proved = |(verdict, _): &(Verdict, Rule)| !matches!(verdict, Verdict::Likely | Verdict::Conflicting);
        let Horizon { closed, unfinished, mixed, .. } = self.horizon;
        let certain = closed && !unfinished && !mixed && self.horizon.finished.is_some();
        let missing = self.judged.gaps.len() as u64 | self.judged.missing_below;
        certain && self.walked.holes == 0 && missing == 0 && self.judged.verdicts.iter().all(proved)
    }
}

/// Whether the last of the records, which are in order, may be in the middle of its transaction: the page that it is on
/// may be newer than the pages before, and the page that follows it be lost. That is so where other transactions have
/// several records: with puts, or with deletions only, as those of a lease that expires, where the last record is a
/// deletion.
fn may_lack_its_end(entries: &[Entry]) -> bool {
    let Some(last) = entries.iter().rev().find(|entry| !entry.removed) else { return false };
    let (before, after) = (entries.iter(), entries.iter().skip(1));
    before.zip(after).any(|(before, after)| {
        let puts = !before.tombstone || !after.tombstone;
        before.revision.main == after.revision.main && (puts || last.tombstone)
    })
}
