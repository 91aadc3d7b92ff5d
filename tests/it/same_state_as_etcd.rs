//! A data directory that was not closed holds in its log what its db does not. What is shown of it is what a real etcd
//! serves when it starts on a copy: after `kill -9` amid traffic, and where it was stopped for the copy.
//!
//! `ETCDSNAP_RUNS=100` makes 100 runs of each instead of 2; the seed of a run that fails is printed.

use std::{
    cell::Cell,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

use crate::common::{
    Etcd, Peers, etcdsnap, free_ports,
    gateway::{Gateway, b64},
    killed::{LAST, copy, flags, killed, start, started_again, write_on},
    served::{known_as_served, ours, shown_as_served, theirs},
    traffic::{Dice, Traffic},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use etcdsnap::etcd::{Load, Uncommitted};
use serde_json::{Value, json};
use tempfile::TempDir;

const VERSIONS: [&str; 5] = ["34", "35", "36", "37", "38"];
const ROOT: [&str; 2] = ["--user", "root:pw"];

fn runs() -> u64 {
    std::env::var("ETCDSNAP_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(2)
}

fn peers() -> Option<Peers> {
    Peers::find("same_state_as_etcd")
}

/// The number that was written last, as `etcdsnap` shows it.
fn last_written(data: &Path, more: &[&str]) -> u64 {
    let kv = ours(data, "kv", &[&[LAST], more].concat());
    let value = kv["kvs"][0]["value"].as_str().unwrap().to_owned();
    String::from_utf8(STANDARD.decode(value).unwrap()).unwrap().parse().unwrap()
}

#[test]
fn one_member_that_was_killed() {
    let Some(peers) = peers() else { return };
    let mut ahead = 0;
    for seed in 0..runs() {
        for version in VERSIONS {
            let what = format!("etcd {version}, seed {seed}");
            let etcd = start(&peers, version, seed);
            let ports = etcd.ports;
            let (_home, data, acknowledged) = killed(etcd, seed);
            let (_folder, again) = started_again(&peers, version, &data, ports);
            shown_as_served(&data, &[], &again, &[], &what);
            known_as_served(&data, &Load::default(), &Gateway::new(&again.endpoint), &what);
            let written = last_written(&data, &[]);
            assert!(written >= acknowledged, "{what}: {written} is there, {acknowledged} was acknowledged");
            let log = &ours(&data, "status", &[])["log"];
            ahead += u64::from(log["entries"].as_u64().unwrap() > 0);
        }
    }
    assert!(ahead > 0, "no log was ever ahead of its db: nothing was shown");
}

#[test]
fn one_member_that_was_stopped_for_the_copy() {
    let Some(peers) = peers() else { return };
    for seed in 0..runs() {
        for version in VERSIONS {
            let what = format!("etcd {version}, seed {seed}, stopped");
            let etcd = start(&peers, version, seed);
            let ports = etcd.ports;
            let gateway = Gateway::new(&etcd.endpoint);
            let folder = TempDir::new().unwrap();
            let data = folder.path().join("data");
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| write_on(&gateway, &stop, &AtomicU64::new(0)));
                let mut traffic = Traffic::new(seed, gateway.clone());
                (0..80).for_each(|_| traffic.step());
                etcd.copied(&data);
                stop.store(true, SeqCst);
            });
            drop(etcd);
            let (_folder, again) = started_again(&peers, version, &data, ports);
            shown_as_served(&data, &[], &again, &[], &what);
            known_as_served(&data, &Load::default(), &Gateway::new(&again.endpoint), &what);
        }
    }
}

/// Who may do what counts when it is applied: users change under those who write.
#[test]
fn one_member_that_checks_rights() {
    let Some(peers) = peers() else { return };
    for seed in 0..runs() {
        for version in VERSIONS {
            let what = format!("etcd {version}, seed {seed}, with auth");
            let etcd = start(&peers, version, seed);
            let ports = etcd.ports;
            for args in [
                &["role", "add", "root"][..],
                &["user", "add", "root:pw"],
                &["user", "grant-role", "root", "root"],
                &["role", "add", "r0"],
                &["role", "grant-permission", "r0", "readwrite", "a", "b0"],
                &["role", "grant-permission", "r0", "read", "b/"],
                &["role", "add", "r1"],
                &["role", "grant-permission", "r1", "readwrite", "b0", "c3"],
                &["user", "add", "u0:pw"],
                &["user", "grant-role", "u0", "r0"],
                &["user", "grant-role", "u0", "r1"],
                &["auth", "enable"],
            ] {
                etcd.ctl(args);
            }
            let mut root = Gateway::new(&etcd.endpoint);
            root.log_in("root", "pw");
            let mut user = root.clone();
            user.log_in("u0", "pw");
            let [mut as_root, mut as_user] = [root, user].map(|gateway| Traffic::new(seed, gateway));
            as_user.plain = version == "34";
            let mut dice = Dice::new(seed);
            for _ in 0..150 {
                match dice.below(12) {
                    0 => {
                        as_root.rare();
                        // what changes users and roles ends all tokens
                        as_root.gateway.log_in("root", "pw");
                        if dice.below(3) > 0 {
                            let mut gateway = as_user.gateway.clone();
                            let login = json!({"name": "u0", "password": "pw"});
                            if Gateway::new(&etcd.endpoint).ask("/v3/auth/authenticate", &login).is_ok() {
                                gateway.log_in("u0", "pw");
                            }
                            as_user.gateway = gateway;
                        }
                    }
                    1..=4 => as_root.step(),
                    _ => as_user.step(),
                }
            }
            let (_home, data) = etcd.kill();
            let (_folder, again) = started_again(&peers, version, &data, ports);
            shown_as_served(&data, &[], &again, &ROOT, &what);
            let mut root = Gateway::new(&again.endpoint);
            root.log_in("root", "pw");
            known_as_served(&data, &Load::default(), &root, &what);
        }
    }
}

/// Members come, change, vote and go, all of it in the log alone.
#[test]
fn one_member_that_others_joined_and_left() {
    let Some(peers) = peers() else { return };
    for version in VERSIONS {
        let what = format!("etcd {version}, members");
        let etcd = start(&peers, version, 0);
        let gateway = Gateway::new(&etcd.endpoint);
        let ports = etcd.ports;
        // a member has to be there for some seconds before others may come
        let add = |url: &str| {
            let request = json!({"peerURLs": [url], "isLearner": true});
            let id = Cell::default();
            crate::common::eventually("a member is added", || {
                let answer = gateway.ask("/v3/cluster/member/add", &request);
                id.set(answer.ok().and_then(|answer| Some(answer["member"]["ID"].as_str()?.to_owned())));
                id.take().map(|new| id.set(Some(new))).is_some()
            });
            id.take().unwrap()
        };
        let act = |what: &str, request: Value| gateway.ask(&format!("/v3/cluster/member/{what}"), &request);
        let first = add("http://127.0.0.1:1");
        act("update", json!({"ID": first, "peerURLs": ["http://127.0.0.1:2", "http://127.0.0.1:3"]})).unwrap();
        act("remove", json!({"ID": first})).unwrap();
        // one that starts, and votes for a while
        let [client, peer] = free_ports();
        let second = add(&format!("http://127.0.0.1:{peer}"));
        let cluster = format!("m1=http://127.0.0.1:{},m2=http://127.0.0.1:{peer}", ports[1]);
        let more = ["--initial-cluster-state", "existing", "--initial-cluster", &cluster];
        let home = TempDir::new().unwrap();
        let joined = Etcd::spawn(&peers, version, "m2", Some(&home.path().join("m2")), [client, peer], &more);
        crate::common::eventually("a learner is promoted", || act("promote", json!({"ID": second})).is_ok());
        gateway.ask("/v3/kv/put", &json!({"key": b64("k"), "value": b64("v")})).unwrap();
        crate::common::eventually("a member is removed", || act("remove", json!({"ID": second})).is_ok());
        drop(joined);
        crate::common::eventually("it is alone again", || {
            gateway.ask("/v3/kv/put", &json!({"key": b64("k"), "value": b64("w")})).is_ok()
        });
        add("http://127.0.0.1:4");
        let (_home, data) = etcd.kill();
        let shown = ours(&data, "members", &["--no-wal"]);
        assert!(shown["members"].as_array().is_some_and(|m| m.len() < 2), "{what}: the db should not know of them");
        let (_folder, again) = started_again(&peers, version, &data, ports);
        shown_as_served(&data, &[], &again, &[], &what);
        let members = ours(&data, "members", &[]);
        assert_eq!(members["removed"].as_array().map(Vec::len), Some(2), "{what}");
        assert_eq!(members["members"].as_array().map(Vec::len), Some(2), "{what}");
    }
}

/// A member that was killed after it had received the leader's db, and before that took the place of its own.
#[test]
fn one_member_with_a_db_from_its_leader() {
    let Some(peers) = peers() else { return };
    for version in VERSIONS {
        let what = format!("etcd {version}, with a .snap.db");
        let etcd = start(&peers, version, 1);
        let ports = etcd.ports;
        let folder = TempDir::new().unwrap();
        let (old, data) = (folder.path().join("old.db"), folder.path().join("data"));
        let mut traffic = Traffic::new(1, Gateway::new(&etcd.endpoint));
        (0..20).for_each(|_| traffic.step());
        etcd.signal("-STOP");
        copy(&etcd.data_dir().join("member/snap/db"), &old);
        etcd.signal("-CONT");
        (0..200).for_each(|_| traffic.step());
        let (_home, killed) = etcd.kill();
        copy(&killed, &data);
        let snap = data.join("member/snap");
        let names = std::fs::read_dir(&snap).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // etcd takes a file only if its log has the record that is written after the file, and the commit of its entry
        let records = |of: &str| -> Vec<Value> {
            let records = etcdsnap(["wal", data.to_str().unwrap(), "--type", of, "-o", "ndjson"]).stdout;
            serde_json::Deserializer::from_slice(&records).into_iter().map(Result::unwrap).collect()
        };
        let commit = records("state").last().unwrap()["content"]["commit"].as_u64().unwrap();
        let logged = records("snapshot").into_iter().map(|record| record["index"].as_u64().unwrap());
        let logged: Vec<_> =
            logged.filter(|index| *index <= commit).map(|index| format!("{index:016x}.snap")).collect();
        let newest = names.filter(|name| logged.iter().any(|end| name.ends_with(end))).max().unwrap();
        let index = newest.trim_end_matches(".snap").rsplit('-').next().unwrap();
        std::fs::rename(snap.join("db"), snap.join(format!("{index}.snap.db"))).unwrap();
        copy(&old, &snap.join("db"));
        let (_folder, again) = started_again(&peers, version, &data, ports);
        shown_as_served(&data, &[], &again, &[], &what);
        std::fs::remove_file(snap.join(format!("{index}.snap.db"))).unwrap();
        let lost = etcdsnap(["kv", data.to_str().unwrap(), "--count-only"]);
        let told = String::from_utf8(lost.stderr).unwrap();
        assert_eq!(lost.status.code(), Some(1), "{what}: {told}");
        assert!(told.contains(&format!("{index}.snap.db is missing")), "{what}: {told}");
    }
}

/// Of three each knows for sure what it has heard to be committed, and that is what was served once; what the one that
/// leads then has besides, they agree on.
#[test]
fn three_members_that_were_killed() {
    let Some(peers) = peers() else { return };
    for seed in 0..runs() {
        for version in VERSIONS {
            let what = format!("etcd {version}, seed {seed}, three");
            three(&peers, version, seed, &what);
        }
    }
}

fn three(peers: &Peers, version: &str, seed: u64, what: &str) {
    let folder = TempDir::new().unwrap();
    let (ports, flags) = ([(); 3].map(|()| free_ports()), flags(seed));
    let start = |at: &Path| Etcd::three_at(peers, version, at, ports, &flags);
    let first = folder.path().join("first");
    std::fs::create_dir(&first).unwrap();
    let members = start(&first);
    let gateway = Gateway::new(&members[seed as usize % 3].endpoint);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let homes: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| write_on(&gateway, &stop, &acknowledged));
        let mut traffic = Traffic::new(seed, gateway.clone());
        for _ in 0..60 + traffic.dice.below(60) {
            traffic.step();
            if traffic.dice.below(6) == 0 {
                traffic.rare();
            }
        }
        let homes = members.into_iter().map(Etcd::kill).collect();
        stop.store(true, SeqCst);
        homes
    });
    let second = folder.path().join("second");
    copy(&first, &second);
    let again = start(&second);
    let leader = again.iter().position(Etcd::leads).unwrap();
    let end = theirs(&again[leader], &[], &["get", "", "--from-key"]);
    for (_, data) in &homes {
        let sure = ours(data, "hashkv", &["--uncommitted", "drop"]);
        let (revision, compacted) = (sure["hashRevision"].as_i64().unwrap(), sure["compactRevision"].as_i64().unwrap());
        assert!(revision <= end["header"]["revision"].as_i64().unwrap(), "{what}: too much of {}", data.display());
        let at = revision.to_string();
        let served = again[leader].try_ctl(&["get", "", "--from-key", "--rev", &at, "-w", "json"]);
        if served.status.success() {
            let served: Value = serde_json::from_slice(&served.stdout).unwrap();
            let shown = ours(data, "kv", &["--uncommitted", "drop"]);
            assert_eq!(shown["kvs"], served["kvs"], "{what}: {} at {at}", data.display());
        } else {
            assert!(compacted < revision, "{what}: {}", String::from_utf8_lossy(&served.stderr));
        }
    }
    let (_, data) = &homes[leader];
    let load = Load { uncommitted: Some(Uncommitted::Keep), ..Load::default() };
    let keep = ["--uncommitted", "keep"];
    shown_as_served(data, &keep, &again[leader], &[], what);
    known_as_served(data, &load, &Gateway::new(&again[leader].endpoint), what);
    let written = last_written(data, &keep);
    assert!(written >= acknowledged.load(SeqCst), "{what}: {written}, {acknowledged:?}");
}
