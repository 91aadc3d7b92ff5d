//! Promise 1: content, mode, mtime and ctime of the input and its folder stay; atime too.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

fn stamp(path: &Path) -> (u32, u64, [i64; 6]) {
    let m = path.metadata().unwrap();
    let times = [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec(), m.atime(), m.atime_nsec()];
    (m.mode(), m.len(), times)
}

#[test]
fn no_command_leaves_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kube.db");
    fs::copy("fixtures/kube.db", &file).unwrap();
    // An atime older than the mtime is what `relatime` would renew.
    let bytes = fs::read(&file).unwrap();
    let options = fs::FileTimes::new().set_accessed(std::time::UNIX_EPOCH);
    fs::File::options().write(true).open(&file).unwrap().set_times(options).unwrap();
    let (before, folder) = (stamp(&file), stamp(dir.path()));
    let name = file.to_str().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let restored = elsewhere.path().join("restored").display().to_string();
    let exported = elsewhere.path().join("exported").display().to_string();
    let commands: &[&[&str]] = &[
        &["status", name],
        &["status", "--check", name],
        &["verify", name],
        &["hashkv", name],
        &["members", name],
        &["kv", name, "/", "--prefix"],
        &["bolt", "page", name, "--all"],
        &["bolt", "check", name],
        &["get", name, "-o", "json"],
        &["get", name, "ns/default", "-o", "yaml"],
        &["diff", name, name],
        &["diff", name, "--rev", "455..455", "-o", "json"],
        &["history", name, "deploy/web"],
        &["timeline", name],
        &["export", name, "--to", &exported],
        &["snapshot", "status", name],
        &["restore", name, "--data-dir", &restored, "--member", "m1"],
        &[
            "restore",
            name,
            "--data-dir",
            &restored,
            "--member",
            "m1",
            "--keep-old",
            "--defrag",
            "--bump-revision",
            "auto",
        ],
    ];
    for args in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(*args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((stamp(&file), stamp(dir.path())), (before, folder), "{args:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), bytes);
}
