//! One version of a key, and the row that holds all versions of it.

use crate::{
    etcd::Generation,
    proto::{Reader, Writer},
};

/// [`Version::last`] of a version that the newest backup of the lineage holds.
pub(super) const OPEN: i64 = i64::MAX;

/// The first half of a SHA-256 or HMAC, or a UUID.
pub type Half = [u8; 16];

/// A version of a key that at least one backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The revision that wrote it.
    pub mod_revision: i64,
    /// The revision that created the key.
    pub create_revision: i64,
    /// Number of writes since.
    pub version: i64,
    /// Size of the stored value.
    pub size: u64,
    /// HMAC of the stored value, with the catalog's key.
    pub stored: Half,
    /// HMAC of the value after decryption: [`Version::stored`] for a plain one, `None` where no key opened it.
    pub content: Option<Half>,
    /// `metadata.uid`.
    pub uid: Option<Half>,
    /// The id of its labels and images ([`super::Facts`]); 0 for none.
    pub facts: u64,
    /// The last revision of the newest backup that holds it; [`i64::MAX`] where that is the newest of the lineage.
    pub last: i64,
}

impl Version {
    /// Whether the two are the same record of etcd.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let record = |of: &Self| (of.mod_revision, of.create_revision, of.version, of.size, of.stored);
        record(self) == record(other)
    }

    /// The numbers that etcd keeps of the key.
    pub(super) fn generation(&self) -> Generation {
        let Self { create_revision, mod_revision, version, .. } = *self;
        Generation { create_revision, mod_revision, version }
    }

    /// Takes what only the other knows: the content of a value that was opened there.
    pub(super) fn learns(&self, other: &Self) -> bool {
        self.content.is_none() && other.content.is_some()
    }

    fn encode(&self) -> Vec<u8> {
        let number = |of: i64| u64::try_from(of).unwrap_or_default();
        let back = |of: i64| number(self.mod_revision.saturating_sub(of));
        let mut out = Writer::new()
            .varint(1, number(self.mod_revision))
            .varint(2, back(self.create_revision))
            .varint(3, number(self.version))
            .varint(4, self.size)
            .bytes(5, &self.stored);
        match self.content {
            Some(content) if content == self.stored => {}
            Some(content) => out = out.bytes(6, &content),
            None => out = out.varint(7, 1),
        }
        if let Some(uid) = self.uid {
            out = out.bytes(8, &uid);
        }
        if self.facts != 0 {
            out = out.bytes(9, &self.facts.to_le_bytes());
        }
        if self.last != OPEN {
            out = out.varint(10, number(self.last.saturating_sub(self.mod_revision)).saturating_add(1));
        }
        out.finish()
    }

    fn decode(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let (mut numbers, mut stored, mut content, mut uid, mut facts, mut last) = ([0_i64; 4], None, None, None, 0, 0);
        let mut sealed = false;
        while let Some(field) = reader.next_field().ok()? {
            let half = || -> Option<Half> { field.bytes().ok()?.try_into().ok() };
            match field.number {
                at @ 1..=4 => {
                    let place = numbers.get_mut(usize::try_from(at.checked_sub(1)?).ok()?)?;
                    *place = field.varint().ok()?.try_into().ok()?;
                }
                5 => stored = Some(half()?),
                6 => content = Some(half()?),
                7 => sealed = true,
                8 => uid = Some(half()?),
                9 => facts = u64::from_le_bytes(field.bytes().ok()?.try_into().ok()?),
                10 => last = field.varint().ok()?.try_into().ok()?,
                _ => {}
            }
        }
        let [mod_revision, created, version, size] = numbers;
        let stored = stored?;
        Some(Self {
            mod_revision,
            create_revision: mod_revision.checked_sub(created)?,
            version,
            size: size.try_into().ok()?,
            stored,
            content: if sealed { None } else { content.or(Some(stored)) },
            uid,
            facts,
            last: if last == 0 { OPEN } else { mod_revision.checked_add(last)?.checked_sub(1)? },
        })
    }
}

/// The bytes of all versions of a key, oldest first.
pub(super) fn encode(versions: &[Version]) -> Vec<u8> {
    versions.iter().fold(Writer::new(), |out, version| out.bytes(1, &version.encode())).finish()
}

/// The versions in a row; `None` where it is no such row.
pub(super) fn decode(data: &[u8]) -> Option<Vec<Version>> {
    let (mut reader, mut versions) = (Reader::new(data), Vec::<Version>::new());
    while let Some(field) = reader.next_field().ok()? {
        if field.number == 1 {
            let version = Version::decode(field.bytes().ok()?)?;
            if versions.last().is_some_and(|last| last.mod_revision >= version.mod_revision) {
                return None;
            }
            versions.push(version);
        }
    }
    Some(versions)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn version(mod_revision: i64, hash: u8, last: i64) -> Version {
        let stored = [hash; 16];
        let (create_revision, version) = (mod_revision, 1);
        let content = Some(stored);
        Version { mod_revision, create_revision, version, size: 3, stored, content, uid: None, facts: 0, last }
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let sealed = Version { content: None, uid: Some([7; 16]), facts: 9, ..version(4, 1, 4) };
        let opened = Version { content: Some([3; 16]), create_revision: 4, version: 5, ..version(90, 2, 1000) };
        let versions = [sealed, opened, version(1001, 8, OPEN)];
        let row = encode(&versions);
        assert_eq!(decode(&row).as_deref(), Some(&versions[..]));
        assert_eq!(decode(&encode(&[version(4, 1, 4), version(4, 1, 4)])), None);
        for at in 0..row.len() {
            // Whatever the bytes, nothing panics.
            let _ = decode(&row[..at]);
        }
    }
}
