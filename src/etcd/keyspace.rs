//! The `key` bucket, visited in revision order.

use super::{NewestByKey, Record, Revision, Tail};
use crate::{
    Findings,
    bolt::{Bucket, Fold, Leaf, Walk},
};

/// All records of a backend, and where compaction stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keyspace<'a> {
    /// The `key` bucket; `None` when the file has none.
    pub bucket: Option<Bucket<'a>>,
    /// The records behind it that no db holds yet: those of the log.
    pub tail: Tail<'a>,
    /// `meta/finishedCompactRev`: records below are gone, but for the newest of each key.
    pub finished: Option<Revision>,
    /// `meta/scheduledCompactRev`: a compaction that may be half done when it is ahead of `finished`.
    pub scheduled: Option<Revision>,
}

impl<'a> Keyspace<'a> {
    /// The revision below which nothing can be told, or -1: the scheduled compaction when one was not finished,
    /// because etcd finishes it as soon as it starts (`mvcc.restore`).
    #[must_use]
    pub fn compacted(&self) -> i64 {
        self.finished.max(self.scheduled).map_or(-1, |revision| revision.main)
    }

    /// Whether a compaction was begun and not finished.
    #[must_use]
    pub fn compaction_pending(&self) -> bool {
        self.scheduled > self.finished
    }

    /// The current revision of a backend whose last record is at `last` (`mvcc.restore`).
    #[must_use]
    pub fn head(&self, last: Revision) -> i64 {
        last.main.max(self.compacted()).max(1)
    }

    /// What the db itself holds of it.
    #[must_use]
    pub fn without_tail(self) -> Self {
        Self { tail: Tail::default(), ..self }
    }

    /// Visits every record on all cores: each part of the bucket begins with `init` and takes its records in revision
    /// order through `step`; before a leaf's records, `leaf` sees the leaf. The last part is the tail.
    ///
    /// Records that cannot be decoded are left out and told.
    pub fn scan<S: Sync, T: Send>(
        &self,
        walk: &Walk<'a>,
        shared: impl Fn() -> S,
        init: impl Fn() -> T + Sync,
        leaf: impl Fn(&S, &mut T, &Leaf<'_, 'a>) + Sync,
        step: impl Fn(&S, &mut T, &Record<'a>) + Sync,
    ) -> Scan<S, T> {
        let mut fold = walk.fold(
            self.bucket.as_ref(),
            shared,
            || (init(), Findings::default()),
            |shared, (part, findings), page: &Leaf<'_, 'a>| {
                leaf(shared, part, page);
                for item in page.items {
                    match Record::decode(item) {
                        Ok(record) => step(shared, part, &record),
                        Err(finding) => findings.push(finding.page(page.page.id.0)),
                    }
                }
            },
        );
        if !self.tail.is_empty() {
            let mut part = init();
            self.tail.records().for_each(|record| step(&fold.shared, &mut part, &record));
            fold.parts.push((part, Findings::default()));
        }
        Scan(fold)
    }

    /// The newest record of each key, of the records that `counts` says yes to: it sees all of them, as the step of
    /// [`Keyspace::scan`] does.
    pub(super) fn newest<T: Send>(
        &self,
        walk: &Walk<'a>,
        init: impl Fn() -> T + Sync,
        counts: impl Fn(&mut T, &Record<'a>) -> bool + Sync,
    ) -> Scan<NewestByKey<'a>, T> {
        self.scan(
            walk,
            NewestByKey::new,
            init,
            |_, _, _| {},
            |newest, part, record| {
                if counts(part, record) {
                    newest.offer(record);
                }
            },
        )
    }
}

/// What came of a scan.
#[derive(Debug)]
pub struct Scan<S, T>(Fold<S, (T, Findings)>);

impl<S, T> Scan<S, T> {
    /// Returns what was shared and the parts in revision order, and forgets which pages were met and what was wrong,
    /// for a caller that is going to scan again.
    pub fn leave(self) -> (S, Vec<T>) {
        (self.0.shared, self.0.parts.into_iter().map(|(part, _)| part).collect())
    }

    /// Hands the pages that were met to `walk` and what was wrong to `findings`, and returns what was shared and the
    /// parts in revision order.
    pub fn enter(mut self, walk: &mut Walk<'_>, findings: &mut Findings) -> (S, Vec<T>) {
        let parts = std::mem::take(&mut self.0.parts);
        let shared = walk.enter(self.0, findings);
        let mut out = Vec::with_capacity(parts.len());
        for (part, more) in parts {
            out.push(part);
            findings.append(more);
        }
        (shared, out)
    }
}
