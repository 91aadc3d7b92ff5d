//! The records of the log that the db does not hold yet, as etcd would append them to the bucket `key`.

use super::{Record, Revision};
use crate::{
    Result,
    bolt::Item,
    proto::{Reader, Writer},
    source::Spool,
};

/// Records in revision order, one after the other: for each its key in the bucket (1), the offset of its entry in the
/// log's file (2), and its value (3).
#[derive(Debug, Clone, Copy, Default)]
pub struct AddedRecords<'a>(&'a [u8]);

impl<'a> AddedRecords<'a> {
    /// Reads the records in `bytes`, which an [`AddedWriter`] has written.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there are no records.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length in bytes: about the size of the records in the bucket.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The records as items of the bucket.
    pub(crate) fn items(self) -> impl Iterator<Item = Item<'a>> {
        let mut reader = Reader::new(self.0);
        let mut next = move || reader.next_field().ok().flatten();
        std::iter::from_fn(move || {
            let (key, offset, value) = (next()?, next()?, next()?);
            let (key, value, offset) = (key.bytes().ok()?, value.bytes().ok()?, offset.varint().ok()?);
            Some(Item { key, value, bucket: false, offset })
        })
    }

    /// The records, decoded.
    pub(crate) fn records(self) -> impl Iterator<Item = Record<'a>> {
        self.items().filter_map(|item| Record::decode(&item).ok())
    }
}

/// Writes [`AddedRecords`].
#[derive(Debug)]
pub(super) struct AddedWriter {
    spool: Spool,
    written: Result<()>,
}

impl AddedWriter {
    pub(super) fn new(spool: Spool) -> Self {
        Self { spool, written: Ok(()) }
    }

    /// Adds a record; an error is returned by [`AddedWriter::finish`].
    pub(super) fn push(&mut self, revision: Revision, tombstone: bool, message: &[u8], offset: u64) {
        if self.written.is_ok() {
            let record = Writer::new().bytes(1, &revision.to_bucket_key(tombstone)).varint(2, offset).bytes(3, message);
            self.written = self.spool.write(&record.finish());
        }
    }

    /// The records written.
    ///
    /// # Errors
    /// When there was no room for it.
    pub(super) fn finish(self) -> Result<Spool> {
        self.written.map(|()| self.spool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        etcd::{KeyValue, tombstone},
        source::{Options, Source},
    };

    #[test]
    fn records_are_read_as_they_were_written() {
        let kv = KeyValue { key: b"k", create_revision: 5, mod_revision: 5, version: 1, value: b"", lease: -1 };
        let source = Source::open("fixtures/small.db".as_ref(), &Options::default()).unwrap();
        let mut writer = AddedWriter::new(source.spool());
        writer.push(Revision::first(5), false, &kv.encode(), 640);
        writer.push(Revision { main: 5, sub: 1 }, true, &tombstone(b"l"), 640);
        let records: Vec<_> = AddedRecords::new(source.keep(writer.finish().unwrap()).unwrap()).records().collect();
        let got: Vec<_> = records.iter().map(|r| (r.revision, r.tombstone, r.kv.key, r.offset)).collect();
        let second = Revision { main: 5, sub: 1 };
        assert_eq!(got, [(Revision::first(5), false, &b"k"[..], 640), (second, true, b"l", 640)]);
        assert_eq!(records[0].kv, kv);
        assert!(records.iter().all(|record| record.check(crate::etcd::Depth::NONE).is_none()));
    }
}
