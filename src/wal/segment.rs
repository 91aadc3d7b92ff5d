//! The files of the log, and their names.

use crate::{Finding, Findings, error::Severity};

/// One file of the log.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Its name, with or without folders before it.
    pub name: &'a str,
    /// Its bytes, with the zeros at the end or without.
    pub bytes: &'a [u8],
}

/// A segment's name, `%016x-%016x.wal` (`walName` in `util.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentName {
    /// Its place in the log, without gaps.
    pub sequence: u64,
    /// The index that the next entry had when it was cut.
    pub index: u64,
}

impl SegmentName {
    /// Reads the last part of a path, or of a place in an archive, `OUTER:INNER` (`parseWALName`).
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
}

/// What the names of the segments tell: one that is missing, out of order, or no segment (`isValidSeq`).
pub(super) fn check_names(segments: &[Segment<'_>], findings: &mut Findings) {
    let mut tell = |segment: &Segment<'_>, severity, what| {
        findings.push(Finding::new(severity, "wal-sequence", what).file(segment.name));
    };
    let mut last: Option<SegmentName> = None;
    for segment in segments {
        let Some(name) = SegmentName::parse(segment.name) else {
            tell(segment, Severity::Warning, "not the name of a segment: etcd would pass it over".to_owned());
            continue;
        };
        if let Some(before) = last {
            match before.sequence.checked_add(1) {
                Some(next) if next == name.sequence => {}
                Some(next) if next < name.sequence => {
                    let lost = name.sequence.saturating_sub(next);
                    let what = format!("{lost} segments are missing before it, from sequence {next:#x}");
                    tell(segment, Severity::Error, what);
                }
                _ => tell(segment, Severity::Error, "out of order, or there twice".to_owned()),
            }
        }
        last = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str]) -> Vec<(Severity, Option<String>)> {
        let segments: Vec<_> = names.iter().map(|name| Segment { name, bytes: &[] }).collect();
        let mut findings = Findings::default();
        check_names(&segments, &mut findings);
        findings.list().iter().map(|finding| (finding.severity, finding.file.clone())).collect()
    }

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

    #[test]
    fn a_segment_that_is_missing_or_out_of_order_is_told() {
        let (a, b, d) = (
            "0000000000000007-0000000000000001.wal",
            "0000000000000008-0000000000000101.wal",
            "000000000000000a-0000000000000301.wal",
        );
        assert_eq!(check(&[a, b]), []);
        assert_eq!(check(&[a, b, d]), [(Severity::Error, Some(d.to_owned()))]);
        assert_eq!(check(&[b, a]), [(Severity::Error, Some(a.to_owned()))]);
        assert_eq!(check(&[a, a]), [(Severity::Error, Some(a.to_owned()))]);
        assert_eq!(check(&[a, "wal", b]), [(Severity::Warning, Some("wal".to_owned()))]);
    }
}
