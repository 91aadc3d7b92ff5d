//! The SHA-256 that `snapshot save` appends, and why it may be missing or wrong.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{
    Code, Finding,
    bolt::Db,
    hash::hex,
    source::{BackupKind, Digests, Source},
};

/// The length of a trailer, in bytes.
pub const TRAILER: u64 = 32;

/// Result of comparing the trailer with the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    /// The trailer is the SHA-256 of the content.
    Matches,
    /// The trailer is not the SHA-256 of the content.
    Differs {
        /// SHA-256 in the trailer.
        stored: [u8; 32],
        /// SHA-256 of the content.
        computed: [u8; 32],
    },
    /// The file has no trailer.
    Absent,
    /// A data directory, whose db has no trailer.
    NotExpected,
    /// A trailer that was not compared with the content.
    Unchecked,
    /// The file could not be read up to the trailer.
    Unknown,
}

impl fmt::Display for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Matches => "matches",
            Self::Differs { .. } => "differs",
            Self::Absent => "absent",
            Self::NotExpected => "none expected",
            Self::Unchecked => "present",
            Self::Unknown => "-",
        })
    }
}

impl Serialize for Trailer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Kind of the last write to the file, by its metas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// `Tx.WriteTo`, in one piece: both metas are equal but for `txid`, and the first is one ahead. Its `txid` is odd,
    /// and a commit puts those into the second meta (`Meta.Write`).
    WriteTo,
    /// A commit, or `Tx.WriteTo`: when the first meta's `txid` is even, an empty commit leaves the same two metas.
    Either,
    /// A commit of a program that had the file open for writing.
    Commit,
}

/// How the file looks: as `snapshot save` writes it, or as a running etcd does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    writer: Writer,
    /// Length of the database by its meta, in bytes.
    size: u64,
    /// Length of the file without a trailer, in bytes.
    len: u64,
}

impl Shape {
    pub(super) fn of(db: &Db<'_>, len: u64) -> Self {
        let writer = match db.metas() {
            [Ok(a), Ok(b)]
                if a.txid == b.txid.wrapping_add(1)
                    && (a.root, a.freelist, a.high_water) == (b.root, b.freelist, b.high_water)
                    && len == db.size() =>
            {
                if a.txid % 2 == 1 {
                    Writer::WriteTo
                } else {
                    Writer::Either
                }
            }
            _ => Writer::Commit,
        };
        Self { writer, size: db.size(), len }
    }
}

impl Trailer {
    /// The trailer of `source`, whose db has these `digests`, if they were computed.
    pub(super) fn judge(source: &Source, digests: Option<&Digests>) -> Self {
        match (source.db().trailer(), digests) {
            _ if source.kind() == BackupKind::DataDir => Self::NotExpected,
            (None, _) => Self::Absent,
            (Some(_), None) => Self::Unchecked,
            (Some(stored), Some(digests)) if stored == digests.image => Self::Matches,
            (Some(stored), Some(digests)) => Self::Differs { stored, computed: digests.image },
        }
    }

    /// Finding about a trailer that is missing, cut off or wrong.
    pub(super) fn finding(&self, source: &Source, shape: Shape) -> Option<Finding> {
        let end = source.db().image().len() as u64;
        if shape.len < shape.size {
            // A file that was cut short ends anywhere; it has no trailer, whatever its last bytes are.
            return None;
        }
        match self {
            Self::Differs { stored, computed } => {
                let what =
                    format!("the SHA-256 trailer is {}, but the content's SHA-256 is {}", hex(stored), hex(computed));
                let hint = match shape.writer {
                    Writer::WriteTo => {
                        "no program has opened the file for writing since it was saved, yet its bytes were changed: use \
                         another copy of it"
                    }
                    Writer::Either => {
                        "bytes were changed after it was saved, or a program has opened it for writing (etcdutl hashkv and \
                         etcd-dump-db do), which can leave the same traces: use another copy of it"
                    }
                    Writer::Commit => {
                        "a program has opened the file for writing since it was saved (etcdutl hashkv and etcd-dump-db do), \
                         which is enough to make the trailer differ; whether other bytes were changed, too, is not \
                         known: use an untouched copy of it"
                    }
                };
                Some(Finding::error(Code::TrailerMismatch, what).at(end).hint(hint))
            }
            Self::Absent if (1..TRAILER).contains(&shape.len.saturating_sub(shape.size)) => {
                let left = shape.len.saturating_sub(shape.size);
                let what = format!("the SHA-256 trailer was cut off: {left} of its {TRAILER} bytes are in the file");
                Some(
                    Finding::warning(Code::TrailerAbsent, what).at(shape.size).hint(
                        "every page is in the file, but nothing proves that the values are right; prefer a copy with its trailer",
                    ),
                )
            }
            Self::Absent => Some(Self::absent(shape.writer).at(end)),
            Self::Matches if shape.len > shape.size => {
                let extra = shape.len.saturating_sub(shape.size);
                let what = format!("{extra} extra bytes between the end of the database and the trailer");
                Some(Finding::warning(Code::SizeMismatch, what).at(shape.size))
            }
            Self::Matches | Self::NotExpected | Self::Unchecked | Self::Unknown => None,
        }
    }

    fn absent(writer: Writer) -> Finding {
        let (what, hint) = match writer {
            Writer::WriteTo => (
                "no SHA-256 trailer, though the file was written in one piece, as snapshot save does",
                "its last 32 bytes were probably cut off (a .snap.db, which a leader sends, has no trailer either); every page is there, but nothing proves that the values are right: prefer a copy with its trailer",
            ),
            Writer::Either => (
                "no SHA-256 trailer: a plain copy of member/snap/db, or the end of a saved snapshot was cut off",
                "nothing proves that the values are right: prefer a copy with its trailer; in a plain copy, writes that were only in etcd's log are missing; restore accepts both with --skip-hash-check",
            ),
            Writer::Commit => (
                "no SHA-256 trailer: this is a plain copy of member/snap/db",
                "nothing proves that the values are right, and writes that were only in etcd's log are missing; restore accepts the file with --skip-hash-check",
            ),
        };
        Finding::warning(Code::TrailerAbsent, what).hint(hint)
    }
}
