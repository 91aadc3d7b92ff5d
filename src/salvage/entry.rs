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
pub struct Entry {
    /// The revision.
    pub revision: Revision,
    /// Where its key in the bucket begins.
    pub at: u64,
    /// Bytes of its value.
    pub len: u32,
    /// The page, counted from the first of the file.
    pub page: u32,
    /// The key that it changes, by number.
    pub key: u32,
    /// How many equal copies there are.
    pub copies: u32,
    /// Whether it deletes the key.
    pub tombstone: bool,
    /// Whether the best tree reaches it.
    pub reached: bool,
    /// Whether it was removed by a compaction: a page that covers its place lacks it.
    pub removed: bool,
    /// Whether nothing is missing between it and the next one that was not removed.
    pub linked: bool,
    /// Whether there are copies that differ.
    pub differs: bool,
    /// Whether a page that holds the end of its value may have been erased, or its page is broken.
    pub erased: bool,
    /// Whether something else in its leaf is broken: what hit that may have hit its value or not.
    pub torn: bool,
}

impl Entry {
    /// The record of an item, if it has the form of one.
    #[must_use]
    pub fn of(item: &Item<'_>) -> Option<Self> {
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

    /// Where its value ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.key_len()).saturating_add(self.len.into())
    }

    /// Its key in the bucket and its value, as stored in `bytes`.
    #[must_use]
    pub fn stored<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
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

    /// What it writes.
    #[must_use]
    pub fn kv<'a>(&self, bytes: &'a [u8]) -> KeyValue<'a> {
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
