//! What was saved, restored by the real etcdutl with its check of the hash and served by a real etcd.

use std::{fs, path::Path};

use serde_json::Value;

use super::{served, truth::Truth};
use crate::common::{Etcd, Peers, etcdsnap};

/// A real etcd of `version` that starts on what etcdutl of that version restores of `saved`.
#[track_caller]
pub fn boot<'a>(peers: &'a Peers, version: &'a str, saved: &Path, data: &Path) -> Etcd<'a> {
    let program = if version == "34" { "etcdctl34".to_owned() } else { format!("etcdutl{version}") };
    let _ = fs::remove_dir_all(data);
    let args = ["snapshot", "restore", saved.to_str().unwrap(), "--data-dir", data.to_str().unwrap(), "--name", "m1"];
    let cluster =
        ["--initial-cluster", "m1=http://localhost:2380", "--initial-advertise-peer-urls", "http://localhost:2380"];
    peers.ask(&program, args.iter().chain(&cluster));
    Etcd::start_on(peers, version, Some(data), &[]).unwrap_or_else(|log| panic!("etcd{version} on {saved:?}:\n{log}"))
}

/// It serves the keys that are in the file, at its revision, and takes a put; `verify` knows how the file was made.
#[track_caller]
pub fn serves(etcd: &Etcd<'_>, saved: &Path, what: &str) {
    let verified = etcdsnap(["verify".as_ref(), saved.as_os_str(), "-o".as_ref(), "json".as_ref()]);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    let report = report.get(0).unwrap_or(&report);
    assert_eq!(report["verdict"], "doubtful", "{what}: {report}");
    assert!(report["findings"].to_string().contains("salvaged: "), "{what}: {report}");
    let truth = Truth::of(&fs::read(saved).unwrap());
    let ask = |args: &[&str]| -> Value { serde_json::from_str(&etcd.ctl(&[args, &["-w", "json"]].concat())).unwrap() };
    let answer = ask(&["get", "", "--from-key"]);
    let live = truth.live.iter().map(|(key, live)| (key.clone(), live.without_sub()));
    assert!(live.eq(served(&answer)), "{what}: other keys are served than were saved");
    // after a compaction whose records are lost, etcd continues with the revision of that
    let beside: Value =
        serde_json::from_slice(&fs::read(format!("{}.etcdsnap.json", saved.display())).unwrap()).unwrap();
    let head = beside["salvage"]["written"]["revision"].as_i64().unwrap();
    assert!(head >= truth.head, "{what}");
    assert_eq!(answer["header"]["revision"].as_i64().unwrap(), head, "{what}");
    let put = ask(&["put", "after", "value"]);
    assert_eq!(put["header"]["revision"].as_i64().unwrap(), head + 1, "{what}");
}
