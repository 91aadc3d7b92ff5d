//! The names of the log's files.

use crate::{Code, Finding, bytes::escape};

/// A segment's name, `%016x-%016x.wal` (`walName` in `util.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentName {
    /// Sequence number in the log, without gaps.
    pub sequence: u64,
    /// Index of the next entry when the segment was created.
    pub index: u64,
}

impl SegmentName {
    /// Parses the last part of a path, or of a name in an archive, `OUTER:INNER` (`parseWALName`).
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let name = path.rsplit(['/', ':']).next()?.strip_suffix(".wal")?;
        let (sequence, index) = name.split_once('-')?;
        let number = |hex: &str| {
            let sound = hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            sound.then(|| u64::from_str_radix(hex, 16).ok())?
        };
        Some(Self { sequence: number(sequence)?, index: number(index)? })
    }

    /// Finding for a file whose name ends as a segment's does, but is none (`checkWALNames`).
    pub(super) fn passed_over(name: &str) -> Option<Finding> {
        (name.ends_with(".wal") && Self::parse(name).is_none()).then(|| Self::missing(name))
    }

    /// Finding that `name` is not the name of a segment.
    pub(crate) fn missing(name: &str) -> Finding {
        let file = name.rsplit(['/', ':']).next().unwrap_or_default();
        let what = format!("{} is not the name of a segment: etcd ignores it", escape(file.as_bytes()));
        Finding::warning(Code::WalSequence, what).file(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_etcd_writes_them() {
        let name = SegmentName::parse("member/wal/0000000000000001-0000000000002a51.wal");
        assert_eq!(name, Some(SegmentName { sequence: 1, index: 0x2a51 }));
        assert_eq!(SegmentName::parse("wal.tar:0000000000000001-0000000000002a51.wal"), name);
        for name in [
            "",
            "0.tmp",
            "1-2.wal",
            "0000000000000001-0000000000002a51.wal.broken",
            "+000000000000001-0000000000002a51.wal",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
