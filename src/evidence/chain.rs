//! The chain: the sum of each record, and its HMAC.

use std::{fs::File, io::Read as _, path::Path};

use crate::{
    Error, Result,
    hash::{Sha256, hex, hmac_sha256},
};

/// The maximum length of a record.
pub(super) const LONGEST: usize = 64 << 20;
/// What is before the HMAC at the end of a record.
const HMAC: &[u8] = b",\"hmac\":\"";

/// The key of the HMACs.
#[derive(Debug)]
pub struct Key(Vec<u8>);

impl Key {
    /// Reads the key: the bytes of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or has less than 16 bytes.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let mut key = Vec::new();
        let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut key));
        read.map_err(|source| Error::io(name.to_string(), "read", source))?;
        if key.len() < 16 {
            let what = format!("{name}: a key has at least 16 bytes, this one has {}", key.len());
            return Err(Error::usage(what).hinted("head -c 32 /dev/urandom > FILE makes one"));
        }
        Ok(Self(key))
    }

    /// `record` with its HMAC.
    pub(super) fn sign(&self, record: &[u8]) -> Vec<u8> {
        let open = record.strip_suffix(b"}").unwrap_or(record);
        [open, HMAC, hex(&hmac_sha256(&self.0, &[record])).as_bytes(), b"\"}"].concat()
    }

    /// Whether the HMAC of the record `line` is right.
    pub(super) fn fits(&self, line: &[u8]) -> bool {
        unsigned(line).is_some_and(|record| self.sign(&record) == line)
    }
}

/// The record without its HMAC; `None` when it has none.
pub(super) fn unsigned(line: &[u8]) -> Option<Vec<u8>> {
    let at = line.len().checked_sub(HMAC.len().saturating_add(64).saturating_add(2))?;
    let (open, hmac) = line.split_at_checked(at)?;
    hmac.starts_with(HMAC).then(|| [open, b"}"].concat())
}

/// SHA-256 of a record's line, without its line feed.
pub(super) fn sum(line: &[u8]) -> String {
    let mut sum = Sha256::default();
    sum.update(line);
    hex(&sum.finish())
}
