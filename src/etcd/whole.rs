//! All changes that a data directory's log has made, where it begins with the first entry: including records that a
//! compaction has removed from the db since.

use hashbrown::HashMap;

use super::{Load, Record, Snapshot, Uncommitted, replay::replay};
use crate::{
    Findings, Result,
    bolt::{Meta, PageId, Tree, Writer},
    source::Source,
    wal::Log,
};

const PAGE_SIZE: u32 = 4096;

impl<'a> Snapshot<'a> {
    /// As [`Snapshot::load`]; with the records that were compacted and that the log still shows. That is all of them
    /// where the log holds every entry from the first on, and its entries, applied to an empty db, give all that the db
    /// holds; else those that are certain: the newest entries, followed back from the db.
    ///
    /// # Errors
    /// As [`Snapshot::load`].
    pub fn load_whole(source: &'a Source, load: &Load) -> Result<Self> {
        let (snapshot, log) = Self::load_with_log(source, load)?;
        let Some(log) = log.filter(|_| load.wal) else { return Ok(snapshot) };
        if snapshot.keyspace.dropped() < 0 || snapshot.findings.damaged() {
            return Ok(snapshot);
        }
        let begins = log.entries().first().is_some_and(|entry| entry.index == 1);
        let whole = if begins { snapshot.whole_of(source, &log) } else { None };
        let Some(whole) = whole else {
            return snapshot.retraced(source, &log);
        };
        let (findings, state) = (snapshot.findings, snapshot.state);
        Ok(Self { findings, state, log: snapshot.log, ..whole })
    }

    /// Result of applying the log's entries, up to the last one of this db, to an empty db; `None` where it is not this
    /// db.
    fn whole_of(&self, source: &'a Source, log: &Log<'a>) -> Option<Self> {
        let mut spool = source.spool();
        spool.write(&empty()?).ok()?;
        let mut whole = Self::open(source.keep(spool).ok()?).ok()?;
        let uncommitted = Some(Uncommitted::Keep);
        let to_index = Some(self.state.meta.consistent_index?);
        let load = Load { wal: true, uncommitted, to_index, to_revision: None, may_be_past: true };
        replay(&mut whole, source, log, &load).ok()?;
        (!whole.findings.damaged() && self.is_left_of(&whole)).then_some(whole)
    }

    /// Whether a compaction of `whole` gives this snapshot.
    fn is_left_of(&self, whole: &Snapshot<'_>) -> bool {
        let dropped = self.keyspace.dropped();
        let mut all: HashMap<&[u8], &[u8]> = HashMap::new();
        let add = |record: Record<'_>| (record.revision.main > dropped).into();
        let (mut newer, mut findings) = (0_usize, Findings::default());
        let every: Result<(), ()> = whole.each_record(&mut findings, |record| {
            newer = newer.saturating_add(add(record));
            all.insert(record.bucket_key, record.message);
            Ok(())
        });
        let mut have = 0_usize;
        let same = self.each_record(&mut findings, |record| {
            have = have.saturating_add(add(record));
            let known = all.get(record.bucket_key).is_some_and(|message| *message == record.message);
            if known { Ok(()) } else { Err(()) }
        });
        every.is_ok() && same.is_ok() && have == newer && !findings.damaged()
    }
}

/// A db without a record.
fn empty() -> Option<Vec<u8>> {
    let size = usize::try_from(PAGE_SIZE).ok()?;
    let mut pages = Writer::new(vec![0; size.checked_mul(2)?], PAGE_SIZE, PageId(2));
    let bucket = pages.finish(Tree::default()).ok()?;
    let mut root = Tree::default();
    pages.push_bucket(&mut root, b"key", bucket).ok()?;
    let root = pages.finish(root).ok()?;
    let (high_water, mut image) = pages.end();
    for txid in [0, 1] {
        let before = Meta { page_size: PAGE_SIZE, root, freelist: None, high_water, txid };
        let (at, page) = before.commit(root, high_water);
        let at = usize::try_from(at).ok()?;
        image.get_mut(at..at.checked_add(page.len())?)?.copy_from_slice(&page);
    }
    Some(image)
}
