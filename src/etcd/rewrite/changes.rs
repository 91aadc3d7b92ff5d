//! The changes of a snapshot, and the two ways to write them.

use std::{collections::BTreeMap, fs::File, io};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::{DbWriter, Items, Unwritten, stream::stream, writer::Layout};
use crate::{
    Findings,
    bolt::{Tree, Writer},
    etcd::{AddedRecords, Compaction, Record, Revision, Snapshot, tombstone},
    hash::Sha256,
};

/// Changes of a db.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// Small buckets, each with its new content.
    pub buckets: BTreeMap<&'static str, Items>,
    /// The records that the log adds.
    pub log_records: AddedRecords<'a>,
    /// The revision after which the db's records are left out.
    pub cut_after: Option<i64>,
    /// The revision that deletes keys.
    pub deleted_at: Option<i64>,
    /// The keys that it deletes, in order.
    pub deleted: Vec<Vec<u8>>,
    /// The revision of the empty record that raises the count.
    pub bump_to: Option<i64>,
    /// The revision before which history is removed.
    pub compact_to: Option<i64>,
    /// Whether a new db is written, without free pages.
    pub defrag: bool,
    /// What each record is replaced by in a new db.
    pub rewrite: Option<&'a dyn Rewrite>,
}

/// Replaces records by others of the same length.
pub trait Rewrite: std::fmt::Debug + Sync {
    /// The `KeyValue` that is written in place of the one in `message`; `None` where that stays.
    fn record(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// Adds a record, or what `rewrite` has in its place.
fn push(
    out: &mut DbWriter<'_, '_>,
    tree: &mut Tree,
    rewrite: Option<&dyn Rewrite>,
    (key, message): (&[u8], &[u8]),
) -> io::Result<()> {
    match rewrite.and_then(|rewrite| rewrite.record(message)) {
        Some(new) => out.push(tree, key, &new),
        None => out.push(tree, key, message),
    }
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Changes", 8)?;
        fields.serialize_field("buckets", &self.buckets.keys().collect::<Vec<_>>())?;
        fields.serialize_field("recordsAdded", &self.log_records.items().count())?;
        fields.serialize_field("cutAfter", &self.cut_after)?;
        fields.serialize_field("deletedKeys", &self.deleted.len())?;
        fields.serialize_field("deletedAt", &self.deleted_at)?;
        fields.serialize_field("bumpTo", &self.bump_to)?;
        fields.serialize_field("compactTo", &self.compact_to)?;
        fields.serialize_field("defrag", &self.defrag)?;
        fields.end()
    }
}

impl Changes<'_> {
    /// Writes the changes as one more transaction of `snapshot`, which is the content of `file`.
    ///
    /// # Errors
    /// Errors of the right edge of `key`, or of the file.
    pub(crate) fn write_over(&self, snapshot: &Snapshot<'_>, file: &File) -> Result<(), Unwritten> {
        let db = snapshot.db();
        let mut out = DbWriter::over(file, db, snapshot.buckets().copied())?;
        for (name, items) in &self.buckets {
            out.small(name, items)?;
        }
        if self.adds_records() {
            let mut tree = match &snapshot.keyspace.bucket {
                Some(bucket) => Writer::<&File>::resume(db, bucket).map_err(Unwritten::Damaged)?,
                None => Tree::default(),
            };
            self.push_records(&mut out, &mut tree, (None, None))?;
            out.bucket(b"key", tree)?;
        }
        out.end()?;
        Ok(())
    }

    /// Writes `snapshot` with the changes into `file`, which is empty, calling `progress` with the number of bytes
    /// written; it returns `false` to stop. Errors found in `snapshot` go to `findings`.
    ///
    /// # Errors
    /// Errors of the file; [`io::ErrorKind::Interrupted`] when it was stopped.
    pub(crate) fn write_fresh(
        &self,
        snapshot: &Snapshot<'_>,
        file: &File,
        findings: &mut Findings,
        progress: &dyn Fn(u64) -> bool,
    ) -> Result<(), Unwritten> {
        let meta = snapshot.db().meta();
        let compaction = self.compact_to.map(|at| snapshot.compaction(at));
        let out = DbWriter::fresh(file, meta.page_size, meta.txid)?;
        self.fill(snapshot, (compaction.as_ref(), self.rewrite), out, findings, progress)?;
        Ok(())
    }

    /// As [`Changes::write_fresh`], and takes the SHA-256 of the db on the way; returns it with the db's size. The file
    /// is written from its first byte to its last: first it is found out where all is going to be.
    ///
    /// # Errors
    /// As [`Changes::write_fresh`].
    pub(crate) fn write_summed(
        &self,
        snapshot: &Snapshot<'_>,
        file: &File,
        findings: &mut Findings,
        progress: &dyn Fn(u64) -> bool,
    ) -> Result<(Sha256, u64), Unwritten> {
        let meta = snapshot.db().meta();
        let compaction = self.compact_to.map(|at| snapshot.compaction(at));
        let dry = DbWriter::dry(meta.page_size, meta.txid);
        // What is in place of a record is as long.
        let layout = self.fill(snapshot, (compaction.as_ref(), None), dry, &mut Findings::default(), progress)?;
        stream(file, |to| {
            let out = DbWriter::stream(to, &layout)?;
            let written = self.fill(snapshot, (compaction.as_ref(), self.rewrite), out, findings, progress)?;
            match written == layout {
                true => Ok(layout.size()),
                false => Err(Unwritten::Io(io::Error::other("the input changed while it was read"))),
            }
        })
    }

    /// Writes all buckets to `out`.
    fn fill(
        &self,
        snapshot: &Snapshot<'_>,
        (compaction, rewrite): (Option<&Compaction<'_>>, Option<&dyn Rewrite>),
        mut out: DbWriter<'_, '_>,
        findings: &mut Findings,
        progress: &dyn Fn(u64) -> bool,
    ) -> Result<Layout, Unwritten> {
        let walk = snapshot.fresh_walk();
        let mut written = 0_u64;
        for bucket in snapshot.buckets() {
            if self.buckets.keys().any(|name| name.as_bytes() == bucket.name) {
                continue;
            }
            let is_key = bucket.name == b"key";
            let kept = compaction.filter(|_| is_key);
            let mut tree = Tree::default();
            let mut last: Vec<u8> = Vec::new();
            walk.in_order(bucket, findings, |leaf| {
                for item in leaf.items {
                    let given_up = is_key
                        && (kept.is_some() || self.cut_after.is_some())
                        && Record::decode(item).is_ok_and(|record| self.gives_up(kept, &record));
                    // Keys out of order are findings already, and would break the order of all keys.
                    if given_up || item.bucket || (!last.is_empty() && item.key <= last.as_slice()) {
                        continue;
                    }
                    push(&mut out, &mut tree, rewrite.filter(|_| is_key), (item.key, item.value))?;
                    written = written.saturating_add((item.key.len() as u64).saturating_add(item.value.len() as u64));
                }
                if let Some(item) = leaf.items.last() {
                    item.key.clone_into(&mut last);
                }
                if progress(written) { Ok(()) } else { Err(io::Error::from(io::ErrorKind::Interrupted)) }
            })?;
            if is_key {
                self.push_records(&mut out, &mut tree, (kept, rewrite))?;
            }
            out.bucket(bucket.name, tree)?;
        }
        if self.adds_records() && snapshot.keyspace.bucket.is_none() {
            let mut tree = Tree::default();
            self.push_records(&mut out, &mut tree, (compaction, rewrite))?;
            out.bucket(b"key", tree)?;
        }
        for (name, items) in &self.buckets {
            out.small(name, items)?;
        }
        Ok(out.end()?)
    }

    fn adds_records(&self) -> bool {
        !self.log_records.is_empty() || !self.deleted.is_empty() || self.bump_to.is_some()
    }

    /// Whether `record` is left out: it is after the cut, or the compaction removes it, by itself or because its key is
    /// deleted up to there.
    fn gives_up(&self, compaction: Option<&Compaction<'_>>, record: &Record<'_>) -> bool {
        let deleted = || self.deleted.binary_search_by(|key| key.as_slice().cmp(record.kv.key)).is_ok();
        let compacted = |compaction: &Compaction<'_>| {
            !compaction.keeps(record) || (self.deleted_at <= self.compact_to && deleted())
        };
        self.cut_after.is_some_and(|cut| record.revision.main > cut) || compaction.is_some_and(compacted)
    }

    /// Adds the records of the log, of which `kept` may leave out some, then the deletions and the bump.
    fn push_records(
        &self,
        out: &mut DbWriter<'_, '_>,
        tree: &mut Tree,
        (kept, rewrite): (Option<&Compaction<'_>>, Option<&dyn Rewrite>),
    ) -> io::Result<()> {
        for record in self.log_records.records() {
            if !self.gives_up(kept, &record) {
                push(out, tree, rewrite, (record.bucket_key, record.message))?;
            }
        }
        for (sub, key) in (0..).zip(&self.deleted) {
            let revision = Revision { main: self.deleted_at.unwrap_or_default(), sub };
            out.push(tree, &revision.to_bucket_key(true), &tombstone(key))?;
        }
        if let Some(to) = self.bump_to {
            out.push(tree, &Revision::first(to).to_bucket_key(false), &[])?;
        }
        Ok(())
    }
}
