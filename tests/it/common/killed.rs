//! Members that are killed amid traffic, so that their logs hold what their dbs do not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use super::{
    Etcd, Peers,
    gateway::{Gateway, b64},
    traffic::Traffic,
};

/// The key that the numbers are written to; before all others, so that no range deletes it.
pub const LAST: &str = "_last";

/// Snapshots are taken often, so that segments and `.snap` files come and go; in every other run the db hardly ever
/// gets what is in the log.
pub fn flags(seed: u64) -> Vec<&'static str> {
    let mut flags = vec!["--snapshot-count", if seed.is_multiple_of(3) { "1000" } else { "50" }];
    if seed.is_multiple_of(2) {
        flags.extend(["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"]);
    }
    flags
}

pub fn start<'a>(peers: &'a Peers, version: &'a str, seed: u64) -> Etcd<'a> {
    Etcd::start_on(peers, version, None, &flags(seed)).unwrap_or_else(|log| panic!("etcd{version}:\n{log}"))
}

pub fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// A real etcd on a copy of `data`, at the addresses of the one that wrote it, so that its member has the same URLs.
#[track_caller]
pub fn started_again<'a>(peers: &'a Peers, version: &'a str, data: &Path, ports: [u16; 2]) -> (TempDir, Etcd<'a>) {
    let mut tries = 20;
    loop {
        let folder = TempDir::new().unwrap();
        let again = folder.path().join("again");
        copy(data, &again);
        let mut etcd = Etcd::spawn(peers, version, "m1", Some(&again), ports, &[]);
        if etcd.wait_for_health() {
            return (folder, etcd);
        }
        // some connection has it for a while
        tries -= 1;
        assert!(tries > 0 && etcd.lacks_a_port(), "etcd{version} does not start again:\n{}", etcd.log());
        thread::sleep(Duration::from_secs(3));
    }
}

/// Writes one number after the other until it is stopped, and returns the last that was acknowledged.
pub fn write_on(gateway: &Gateway, stop: &AtomicBool, acknowledged: &AtomicU64) {
    let mut n = 1;
    while !stop.load(SeqCst) {
        let put = json!({"key": b64(LAST), "value": b64(&n.to_string())});
        if gateway.ask("/v3/kv/put", &put).is_ok() {
            acknowledged.store(n, SeqCst);
        }
        n += 1;
    }
}

/// Traffic at random while numbers are written, then `kill -9` amid all of it.
pub fn killed<'a>(etcd: Etcd<'a>, seed: u64) -> (TempDir, PathBuf, u64) {
    let gateway = Gateway::new(&etcd.endpoint);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let killed = thread::scope(|scope| {
        scope.spawn(|| write_on(&gateway, &stop, &acknowledged));
        let mut traffic = Traffic::new(seed, gateway.clone());
        for _ in 0..60 + traffic.dice.below(120) {
            traffic.step();
            if traffic.dice.below(6) == 0 {
                traffic.rare();
            }
        }
        let killed = etcd.kill();
        stop.store(true, SeqCst);
        killed
    });
    (killed.0, killed.1, acknowledged.load(SeqCst))
}

/// Another text of the same length wherever `old` is in the db.
pub fn patch(data: &Path, old: &str, new: &str) {
    let (path, new) = (data.join("member/snap/db"), format!("{new:<width$}", width = old.len()));
    let mut bytes = fs::read(&path).unwrap();
    let found = |at: &usize| bytes[*at..].starts_with(old.as_bytes());
    let all: Vec<_> = (0..bytes.len() - old.len()).filter(found).collect();
    assert!(!all.is_empty() && new.len() == old.len(), "no {old}");
    all.into_iter().for_each(|at| bytes[at..at + old.len()].copy_from_slice(new.as_bytes()));
    fs::write(&path, bytes).unwrap();
}

/// The data directory of an etcd of `version` that was killed after it had written keys, a lease and a compaction.
pub fn member(peers: &Peers, version: &'static str) -> (TempDir, PathBuf) {
    let etcd = Etcd::start_on(peers, version, None, &["--snapshot-count", "20"]).unwrap();
    for i in 0..60 {
        etcd.ctl(&["put", &format!("/k/{}", i % 7), &format!("value {i}")]);
    }
    etcd.ctl(&["del", "/k/3"]);
    let lease = etcd.ctl(&["lease", "grant", "1000"]);
    etcd.ctl(&["put", "/l", "x", &format!("--lease={}", lease.split(' ').nth(1).unwrap())]);
    etcd.ctl(&["compact", "20"]);
    etcd.kill()
}
