//! A backend, open: its small buckets read, its keyspace ready to be visited.

use super::{Keyspace, Record, State};
use crate::{
    Finding, Findings,
    bolt::{Bucket, Db, Leaf, Walk},
    hash::{Crc32c, Crc32cWriter},
};

/// A backend over its bytes.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// What the small buckets say.
    pub state: State,
    /// The `key` bucket.
    pub keyspace: Keyspace<'a>,
    /// What was wrong so far.
    pub findings: Findings,
    pub(super) walk: Walk<'a>,
    /// Every bucket in order, with the sum of its content where it was read already.
    pub(super) buckets: Vec<(Bucket<'a>, Option<Contents>)>,
}

/// What a bucket read whole comes to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Contents {
    pub(super) sum: Crc32c,
    pub(super) items: u64,
}

impl<'a> Snapshot<'a> {
    /// Opens the backend whose file's bytes are `image`, without a trailer.
    ///
    /// # Errors
    /// The finding that keeps the file shut. Everything less is in [`Snapshot::findings`].
    pub fn load(image: &'a [u8]) -> Result<Self, Finding> {
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
        Ok(Self { state, keyspace, findings, walk, buckets })
    }

    /// The file.
    #[must_use]
    pub fn db(&self) -> &Db<'a> {
        self.walk.db()
    }

    /// A walk that has met nothing yet.
    #[must_use]
    pub fn fresh_walk(&self) -> Walk<'a> {
        Walk::new(self.db().clone())
    }

    /// Its buckets, in order.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket<'a>> + '_ {
        self.buckets.iter().map(|(bucket, _)| bucket)
    }

    /// What a small bucket holds, as stored; nothing when there is none. What cannot be read is left out.
    #[must_use]
    pub fn items(&self, name: &str) -> Vec<(&'a [u8], &'a [u8])> {
        let mut items = Vec::new();
        if let Some(bucket) = self.buckets().find(|bucket| bucket.name == name.as_bytes()) {
            // What is wrong in it was told when it was loaded.
            let _: Result<(), ()> = self.fresh_walk().in_order(bucket, &mut Findings::default(), |leaf| {
                items.extend(leaf.items.iter().map(|item| (item.key, item.value)));
                Ok(())
            });
        }
        items
    }

    /// The newest records, oldest first: those of the last leaf. Cheap.
    ///
    /// # Errors
    /// What is wrong with a page on the way there, or with a record.
    pub fn newest_records(&self) -> Result<Vec<Record<'a>>, Finding> {
        let Some(bucket) = &self.keyspace.bucket else { return Ok(Vec::new()) };
        self.fresh_walk().last_leaf(bucket)?.iter().map(Record::decode).collect()
    }

    /// The records of the keys that `wanted` lets through, in order. Those that cannot be read are left out.
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
        scan.leave().1.concat()
    }

    /// Shows `each` every record in order, until that fails. Those that cannot be read go to `findings`.
    ///
    /// # Errors
    /// What `each` says.
    pub fn each_record<E>(
        &self,
        findings: &mut Findings,
        mut each: impl FnMut(Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(bucket) = &self.keyspace.bucket else { return Ok(()) };
        let mut wrong = Findings::default();
        let ended = self.fresh_walk().in_order(bucket, findings, |leaf| {
            for item in leaf.items {
                match Record::decode(item) {
                    Ok(record) => each(record)?,
                    Err(finding) => wrong.push(finding.page(leaf.page.id.0)),
                }
            }
            Ok(())
        });
        findings.append(wrong);
        ended
    }

    /// The names of its buckets, in order.
    pub fn bucket_names(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.buckets.iter().map(|(bucket, _)| bucket.name)
    }
}

/// Adds a leaf's keys and values in order: at one stroke when they stand back to back.
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
