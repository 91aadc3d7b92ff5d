//! A damaged db and the log of the same member: what the log has is back, the last acknowledged put included.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};

use super::{
    boots,
    damage::{Damage, Maker},
    judged::salvage,
    served,
    truth::{Live, Truth},
};
use crate::common::{
    Etcd, Peers,
    gateway::{Gateway, b64},
    killed::{copy, started_again},
};

const LAST: &str = "/last";
/// So many older roots of `key` are tried.
const ROOTS: usize = 12;

/// A member that took a snapshot, wrote on, and was killed: its folder, what etcd serves from that, and which keys were
/// written to or deleted after the snapshot. The db has all of it, or hardly anything since the snapshot.
struct Member {
    _home: tempfile::TempDir,
    data: std::path::PathBuf,
    served: BTreeMap<Vec<u8>, Live>,
    after: BTreeSet<Vec<u8>>,
    acknowledged: String,
}

fn member(peers: &Peers, version: &str, lags: bool) -> Member {
    let mut flags = vec!["--snapshot-count", "300", "--backend-batch-interval", "5ms", "--backend-batch-limit", "16"];
    if lags {
        flags[3..].clone_from_slice(&["1h", "--backend-batch-limit", "1000000"]);
    }
    let etcd = Etcd::start_on(peers, version, None, &flags).unwrap_or_else(|log| panic!("etcd{version}:\n{log}"));
    let gateway = Gateway::new(&etcd.endpoint);
    let key = |n: usize| format!("/registry/pods/default/pod-{n:03}");
    let put = |n: usize, value: &str| {
        gateway.ask("/v3/kv/put", &json!({"key": b64(&key(n)), "value": b64(value)})).unwrap();
    };
    let snapped = || fs::read_dir(etcd.data_dir().join("member/snap")).unwrap().any(is_snap);
    let mut n = 0;
    while !snapped() {
        put(n % 180, &format!("before {n}").repeat(20));
        n += 1;
    }
    let (mut after, mut acknowledged) = (BTreeSet::from([LAST.as_bytes().to_vec()]), String::new());
    for n in 0..60 {
        let at = n * 7 % 180;
        if n % 5 == 3 {
            gateway.ask("/v3/kv/deleterange", &json!({"key": b64(&key(at))})).unwrap();
        } else {
            put(at, &format!("after {n}").repeat(30));
        }
        after.insert(key(at).into_bytes());
        acknowledged = n.to_string();
        gateway.ask("/v3/kv/put", &json!({"key": b64(LAST), "value": b64(&acknowledged)})).unwrap();
    }
    let ports = etcd.ports;
    let (home, data) = etcd.kill();
    let (_folder, again) = started_again(peers, version, &data, ports);
    let answer: Value = serde_json::from_str(&again.ctl(&["get", "", "--from-key", "-w", "json"])).unwrap();
    Member { _home: home, data, served: served(&answer).into_iter().collect(), after, acknowledged }
}

fn is_snap(entry: std::io::Result<fs::DirEntry>) -> bool {
    entry.unwrap().file_name().to_str().unwrap().ends_with(".snap")
}

#[test]
fn the_log_brings_back_what_the_db_lost() {
    let Some(peers) = Peers::find("the_log_brings_back_what_the_db_lost") else { return };
    for (version, lags) in [("34", false), ("35", true), ("36", false), ("36", true), ("37", true)] {
        let member = member(&peers, version, lags);
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy(&member.data, &data);
        let db = data.join("member/snap/db");
        let whole = fs::read(&db).unwrap();
        let mut maker = Maker::new(&whole, 11);
        let damages = maker.all();
        let some = |damage: &&Damage| !matches!(damage.kind, "within an image" | "the beginning is missing");
        let some = damages.iter().filter(some).enumerate().filter(|(n, _)| n % 3 == usize::from(lags));
        // each root of `key` that may be paired with an entry of the log that is not its own
        let old: Vec<_> = maker.old_roots().iter().take(ROOTS).map(|(_, key)| maker.older_root_of_key(*key)).collect();
        let old = old.iter().flat_map(|damage| [(0, damage), (1, damage)]);
        for (n, damage) in some.chain(old) {
            let (bytes, _) = damage.on(&whole);
            fs::write(&db, &bytes).unwrap();
            let what =
                format!("etcd{version}, the db {} behind, {}", if lags { "lags" } else { "is not" }, damage.what);
            // as a data directory, and as a db and a log
            let to = dir.path().join("saved.db");
            let wal = data.join("member/wal");
            let args: &[&Path] = if n % 2 == 0 { &[&data] } else { &[&db, "--wal".as_ref(), &wal] };
            brings_back(&member, args, &to, &what);
            if damage.kind == "both metas" || damage.kind == "none" {
                let etcd = boots::boot(&peers, version, &to, &dir.path().join("booted"));
                boots::serves(&etcd, &to, &what);
            }
        }
    }
}

#[track_caller]
fn brings_back(member: &Member, input: &[&Path], to: &Path, what: &str) {
    for only in [&[][..], &["--only", "proved"]] {
        let _ = fs::remove_file(to);
        let _ = fs::remove_file(format!("{}.etcdsnap.json", to.display()));
        let input = input.iter().map(|arg| arg.to_str().unwrap());
        let output =
            salvage(&input.chain(["--to", to.to_str().unwrap()]).chain(only.iter().copied()).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        let saved = fs::read(to).map(|bytes| Truth::of(&bytes)).unwrap_or_default();
        let saved: BTreeMap<_, _> = saved.live.into_iter().map(|(key, live)| (key, live.without_sub())).collect();
        if !only.is_empty() {
            for (key, found) in &saved {
                let key_is = String::from_utf8_lossy(key);
                assert_eq!(Some(found), member.served.get(key), "{what}: {key_is} is called proved, and is not so");
            }
            continue;
        }
        for key in &member.after {
            let (found, live) = (saved.get(key), member.served.get(key));
            let is_so = match (found, live) {
                (Some(found), Some(live)) => found.sum == live.sum,
                (None, None) => true,
                _ => false,
            };
            let key = String::from_utf8_lossy(key);
            assert!(is_so, "{what}: {key} was {live:?}, and comes back as {found:?}: {said}");
        }
        let last = &saved[LAST.as_bytes()];
        assert_eq!(last.sum, Live::new(0, 0, 0, 0, member.acknowledged.as_bytes()).sum, "{what}: the last put");
        assert!(output.status.code() == Some(1) || saved == member.served, "{what}: exit 0 and something is lost");
    }
}
