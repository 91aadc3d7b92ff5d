//! One record of the `key` bucket: a revision and the `KeyValue` it wrote.

use super::Revision;
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

/// A record: the change of one key by one revision.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its revision.
    pub revision: Revision,
    /// Whether it deletes the key; only the key is set in `kv` then.
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
    pub fn decode(item: &Item<'a>) -> Result<Self, Finding> {
        let (revision, tombstone) = Revision::from_bucket_key(item.key)
            .map_err(|what| Finding::error(Code::RevisionKey, what).at(item.offset).key(item.key))?;
        let kv = KeyValue::decode(item.value).map_err(|malformed| {
            let offset = item.offset.saturating_add(item.key.len() as u64).saturating_add(malformed.at as u64);
            Finding::error(Code::KeyValue, format!("revision {revision}: not a KeyValue: {malformed}")).at(offset)
        })?;
        Ok(Self { revision, tombstone, kv, bucket_key: item.key, message: item.value, offset: item.offset })
    }

    /// Whether this is the empty record that `restore --bump-revision` puts at the new revision.
    #[must_use]
    pub fn is_bump(&self) -> bool {
        self.kv == KeyValue::default()
    }

    /// Why the record is invalid by itself.
    pub fn check(&self) -> Option<Finding> {
        let Self { revision, tombstone, kv, .. } = self;
        let what = if self.is_bump() && !tombstone {
            return None;
        } else if *tombstone {
            if (kv.create_revision, kv.mod_revision, kv.version, kv.lease) == (0, 0, 0, 0) && kv.value.is_empty() {
                return None;
            }
            "a tombstone that holds more than its key".to_owned()
        } else if kv.key.is_empty() {
            "its key is empty".to_owned()
        } else if kv.mod_revision != revision.main {
            format!("its mod_revision is {}", kv.mod_revision)
        } else if kv.create_revision < 1 || kv.create_revision > kv.mod_revision {
            format!("its create_revision is {}", kv.create_revision)
        } else if kv.version < 1 || kv.version > kv.mod_revision.saturating_sub(kv.create_revision).saturating_add(1) {
            format!("its version is {}, but it was created at {}", kv.version, kv.create_revision)
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
    }
}
