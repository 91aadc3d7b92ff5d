//! A db that is named alone and is part of a data directory: every command names the log that it does not read, and
//! `restore` refuses to lose what only the log holds.

use std::{fs, path::Path, process::Command};

/// Exit code, standard output, standard error.
fn run_in(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).current_dir(dir).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A data directory, `m1`, whose log holds 14 entries that the db does not.
fn data_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::rename(crate::common::unpacked(dir.path()), dir.path().join("m1")).unwrap();
    dir
}

#[test]
fn every_command_names_the_log_that_is_not_read() {
    let dir = data_dir();
    let note = "part of the data directory m1, whose log is not read: it may hold later entries";
    for args in [
        &["status", "m1/member/snap/db"][..],
        &["get", "m1/member/snap/db"],
        &["kv", "m1/member/snap/db"],
        &["hashkv", "m1/member/snap/db"],
        &["members", "m1/member/snap/db"],
        &["rows", "m1/member/snap/db"],
        &["diff", "m1/member/snap/db", "m1/member/snap/db"],
        &["snapshot", "status", "m1/member/snap/db"],
    ] {
        let (_, _, said) = run_in(dir.path(), args);
        assert!(said.contains(note), "{args:?}: {said}");
    }
    let (_, out, _) = run_in(dir.path(), &["verify", "m1/member/snap/db"]);
    assert!(out.contains(note) && out.contains("hint: name m1, to read its log, too"), "{out}");
    // named from inside, and by a link
    std::os::unix::fs::symlink("m1/member/snap/db", dir.path().join("link")).unwrap();
    for (inside, name) in [("m1/member", "snap/db"), ("m1/member/snap", "db"), ("", "link")] {
        let (_, _, said) = run_in(&dir.path().join(inside), &["status", name]);
        assert!(said.contains("/m1, whose log is not read"), "{name}: {said}");
    }
    let (code, _, said) = run_in(dir.path(), &["wal", "m1/member/snap/db"]);
    assert!(code == 1 && said.contains("hint: name m1\n"), "{said}");
    // a copy is part of nothing, nor is a db whose log is empty
    fs::copy(dir.path().join("m1/member/snap/db"), dir.path().join("db")).unwrap();
    let (_, _, said) = run_in(dir.path(), &["status", "db"]);
    assert!(!said.contains("part of"), "{said}");
}

#[test]
fn restore_takes_the_db_alone_only_when_that_is_said() {
    let dir = data_dir();
    let restore = |flags: &[&str]| {
        let words = ["restore", "m1/member/snap/db", "--data-dir", "to", "--member", "m1", "--skip-hash-check"];
        run_in(dir.path(), &[&words[..], flags].concat())
    };
    for flags in [&[][..], &["--dry-run"]] {
        let (code, out, said) = restore(flags);
        assert_eq!((code, out.as_str()), (2, ""), "{said}");
        assert!(said.contains("the log of its data directory m1 holds 14 later entries"), "{said}");
        assert!(said.contains("with its log: etcdsnap restore m1 ..."), "{said}");
    }
    let (code, out, said) = restore(&["--no-wal", "--dry-run"]);
    assert!(code == 0 && out.contains("revision 172"), "{out}{said}");
    let (code, out, said) = restore(&["--wal", "m1", "--dry-run"]);
    assert!(code == 0 && out.contains("revision 172 to 186"), "{out}{said}");
    // a log that cannot be read may hold more
    let wal = fs::read_dir(dir.path().join("m1/member/wal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&wal).unwrap();
    bytes[64..4096].fill(0xff);
    fs::write(&wal, bytes).unwrap();
    let (code, _, said) = restore(&["--dry-run"]);
    assert!(code == 2 && said.contains("data directory m1"), "{said}");
    assert_eq!(restore(&["--no-wal", "--dry-run"]).0, 0);
}
