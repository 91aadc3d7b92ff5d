//! Adding the records up, by raft's rules.

use super::{
    Content, RecordKind,
    content::Snapshot,
    log::Log,
    raft::{Entry, EntryKind, HardState, Metadata},
    records::{Record, Records},
    segment::Segment,
};
use crate::{Code, Finding, Findings, error::Severity, proto::Malformed, source::SegmentName};

impl<'a> Log<'a> {
    /// Reads the log whose files are `segments`, sorted by name. All that is wrong with it is reported.
    ///
    /// Mirrors `WAL.ReadAll` from the first record on; where that ends with an error, this goes on.
    #[must_use]
    pub fn read(segments: &[Segment<'a>], findings: &mut Findings) -> Self {
        let mut records = Records::new(segments, findings);
        let log = Self {
            files: segments.iter().map(|segment| segment.name).collect(),
            metadata: None,
            hard_state: None,
            snapshots: Vec::new(),
            entries: Vec::new(),
            replaced: Vec::new(),
            tail: records.tail(),
        };
        let name = segments.first().and_then(|segment| SegmentName::parse(segment.name));
        let floor = name.map(|name| name.index.saturating_sub(1));
        let mut reading =
            Reading { log, floor, head: false, damage: false, gaps: Vec::new(), cut_off: CutOff::default() };
        while let Some(record) = records.next_record(findings) {
            if records.is_cut_off() {
                reading.cut_off.count(&record);
                continue;
            }
            reading.damage |= record.after_damage;
            let found = [reading.head(&record), reading.take(&record)];
            let place = |finding: Finding| finding.file(reading.log.file(record.segment)).at(record.offset);
            findings.push_all(found.into_iter().flatten().map(place));
        }
        reading.log.tail = records.tail();
        reading.finish(findings)
    }
}

/// Entries that should be there, reported when it is known what was committed.
struct Gap {
    from: u64,
    next: u64,
    segment: usize,
    offset: u64,
}

/// What is intact after a torn place.
#[derive(Default)]
struct CutOff {
    entries: u64,
    commit: u64,
}

impl CutOff {
    fn count(&mut self, record: &Record<'_>) {
        match record.content() {
            Ok(Content::Entry(_)) => self.entries = self.entries.saturating_add(1),
            Ok(Content::State(state)) => self.commit = self.commit.max(state.commit),
            _ => {}
        }
    }
}

struct Reading<'a> {
    log: Log<'a>,
    /// Up to here no entries are missed: a snapshot replaces them, or an older segment had them. `None` until it
    /// is known where a log whose file has lost its name begins.
    floor: Option<u64>,
    /// Whether the record before was a segment's first.
    head: bool,
    /// Whether something after the last entry could not be read.
    damage: bool,
    gaps: Vec<Gap>,
    cut_off: CutOff,
}

impl<'a> Reading<'a> {
    /// A segment's checksum is followed by the metadata: whose log it is.
    fn head(&mut self, record: &Record<'a>) -> Option<Finding> {
        let head = std::mem::replace(&mut self.head, record.kind == RecordKind::Crc);
        let missing = head && record.kind != RecordKind::Metadata && !record.after_damage;
        missing.then(|| {
            let what = format!("a segment's head holds {:?} where its metadata should be", record.kind);
            Finding::error(Code::WalMetadata, what)
        })
    }

    fn take(&mut self, record: &Record<'a>) -> Option<Finding> {
        let malformed = |code, what: &str, m: Malformed| Some(Finding::error(code, format!("not {what}: {m}")));
        let log = &mut self.log;
        match record.kind {
            RecordKind::Crc => None,
            RecordKind::Metadata => match (Metadata::decode(record.data), log.metadata) {
                (Err(m), _) => malformed(Code::WalMetadata, "metadata", m),
                (Ok(new), Some(old)) if new != old => {
                    let (a, b) = ((old.node_id, old.cluster_id), (new.node_id, new.cluster_id));
                    let what = format!("the log of member {:x} of cluster {:x}, but it began as", b.0, b.1);
                    Some(Finding::error(
                        Code::WalMetadata,
                        format!("{what} that of member {:x} of cluster {:x}", a.0, a.1),
                    ))
                }
                (Ok(new), _) => {
                    log.metadata = Some(new);
                    None
                }
            },
            RecordKind::State => match HardState::decode(record.data) {
                Err(m) => malformed(Code::WalState, "a hard state", m),
                Ok(state) => {
                    let back = log.hard_state.filter(|old| old.term > state.term || old.commit > state.commit);
                    log.hard_state = Some(state);
                    back.map(|old| {
                        let what = format!("the hard state goes back: term {}, commit {}", old.term, old.commit);
                        Finding::error(Code::WalState, format!("{what}, then {} and {}", state.term, state.commit))
                    })
                }
            },
            RecordKind::Snapshot => match Snapshot::decode(record) {
                Err(m) => malformed(Code::WalSnapshot, "a snapshot record", m),
                Ok(snapshot) => self.snapshot(snapshot),
            },
            RecordKind::Entry => match Entry::decode(record.data, record.segment, record.offset) {
                Err(m) => malformed(Code::WalEntry, "an entry", m),
                Ok(entry) => self.entry(entry),
            },
        }
    }

    fn snapshot(&mut self, snapshot: Snapshot<'a>) -> Option<Finding> {
        let log = &mut self.log;
        let twice = log.snapshots.iter().next_back().filter(|last| last.index == snapshot.index);
        let finding = twice.filter(|last| last.term != snapshot.term).map(|last| {
            let what = format!("the snapshot at index {} has term {}, but had", last.index, snapshot.term);
            Finding::error(Code::WalSnapshot, format!("{what} term {} before", last.term))
        });
        // one that does not follow our own entries was received: raft forgets those that it did not know to be
        // committed. Where something could not be read it may be our own all the same, and entries are missing
        let own = log.entries.binary_search_by_key(&snapshot.index, |entry| entry.index);
        let conflict = own.ok().and_then(|i| log.entries.get(i)).is_some_and(|entry| entry.term != snapshot.term);
        let ahead = log.entries.last().is_some_and(|last| last.index < snapshot.index) && !self.damage;
        if snapshot.index > 0 && (conflict || ahead) {
            let commit = log.commit();
            log.cut(log.entries.partition_point(|entry| entry.index <= commit));
        }
        if !self.damage {
            self.floor = self.floor.map(|floor| floor.max(snapshot.index));
        }
        log.snapshots.push(snapshot);
        finding
    }

    fn entry(&mut self, entry: Entry<'a>) -> Option<Finding> {
        let log = &mut self.log;
        let Some(before) = entry.index.checked_sub(1) else {
            return Some(Finding::error(Code::WalEntry, "an entry with index 0"));
        };
        let strange = match entry.kind {
            EntryKind::Unknown(_) | EntryKind::ConfChangeV2 => {
                Some(format!("entry {} is of a type that no etcd writes: {:?}", entry.index, entry.kind))
            }
            EntryKind::ConfChange if entry.data.is_empty() => {
                Some(format!("entry {} changes the members, and its change cannot be read", entry.index))
            }
            EntryKind::ConfChange | EntryKind::Normal => None,
        };
        // a hard state whose type is damaged reads as such an entry: it takes no other's place
        if let Some(what) = strange.as_ref().filter(|_| log.entries.last().is_some_and(|old| old.index >= entry.index))
        {
            return Some(Finding::error(Code::WalEntry, format!("{what}; it is skipped")));
        }
        log.cut(log.entries.partition_point(|old| old.index < entry.index));
        while self.gaps.pop_if(|gap| gap.next >= entry.index).is_some() {}
        let last = log.entries.last();
        let expected = last.map_or(0, |last| last.index).max(*self.floor.get_or_insert(before));
        if before > expected {
            let (segment, offset) = (entry.segment, entry.offset);
            self.gaps.push(Gap { from: expected.saturating_add(1), next: entry.index, segment, offset });
        }
        self.damage = false;
        let back = last.filter(|last| last.term > entry.term);
        let finding = strange.or_else(|| {
            back.map(|last| {
                format!("entry {} has term {}, but the one before it {}", entry.index, entry.term, last.term)
            })
        });
        log.entries.push(entry);
        finding.map(|what| Finding::error(Code::WalEntry, what))
    }

    fn finish(self, findings: &mut Findings) -> Log<'a> {
        let Self { log, floor, gaps, cut_off, .. } = self;
        for gap in gaps {
            let committed = log.commit() >= gap.from;
            let severity = if committed { Severity::Error } else { Severity::Warning };
            let known = if committed { "committed" } else { "not known to be committed" };
            let what = match (gap.from, gap.next.saturating_sub(1)) {
                (from, to) if from == to => format!("entry {from} is missing, {known}"),
                (from, to) => format!("the entries {from} to {to} are missing, {known}"),
            };
            findings.push(Finding::new(severity, Code::WalGap, what).file(log.file(gap.segment)).at(gap.offset));
        }
        let last = log.entries.last().map(|last| last.index).max(floor);
        // when a hard state was written, what it commits was on disk
        if cut_off.entries > 0 {
            let lost = cut_off.commit > last.unwrap_or(0);
            let severity = if lost { Severity::Error } else { Severity::Warning };
            let known = if lost { "committed" } else { "not known to be committed" };
            let what = format!("intact entries follow the torn place: {}, {known}", cut_off.entries);
            let finding = Finding::new(severity, Code::WalCutOff, what).hint("etcd cuts them off at its next start");
            findings.push(finding.file(log.file(log.tail.segment)).at(log.tail.offset));
        }
        if last.is_some_and(|last| log.commit() > last) {
            let what = format!("the log does not reach entry {}, which was committed", log.commit());
            let hint = "entries are lost: etcd does not start on such a log";
            findings.push(Finding::error(Code::WalCommit, what).file(log.file(log.tail.segment)).hint(hint));
        }
        let reached = log.entries.last().map_or(0, |last| last.index).max(log.commit());
        if let Some(ahead) = log.snapshots.iter().rfind(|snapshot| snapshot.index > reached) {
            let what = format!("a snapshot at index {}, but the log was committed to {}", ahead.index, log.commit());
            let finding = Finding::warning(Code::WalSnapshot, what).hint("etcd ignores it");
            findings.push(finding.file(log.file(ahead.segment)).at(ahead.offset));
        }
        if log.files.is_empty() {
            findings.push(Finding::error(Code::WalEmpty, "there is no log: not one segment"));
        } else if log.metadata.is_none() {
            let nothing = log.entries.is_empty() && log.snapshots.is_empty() && log.hard_state.is_none();
            let finding = if nothing {
                Finding::error(Code::WalEmpty, "no part of the log can be read")
            } else {
                Finding::error(Code::WalMetadata, "the log has no metadata: its member is not known")
            };
            findings.push(finding.file(log.file(0)).hint("etcd does not start on it"));
        }
        log
    }
}
