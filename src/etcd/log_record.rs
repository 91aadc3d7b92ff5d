//! The log record by record, each with its request and its state: committed, overwritten, torn.

use super::Request;
use crate::{
    Code, Finding, Findings,
    proto::Malformed,
    wal::{Content, Entry, EntryKind, Log, Record, RecordKind, Records, Segment},
};

/// One record of a member's log.
#[derive(Debug, Clone)]
pub struct LogRecord<'a> {
    /// The raw record.
    pub record: Record<'a>,
    /// The name of the segment that it is in.
    pub file: &'a str,
    /// The decoded message; `None` where it cannot be read, which [`Log::read`] reports.
    pub content: Option<Content<'a>>,
    /// The request that an entry carries.
    pub request: Option<Request<'a>>,
    /// The type: `crc`, `metadata`, `state`, `snapshot`; of an entry `noop`, `conf_change` or the request's name.
    pub type_name: &'static str,
    /// Why an entry's request cannot be read.
    pub malformed: Option<Malformed>,
    /// Whether the record is after the place where the log is torn: etcd cuts it off.
    pub cut_off: bool,
    /// Whether a later entry has replaced it.
    pub overwritten: bool,
    /// Whether the last hard state commits it; for entries only.
    pub committed: Option<bool>,
}

impl<'a> LogRecord<'a> {
    /// Classifies `record`, a record of `log`.
    #[must_use]
    pub(crate) fn of(record: Record<'a>, log: &Log<'a>) -> Self {
        let mut this = Self {
            record,
            file: log.file(record.segment),
            content: record.content().ok(),
            request: None,
            type_name: "unreadable",
            malformed: None,
            cut_off: log.tail().is_before(&record),
            overwritten: false,
            committed: None,
        };
        this.type_name = match this.content {
            Some(Content::Metadata(_)) => "metadata",
            Some(Content::State(_)) => "state",
            Some(Content::Crc) => "crc",
            Some(Content::Snapshot(_)) => "snapshot",
            Some(Content::Entry(entry)) => this.entry(&entry, log),
            None => "unreadable",
        };
        this
    }

    fn entry(&mut self, entry: &Entry<'a>, log: &Log<'a>) -> &'static str {
        let at = log.entries().binary_search_by_key(&entry.index, |kept| kept.index);
        let kept = at.ok().and_then(|at| log.entries().get(at));
        let is_kept = kept.is_some_and(|kept| (kept.segment, kept.offset) == (entry.segment, entry.offset));
        self.overwritten = !is_kept && !self.cut_off;
        self.committed = Some(is_kept && entry.index <= log.commit());
        match entry.kind {
            EntryKind::ConfChange => "conf_change",
            EntryKind::ConfChangeV2 => "conf_change_v2",
            EntryKind::Unknown(_) => "unknown",
            EntryKind::Normal => match Request::of(entry) {
                Ok(None) => "noop",
                Ok(Some(request)) => {
                    let name = request.op.name();
                    self.request = Some(request);
                    name
                }
                Err(malformed) => {
                    self.malformed = Some(malformed);
                    "unreadable"
                }
            },
        }
    }

    /// Whether the record is a raft entry.
    #[must_use]
    pub fn is_entry(&self) -> bool {
        self.record.kind == RecordKind::Entry
    }

    /// The raft index of an entry or snapshot; the commit of a hard state.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        match self.content? {
            Content::Entry(entry) => Some(entry.index),
            Content::Snapshot(snapshot) => Some(snapshot.index),
            Content::State(state) => Some(state.commit),
            Content::Metadata(_) | Content::Crc => None,
        }
    }

    /// The raft term.
    #[must_use]
    pub fn term(&self) -> Option<u64> {
        match self.content? {
            Content::Entry(entry) => Some(entry.term),
            Content::Snapshot(snapshot) => Some(snapshot.term),
            Content::State(state) => Some(state.term),
            Content::Metadata(_) | Content::Crc => None,
        }
    }

    /// Finding about its request, if that cannot be read.
    fn finding(&self) -> Option<Finding> {
        let what = format!("entry {} is not a request of etcd: {}", self.index().unwrap_or(0), self.malformed?);
        Some(Finding::error(Code::WalRequest, what).at(self.record.offset).file(self.file))
    }
}

/// A step through a log.
#[derive(Debug)]
pub enum LogItem<'a> {
    /// The next record.
    Record(LogRecord<'a>),
    /// A finding at this place, or just before it.
    Finding(Finding),
}

/// Iterator over a log in its order: the records, and the findings at their places between them.
#[derive(Debug)]
pub struct LogRecords<'l, 'a> {
    log: &'l Log<'a>,
    records: Records<'l, 'a>,
    next: Option<LogRecord<'a>>,
    /// Findings about the log by segment and offset, the last first; those without a place are at the end of the log.
    waiting: Vec<((usize, u64), Finding)>,
    findings: Findings,
}

impl<'l, 'a> LogRecords<'l, 'a> {
    /// Starts at the first record of `segments`. `log` was read from them with these `findings`.
    #[must_use]
    pub fn new(log: &'l Log<'a>, segments: &'l [Segment<'a>], findings: Findings) -> Self {
        let segment = |finding: &Finding| {
            let file = finding.file.as_deref()?;
            segments.iter().position(|segment| segment.name == file)
        };
        let place = |finding: &Finding| (segment(finding).unwrap_or(usize::MAX), finding.offset.unwrap_or(u64::MAX));
        let mut waiting: Vec<_> = findings.list().iter().map(|finding| (place(finding), finding.clone())).collect();
        waiting.sort_by_key(|(place, _)| *place);
        waiting.reverse();
        // findings about the names of the segments are in `findings`
        let records = Records::new(segments, &mut Findings::default());
        Self { log, records, next: None, waiting, findings }
    }

    /// All findings: those about the log, and those about requests so far.
    #[must_use]
    pub fn into_findings(self) -> Findings {
        self.findings
    }
}

impl<'a> Iterator for LogRecords<'_, 'a> {
    type Item = LogItem<'a>;

    fn next(&mut self) -> Option<LogItem<'a>> {
        let mut own = None;
        if self.next.is_none() {
            let record = self.records.next_record(&mut Findings::default());
            self.next = record.map(|record| LogRecord::of(record, self.log));
            own = self.next.as_ref().and_then(LogRecord::finding);
        }
        let place = self.next.as_ref().map_or((usize::MAX, u64::MAX), |next| (next.record.segment, next.record.offset));
        if let Some(finding) = own {
            self.findings.push(finding.clone());
            // after the other findings at its place
            let at = self.waiting.partition_point(|(other, _)| *other > place);
            self.waiting.insert(at, (place, finding));
        }
        if let Some((_, finding)) = self.waiting.pop_if(|(at, _)| *at <= place) {
            return Some(LogItem::Finding(finding));
        }
        self.next.take().map(LogItem::Record)
    }
}
