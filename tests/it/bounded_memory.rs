//! Promise 5: memory that is not the mapped file grows with the number of distinct keys, never with file size,
//! revisions or the size of all values. Run under a limit on data memory, two threads.

use std::process::Command;

use crate::common::{Etcd, Peers};

/// Under `prlimit --data=BYTES`: the file map does not count there, all else does.
#[track_caller]
fn limited(megabytes: u32, args: &[&str]) {
    let output = Command::new("prlimit")
        .arg(format!("--data={}", u64::from(megabytes) << 20))
        .arg(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["--threads", "2"])
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Differences end a diff with 1; a fault would be reported on stderr.
    let good =
        output.status.success() || args.first() == Some(&"diff") && output.status.code() == Some(1) && said.is_empty();
    assert!(good, "{args:?} under {megabytes} MB: {} {said}", output.status);
}

/// 300 MB in 240 revisions of 20 keys: three times what the commands may use.
#[test]
fn values_and_revisions_cost_no_memory() {
    let Some(peers) = Peers::find("values_and_revisions_cost_no_memory") else { return };
    let etcd = Etcd::start(&peers, "36");
    let dir = tempfile::tempdir().unwrap();
    let value = dir.path().join("value");
    for i in 0..240 {
        let byte = b'a' + u8::try_from(i / 20).unwrap();
        std::fs::write(&value, vec![byte; 1_250_000]).unwrap();
        let mut put = peers.command("etcdctl36");
        put.args(["--endpoints", &etcd.endpoint, "put", &format!("/key/{}", i % 20)]);
        assert!(put.stdin(std::fs::File::open(&value).unwrap()).output().unwrap().status.success());
    }
    let file = dir.path().join("large.db");
    let file = file.to_str().unwrap();
    etcd.ctl(&["snapshot", "save", file]);
    assert!(std::fs::metadata(file).unwrap().len() > 300_000_000);
    for args in [
        &["status", file][..],
        &["verify", file],
        &["hashkv", file],
        &["kv", file],
        &["kv", file, "-w", "ndjson"],
        &["get", file],
        &["diff", file, "--rev", "20..240", "--raw", "-o", "json"],
        &["history", file, "--key", "/key/7"],
        &["timeline", file],
        &["bolt", "page", file, "--all"],
        &["bolt", "check", file],
    ] {
        limited(96, args);
    }
    for more in [&[][..], &["--defrag", "--compact", "latest"]] {
        let copy = dir.path().join(format!("copy-{}.db", more.len())).display().to_string();
        limited(96, &[&["defrag", file, "--to", &copy], more.get(1..).unwrap_or_default()].concat());
        let shared = dir.path().join(format!("shared-{}.db", more.len())).display().to_string();
        limited(96, &["redact", file, "--to", &shared, "--also", "env"]);
        let to = dir.path().join(format!("restored-{}", more.len())).display().to_string();
        limited(96, &[&["restore", file, "--data-dir", &to, "--member", "m1"], more].concat());
    }
}

/// 150 MB in a log that the db knows nothing of.
#[test]
fn what_is_in_the_log_costs_no_memory() {
    let Some(peers) = Peers::find("what_is_in_the_log_costs_no_memory") else { return };
    let flags = ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000", "--snapshot-count", "100000"];
    let etcd = Etcd::start_on(&peers, "36", None, &flags).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("before.db").display().to_string();
    etcd.ctl(&["snapshot", "save", &file]);
    let value = dir.path().join("value");
    for i in 0..120 {
        std::fs::write(&value, vec![b'a'; 1_250_000]).unwrap();
        let mut put = peers.command("etcdctl36");
        put.args(["--endpoints", &etcd.endpoint, "put", &format!("/key/{}", i % 20)]);
        assert!(put.stdin(std::fs::File::open(&value).unwrap()).output().unwrap().status.success());
    }
    let (_home, data) = etcd.kill();
    let data = data.to_str().unwrap();
    let to = |name: &str| dir.path().join(name).display().to_string();
    for args in [
        &["status", data][..],
        &["hashkv", data],
        &["kv", data],
        &["restore", data, "--data-dir", &to("a"), "--member", "m1"],
        &["restore", data, "--data-dir", &to("b"), "--member", "m1", "--defrag", "--compact", "latest"],
        &["restore", &file, "--wal", data, "--data-dir", &to("c"), "--member", "m1"],
    ] {
        limited(96, args);
    }
    assert!(std::fs::metadata(dir.path().join("a/member/snap/db")).unwrap().len() > 150_000_000);
}

#[test]
fn small_files_need_little() {
    for args in [
        &["verify", "fixtures/kube.db"][..],
        &["get", "fixtures/kube.db", "-o", "json"],
        &["get", "fixtures/kube.db", "-o", "ndjson"],
        &["get", "fixtures/kube.db", "all", "-o", "wide"],
        &["export", "fixtures/kube.db", "--all", "--to", "-"],
        &["members", "fixtures/kube.db"],
        &["diff", "fixtures/kube.db", "--rev", "300..300", "-o", "json"],
        &["timeline", "fixtures/kube.db"],
    ] {
        limited(48, args);
    }
}
