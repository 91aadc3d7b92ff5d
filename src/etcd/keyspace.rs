//! The `key` bucket, visited in revision order.

use super::{AddedRecords, Depth, NewestByKey, Record, Revision, state::compacted};
use crate::{
    Findings,
    bolt::{Bucket, Leaf, PageSet, Walk},
};

/// All records of a backend, and how far it is compacted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keyspace<'a> {
    /// The `key` bucket; `None` when the file has none.
    pub(crate) bucket: Option<Bucket<'a>>,
    /// The records of the log, after those of the bucket, that the db does not hold yet.
    pub(crate) log_records: AddedRecords<'a>,
    /// Records that only a log still holds, because a compaction has removed them from the bucket.
    pub(crate) earlier: AddedRecords<'a>,
    /// The first revision from which on these and the bucket hold every record.
    pub(crate) earlier_from: Option<i64>,
    /// `meta/finishedCompactRev`: records below are gone, but for the newest of each key.
    pub(crate) finished: Option<Revision>,
    /// `meta/scheduledCompactRev`: a compaction that may be half done when it is ahead of `finished`.
    pub(crate) scheduled: Option<Revision>,
    /// Compacted revision of the db alone, without its log.
    pub(crate) begun: Option<Revision>,
}

impl<'a> Keyspace<'a> {
    /// How far the db is compacted.
    #[must_use]
    pub(crate) fn depth(&self) -> Depth {
        Depth { finished: self.finished.map_or(-1, |revision| revision.main), dropped: self.dropped() }
    }

    /// The revision below which the state is not known, or -1.
    #[must_use]
    pub fn compacted(&self) -> i64 {
        compacted(self.finished, self.scheduled)
    }

    /// The revision up to which records may be gone, or -1: a compaction that only the log asks for has removed none
    /// yet.
    #[must_use]
    pub fn dropped(&self) -> i64 {
        if let Some(first) = self.earlier_from {
            return first.saturating_sub(1);
        }
        self.finished.max(self.begun).map_or(-1, |revision| revision.main)
    }

    /// Whether a compaction was started and not finished.
    #[must_use]
    pub(crate) fn compaction_pending(&self) -> bool {
        self.scheduled > self.finished
    }

    /// The current revision of a backend whose last record is at `last` (`mvcc.restore`).
    #[must_use]
    pub(crate) fn head(&self, last: Revision) -> i64 {
        last.main.max(self.compacted()).max(1)
    }

    /// Keyspace of the db alone, without its log.
    #[must_use]
    pub(crate) fn without_log(self) -> Self {
        Self { log_records: AddedRecords::default(), ..self }
    }

    /// Visits every record on all cores: each part of the bucket begins with `init` and takes its records in revision
    /// order through `step`; before a leaf's records, `leaf` sees the leaf. The last part holds the records of the log.
    ///
    /// Records that cannot be decoded are left out and reported. The earlier records are a part of their own, the
    /// first: where there are some, the parts are not in revision order.
    pub(crate) fn scan<S: Sync, T: Send>(
        &self,
        walk: &Walk<'a>,
        shared: impl Fn() -> S,
        init: impl Fn() -> T + Sync,
        leaf: impl Fn(&S, &mut T, &Leaf<'_, 'a>) + Sync,
        step: impl Fn(&S, &mut T, &Record<'a>) + Sync,
    ) -> Scan<S, T> {
        let fold = walk.fold(
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
        let (shared, mut findings) = (fold.shared, fold.findings);
        let mut parts = Vec::with_capacity(fold.parts.len().saturating_add(2));
        if !self.earlier.is_empty() {
            let mut part = init();
            self.earlier.records().for_each(|record| step(&shared, &mut part, &record));
            parts.push(part);
        }
        for (part, more) in fold.parts {
            parts.push(part);
            findings.append(more);
        }
        if !self.log_records.is_empty() {
            let mut part = init();
            self.log_records.records().for_each(|record| step(&shared, &mut part, &record));
            parts.push(part);
        }
        Scan { shared, parts, findings, met: fold.met }
    }

    /// The newest record of each key, of the records for which `counts` is true: it sees all of them, as the step of
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

/// Result of a scan of all records.
#[derive(Debug)]
pub(crate) struct Scan<S, T> {
    /// The context that all parts shared.
    pub(crate) shared: S,
    /// The parts, in revision order.
    pub(crate) parts: Vec<T>,
    /// Findings about the pages, then about the records on them, in revision order.
    pub findings: Findings,
    /// The pages visited, including those that the walk had visited before.
    pub(crate) met: PageSet,
}
