//! A cluster that was restored twice from one backup: its branches, of which later backups have no revision in common.

use std::fs;

use super::{
    Bench,
    series::{kube_system, restored, same_in_any_order},
};
use crate::common::{Etcd, Peers, etcdsnap};

/// Puts each key, compacts at the last revision, and takes a snapshot.
fn round(etcd: &Etcd<'_>, bench: &Bench, keys: &[&str], value: &str, name: &str) {
    let mut revision = 0;
    for key in keys {
        let put = etcd.ctl(&["put", &format!("/registry/{key}"), value, "-w", "json"]);
        revision = serde_json::from_str::<serde_json::Value>(&put).unwrap()["header"]["revision"].as_i64().unwrap();
    }
    etcd.ctl(&["compact", &revision.to_string()]);
    etcd.ctl(&["snapshot", "save", bench.backup(name).to_str().unwrap()]);
}

/// A base, and two branches of it: every key that both have was written again before each backup, the later ones of the
/// second branch have higher revisions than all of the first, and every file is compacted at its last revision.
fn branches(peers: &Peers, flags: &[&str]) -> Bench {
    let bench = Bench::new();
    let etcd = Etcd::start(peers, "36");
    etcd.store("namespaces/kube-system", &kube_system());
    round(&etcd, &bench, &["lease", "lease", "lease"], "base", "base.db");
    drop(etcd);
    let etcd = restored(peers, &bench, "base.db", "a", &[]);
    round(&etcd, &bench, &["a", "b", "lease", "lease"], "one", "a1.db");
    round(&etcd, &bench, &["a", "b", "lease", "lease", "lease"], "one", "a2.db");
    drop(etcd);
    let etcd = restored(peers, &bench, "base.db", "b", flags);
    round(&etcd, &bench, &["b", "a", "c", "lease"], "two", "b0.db");
    fs::remove_file(bench.backup("b0.db")).unwrap();
    let written: Vec<_> = ["a", "b", "a", "b"].into_iter().chain(["lease"; 12]).collect();
    round(&etcd, &bench, &written, "two", "b1.db");
    round(&etcd, &bench, &written, "two", "b2.db");
    bench
}

#[test]
fn branches_that_have_no_revision_in_common_are_told_apart() {
    let Some(peers) = Peers::find("branches_that_have_no_revision_in_common_are_told_apart") else { return };
    let bench = branches(&peers, &[]);
    bench.add(0);
    let rows = bench.json(0, &["ls"]);
    let rows = |file: &str| {
        let mut items = rows["items"].as_array().unwrap().iter();
        let of = items.find(|of| super::name(&of["files"][0]) == file).unwrap();
        of["rows"].as_array().unwrap().iter().map(|of| of.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (a, b) = (rows("a1.db"), rows("b1.db"));
    assert!(a.len() == 1 && b.len() == 1 && a != b, "{a:?} {b:?}");
    assert!(rows("a2.db") == a && rows("b2.db") == b && rows("base.db").len() == 2);
    let found = bench.says(0, ["find", "--prefix", "/registry/"]);
    assert!(!found.contains("made again") && !found.contains(" -1 "), "{found}");
    assert!(found.contains("2 writes before it are in no backup; the value is the same"), "{found}");
    same_in_any_order(&bench);
    bench.says(0, ["prune", "--keep-last", "1", "--yes"]);
    let there = |name: &str| bench.backup(name).exists();
    assert_eq!(["base.db", "a1.db", "a2.db", "b1.db", "b2.db"].map(there), [false, false, true, false, true]);
}

#[test]
fn diff_says_that_two_backups_are_of_branches() {
    let Some(peers) = Peers::find("diff_says_that_two_backups_are_of_branches") else { return };
    let bench = branches(&peers, &[]);
    let diff = |from: &str, to: &str, words: &[&str]| {
        let (from, to) = (bench.backup(from), bench.backup(to));
        let args = ["diff", from.to_str().unwrap(), to.to_str().unwrap()];
        let output = etcdsnap(args.iter().chain(words));
        assert_eq!(output.stderr, b"");
        String::from_utf8(output.stdout).unwrap()
    };
    for (from, to, is_one) in [
        ("base.db", "a1.db", true),
        ("a2.db", "a1.db", true),
        ("base.db", "b2.db", true),
        ("b1.db", "b2.db", true),
        ("a2.db", "b1.db", false),
        ("b2.db", "a1.db", false),
    ] {
        let text = diff(from, to, &[]);
        assert_eq!(text.contains("it continues from the last revision of"), is_one, "{text}");
        assert_eq!(text.contains("note: neither continues from the other, as /registry/"), !is_one, "{text}");
        let document: serde_json::Value = serde_json::from_str(&diff(from, to, &["-o", "json"])).unwrap();
        assert_eq!(document["branches"], !is_one);
    }
}

#[test]
fn a_restore_that_raised_the_revision_is_named() {
    let Some(peers) = Peers::find("a_restore_that_raised_the_revision_is_named") else { return };
    let bench = branches(&peers, &["--bump-revision", "1000000", "--mark-compacted"]);
    bench.add(0);
    let found = bench.says(0, ["find", "--key", "/registry/a"]);
    assert!(found.contains("made again, after a restore that raised the revision to 10000"), "{found}");
    let found = bench.json(0, &["find", "--key", "/registry/lease"]);
    let versions = found["items"][0]["versions"].as_array().unwrap().iter();
    let raised: Vec<_> = versions.filter_map(|of| of["raisedTo"].as_i64()).collect();
    assert!(raised.len() == 1 && raised[0] > 1_000_000, "{raised:?}");
}
