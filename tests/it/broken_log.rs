//! Promise 2 for raft's log: a record that is broken in any way is reported at its place, and no other record is lost.
//!
//! Each record of a real log is cut, flipped, swapped with the next, given an absurd length, overwritten with zeros;
//! each of these logs is read as `wal`, `verify` and `get` read it, and some of them a real etcd is started on.

use std::{collections::BTreeMap, fs, io::Read as _, ops::Range, path::PathBuf, process::Command, thread};

use crate::common::{
    Etcd, Peers,
    breaking::{Broken, broken},
    etcdsnap,
    log::FIRST,
    random::Random,
    served::theirs,
};
use etcdsnap::{
    Error, Findings,
    etcd::{Load, Request, Snapshot},
    source::{Options, Source},
    verify::{Report, Verdict, verify},
    wal::{Content, Log, RecordKind, Records, Segment},
};
use serde_json::Value;
use tempfile::TempDir;

/// Space that is allocated ahead of the log.
const AHEAD: usize = 2048;

/// A real data directory, its log without most of the zeros at its end, its db without those that no page is in.
struct Member {
    _home: TempDir,
    dir: PathBuf,
    whole: Vec<u8>,
}

impl Member {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("datadir-3.6");
        let fixture = fs::File::open("fixtures/datadir-3.6.tar.gz").unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fixture));
        let mut whole = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap().ends_with(FIRST) {
                entry.by_ref().take(60_000).read_to_end(&mut whole).unwrap();
            } else if !entry.path().unwrap().ends_with("0.tmp") {
                entry.unpack_in(home.path()).unwrap();
            }
        }
        let db = dir.join("member/snap/db");
        let pages = Snapshot::open(&fs::read(&db).unwrap()).unwrap().db().pages();
        fs::File::options().write(true).open(&db).unwrap().set_len(pages * 4096).unwrap();
        let end = told(&whole).log_end();
        whole.truncate(end + AHEAD);
        let member = Self { _home: home, dir, whole };
        member.write(&member.whole);
        member
    }

    /// What `verify` prints of it, and the revision that `get` shows.
    fn verified(&self) -> (Report, Option<i64>) {
        let source = Source::open(&self.dir, &Options::default()).unwrap();
        let report = verify(&source, &Load::default(), |_| {}).unwrap();
        let shown = match Snapshot::load(&source, &Load::default()) {
            Ok(snapshot) => Some(snapshot.head().unwrap()),
            Err(Error::Damaged { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        (report, shown)
    }

    fn write(&self, log: &[u8]) {
        fs::create_dir_all(self.dir.join("member/wal")).unwrap();
        fs::write(self.dir.join("member/wal").join(FIRST), log).unwrap();
    }
}

/// What `wal` prints of a log.
#[derive(Debug)]
struct Told {
    /// By where its frame begins: type, data, running checksum.
    records: BTreeMap<u64, (RecordKind, Vec<u8>, u32)>,
    /// Index, term and place of the entries that count.
    entries: Vec<(u64, u64, u64)>,
    findings: Findings,
    tail: u64,
}

impl Told {
    fn log_end(&self) -> usize {
        usize::try_from(self.tail).unwrap()
    }
}

fn told(log: &[u8]) -> Told {
    let segments = [Segment { name: FIRST, bytes: log }];
    let mut findings = Findings::default();
    let read = Log::read(&segments, &mut findings);
    let entries = read.entries().iter().map(|entry| (entry.index, entry.term, entry.offset)).collect();
    let _ = read.voters();
    let mut again = Findings::default();
    let mut records = Records::new(&segments, &mut again);
    let mut all = BTreeMap::new();
    while let Some(record) = records.next_record(&mut again) {
        if let Ok(Content::Entry(entry)) = record.content() {
            let _ = (Request::of(&entry), entry.conf_change());
        }
        all.insert(record.offset, (record.kind, record.data.to_vec(), record.crc));
    }
    Told { records: all, entries, findings, tail: read.tail().offset }
}

/// The places of the records, from the first to the end of the log.
fn places(whole: &Told) -> Vec<Range<usize>> {
    let mut starts: Vec<_> = whole.records.keys().map(|at| usize::try_from(*at).unwrap()).collect();
    starts.push(whole.log_end());
    starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Does `with` to all of `items` on both cores.
fn on_all<T: Sync>(items: &[T], with: impl Fn(&T) + Sync) {
    let half = items.len().div_ceil(2);
    thread::scope(|scope| items.chunks(half).for_each(|items| drop(scope.spawn(|| items.iter().for_each(&with)))));
}

#[test]
fn what_is_broken_is_told_at_its_place() {
    let member = Member::new();
    let whole = told(&member.whole);
    assert_eq!(whole.findings.list(), []);
    assert!(whole.entries.len() == 196 && whole.records.len() > 380, "{}", whole.records.len());
    let places = places(&whole);
    let numbers: Vec<_> = (0..places.len()).collect();
    on_all(&numbers, |n| {
        for broken in broken(&member.whole, &places[*n], places.get(n + 1)) {
            check(&whole, &places, &broken, &told(&broken.log));
        }
    });
}

fn check(whole: &Told, places: &[Range<usize>], Broken { what, log, at }: &Broken, now: &Told) {
    let found = now.findings.list();
    let first = places.iter().position(|place| place.end > at.start).unwrap_or(places.len());
    let start = places.get(first).map_or(at.start, |place| place.start);
    let what = format!("record {first} at {start:#x}, {what}: {found:?}");

    // nothing shows that there were records after the end
    let gone = at.start == start && log.get(start..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0));
    assert!(!found.is_empty() || gone || now.records == whole.records, "{what}");
    // each finding lies where it was broken, or on what is next to it
    let near =
        (start as u64)..=places.iter().filter(|p| p.start >= at.end).nth(6).map_or(log.len(), |p| p.start) as u64;
    for finding in found {
        assert_eq!(finding.file.as_deref(), Some(FIRST), "{what}");
        assert!(finding.offset.is_none_or(|at| near.contains(&at)), "{what}");
    }
    let here = |offset: u64| offset == start as u64 || places.get(first + 1).is_some_and(|p| p.start as u64 == offset);
    assert!(gone || found.is_empty() || found.iter().any(|f| f.offset.is_some_and(here)), "{what}");

    // all that is good before it is shown, and counts
    let before = whole.records.range(..start as u64);
    assert!(before.clone().count() == first && now.records.range(..start as u64).eq(before), "{what}");
    let entries =
        |told: &Told| -> Vec<_> { told.entries.iter().filter(|(.., place)| *place < start as u64).copied().collect() };
    assert_eq!(entries(now), entries(whole), "{what}");
    // what is after a torn place is shown, but does not count
    if let Some(torn) = found.iter().find(|finding| finding.code == etcdsnap::Code::WalTorn) {
        assert!(now.entries.iter().all(|(.., place)| Some(*place) < torn.offset), "{what}");
        assert_eq!(Some(now.tail), torn.offset, "{what}");
    }
    // and of what is after the damage, most: the log is found again at the second record that is whole
    let behind = places.iter().filter(|place| place.start >= at.end.max(start + 1) && place.end <= log.len());
    let lost = behind.filter(|place| !now.records.contains_key(&(place.start as u64))).count();
    assert!(at.end >= whole.log_end() || lost <= 2, "{lost} lost: {what}");
}

/// All that is done to its records from the `from`th on; by chance, one of so many.
fn some(member: &Member, from: usize, one_in: usize) -> Vec<Broken> {
    let places = places(&told(&member.whole));
    let mut chance = Random::default();
    let all = (from..places.len()).flat_map(|n| broken(&member.whole, &places[n], places.get(n + 1)));
    all.filter(|_| chance.next() % one_in == 0).collect()
}

#[test]
fn verify_and_get_say_the_same_of_it() {
    let member = Member::new();
    let (report, all) = member.verified();
    assert_eq!(report.verdict(), Some(Verdict::Good), "{:?}", report.findings);
    let mut less = 0;
    for broken in some(&member, 0, 40) {
        member.write(&broken.log);
        let log = told(&broken.log);
        let (report, shown) = member.verified();
        let what = format!("{}: {:?}", broken.what, report.findings.list());
        for finding in log.findings.list() {
            let told = |f: &&etcdsnap::Finding| {
                (f.code, f.offset, f.severity) == (finding.code, finding.offset, finding.severity)
            };
            assert!(report.findings.list().iter().any(|f| told(&f)), "{finding:?}; {what}");
        }
        assert!(!log.findings.damaged() || report.verdict() == Some(Verdict::Damaged), "{what}");
        assert!(shown <= all, "{what}");
        less += u64::from(shown < all);
    }
    assert!(less > 20, "{less}");
}

/// etcd refuses it and it is called damaged, or it starts and serves what is shown. Where it takes damage for the log's
/// end, more may be shown than it serves: what is intact after the damage.
#[test]
fn etcd_says_the_same_of_it() {
    let Some(peers) = Peers::find("etcd_says_the_same_of_it") else { return };
    let member = Member::new();
    let (mut served, mut refused) = (0, 0);
    for broken in some(&member, 368, 40) {
        member.write(&broken.log);
        let home = tempfile::tempdir().unwrap();
        let copy = home.path().join("copy");
        assert!(Command::new("cp").arg("-a").args([&member.dir, &copy]).status().unwrap().success());
        let (report, shown) = member.verified();
        let what = format!("{} at {:?}: {:?}", broken.what, broken.at, report.findings.list());
        let damaged = report.verdict() == Some(Verdict::Damaged);
        match Etcd::start_on(&peers, "36", Some(&copy), &[]) {
            Ok(etcd) => {
                let theirs = theirs(&etcd, &[], &["get", "", "--from-key"]);
                let revision = theirs["header"]["revision"].as_i64();
                let at_its_end = report.findings.list().iter().any(|finding| finding.code == etcdsnap::Code::WalTorn);
                if at_its_end || !damaged {
                    assert_eq!(shown, revision, "{what}");
                    let output = etcdsnap(["kv", member.dir.to_str().unwrap(), "-o", "json"]);
                    let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert_eq!(ours["kvs"], theirs["kvs"], "{what}");
                    served += 1;
                } else {
                    assert!(shown >= revision, "{what}");
                }
            }
            Err(log) => {
                assert!(damaged, "{what}:\n{log}");
                refused += 1;
            }
        }
    }
    assert!(served > 4 && refused > 4, "{served} served, {refused} refused");
}

#[test]
fn a_snap_file_that_is_broken_is_told() {
    let member = Member::new();
    let snap = member.dir.join("member/snap/0000000000000002-00000000000000a4.snap");
    let whole = fs::read(&snap).unwrap();
    let all = member.verified().1;
    for at in (0..whole.len()).step_by(29) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&flipped, &whole[..at]] {
            fs::write(&snap, bytes).unwrap();
            let (report, shown) = member.verified();
            let told = report.findings.list().iter().find(|finding| finding.code == etcdsnap::Code::SnapBroken);
            let file = told.and_then(|finding| finding.file.as_deref()).unwrap_or_default();
            assert!(file.ends_with("00a4.snap") && shown == all, "byte {at}: {:?}", report.findings.list());
        }
    }
}
