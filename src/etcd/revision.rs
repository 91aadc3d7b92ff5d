//! A revision: the number of a change, and the key of the `key` bucket.

use std::fmt;

use crate::bytes::u64_be;

/// A change's number (`mvcc.Revision`): `main` counts transactions, `sub` the changes in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision {
    /// The transaction.
    pub main: i64,
    /// The change in it, from 0.
    pub sub: i64,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.main, self.sub)
    }
}

impl Revision {
    /// The first change of the transaction `main`.
    #[must_use]
    pub fn first(main: i64) -> Self {
        Self { main, sub: 0 }
    }

    /// The key of the `key` bucket (`mvcc.RevToBytes`); a tombstone's has its mark.
    #[must_use]
    pub fn to_bucket_key(self, tombstone: bool) -> Vec<u8> {
        let mark = if tombstone { &b"t"[..] } else { b"" };
        [&self.main.to_be_bytes()[..], b"_", &self.sub.to_be_bytes(), mark].concat()
    }

    /// Reads a key of the `key` bucket (`mvcc.BytesToBucketKey`): 17 bytes, `main | '_' | sub`, and an 18th, `t`,
    /// for a tombstone. The second value is whether it is one.
    ///
    /// # Errors
    /// Why the bytes are not a revision, in etcd's words where it has some.
    #[inline]
    pub fn from_bucket_key(key: &[u8]) -> Result<(Self, bool), &'static str> {
        let tombstone = match (key.len(), key.last()) {
            (17, _) => false,
            (18, Some(b't')) => true,
            (18, _) => return Err("the byte after the revision is not the tombstone mark"),
            _ => return Err("invalid revision length"),
        };
        let (Some(main), Some(b'_'), Some(sub)) = (u64_be(key, 0), key.get(8), u64_be(key, 9)) else {
            return Err("invalid separator in bucket key");
        };
        let revision = Self { main: main.cast_signed(), sub: sub.cast_signed() };
        if revision.main < 0 || revision.sub < 0 { Err("negative revision") } else { Ok((revision, tombstone)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_keys() {
        let mut key = *b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03t";
        let revision = Revision { main: 258, sub: 3 };
        assert_eq!(Revision::from_bucket_key(&key), Ok((revision, true)));
        assert_eq!((revision.to_bucket_key(true), revision.to_bucket_key(false)), (key.to_vec(), key[..17].to_vec()));
        assert_eq!(Revision::from_bucket_key(&key[..17]), Ok((revision, false)));
        assert_eq!(Revision::from_bucket_key(&key[..16]), Err("invalid revision length"));
        key[17] = b'x';
        assert_eq!(Revision::from_bucket_key(&key), Err("the byte after the revision is not the tombstone mark"));
        key[8] = b'-';
        assert_eq!(Revision::from_bucket_key(&key[..17]), Err("invalid separator in bucket key"));
        key[8] = b'_';
        key[0] = 0x80;
        assert_eq!(Revision::from_bucket_key(&key[..17]), Err("negative revision"));
    }
}
