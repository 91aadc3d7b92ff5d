//! A segment of a log, and a data directory with that log. Records get right checksums, unless the first byte is odd.

use std::fs;

use etcdsnap::{
    Findings,
    etcd::{Load, LogItem, LogRecords, Snapshot, Uncommitted},
    k8s::{Clock, Describer, Mask, Resources},
    source::{Options, RaftFiles, RaftKind, Source},
    wal::{Log, LogDiff, Segment, Summary},
};

use super::{
    database::{json, read_source},
    file, mend, scratch,
};

const NAME: &str = "0000000000000000-0000000000000000.wal";

pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let bytes = if first & 1 == 1 { rest.to_vec() } else { mend::wal(rest) };
    read(&bytes);

    let dir = scratch().join("member");
    let db = dir.join("snap/db");
    if !db.is_file() {
        file("member/snap/db", &include_bytes!("../../../fixtures/small.db")[..20480]);
    }
    let segment = file(&format!("member/wal/{NAME}"), &bytes);
    if let Ok(files) = RaftFiles::open(&segment, RaftKind::Log, &Options::default()) {
        let segments: Vec<_> = files.wal().iter().map(Segment::from).collect();
        json(&Summary::of(&files, &Log::read(&segments, &mut Findings::default())));
    }
    if let Ok(source) = Source::open(&dir, &Options::default()) {
        read_source(&source);
        for uncommitted in [Uncommitted::Keep, Uncommitted::Drop] {
            let _ = Snapshot::load_whole(&source, &Load { uncommitted: Some(uncommitted), ..Load::default() });
        }
    }
    fs::remove_file(segment).unwrap();
}

/// The log by itself.
fn read(bytes: &[u8]) {
    let segments = [Segment { name: NAME, bytes }];
    let mut findings = Findings::default();
    let log = Log::read(&segments, &mut findings);
    let _ = (log.voters(), log.commit(), log.newest_snapshot(), log.hard_state(), log.tail());
    assert!(LogDiff::of(&log, &log).is_same());
    let records = || {
        LogRecords::new(&log, &segments, Findings::default()).filter_map(|item| match item {
            LogItem::Record(record) => Some(record),
            LogItem::Finding(_) => None,
        })
    };
    let _ = Clock::of_log(records());
    let describer = Describer { mask: Mask::reveal(), resources: Resources::default() };
    records().for_each(|record| drop(json(&describer.record(&record, true))));
    findings.list().iter().for_each(|finding| assert!(finding.to_string().len() < 4000, "a finding of pages"));
}
