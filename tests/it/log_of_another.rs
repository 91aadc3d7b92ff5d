//! A db and a log that were not written by the same member: every command that shows them says so, and a member's own
//! log is never taken for another one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{
    Etcd, Peers, etcdsnap, free_ports,
    gateway::{Gateway, b64},
    killed::copy,
    settled,
    traffic::Traffic,
};

/// The codes of the findings of `verify` that are more than remarks.
fn codes(data: &Path, more: &[&str]) -> Vec<String> {
    let args = ["verify", data.to_str().unwrap(), "-o", "json"];
    let output = etcdsnap([&args[..], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|f| f["severity"] != "info").map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

fn put(gateway: &Gateway, key: &str, value: &str) {
    gateway.ask("/v3/kv/put", &json!({"key": b64(key), "value": b64(value)})).unwrap();
}

/// A put as Kubernetes makes it, when there is no such key yet.
fn create(gateway: &Gateway, key: &str, value: &str) {
    let put = json!({"key": b64(key), "value": b64(value)});
    let compare = json!([{"target": "CREATE", "key": b64(key), "create_revision": "0"}]);
    gateway.ask("/v3/kv/txn", &json!({"compare": compare, "success": [{"request_put": put}]})).unwrap();
}

fn compact(etcd: &Etcd<'_>) {
    let status: Value = serde_json::from_str(&etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
    let head = status[0]["Status"]["header"]["revision"].to_string();
    etcd.ctl(&["compact", &head, "--physical"]);
}

/// Two lives of one member, with the same ids, terms and indexes: a data directory for each.
fn lives(peers: &Peers, write: fn(&Gateway, &str, &str), same_keys: bool) -> [(TempDir, PathBuf); 2] {
    let ports = free_ports();
    ["one", "two"].map(|life| {
        let mut etcd = Etcd::spawn(peers, "36", "m1", None, ports, &[]);
        assert!(etcd.wait(), "{}", etcd.log());
        let gateway = Gateway::new(&etcd.endpoint);
        let key = |n| if same_keys { format!("key{n:02}") } else { format!("{life}{n:02}") };
        (0..12).for_each(|n| write(&gateway, &key(n), life));
        compact(&etcd);
        settled(etcd.data_dir());
        if life == "two" {
            (20..24).for_each(|n| write(&gateway, &key(n), life));
        }
        etcd.kill()
    })
}

/// A compaction at the last revision leaves no revision to compare: the live keys are compared.
#[test]
fn a_db_that_is_compacted_at_its_head_beside_the_log_of_another_life() {
    let Some(peers) = Peers::find("a_db_that_is_compacted_at_its_head_beside_the_log_of_another_life") else { return };
    for (write, same_keys) in [(put as fn(&Gateway, &str, &str), false), (put, true), (create, false)] {
        let [(_one, one), (_two, two)] = lives(&peers, write, same_keys);
        for own in [&one, &two] {
            assert_eq!(codes(own, &[]), [""; 0], "the own log, {same_keys}");
        }
        let home = TempDir::new().unwrap();
        let [mixed, alone] = ["mixed", "alone"].map(|name| home.path().join(name));
        copy(&one, &mixed);
        copy(&one, &alone);
        [&mixed, &alone].iter().for_each(|data| fs::remove_dir_all(data.join("member/wal")).unwrap());
        let log = two.join("member/wal");
        assert!(Command::new("cp").arg("-r").args([&log, &mixed.join("member/wal")]).status().unwrap().success());
        let [mixed, alone, log] = [&mixed, &alone, &log].map(|path| path.to_str().unwrap());
        assert_eq!(codes(Path::new(mixed), &[]), ["log-of-another"], "{same_keys}");
        assert_eq!(codes(Path::new(alone), &["--wal-dir", log]), ["log-of-another"], "{same_keys}");
        let to = home.path().join("never-made");
        let line = ["restore", alone, "--wal", log, "--member", "m1", "--data-dir", to.to_str().unwrap()];
        assert_eq!(etcdsnap(line).status.code(), Some(1));
        shown_as_mixed(mixed, "log-of-another");
        shown_as_mixed(&format!("{alone} --wal-dir {log}"), "log-of-another");
    }
}

/// Every command that shows the keys prints the finding, and its exit status is 1; without the log it is 0.
#[track_caller]
fn shown_as_mixed(named: &str, code: &str) {
    let why = if code == "db-ahead" { "but the log ends at" } else { "the output may mix the data of two members" };
    for call in ["kv IN", "status IN", "hashkv IN", "members IN", "get IN", "timeline IN", "diff IN --rev 13..15"] {
        let line = call.replace("IN", named);
        let output = etcdsnap(line.split(' '));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why) && output.status.code() == Some(1), "{line}: {said}");
    }
    if !named.contains("--wal-dir") {
        let output = etcdsnap(["kv", named, "--no-wal"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A db that is newer than its log: every command says so.
#[test]
fn a_db_ahead_of_its_log() {
    let Some(peers) = Peers::find("a_db_ahead_of_its_log") else { return };
    let etcd = Etcd::start(&peers, "36");
    let gateway = Gateway::new(&etcd.endpoint);
    (0..5).for_each(|n| put(&gateway, &format!("early{n}"), "v"));
    let home = TempDir::new().unwrap();
    let early = home.path().join("early");
    etcd.copied(&early);
    (0..20).for_each(|n| put(&gateway, &format!("late{n}"), "v"));
    settled(etcd.data_dir());
    let (_home, data) = etcd.kill();
    fs::copy(data.join("member/snap/db"), early.join("member/snap/db")).unwrap();
    assert_eq!(codes(&early, &[]), ["db-ahead"]);
    assert_eq!(codes(&early, &["--no-wal"]), [""; 0]);
    shown_as_mixed(early.to_str().unwrap(), "db-ahead");
}

/// No traffic makes a member's own log look like another one, wherever its db is compacted.
#[test]
fn the_own_log_of_a_member_fits_after_any_traffic() {
    let Some(peers) = Peers::find("the_own_log_of_a_member_fits_after_any_traffic") else { return };
    for (seed, version) in [(1, "34"), (2, "35"), (3, "36"), (4, "37")] {
        let etcd = Etcd::start(&peers, version);
        let mut traffic = Traffic::new(seed, Gateway::new(&etcd.endpoint));
        for round in 0..3 {
            (0..100).for_each(|_| traffic.step());
            compact(&etcd);
            std::thread::sleep(std::time::Duration::from_millis(300));
            let home = TempDir::new().unwrap();
            let at = home.path().join("at");
            etcd.copied(&at);
            assert!(!codes(&at, &[]).contains(&"log-of-another".to_owned()), "etcd {version}, round {round}");
        }
    }
}

/// Transactions may fail, all of them.
#[test]
fn a_log_of_transactions_that_failed() {
    let Some(peers) = Peers::find("a_log_of_transactions_that_failed") else { return };
    let etcd = Etcd::start(&peers, "36");
    let gateway = Gateway::new(&etcd.endpoint);
    (0..12).for_each(|n| create(&gateway, &format!("lock{n}"), "first"));
    (0..1100).for_each(|n| create(&gateway, &format!("lock{}", n % 12), &format!("later{n}")));
    // What failed alone does not make etcd write its db.
    etcd.ctl(&["lease", "grant", "1000"]);
    settled(etcd.data_dir());
    let home = TempDir::new().unwrap();
    let at = home.path().join("at");
    etcd.copied(&at);
    assert_eq!(codes(&at, &[]), [""; 0]);
    compact(&etcd);
    settled(etcd.data_dir());
    let (_home, data) = etcd.kill();
    assert_eq!(codes(&data, &[]), [""; 0], "compacted");
}

/// While an alarm is active, etcd refuses puts that are in its log.
#[test]
fn a_log_of_puts_that_an_alarm_refused() {
    let Some(peers) = Peers::find("a_log_of_puts_that_an_alarm_refused") else { return };
    let etcd = Etcd::start(&peers, "36");
    let gateway = Gateway::new(&etcd.endpoint);
    (0..5).for_each(|n| put(&gateway, &format!("before{n}"), "v"));
    let saved = etcd.data_dir().join("saved.db");
    let alarm = |action| json!({"action": action, "memberID": 5, "alarm": "NOSPACE"});
    gateway.ask("/v3/maintenance/alarm", &alarm("ACTIVATE")).unwrap();
    for n in 0..1100 {
        let refused = gateway.ask("/v3/kv/put", &json!({"key": b64(&format!("refused{n}")), "value": ""}));
        assert!(refused.is_err(), "{refused:?}");
    }
    etcd.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
    settled(etcd.data_dir());
    let (_home, data) = etcd.kill();
    assert_eq!(codes(&data, &[]), ["alarm"]);
    let [saved, wal] = [data.join("saved.db"), data.join("member/wal")].map(|path| path.display().to_string());
    let to = data.join("to.db").display().to_string();
    let output = etcdsnap(["restore", &saved, "--wal", &wal, "--to-snapshot", &to]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
