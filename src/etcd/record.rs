//! One record of the `key` bucket: a revision and the `KeyValue` it wrote.

use super::{Depth, Revision};
use crate::{
    Code, Finding,
    bolt::Item,
    proto::{Malformed, Reader, Writer},
};

/// `mvccpb.KeyValue`, borrowed from the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyValue<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The main revision that created it.
    pub create_revision: i64,
    /// The main revision that wrote this value.
    pub mod_revision: i64,
    /// The number of times it was written since its creation.
    pub version: i64,
    /// The value.
    pub value: &'a [u8],
    /// The lease that the key is attached to, or 0.
    pub lease: i64,
}

impl<'a> KeyValue<'a> {
    /// Decodes the message.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the message.
    #[inline]
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut kv) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => kv.key = field.bytes()?,
                2 => kv.create_revision = field.int64()?,
                3 => kv.mod_revision = field.int64()?,
                4 => kv.version = field.int64()?,
                5 => kv.value = field.bytes()?,
                6 => kv.lease = field.int64()?,
                _ => {}
            }
        }
        Ok(kv)
    }

    /// The length of the message as etcd encodes it, in bytes.
    fn encoded_len(&self) -> usize {
        let varint = |n: u64| 70_u32.saturating_sub((n | 1).leading_zeros()) as usize / 7;
        let number = |n: i64| if n == 0 { 0 } else { varint(n.cast_unsigned()).saturating_add(1) };
        let bytes = |b: &[u8]| {
            let len = b.len();
            if len == 0 { 0 } else { len.saturating_add(varint(len as u64)).saturating_add(1) }
        };
        [self.create_revision, self.mod_revision, self.version, self.lease]
            .into_iter()
            .map(number)
            .chain([bytes(self.key), bytes(self.value)])
            .fold(0, usize::saturating_add)
    }

    /// Encodes the message as etcd does: fields that are zero or empty are left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let number =
            |message: Writer, number, n: i64| if n == 0 { message } else { message.varint(number, n.cast_unsigned()) };
        let bytes = |message: Writer, number, b: &[u8]| if b.is_empty() { message } else { message.bytes(number, b) };
        let message = bytes(Writer::new(), 1, self.key);
        let message = number(number(number(message, 2, self.create_revision), 3, self.mod_revision), 4, self.version);
        number(bytes(message, 5, self.value), 6, self.lease).finish()
    }
}

/// The value of the record that deletes `key`.
#[must_use]
pub fn tombstone(key: &[u8]) -> Vec<u8> {
    Writer::new().bytes(1, key).finish()
}

/// [`Record::is_bump`], from the parts that decide it.
#[inline]
pub(super) fn is_bump(revision: Revision, tombstone: bool, message: &[u8]) -> bool {
    message.is_empty() && !tombstone && revision.sub == 0
}

/// A record: the change of one key by one revision.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The revision of the record.
    pub revision: Revision,
    /// Whether the record deletes its key; `kv` has only the key then.
    pub tombstone: bool,
    /// The key-value pair that was written.
    pub kv: KeyValue<'a>,
    /// The revision as stored: the record's key in the bucket.
    pub bucket_key: &'a [u8],
    /// The key-value pair as stored.
    pub message: &'a [u8],
    /// The offset in the file, in bytes.
    pub offset: u64,
}

impl<'a> Record<'a> {
    /// Decodes an item of the `key` bucket.
    ///
    /// # Errors
    /// A finding about the revision or the value.
    #[inline]
    pub(crate) fn decode(item: &Item<'a>) -> Result<Self, Finding> {
        if item.bucket {
            let what = "a record has bbolt's bucket flag, so etcd cannot read its value";
            return Err(Finding::error(Code::NestedBucket, what).at(item.offset).key(item.key));
        }
        let (revision, tombstone) = Revision::from_bucket_key(item.key)
            .map_err(|what| Finding::error(Code::RevisionKey, what).at(item.offset).key(item.key))?;
        let kv = KeyValue::decode(item.value).map_err(|malformed| {
            let offset = item.offset.saturating_add(item.key.len() as u64).saturating_add(malformed.at as u64);
            Finding::error(Code::KeyValue, format!("revision {revision}: not a KeyValue: {malformed}")).at(offset)
        })?;
        Ok(Self { revision, tombstone, kv, bucket_key: item.key, message: item.value, offset: item.offset })
    }

    /// Whether this has the form of the empty record that `restore --bump-revision` puts at the new revision: a put of
    /// no bytes, alone in its revision. That revision is marked as compacted, and no compaction removes the record.
    #[must_use]
    pub fn is_bump(&self) -> bool {
        is_bump(self.revision, self.tombstone, self.message)
    }

    /// Why the record is invalid by itself, in a db that is compacted as far as `depth`.
    pub fn check(&self, depth: Depth) -> Option<Finding> {
        let Self { revision, tombstone, kv, .. } = self;
        let what = if self.is_bump() && revision.main <= depth.dropped {
            return None;
        } else if self.message.is_empty() {
            "the record is empty".to_owned()
        } else if kv.key.is_empty() {
            "its key is empty".to_owned()
        } else if *tombstone && revision.main < depth.finished {
            "a tombstone that the last compaction removes".to_owned()
        } else if *tombstone {
            let only_key = KeyValue { key: kv.key, ..KeyValue::default() };
            if *kv == only_key && kv.encoded_len() == self.message.len() {
                return None;
            }
            "a tombstone that holds more than its key".to_owned()
        } else if kv.mod_revision != revision.main {
            format!("its mod_revision is {}", kv.mod_revision)
        } else if kv.create_revision < 1 || kv.create_revision > kv.mod_revision {
            format!("its create_revision is {}", kv.create_revision)
        } else if kv.version < 1 || kv.version > kv.mod_revision.saturating_sub(kv.create_revision).saturating_add(1) {
            format!("its version is {}, but it was created at {}", kv.version, kv.create_revision)
        } else if kv.encoded_len() != self.message.len() {
            // a later etcd may write more fields
            let what = format!("revision {revision}: it holds more than the fields that etcd 3.8 writes");
            return Some(Finding::warning(Code::Record, what).at(self.offset).key(kv.key));
        } else {
            return None;
        };
        let finding = Finding::error(Code::Record, format!("revision {revision}: {what}"));
        Some(finding.at(self.offset).key(kv.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_value_as_etcd_writes_it() {
        let message = b"\x0a\x01k\x10\x02\x18\x05\x20\x03\x2a\x02vv\x30\x07";
        let kv = KeyValue { key: b"k", create_revision: 2, mod_revision: 5, version: 3, value: b"vv", lease: 7 };
        assert_eq!((KeyValue::decode(message), kv.encode()), (Ok(kv), message.to_vec()));
        assert_eq!(KeyValue::decode(&message[..11]).unwrap_err().at, 9);
        for n in [1, -1, 0, 127, 128, 16_383, 16_384, 1 << 55, 1 << 56, i64::MAX, i64::MIN] {
            let value = vec![b'v'; usize::from(n.unsigned_abs() as u16)];
            let kv = KeyValue { version: n, lease: n, value: &value, ..kv };
            assert_eq!(kv.encoded_len(), kv.encode().len(), "{n}");
        }
    }
}
