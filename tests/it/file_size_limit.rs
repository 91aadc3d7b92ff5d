//! A limit on the size of files (`ulimit -f`) is an error, as a full disk is: nothing unfinished is left.

use std::{
    fs,
    process::{Command, Output},
};

use crate::common::tree::Tree;

#[test]
fn nothing_unfinished_is_left_at_the_limit_on_file_sizes() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy("fixtures/kube.db", dir.path().join("kube.db")).unwrap();
    let gzip = Command::new("gzip").args(["-kn", "kube.db"]).current_dir(dir.path()).status().unwrap();
    assert!(gzip.success());
    let run = |limit: &str, line: &str| -> Output {
        Command::new("prlimit")
            .args([&format!("--fsize={limit}"), env!("CARGO_BIN_EXE_etcdsnap")])
            .args(line.split_whitespace())
            .current_dir(dir.path())
            .output()
            .unwrap()
    };
    let before = Tree::of(dir.path());
    for (limit, line) in [
        ("65536", "restore kube.db --member m1 --data-dir new"),
        // the db fits, its log of 64 MB does not
        ("33554432", "restore kube.db --member m1 --data-dir new"),
        ("65536", "restore kube.db --to-snapshot new"),
        ("65536", "salvage kube.db --to new"),
        ("1024", "export kube.db --all --to new"),
        ("65536", "status kube.db.gz --tmp-dir ."),
    ] {
        let limited = run(limit, line);
        let said = String::from_utf8_lossy(&limited.stderr);
        assert!(limited.status.code().is_some_and(|code| code != 0), "{line}: {} {said}", limited.status);
        assert!(said.contains("File too large"), "{line}: {said}");
        assert_eq!(Tree::of(dir.path()), before, "{line}: {said}");
    }
    for line in ["restore kube.db --member m1 --data-dir a", "salvage kube.db --to b", "export kube.db --all --to c"] {
        assert_eq!(run("unlimited", line).status.code(), Some(0), "{line}");
    }
}
