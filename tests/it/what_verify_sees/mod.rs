//! What `verify` sees of damage, and what nobody can see without a trailer: `docs/damage.md`.
//!
//! Each kind of damage is done to real backups of each etcd version, with all checksums computed again. Where `verify`
//! finds nothing, a real etcd starts on the backup, and what it serves is compared with what it serves of the whole
//! one.
//!
//! A run checks the counts in `docs/damage.md`, and starts an etcd on a sample. `UPDATE_DOCS=1` starts an etcd on
//! everything that `verify` calls good, and writes the page. `ETCDSNAP_ROUNDS=50` looks at as many rounds of other
//! mutants instead of a sample, at those of `ETCDSNAP_ONLY` if that is set.

mod bases;
mod content;
mod judge;
mod model;
mod page;
mod pages;
mod served;

use etcdsnap::{
    etcd::Load,
    source::{Options, Source},
    verify::{Verdict, verify},
};

use self::{bases::Mutant, judge::Judge, model::Model, page::Counts};
use crate::common::Peers;

/// How often each kind of damage is done to each backup for the page.
const ROUNDS: u64 = 2;
/// The mutants of the sample are others than those of the page.
const SAMPLE: u64 = 1000;

/// Damage that may change what etcd serves, though `verify` finds nothing: nothing in the file contradicts it.
const INVISIBLE: [&str; 18] = [
    "a sector of 512 bytes of another page",
    "the second half of a page zeros",
    "the root page in a meta",
    "a bit of a value",
    "a value cut short",
    "a bit of the key of a put",
    "a create_revision up to the compacted revision",
    "a version up to the compacted revision",
    "the sub of a record up to the compacted revision",
    "the key of a tombstone, now of another live key",
    "a bit of the key of a tombstone",
    "a put that becomes a tombstone",
    "a tombstone that becomes a put",
    "a record lost up to the compacted revision",
    "the last revisions lost",
    "a put added at the end",
    "a bit of a record",
    "two records in each other's place, mod_revisions mended",
];
/// The same in the small buckets.
const INVISIBLE_SMALL: [&str; 7] = [
    "an item of a small bucket lost",
    "a bit of an item's key",
    "a bit of an item's value",
    "a lease with another TTL",
    "an alarm that no member raised",
    "the compacted revision",
    "the lease of a put",
];

fn is_invisible(kind: &str) -> bool {
    INVISIBLE.contains(&kind) || INVISIBLE_SMALL.contains(&kind)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_page_has_the_counts() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut peers = update.then(|| Peers::find("the counts of docs/damage.md")).flatten();
    if update && peers.is_none() {
        return;
    }
    let (mut counts, mut wrong) = (Counts::default(), Vec::new());
    for base in bases::all() {
        let mut judge = Judge::new(&base);
        base.mutants(0..ROUNDS, |mutant| {
            let with_trailer = base.member.is_none().then(|| judge.sees_with_trailer(&mutant));
            let without = judge.sees(&mutant);
            let otherwise = peers.as_ref().filter(|_| !without).map(|peers| judge.differs(peers, &mutant).is_some());
            if otherwise == Some(true) && !is_invisible(mutant.kind) {
                wrong.push(mutant.what.clone());
            }
            counts.add(&base, &mutant, with_trailer, without, otherwise);
        });
    }
    if peers.take().is_some() {
        page::write(&counts);
    } else {
        page::compare(&counts);
    }
    assert!(wrong.is_empty(), "called good, but served otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_called_good_starts_and_is_served() {
    let Some(peers) = Peers::find("what_is_called_good_starts_and_is_served") else { return };
    let (rounds, only) = (number("ETCDSNAP_ROUNDS"), std::env::var("ETCDSNAP_ONLY").unwrap_or_default());
    let (mut all, mut good, mut asked, mut otherwise, mut wrong) = (0, 0, 0, 0, Vec::new());
    let of_the_page = bases::all();
    for (n, base) in of_the_page.iter().chain(&bases::killed(&peers)).enumerate() {
        // the page has what is found in the first; of the others fewer are asked
        let step = if n < of_the_page.len() { 4 } else { 12 };
        let mut judge = Judge::new(base);
        let mut kinds_asked = 0;
        base.mutants(SAMPLE..SAMPLE + rounds.unwrap_or(1), |mutant| {
            if !mutant.what.contains(&only) {
                return;
            }
            all += 1;
            if judge.sees(&mutant) {
                return;
            }
            good += 1;
            // what is known to be invisible is asked seldom: it only has to start
            kinds_asked += if is_invisible(mutant.kind) { 1 } else { 4 };
            if rounds.is_none() && kinds_asked % step != 0 {
                return;
            }
            asked += 1;
            if let Some(how) = judge.differs(&peers, &mutant) {
                otherwise += 1;
                if !is_invisible(mutant.kind) || how.starts_with(served::NO_START) {
                    wrong.push(format!("{}: {how}", mutant.what));
                }
            }
        });
    }
    eprintln!("{all} mutants, {good} called good, {asked} asked, {otherwise} served otherwise");
    assert!(wrong.is_empty(), "called good, but served otherwise:\n{}", wrong.join("\n"));
    assert!(asked > 0 || !only.is_empty());
}

/// What each etcd reads of the small buckets at its start (`schema`, `membership`, `lease`, `auth`): a value that stops
/// it is damage.
#[test]
fn values_on_which_no_etcd_starts_are_seen() {
    let peers = Peers::find("values_on_which_no_etcd_starts_are_seen");
    let base = bases::all().pop().unwrap();
    let (model, mut judge) = (Model::read(&base.image), Judge::new(&base));
    let other = br#"{"id":2,"peerURLs":["htvp://127.0.0.1:1"],"name":"m2"}"#;
    let cases: &[(&str, &[u8], &[u8], bool)] = &[
        // there is no way from these to 3.6
        ("meta", b"storageVersion", b"3.4.0", true),
        ("meta", b"storageVersion", b"2.6.0", true),
        ("meta", b"consistent_index", b"1234567", true),
        ("meta", b"term", b"123", true),
        ("meta", b"finishedCompactRev", b"1", true),
        ("meta", b"scheduledCompactRev", b"12345678x12345678", true),
        ("meta", b"confState", b"{", false),
        ("cluster", b"clusterVersion", b"3.6", true),
        ("cluster", b"clusterVersion", b"2.6.0", false),
        ("cluster", b"downgrade", b"{", true),
        ("cluster", b"downgrade", br#"{"target-version":"3","enabled":true}"#, true),
        ("members", b"2", b"{", true),
        ("members", b"2", other, true),
        ("members", b"zz", br#"{"id":2,"peerURLs":["http://127.0.0.1:1"]}"#, true),
        ("members_removed", b"zz", b"removed", true),
        ("lease", b"12345678", b"\x0a", true),
        ("lease", b"1234567", b"\x08\x01\x10\x05", false),
        ("alarm", b"\x0a", b"", true),
        ("auth", b"authRevision", b"1234567", true),
        ("authUsers", b"u", b"\x0a", false),
        ("authRoles", b"r", b"\x0a", false),
    ];
    for (bucket, key, value, stops) in cases {
        let mut model = model.clone();
        model.bucket(bucket).insert(key.to_vec(), value.to_vec());
        let what = format!("{bucket} {} {}", key.escape_ascii(), value.escape_ascii());
        let mutant = Mutant { chapter: "", kind: "", what, image: model.write() };
        assert!(judge.sees(&mutant), "{}", mutant.what);
        if let Some(peers) = peers.as_ref().filter(|_| *stops) {
            let how = judge.differs(peers, &mutant).unwrap_or_default();
            assert!(how.starts_with(served::NO_START), "{}: {how}", mutant.what);
        }
    }
}

/// `restore --bump-revision` leaves an empty record, which is no damage.
#[test]
fn the_bump_of_each_etcdutl_is_good() {
    let Some(peers) = Peers::find("the_bump_of_each_etcdutl_is_good") else { return };
    for version in ["35", "36", "37", "38"] {
        for (bump, verdict) in [("1000000000", Verdict::Good), ("2", Verdict::Good), ("1", Verdict::Doubtful)] {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            let restore = ["snapshot", "restore", "fixtures/etcd-3.5.db", "--data-dir", data.to_str().unwrap()];
            let bump = ["--bump-revision", bump, "--mark-compacted"];
            peers.ask(&format!("etcdutl{version}"), restore.iter().chain(&bump));
            let report = verify(&Source::open(&data, &Options::default()).unwrap(), &Load::default(), |_| ()).unwrap();
            assert_eq!(report.verdict(), Some(verdict), "{version} {bump:?}: {:?}", report.findings.list());
        }
    }
}
