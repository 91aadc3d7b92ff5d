//! The files of the log, and their names.

use crate::{
    Code, Finding, Findings,
    source::{Part, SegmentName},
};

/// One file of the log.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The file's name, with or without folders before it.
    pub name: &'a str,
    /// The file's bytes, with the zeros at the end or without.
    pub bytes: &'a [u8],
}

impl<'a> From<&'a Part> for Segment<'a> {
    fn from(part: &'a Part) -> Self {
        Self { name: part.name(), bytes: part.bytes() }
    }
}

/// What is wrong with the names of the segments: one is missing, out of order, or no segment (`isValidSeq`).
pub(super) fn check_names(segments: &[Segment<'_>], findings: &mut Findings) {
    let mut last: Option<SegmentName> = None;
    for segment in segments {
        let Some(name) = SegmentName::parse(segment.name) else {
            findings.push(SegmentName::missing(segment.name));
            continue;
        };
        if let Some(before) = last {
            let mut report = |what| findings.push(Finding::error(Code::WalSequence, what).file(segment.name));
            match before.sequence.checked_add(1) {
                Some(next) if next == name.sequence => {}
                Some(next) if next < name.sequence => {
                    let lost = name.sequence.saturating_sub(next);
                    report(format!("{lost} segments are missing before it, from sequence {next:#x}"));
                }
                _ => report("out of order, or there twice".to_owned()),
            }
        }
        last = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Severity;

    fn check(names: &[&str]) -> Vec<(Severity, Option<String>)> {
        let segments: Vec<_> = names.iter().map(|name| Segment { name, bytes: &[] }).collect();
        let mut findings = Findings::default();
        check_names(&segments, &mut findings);
        findings.list().iter().map(|finding| (finding.severity, finding.file.clone())).collect()
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
