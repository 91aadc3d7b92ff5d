//! Names the format of a file that is no etcd backup, with a hint.

use super::framing::Framing;
use crate::{Error, bytes::escape};

/// Error that names the format of `bytes`.
pub(super) fn foreign(file: &str, bytes: &[u8]) -> Error {
    let (what, hint, may_be_one) = name(bytes);
    Error::Foreign { file: file.to_owned(), what, hint: hint.into(), may_be_one }
}

/// Format of `bytes`, a hint, and whether the file may still be a backup, or was one.
fn name(bytes: &[u8]) -> (String, &'static str, bool) {
    let has = |needle: &[u8]| bytes.get(..4096).unwrap_or(bytes).windows(needle.len().max(1)).any(|w| w == needle);
    let (what, hint, may_be_one) = match bytes {
        [] => ("the file is empty", "the backup was not copied: take a new one, or use an older one", true),
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', ..] => (
            "an SQLite database",
            "k3s keeps its state in SQLite unless it runs with embedded etcd: open it with sqlite3, or take a backup with \
             `k3s etcd-snapshot save` where etcd is used",
            false,
        ),
        [b'a', b'g', b'e', b'-', b'e', b'n', b'c', b'r', b'y', b'p', b't', b'i', b'o', b'n', ..] => {
            ("encrypted with age", "decrypt it first: age --decrypt", true)
        }
        [b'S', b'a', b'l', b't', b'e', b'd', b'_', b'_', ..] => {
            ("encrypted with OpenSSL", "decrypt it first: openssl enc -d", true)
        }
        _ if bytes.starts_with(b"-----BEGIN PGP") || is_openpgp(bytes) => {
            ("encrypted with OpenPGP", "decrypt it first: gpg --decrypt", true)
        }
        _ if bytes.starts_with(b"-----BEGIN AGE") => ("encrypted with age", "decrypt it first: age --decrypt", true),
        [0x7f, b'E', b'L', b'F', ..] => ("a program (ELF)", "name the backup, not the program", false),
        _ if Framing::of(bytes).is_some() => log(bytes),
        _ if bytes.iter().all(|b| *b == 0) => {
            ("only zeros", "its content was not written, or is lost: use another copy", true)
        }
        _ if has(b"\xef\xbf\xbd\xef\xbf\xbd\x0c\xef\xbf\xbd") => (
            "an etcd snapshot that was copied as text: bytes were replaced by U+FFFD",
            "those bytes are lost: copy it again, in binary mode",
            true,
        ),
        _ if bytes.starts_with(b"[{\"etcdEvent\"") => (
            "an incremental backup of etcd-backup-restore (Gardener)",
            "open the full backup (Full-...) that it belongs to",
            false,
        ),
        [b'{' | b'[', ..] if is_text(bytes) => ("JSON text", "name the backup itself", false),
        _ if is_text(bytes) => {
            ("text", "name the backup; if this was meant to be one, the download may have failed", false)
        }
        _ => {
            let start: Vec<String> = bytes.iter().take(16).map(|b| format!("{b:02x}")).collect();
            return (
                format!("unknown format, starts with {}", start.join(" ")),
                "if it is encrypted, decrypt it first; if its first pages are lost, use another copy",
                true,
            );
        }
    };
    (what.to_owned(), hint, may_be_one)
}

/// Format of a log's segment, a hint, and whether it may still be a backup.
fn log(bytes: &[u8]) -> (&'static str, &'static str, bool) {
    if is_old_log(bytes) {
        (
            "a log of etcd 2.0 to 2.2, of 2015",
            "it holds only keys of the v2 API, and etcd 3 cannot read it: start etcd 2.3 on a copy of its directory",
            false,
        )
    } else {
        (
            "a segment of etcd's log",
            "`etcdsnap wal` shows it; the keys are in the data directory that it is from",
            false,
        )
    }
}

/// Whether `bytes` begin as a log of etcd 2.0 to 2.2, whose records have no padding.
pub(super) fn is_old_log(bytes: &[u8]) -> bool {
    Framing::of(bytes) == Some(Framing::Unpadded)
}

/// Error for a data directory that has a log, which is `bytes`, and no db.
pub(super) fn without_db(file: &str, bytes: &[u8]) -> Error {
    let old = is_old_log(bytes).then(|| log(bytes));
    let (what, hint, may_be_one) = old.unwrap_or((
        "a data directory without its db (member/snap/db)",
        "`etcdsnap wal` shows what is in its log",
        true,
    ));
    Error::Foreign { file: file.to_owned(), what: what.to_owned(), hint: hint.into(), may_be_one }
}

/// A binary OpenPGP message: a packet of encrypted data or of a session key.
fn is_openpgp(bytes: &[u8]) -> bool {
    matches!(bytes, [0x84 | 0x85 | 0x8c | 0xc1 | 0xc3 | 0xd2, ..])
        && matches!(bytes.get(1..4), Some([_, 3 | 4, _] | [0x0d, ..] | [_, _, 3]))
}

fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..512).unwrap_or(bytes);
    head.utf8_chunks().take(1).all(|chunk| {
        chunk.valid().len() + 4 > head.len() && chunk.valid().chars().all(|c| !c.is_control() || c.is_whitespace())
    })
}

/// Error for an archive without a backup: what it holds instead.
pub(super) fn without_backup(file: &str, of: &str, names: &[String]) -> Error {
    let velero = names.iter().any(|name| name.ends_with("metadata/version"))
        && names.iter().any(|name| name.starts_with("resources/") || name.contains("/resources/"));
    let (what, hint) = if velero {
        ("a Velero backup: objects as JSON, no etcd data".to_owned(), "read it with velero, or unpack it")
    } else if names.is_empty() {
        (format!("{of} that is empty"), "use another copy")
    } else {
        let some: Vec<_> = names.iter().take(5).map(|name| escape(name.as_bytes())).collect();
        let more = if names.len() > some.len() { ", ..." } else { "" };
        (format!("{of} without an etcd backup in it: {}{more}", some.join(", ")), "name the file that is the backup")
    };
    Error::Foreign { file: file.to_owned(), what, hint: hint.into(), may_be_one: names.is_empty() }
}
