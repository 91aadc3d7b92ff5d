//! One record that is physically there.

use crate::{
    bolt::{Item, carve::Carve},
    bytes::window,
    etcd::{KeyValue, Record, Revision},
    proto::{Reader, Wire},
};

/// The key of a record that has none: the empty record of a raised revision.
pub(super) const NO_KEY: u32 = u32::MAX;

/// A record that was found: 48 bytes, for there may be millions. Its content is read again where it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// The revision.
    pub revision: Revision,
    /// Offset of the record's key in the bucket, in bytes from the start of the file.
    pub(crate) at: u64,
    /// Length of the value in bytes.
    pub(crate) len: u32,
    /// The page, counted from the first of the file.
    pub page: u32,
    /// The number of the key that the record changes.
    pub(crate) key: u32,
    /// Number of equal copies.
    pub(crate) copies: u32,
    /// Whether the record deletes its key.
    pub(crate) tombstone: bool,
    /// Whether the best tree reaches the record.
    pub(crate) reached: bool,
    /// Whether a compaction removed the record: a page that covers its place lacks it.
    pub(crate) removed: bool,
    /// Whether nothing is missing between this record and the next one that was not removed.
    pub(crate) linked: bool,
    /// Whether copies of the record differ.
    pub(crate) differs: bool,
    /// Whether the record's page is broken, or a page that holds the end of its value may have been erased.
    pub(crate) erased: bool,
    /// Whether something else in the record's leaf is broken; the value may have been damaged with it.
    pub(crate) torn: bool,
}

impl Entry {
    /// The record of an item, if it has the form of one.
    #[must_use]
    pub(crate) fn of(item: &Item<'_>) -> Option<Self> {
        let record = Record::decode(item).ok()?;
        let sound = !item.bucket && is_strict(item.value) && record.check(crate::etcd::Depth::UNKNOWN).is_none();
        let len = u32::try_from(item.value.len()).ok()?;
        let key = if record.is_bump() { NO_KEY } else { 0 };
        let Record { revision, tombstone, offset: at, .. } = record;
        sound.then_some(Self { revision, at, len, key, copies: 1, tombstone, ..Self::default() })
    }

    /// Bytes of its key in the bucket.
    fn key_len(&self) -> u64 {
        if self.tombstone { 18 } else { 17 }
    }

    /// Offset of the end of the value, in bytes from the start of the file.
    #[must_use]
    pub(crate) fn end(&self) -> u64 {
        self.at.saturating_add(self.key_len()).saturating_add(self.len.into())
    }

    /// The record's key in the bucket and its value, as stored in `bytes`.
    #[must_use]
    pub(crate) fn stored<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let value = self.at.saturating_add(self.key_len());
        let key = window(bytes, self.at, self.key_len()).unwrap_or_default();
        (key, window(bytes, value, self.len.into()).unwrap_or_default())
    }

    /// The record, read again.
    #[must_use]
    pub(super) fn record<'a>(&self, carve: &Carve<'a>) -> Option<Record<'a>> {
        let (key, value) = self.stored(carve.bytes());
        Record::decode(&Item { key, value, bucket: false, offset: self.at }).ok()
    }

    /// The key-value pair that the record writes.
    #[must_use]
    pub(crate) fn kv<'a>(&self, bytes: &'a [u8]) -> KeyValue<'a> {
        KeyValue::decode(self.stored(bytes).1).unwrap_or_default()
    }
}

/// Whether the message has the fields of a `KeyValue` in their order, each once, as etcd writes them.
fn is_strict(message: &[u8]) -> bool {
    let (mut reader, mut last) = (Reader::new(message), 0);
    loop {
        match reader.next_field() {
            Ok(None) => return true,
            Ok(Some(field)) if field.number > last && field.number <= 6 => match (field.number, field.wire) {
                (1 | 5, Wire::Len(bytes)) if !bytes.is_empty() => last = field.number,
                (2..=4 | 6, Wire::Varint(n)) if n != 0 => last = field.number,
                _ => return false,
            },
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_order_and_once() {
        for (message, strict) in [
            (&b"\x0a\x01k\x10\x02\x18\x05\x20\x03\x2a\x02vv\x30\x07"[..], true),
            (b"", true),
            (b"\x0a\x01k", true),
            (b"\x0a\x00", false),
            (b"\x10\x02\x0a\x01k", false),
            (b"\x0a\x01k\x0a\x01k", false),
            (b"\x0a\x01k\x38\x01", false),
            (b"\x0a\x01k\x10", false),
        ] {
            assert_eq!(is_strict(message), strict, "{message:?}");
        }
    }
}
