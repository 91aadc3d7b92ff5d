//! What is changed in the db, and the two ways to write it: over a staged copy, as one transaction that writes to no page
//! that can be reached; or afresh, without free pages and without what a compaction gives up.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    os::unix::fs::FileExt as _,
};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    Finding, Findings,
    bolt::{PageId, Tree, Writer},
    etcd::{Compaction, Record, Revision, Snapshot, Tail, tombstone},
};

/// What a small bucket holds, in key order.
pub type Items = Vec<(Vec<u8>, Vec<u8>)>;

/// What is changed in the db.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// Small buckets, and all that they hold then.
    pub buckets: BTreeMap<&'static str, Items>,
    /// The records that the log adds.
    pub tail: Tail<'a>,
    /// The revision behind which the db's records are left out.
    pub cut_after: Option<i64>,
    /// The revision that deletes keys.
    pub deleted_at: Option<i64>,
    /// The keys that it deletes, in order.
    pub deleted: Vec<Vec<u8>>,
    /// The revision of the empty record that raises the count.
    pub bump_to: Option<i64>,
    /// The revision before which history is given up.
    pub compact_to: Option<i64>,
    /// Whether the db is written afresh.
    pub defrag: bool,
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Changes", 8)?;
        fields.serialize_field("buckets", &self.buckets.keys().collect::<Vec<_>>())?;
        fields.serialize_field("recordsAdded", &self.tail.items().count())?;
        fields.serialize_field("cutAfter", &self.cut_after)?;
        fields.serialize_field("deletedKeys", &self.deleted.len())?;
        fields.serialize_field("deletedAt", &self.deleted_at)?;
        fields.serialize_field("bumpTo", &self.bump_to)?;
        fields.serialize_field("compactTo", &self.compact_to)?;
        fields.serialize_field("defrag", &self.defrag)?;
        fields.end()
    }
}

/// Why the changes could not be written.
#[derive(Debug)]
pub(super) enum Fault {
    /// Because of the db as it is.
    Damaged(Finding),
    /// Because of the disk.
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The output goes to disk in steps of so many bytes.
const BUFFER: usize = 1 << 20;

impl Changes<'_> {
    /// Writes them behind the pages of `snapshot`, which is what `file` holds, and makes them count.
    pub(super) fn write_over(&self, snapshot: &Snapshot<'_>, mut file: &File) -> Result<(), Fault> {
        let db = snapshot.db();
        let (meta, start) = (*db.meta(), db.size());
        // A trailer, or what a live db has allocated ahead, is no part of it.
        file.set_len(start)?;
        file.seek(SeekFrom::Start(start))?;
        let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, file), meta.page_size, meta.high_water);
        let mut roots: BTreeMap<Vec<u8>, PageId> = BTreeMap::new();
        for (name, items) in &self.buckets {
            roots.insert(name.as_bytes().to_vec(), small(&mut writer, items)?);
        }
        if self.adds_records() {
            let key = snapshot.keyspace.bucket.as_ref();
            let mut tree = match key {
                Some(bucket) => Writer::<&File>::resume(db, bucket).map_err(Fault::Damaged)?,
                None => Tree::default(),
            };
            self.push_records(&mut writer, &mut tree, None)?;
            roots.insert(b"key".to_vec(), writer.finish(tree)?);
        }
        let mut root = Tree::default();
        let kept = snapshot.buckets().map(|bucket| (bucket.name, Err(bucket)));
        let written = roots.iter().map(|(name, page)| (name.as_slice(), Ok(*page)));
        let all: BTreeMap<_, _> = kept.chain(written).collect();
        for (name, new) in all {
            match new {
                Ok(page) => writer.push_bucket(&mut root, name, page)?,
                Err(bucket) => writer.keep_bucket(&mut root, bucket)?,
            }
        }
        let root = writer.finish(root)?;
        let (high_water, mut out) = writer.end();
        out.flush()?;
        drop(out);
        // First the pages, then the meta that leads to them.
        file.sync_data()?;
        let (at, page) = meta.commit(root, high_water);
        file.write_all_at(&page, at)?;
        Ok(())
    }

    /// Writes `snapshot` with the changes into `file`, which is empty, telling `progress` how many bytes were written;
    /// it says `false` to stop. What is wrong on the way goes to `findings`.
    pub(super) fn write_fresh(
        &self,
        snapshot: &Snapshot<'_>,
        mut file: &File,
        findings: &mut Findings,
        progress: &dyn Fn(u64) -> bool,
    ) -> Result<(), Fault> {
        let (meta, walk) = (*snapshot.db().meta(), snapshot.fresh_walk());
        let compaction = self.compact_to.map(|at| snapshot.compaction(at));
        let first = PageId(2);
        file.seek(SeekFrom::Start(first.0.saturating_mul(meta.page_size.into())))?;
        let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, file), meta.page_size, first);
        let mut roots: BTreeMap<Vec<u8>, PageId> = BTreeMap::new();
        let mut written = 0_u64;
        for bucket in snapshot.buckets() {
            if self.buckets.keys().any(|name| name.as_bytes() == bucket.name) {
                continue;
            }
            let is_key = bucket.name == b"key";
            let kept = compaction.as_ref().filter(|_| is_key);
            let mut tree = Tree::default();
            let mut last: Vec<u8> = Vec::new();
            walk.in_order(bucket, findings, |leaf| {
                for item in leaf.items {
                    let given_up = is_key
                        && (kept.is_some() || self.cut_after.is_some())
                        && Record::decode(item).is_ok_and(|record| self.gives_up(kept, &record));
                    // Keys that are out of order were told, and would spoil the order of all.
                    if given_up || item.bucket || (!last.is_empty() && item.key <= last.as_slice()) {
                        continue;
                    }
                    writer.push(&mut tree, item.key, item.value)?;
                    written = written.saturating_add((item.key.len() as u64).saturating_add(item.value.len() as u64));
                }
                if let Some(item) = leaf.items.last() {
                    item.key.clone_into(&mut last);
                }
                if progress(written) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
            })
            .map_err(Fault::Io)?;
            if is_key {
                self.push_records(&mut writer, &mut tree, kept)?;
            }
            roots.insert(bucket.name.to_vec(), writer.finish(tree)?);
        }
        if self.adds_records() && snapshot.keyspace.bucket.is_none() {
            let mut tree = Tree::default();
            self.push_records(&mut writer, &mut tree, compaction.as_ref())?;
            roots.insert(b"key".to_vec(), writer.finish(tree)?);
        }
        for (name, items) in &self.buckets {
            roots.insert(name.as_bytes().to_vec(), small(&mut writer, items)?);
        }
        let mut root = Tree::default();
        for (name, page) in &roots {
            writer.push_bucket(&mut root, name, *page)?;
        }
        let root = writer.finish(root)?;
        let (high_water, mut out) = writer.end();
        out.flush()?;
        drop(out);
        // Both metas lead to the same pages, as in a saved snapshot.
        for before in [meta, crate::bolt::Meta { txid: meta.txid.wrapping_add(1), ..meta }] {
            let (at, page) = before.commit(root, high_water);
            file.write_all_at(&page, at)?;
        }
        Ok(())
    }

    fn adds_records(&self) -> bool {
        !self.tail.is_empty() || !self.deleted.is_empty() || self.bump_to.is_some()
    }

    /// Whether `record` is not to be there: it is behind the cut, or the compaction gives it up, by itself or because the
    /// key is deleted before it.
    fn gives_up(&self, compaction: Option<&Compaction<'_>>, record: &Record<'_>) -> bool {
        let deleted = || self.deleted.binary_search_by(|key| key.as_slice().cmp(record.kv.key)).is_ok();
        let compacted = |compaction: &Compaction<'_>| {
            !compaction.keeps(record) || (self.deleted_at <= self.compact_to && deleted())
        };
        self.cut_after.is_some_and(|cut| record.revision.main > cut) || compaction.is_some_and(compacted)
    }

    /// Adds those of the log, of which `kept` may give some up, then those of the plan's own.
    fn push_records<W: Write>(
        &self,
        writer: &mut Writer<W>,
        tree: &mut Tree,
        kept: Option<&Compaction<'_>>,
    ) -> io::Result<()> {
        for record in self.tail.records() {
            if !self.gives_up(kept, &record) {
                writer.push(tree, record.bucket_key, record.message)?;
            }
        }
        for (sub, key) in (0..).zip(&self.deleted) {
            let revision = Revision { main: self.deleted_at.unwrap_or_default(), sub };
            writer.push(tree, &revision.to_bucket_key(true), &tombstone(key))?;
        }
        if let Some(to) = self.bump_to {
            writer.push(tree, &Revision::first(to).to_bucket_key(false), &[])?;
        }
        Ok(())
    }
}

fn small<W: Write>(writer: &mut Writer<W>, items: &Items) -> io::Result<PageId> {
    let mut tree = Tree::default();
    for (key, value) in items {
        writer.push(&mut tree, key, value)?;
    }
    writer.finish(tree)
}
