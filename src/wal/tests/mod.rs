//! What the tests of this room share: a writer of logs, and words for what is read from them.

#![allow(clippy::arithmetic_side_effects)]

mod agreement;
mod damage;
mod golden;
mod rules;

use super::{layout::Frame, *};
use crate::{Code, Findings, error::Severity, hash::Crc32cWriter};

const NAME: &str = "0000000000000000-0000000000000000.wal";
fn read<'a>(files: &[(&'a str, &'a [u8])]) -> (Log<'a>, Findings) {
    let segments: Vec<_> = files.iter().map(|(name, bytes)| Segment { name, bytes }).collect();
    let mut findings = Findings::default();
    let log = Log::read(&segments, &mut findings);
    (log, findings)
}

fn codes(findings: &Findings) -> Vec<(Code, Severity)> {
    findings.list().iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn indexes(log: &Log<'_>) -> Vec<u64> {
    log.entries().iter().map(|entry| entry.index).collect()
}

/// All that a log says, comparable.
fn said(log: &Log<'_>) -> String {
    format!("{log:?}")
}

/// Writes records as etcd does.
#[derive(Default, Clone)]
struct Writer {
    crc: u32,
    file: Vec<u8>,
}

impl Writer {
    fn new() -> Self {
        Self::default().record(4, None).record(1, Some(&[8, 1, 16, 2])).record(5, Some(&[8, 0, 16, 0]))
    }

    fn next_file(&mut self) -> Vec<u8> {
        let next = Self { crc: self.crc, file: Vec::new() }.record(4, None).record(1, Some(&[8, 1, 16, 2]));
        std::mem::replace(self, next).file
    }

    fn record(mut self, kind: u8, data: Option<&[u8]>) -> Self {
        let mut sum = Crc32cWriter::continue_from(self.crc);
        sum.update(data.unwrap_or_default());
        self.crc = sum.finish().sum();
        let mut record = vec![8, kind, 16];
        varint(&mut record, self.crc.into());
        if let Some(data) = data {
            record.push(0x1a);
            varint(&mut record, data.len() as u64);
            record.extend_from_slice(data);
        }
        self.file.extend_from_slice(&Frame::around(record.len() as u64).to_le_bytes());
        record.resize(record.len().next_multiple_of(8), 0);
        self.file.extend_from_slice(&record);
        self
    }

    fn entry(self, term: u64, index: u64) -> Self {
        self.entry_of(0, term, index, b"what")
    }

    fn entry_of(self, kind: u8, term: u64, index: u64, data: &[u8]) -> Self {
        let mut entry = vec![8, kind, 16];
        varint(&mut entry, term);
        entry.push(24);
        varint(&mut entry, index);
        entry.push(0x22);
        varint(&mut entry, data.len() as u64);
        entry.extend_from_slice(data);
        self.record(2, Some(&entry))
    }

    fn entries(self, term: u64, indexes: std::ops::RangeInclusive<u64>) -> Self {
        indexes.fold(self, |log, index| log.entry(term, index))
    }

    fn state(self, term: u64, commit: u64) -> Self {
        let mut state = vec![8];
        varint(&mut state, term);
        state.extend_from_slice(&[16, 1, 24]);
        varint(&mut state, commit);
        self.record(3, Some(&state))
    }

    fn snapshot(self, term: u64, index: u64, conf_state: &[u8]) -> Self {
        let mut snapshot = vec![8];
        varint(&mut snapshot, index);
        snapshot.push(16);
        varint(&mut snapshot, term);
        snapshot.push(0x1a);
        varint(&mut snapshot, conf_state.len() as u64);
        snapshot.extend_from_slice(conf_state);
        self.record(5, Some(&snapshot))
    }

    fn padded(mut self) -> Vec<u8> {
        self.file.resize(self.file.len() + 4096, 0);
        self.file
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
