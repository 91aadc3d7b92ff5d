//! From the bytes of the segments to records that the running checksum proves.

use super::{
    layout::{FRAME, Frame, RawRecord, RecordKind, is_torn, is_zero},
    search::Search,
    segment::{Segment, check_names},
};
use crate::{Code, Finding, Findings, bytes::window, error::Severity, source::SegmentName};

/// A record that holds (`walpb.Record`), with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which of the segments it is in.
    pub segment: usize,
    /// Offset of the record's frame in that file, in bytes.
    pub offset: u64,
    /// The type of the record.
    pub kind: RecordKind,
    /// The running checksum after it.
    pub crc: u32,
    /// The message in it.
    pub data: &'a [u8],
    /// Whether something between the record before it and this one could not be read.
    pub after_damage: bool,
}

/// Where the log ends: the place at which another record would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The number of the last segment.
    pub segment: usize,
    /// The end of its last record, in bytes.
    pub offset: u64,
    /// The running checksum there; `None` where the record before could not be read.
    pub crc: Option<u32>,
}

impl Tail {
    /// Whether a record follows, which etcd cuts off.
    #[must_use]
    pub(crate) fn is_before(&self, record: &Record<'_>) -> bool {
        (self.segment, self.offset) <= (record.segment, record.offset)
    }
}

/// Reads the records of one log, all segments, in order (`decoder.go`).
#[derive(Debug)]
pub struct Records<'s, 'a> {
    segments: &'s [Segment<'a>],
    current: usize,
    at: usize,
    /// The running checksum, unless damage has hidden it.
    crc: Option<u32>,
    damage: bool,
    torn: Option<Tail>,
    search: Search,
}

enum Step<'a> {
    Take(RawRecord<'a>, RecordKind),
    GoOn,
    EndOfFile,
}

impl<'s, 'a> Records<'s, 'a> {
    /// Starts at the first of `segments`, which are sorted by name. What is wrong with their names is reported.
    pub fn new(segments: &'s [Segment<'a>], findings: &mut Findings) -> Self {
        check_names(segments, findings);
        let search = Search::new(segments.first().map_or(0, |segment| segment.bytes.len()));
        Self { segments, current: 0, at: 0, crc: Some(0), damage: false, torn: None, search }
    }

    /// The next valid record. Those that are not are reported, and left out.
    pub fn next_record(&mut self, findings: &mut Findings) -> Option<Record<'a>> {
        loop {
            let segment = *self.segments.get(self.current)?;
            let (number, offset) = (self.current, self.at as u64);
            let report = |finding: Finding| findings.push(finding.file(segment.name).at(offset));
            let mut step = self.step(segment.bytes, report);
            if self.search.is_used_up() {
                let what = "damaged records overlap each other too often: the rest of the segment is left out";
                findings.push(Finding::error(Code::WalOverlap, what).file(segment.name).at(offset));
                (self.crc, self.damage, step) = (None, true, Step::EndOfFile);
            }
            match step {
                Step::Take(raw, kind) => {
                    let after_damage = std::mem::take(&mut self.damage);
                    return Some(Record { segment: number, offset, kind, crc: raw.crc, data: raw.data, after_damage });
                }
                Step::GoOn => {}
                Step::EndOfFile if self.is_last() => return None,
                Step::EndOfFile => self.enter_next(),
            }
        }
    }

    /// The position of the reader; after the last record, the end of the log. A torn log ends at the torn place, and
    /// what follows is cut off.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.torn.unwrap_or(Tail { segment: self.current, offset: self.at as u64, crc: self.crc })
    }

    /// Whether the log has ended, and what comes is cut off by etcd at its next start.
    pub(super) fn is_cut_off(&self) -> bool {
        self.torn.is_some()
    }

    fn torn(&mut self, what: &str, more: bool) -> Finding {
        self.torn = Some(self.tail());
        let more = if more { ", though intact records follow" } else { "" };
        Finding::new(Severity::Warning, Code::WalTorn, format!("the log's end is torn: {what}"))
            .hint(format!("etcd cuts the log off here at its next start{more}"))
    }

    fn is_last(&self) -> bool {
        self.current.saturating_add(1) >= self.segments.len()
    }

    fn enter_next(&mut self) {
        let sequence = |i: usize| self.segments.get(i).and_then(|s| SegmentName::parse(s.name)).map(|n| n.sequence);
        let next = self.current.saturating_add(1);
        if let (Some(a), Some(b)) = (sequence(self.current), sequence(next))
            && a.checked_add(1) != Some(b)
        {
            (self.crc, self.damage) = (None, true);
        }
        (self.current, self.at) = (next, 0);
        self.search = Search::new(self.segments.get(next).map_or(0, |segment| segment.bytes.len()));
    }

    fn step(&mut self, file: &'a [u8], mut report: impl FnMut(Finding)) -> Step<'a> {
        let left = file.len().saturating_sub(self.at);
        if left == 0 {
            return Step::EndOfFile;
        }
        let Some(frame) = Frame::read(file, self.at) else {
            return self.lost(file, "the file ends inside the length of a record", self.is_last(), report);
        };
        if frame.is_end() {
            return self.end(file, report);
        }
        let begin = self.at.saturating_add(FRAME);
        let body = window(file, begin as u64, frame.padded()).filter(|body| !body.is_empty());
        let record = body.and_then(|body| window(body, 0, frame.len()));
        let (Some(body), Some(message)) = (body, record) else {
            let (what, torn) = match frame.len() {
                0 => ("a record of no bytes".to_owned(), false),
                len => (format!("a record of {len} bytes, but the file has only {left} more"), self.is_last()),
            };
            return self.lost(file, &what, torn, report);
        };
        if !self.search.draw(body.len()) {
            return Step::EndOfFile;
        }
        let next = begin.saturating_add(body.len());
        let raw = match RawRecord::decode(message) {
            Ok(raw) => raw,
            Err(malformed) => {
                return self.bad(file, next, None, Code::WalRecord, &format!("not a record: {malformed}"), report);
            }
        };
        let computed = match self.check(file, &raw, next, &mut report) {
            Ok(computed) => computed,
            Err(computed) => {
                let what = format!("a record's checksum is {:08x}, but the computed one is {computed:08x}", raw.crc);
                return self.bad(file, next, Some(raw.crc), Code::WalCrc, &what, report);
            }
        };
        if frame != Frame::around(frame.len()) {
            report(Finding::error(Code::WalFrame, "the byte with a record's padding is damaged; the record is valid"));
        }
        if self.at == 0 && raw.kind() != Some(RecordKind::Crc) {
            report(Finding::error(Code::WalRecord, "the segment does not begin with a checksum"));
        }
        (self.at, self.crc) = (next, Some(computed));
        let Some(kind) = raw.kind() else {
            self.damage = true;
            report(Finding::error(Code::WalRecord, format!("a record of type {}, which no etcd knows", raw.number)));
            return Step::GoOn;
        };
        Step::Take(RawRecord { crc: computed, ..raw }, kind)
    }

    /// The running checksum after a record; where the record does not fit the one before it, the one that would, as an
    /// error.
    ///
    /// The next record may show that only a checksum is damaged, and not the data.
    fn check(
        &mut self,
        file: &[u8],
        raw: &RawRecord<'_>,
        next: usize,
        report: &mut impl FnMut(Finding),
    ) -> Result<u32, u32> {
        let Some(before) = self.crc else { return Ok(raw.crc) };
        let stored = raw.crc;
        if raw.kind() == Some(RecordKind::Crc) {
            if stored == before {
                return Ok(before);
            }
            let what =
                format!("the segment continues from the checksum {stored:08x}, but the segment before it ends with");
            let finding = Finding::error(Code::WalCrc, format!("{what} {before:08x}"));
            if self.search.follows(file, next, before) {
                report(finding.hint("what follows fits the latter: only this record is damaged"));
                return Ok(before);
            }
            // a log may be read from any of its segments on
            if before != 0 {
                report(finding.hint("records are missing at the end of the segment before"));
            }
            return Ok(stored);
        }
        let computed = raw.checksum(before);
        if computed == stored {
            return Ok(computed);
        }
        if self.search.follows(file, next, computed) {
            let what =
                format!("a record's checksum is {stored:08x}, but {computed:08x} is expected; its data are valid");
            report(Finding::error(Code::WalCrc, what));
            return Ok(computed);
        }
        Err(computed)
    }

    /// An invalid record: continues after it.
    fn bad(
        &mut self,
        file: &'a [u8],
        next: usize,
        stored: Option<u32>,
        code: Code,
        what: &str,
        mut report: impl FnMut(Finding),
    ) -> Step<'a> {
        self.damage = true;
        let begin = self.at.saturating_add(FRAME);
        let torn = self.is_last() && file.get(begin..next).is_some_and(|body| is_torn(body, begin));
        let fits = stored.filter(|sum| self.search.follows(file, next, *sum));
        // a value may hold what looks like a log: not searched where the frame's length can be trusted
        let framed = RawRecord::exact(file, self.at).is_some();
        let from = if framed { next } else { begin };
        let further = fits.map(|_| next).or_else(|| self.search.find(file, from));
        if torn {
            report(self.torn(what, further.is_some()));
        } else {
            report(Finding::error(code, what));
        }
        match further {
            None if torn => return Step::EndOfFile,
            Some(further) => (self.at, self.crc) = (further, fits),
            None => (self.at, self.crc) = (next, stored),
        }
        Step::GoOn
    }

    /// A frame whose length is wrong: continues where the log can be found again.
    fn lost(&mut self, file: &[u8], what: &str, torn: bool, mut report: impl FnMut(Finding)) -> Step<'a> {
        self.damage = true;
        let further = self.search.find(file, self.at.saturating_add(FRAME));
        match further {
            _ if torn => report(self.torn(what, further.is_some())),
            Some(at) => report(Finding::error(Code::WalFrame, format!("{what}; the log continues at offset {at:#x}"))),
            None => report(Finding::error(Code::WalFrame, what)),
        }
        self.crc = None;
        let Some(further) = further else { return Step::EndOfFile };
        self.at = further;
        Step::GoOn
    }

    /// A zero length: the end, unless something follows.
    fn end(&mut self, file: &[u8], mut report: impl FnMut(Finding)) -> Step<'a> {
        if is_zero(file.get(self.at..).unwrap_or_default()) {
            return Step::EndOfFile;
        }
        self.damage = true;
        let further = self.search.find(file, self.at.saturating_add(FRAME));
        let what = "zeros in the place of a record, and other data after them";
        if self.is_last() {
            report(self.torn(what, further.is_some()));
        } else {
            report(Finding::error(Code::WalFrame, what));
        }
        let Some(further) = further else { return Step::EndOfFile };
        (self.at, self.crc) = (further, None);
        Step::GoOn
    }
}
