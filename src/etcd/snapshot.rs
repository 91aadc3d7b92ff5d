//! An open backend: its small buckets are read, its keyspace is ready to be visited.

use std::collections::BTreeMap;

use super::{Keyspace, Record, Replayed, Retraced, Revision, State, replay::Edits};
use crate::{
    Finding, Findings,
    bolt::{Bucket, Db, Leaf, Walk},
    hash::{Crc32c, Crc32cWriter},
    source::Part,
};

/// A backend over its bytes.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The content of the small buckets.
    pub state: State,
    /// The `key` bucket.
    pub keyspace: Keyspace<'a>,
    /// Findings of the opening: about the metas, the small buckets and the log. A read of the records returns these and
    /// its own.
    pub findings: Findings,
    /// Result of the replay of a data directory's log; `None` where there is no log, or it was left out.
    pub log: Option<Replayed>,
    /// The db that was opened, where that is not the source's own: the one that the leader sent.
    pub(crate) received: Option<&'a Part>,
    /// What the log shows of compacted revisions; [`Snapshot::load_whole`] alone asks it.
    pub retraced: Option<Retraced<'a>>,
    /// Changes of the small buckets by the log.
    pub(super) edits: Edits,
    /// A walk that has visited the pages of the small buckets.
    pub(super) walk: Walk<'a>,
    /// Every bucket in order, with the sum of its content where it was read already.
    pub(super) buckets: Vec<(Bucket<'a>, Option<Contents>)>,
}

/// Sum of a bucket that was read completely.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contents {
    pub(super) sum: Crc32c,
    pub(super) items: u64,
}

impl<'a> Snapshot<'a> {
    /// Opens the backend whose file's bytes are `image`, without a trailer; [`Snapshot::load`] opens a backup with all
    /// that belongs to it.
    ///
    /// # Errors
    /// The finding that makes it impossible to open the file. All other findings are in [`Snapshot::findings`].
    pub fn open(image: &'a [u8]) -> Result<Self, Finding> {
        let db = Db::open(image)?;
        let mut findings = db.check_metas();
        let mut walk = Walk::new(db);
        let (mut buckets, mut keyspace, mut state) = (Vec::new(), Keyspace::default(), State::default());
        for bucket in walk.buckets(&mut findings) {
            if bucket.name == b"key" {
                keyspace.bucket = Some(bucket);
                buckets.push((bucket, None));
                continue;
            }
            let fold = walk.fold(
                Some(&bucket),
                || (),
                Default::default,
                |(), (sum, items): &mut (Crc32cWriter, Vec<_>), leaf| {
                    hash_leaf(sum, leaf);
                    items.extend(leaf.items.iter().map(|item| (*item, leaf.page.id)));
                },
            );
            let mut contents = Contents::default();
            for (sum, items) in &fold.parts {
                contents.sum = contents.sum.join(sum.finish());
                contents.items = contents.items.saturating_add(items.len() as u64);
                for (item, page) in items {
                    if let Err(finding) = state.take(bucket.name, item) {
                        findings.push(finding.at(item.offset).page(page.0).key(item.key));
                    }
                }
            }
            walk.enter(fold, &mut findings);
            buckets.push((bucket, Some(contents)));
        }
        state.settle();
        keyspace.finished = state.meta.finished_compact_rev;
        keyspace.scheduled = state.meta.scheduled_compact_rev;
        keyspace.begun = keyspace.scheduled;
        Ok(Self {
            state,
            keyspace,
            findings,
            log: None,
            received: None,
            retraced: None,
            edits: Edits::default(),
            walk,
            buckets,
        })
    }

    /// The db file.
    #[must_use]
    pub fn db(&self) -> &Db<'a> {
        self.walk.db()
    }

    /// Joins the findings of the opening and `more`.
    pub(super) fn findings_and(&self, more: Findings) -> Findings {
        let mut findings = self.findings.clone();
        findings.append(more);
        findings
    }

    /// A walk that has visited no page yet.
    #[must_use]
    pub fn fresh_walk(&self) -> Walk<'a> {
        Walk::new(self.db().clone())
    }

    /// The buckets, in order.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket<'a>> + '_ {
        self.buckets.iter().map(|(bucket, _)| bucket)
    }

    /// Content of a small bucket, as stored or as changed by the log; empty when there is no such bucket. Items that
    /// cannot be read are left out.
    #[must_use]
    pub fn items(&self, name: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut items = BTreeMap::new();
        if let Some(bucket) = self.buckets().find(|bucket| bucket.name == name.as_bytes()) {
            // Errors in it were reported when it was loaded.
            let _: Result<(), ()> = self.fresh_walk().in_order(bucket, &mut Findings::default(), |leaf| {
                items.extend(leaf.items.iter().map(|item| (item.key.to_vec(), item.value.to_vec())));
                Ok(())
            });
        }
        self.edits.apply(name, &mut items);
        items
    }

    /// The small buckets that the log changes.
    pub fn edited(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.edits.buckets()
    }

    /// The last revision, including the records of the log. Cheap.
    ///
    /// # Errors
    /// As [`Snapshot::newest_records`].
    pub fn head(&self) -> Result<i64, Finding> {
        let newest = self.newest_records()?;
        Ok(self.keyspace.head(newest.last().map_or(Revision::default(), |record| record.revision)))
    }

    /// The newest records, oldest first: those of the last leaf, and those of the log. Cheap.
    ///
    /// # Errors
    /// A finding about a page on the way there, or about a record.
    pub fn newest_records(&self) -> Result<Vec<Record<'a>>, Finding> {
        let mut items = match &self.keyspace.bucket {
            Some(bucket) => self.fresh_walk().last_leaf(bucket)?,
            None => Vec::new(),
        };
        items.extend(self.keyspace.log_records.items());
        items.iter().map(Record::decode).collect()
    }

    /// The records of the keys for which `wanted` is true, in order. Those that cannot be read are left out.
    #[must_use]
    pub fn records(&self, wanted: impl Fn(&[u8]) -> bool + Sync) -> Vec<Record<'a>> {
        let scan = self.keyspace.scan(
            &self.fresh_walk(),
            || (),
            Vec::new,
            |(), _, _| {},
            |(), records, record| {
                if wanted(record.kv.key) {
                    records.push(*record);
                }
            },
        );
        let mut records = scan.parts.concat();
        records.sort_by_key(|record| record.revision);
        records
    }

    /// Calls `each` with every record in order, those of the log last, until that fails. Records that cannot be read go
    /// to `findings`.
    ///
    /// # Errors
    /// The error that `each` returns.
    pub fn each_record<E>(
        &self,
        findings: &mut Findings,
        each: impl FnMut(Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_from(None, findings, each)
    }

    /// As [`Snapshot::each_record`], for the records whose main revision is `revision` or greater: the events of a
    /// watch that begins there. The first is found by a seek in the tree, and pages that hold only older records are
    /// not read.
    ///
    /// # Errors
    /// The error that `each` returns.
    pub fn each_record_from<E>(
        &self,
        revision: i64,
        findings: &mut Findings,
        each: impl FnMut(Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_from(Some(Revision::first(revision.max(0))), findings, each)
    }

    fn each_from<E>(
        &self,
        first: Option<Revision>,
        findings: &mut Findings,
        mut each: impl FnMut(Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = first.map(|first| first.to_bucket_key(false));
        let older = |key: &[u8]| from.as_deref().is_some_and(|from| key < from);
        let mut earlier = self.keyspace.earlier.records().filter(|record| !older(record.bucket_key)).peekable();
        if let Some(bucket) = &self.keyspace.bucket {
            let (mut wrong, walk) = (Findings::default(), self.fresh_walk());
            let step = |leaf: &Leaf<'_, 'a>| {
                for item in leaf.items.iter().filter(|item| !older(item.key)) {
                    while let Some(record) = earlier.next_if(|record| record.bucket_key < item.key) {
                        each(record)?;
                    }
                    match Record::decode(item) {
                        Ok(record) => each(record)?,
                        Err(finding) => wrong.push(finding.page(leaf.page.id.0)),
                    }
                }
                Ok(())
            };
            let ended = match &from {
                Some(from) => walk.seek(bucket, from, findings, step),
                None => walk.in_order(bucket, findings, step),
            };
            findings.append(wrong);
            ended?;
        }
        earlier.try_for_each(&mut each)?;
        self.keyspace.log_records.records().filter(|record| !older(record.bucket_key)).try_for_each(each)
    }

    /// The names of the buckets, in order.
    pub fn bucket_names(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.buckets.iter().map(|(bucket, _)| bucket.name)
    }
}

/// Adds a leaf's keys and values in order: in one step when they are contiguous.
#[inline]
pub(super) fn hash_leaf(sum: &mut Crc32cWriter, leaf: &Leaf<'_, '_>) {
    match leaf.run {
        Some(run) => sum.update(run),
        None => leaf.items.iter().for_each(|item| {
            sum.update(item.key);
            sum.update(item.value);
        }),
    }
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{
        Code,
        etcd::Load,
        source::{Options, Source},
    };

    fn from(snapshot: &Snapshot<'_>, revision: i64) -> (Vec<Revision>, Findings) {
        let (mut got, mut findings) = (Vec::new(), Findings::default());
        let all: Result<(), Infallible> = snapshot.each_record_from(revision, &mut findings, |record| {
            got.push(record.revision);
            Ok(())
        });
        all.unwrap();
        (got, findings)
    }

    #[test]
    fn records_from_a_revision_on_are_those_that_a_scan_finds() {
        for fixture in ["small.db", "kube-later.db", "compacted.db", "pages-64k.db", "datadir-3.6.tar.gz"] {
            let source = Source::open(format!("fixtures/{fixture}").as_ref(), &Options::default()).unwrap();
            let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
            let all: Vec<_> = snapshot.records(|_| true).iter().map(|record| record.revision).collect();
            let head = snapshot.head().unwrap();
            for revision in (-1..=head + 1).step_by((head / 40 + 1) as usize).chain([head, head + 1, i64::MAX]) {
                let want: Vec<_> = all.iter().copied().filter(|of| of.main >= revision).collect();
                let (got, findings) = from(&snapshot, revision);
                assert_eq!((got, findings.list()), (want, &[][..]), "{fixture} from {revision}");
            }
        }
    }

    #[test]
    fn older_pages_are_not_read_and_broken_ones_are_found() {
        let mut image = std::fs::read("fixtures/kube-later.db").unwrap();
        image.truncate(image.len() - 32);
        let records: Vec<_> =
            Snapshot::open(&image).unwrap().records(|_| true).iter().map(|of| (of.revision, of.offset)).collect();
        let starts = |at: &usize| image[*at..*at + 8] == (*at as u64 / 4096).to_le_bytes();
        let mut leaves: Vec<_> =
            records.iter().map(|(_, offset)| *offset as usize / 4096 * 4096).filter(starts).collect();
        leaves.dedup();
        let last = records.last().unwrap().0;
        for at in &leaves[..leaves.len() - 1] {
            image[*at] ^= 0xff;
        }
        let broken = Snapshot::open(&image).unwrap();
        let (got, findings) = from(&broken, last.main);
        let want: Vec<_> = records.iter().map(|(revision, _)| *revision).filter(|of| of.main == last.main).collect();
        assert_eq!((got, findings.list()), (want, &[][..]));
        let (got, findings) = from(&broken, 0);
        assert_eq!(findings.list().iter().filter(|finding| finding.code == Code::PageId).count(), leaves.len() - 1);
        assert!(got.ends_with(&[last]) && got.len() < records.len());
    }
}
