//! `-` is standard input, wherever a SNAPSHOT is taken: a pipe, or a file that the shell opened.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output},
};

use crate::{
    common::tree::{Tree, fed},
    terminal::terminal,
};
use serde_json::Value;

const KUBE: &str = "fixtures/kube.db";

/// Runs `etcdsnap ARGS` with a pipe as its standard input, from which it gets `bytes`. A run that is refused does not
/// read all of them.
fn piped(args: &[&str], bytes: &[u8]) -> Output {
    fed(args, bytes).0
}

/// Runs `etcdsnap ARGS` with the file as its standard input.
fn redirected(args: &[&str], file: impl AsRef<Path>) -> Output {
    let stdin = File::open(file).unwrap();
    Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).stdin(stdin).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_command_reads_it() {
    let calls: &[(&str, &[&str])] = &[
        (KUBE, &["status", "-"]),
        (KUBE, &["verify", "-"]),
        (KUBE, &["verify", "-o", "json", "-"]),
        (KUBE, &["hashkv", "-"]),
        (KUBE, &["members", "-"]),
        (KUBE, &["kv", "-", "/registry/configmaps/", "--prefix"]),
        (KUBE, &["get", "-", "pods", "-n", "shop"]),
        (KUBE, &["describe", "-", "cm/web-cfg", "-n", "shop"]),
        (KUBE, &["history", "-", "cm/web-cfg", "-n", "shop"]),
        (KUBE, &["timeline", "-"]),
        (KUBE, &["diff", "-", "fixtures/kube-later.db", "-n", "shop"]),
        (KUBE, &["diff", "fixtures/kube-later.db", "-", "-n", "shop"]),
        (KUBE, &["diff", "-", "--rev", "300..400"]),
        (KUBE, &["export", "-", "cm", "-n", "shop", "--to", "-"]),
        (KUBE, &["bolt", "pages", "-"]),
        (KUBE, &["bolt", "page", "-", "3", "--etcd"]),
        (KUBE, &["snapshot", "status", "-"]),
        ("fixtures/live-3.6.db.gz", &["status", "-"]),
        ("fixtures/datadir-3.6.tar.gz", &["verify", "-"]),
        ("fixtures/datadir-3.6.tar.gz", &["kv", "-"]),
        ("fixtures/datadir-3.6.tar.gz", &["wal", "-"]),
        ("fixtures/datadir-3.6.tar.gz", &["snap", "-"]),
    ];
    for (file, args) in calls {
        let mut named = args.to_vec();
        // the first; the last of export is its output
        *named.iter_mut().find(|arg| **arg == "-").unwrap() = file;
        let want = redirected(&named, "/dev/null");
        let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
        let want_text = text(&want);
        assert!(!want_text.is_empty(), "{named:?}: {}", said(&want));
        for got in [piped(args, &fs::read(file).unwrap()), redirected(args, file)] {
            assert_eq!(got.status.code(), want.status.code(), "{args:?}: {}", said(&got));
            // a column is as wide as the name
            let words = |text: &str| text.split_whitespace().map(|word| word.replace(file, "-")).collect::<Vec<_>>();
            assert_eq!(words(&text(&got)), words(&want_text), "{args:?}");
        }
    }
}

#[test]
fn it_is_restored_as_a_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = fs::read("fixtures/three-members.db").unwrap();
    let restored = |name: &str, run: &dyn Fn(&[&str]) -> Output, file: &str| {
        let to = dir.path().join(name);
        let args = ["restore", file, "--member", "m1", "--data-dir", to.to_str().unwrap()];
        let output = run(&args);
        assert!(output.status.success(), "{}", said(&output));
        fs::read(to.join("member/snap/db")).unwrap()
    };
    let want = restored("file", &|args| redirected(args, "/dev/null"), "fixtures/three-members.db");
    assert_eq!(restored("pipe", &|args| piped(args, &db), "-"), want);
    assert_eq!(restored("redirected", &|args| redirected(args, "fixtures/three-members.db"), "-"), want);
    let to = dir.path().join("alias");
    let args = ["snapshot", "restore", "-", "--data-dir", to.to_str().unwrap()];
    assert!(piped(&args, &db).status.success() && to.join("member/snap/db").exists());
}

#[test]
fn it_is_one_backup_and_no_more() {
    let db = fs::read(KUBE).unwrap();
    for args in [
        &["diff", "-", "-"][..],
        &["verify", "-", "-"],
        &["history", "-", "cm/x", "--also", "-"],
        &["status", "-", "-"],
    ] {
        let output = piped(args, &db);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains("standard input (-) is named twice"), "{args:?}: {}", said(&output));
    }
    for output in [piped(&["verify", "-"], b""), redirected(&["verify", "-"], "/dev/null")] {
        assert!(
            output.status.code() == Some(1) && String::from_utf8_lossy(&output.stdout).contains("the file is empty")
        );
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("-"), &db).unwrap();
    let file = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["status", "./-"]).current_dir(&dir).output().unwrap();
    assert!(file.status.success());
}

#[test]
fn nothing_is_left_of_it_and_it_may_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let tmp = dir.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    let (db, before) = (fs::read(KUBE).unwrap(), Tree::of(dir.path()));
    let tmp = tmp.to_str().unwrap();
    assert!(piped(&["status", "-", "--tmp-dir", tmp], &db).status.success());
    let large = piped(&["status", "-", "--tmp-dir", tmp, "--max-unpacked", "100000"], &db);
    assert_eq!(large.status.code(), Some(2));
    assert!(said(&large).contains("-: it is more than 100000 bytes"), "{}", said(&large));
    assert_eq!(Tree::of(dir.path()).names(), before.names());
    let nowhere = piped(&["status", "-", "--tmp-dir", "/proc/self"], &db);
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(said(&nowhere).contains("--tmp-dir"), "{}", said(&nowhere));
}

#[test]
fn a_part_of_it_is_picked() {
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["a.db", "b.db"] {
        tar.append_path_with_name("fixtures/small.db", name).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let several = piped(&["status", "-"], &tar);
    assert_eq!(several.status.code(), Some(2));
    assert!(said(&several).contains("name one of them, such as -:a.db"), "{}", said(&several));
    for name in ["-:b.db", "/dev/stdin:b.db"] {
        let one = piped(&["status", name], &tar);
        assert!(one.status.success() && String::from_utf8_lossy(&one.stdout).contains("-:b.db"), "{}", said(&one));
    }
    assert!(piped(&["status", "/dev/stdin"], &fs::read(KUBE).unwrap()).status.success());
}

#[test]
fn it_is_in_the_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = dir.path().join("evidence");
    assert!(
        piped(&["status", "-", "--evidence", evidence.to_str().unwrap()], &fs::read(KUBE).unwrap()).status.success()
    );
    let record: Value = serde_json::from_slice(&fs::read(&evidence).unwrap()).unwrap();
    let input = &record["inputs"][0];
    let sum = Command::new("sha256sum").arg(KUBE).output().unwrap().stdout;
    assert_eq!(input["path"], "-");
    assert_eq!(input["sha256Before"], input["sha256After"]);
    assert!(String::from_utf8(sum).unwrap().starts_with(input["sha256Before"].as_str().unwrap()));
}

#[test]
fn a_terminal_is_no_backup() {
    let (_terminal, end) = terminal();
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["verify", "-"]).stdin(end).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("standard input is a terminal") && printed.contains("| etcdsnap verify -"), "{printed}");
    assert!(!output.status.success());
}

#[test]
fn a_named_pipe_is_refused_with_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = redirected(&["status", pipe.to_str().unwrap()], "/dev/null");
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("- < PIPE"), "{}", said(&output));
}
