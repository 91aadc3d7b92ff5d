//! What `verify` sees of damage, and what nobody can see without a trailer: `docs/damage.md`.
//!
//! Each kind of damage is done to real backups of each etcd version, with all checksums computed again. Where `verify`
//! finds nothing, a real etcd starts on the backup, and what it serves is compared with what it serves of the whole one.
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

use self::{judge::Judge, page::Counts};
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
    for base in bases::all() {
        let mut judge = Judge::new(&base);
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
            if rounds.is_none() && kinds_asked % 4 != 0 {
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
