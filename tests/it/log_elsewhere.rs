//! `--wal-dir`: a data directory whose log is elsewhere is read as with its log in place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::etcdsnap;

/// The data directory of an etcd 3.6 in `data`, its log in `data/member/wal`, or in `log` when that is `apart`.
fn unpacked(apart: bool) -> (TempDir, PathBuf, PathBuf) {
    let home = TempDir::new().unwrap();
    let (data, log) = (crate::common::unpacked(home.path()), home.path().join("log"));
    if apart {
        fs::rename(data.join("member/wal"), &log).unwrap();
    }
    (home, data, log)
}

/// Exit code, stdout and stderr, in which `home` is `HOME`.
#[track_caller]
fn run(home: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = etcdsnap(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(home.to_str().unwrap(), "HOME");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What every command is given after the data directory.
const CALLS: [(&str, &[&str]); 14] = [
    ("status", &["-o", "json"]),
    ("verify", &["-o", "json"]),
    ("hashkv", &[]),
    ("members", &[]),
    ("kv", &["--prefix", ""]),
    ("get", &[]),
    ("describe", &["pod/web-0"]),
    ("diff", &["--rev", "180..186", "--raw"]),
    ("history", &["--key", "/app/again"]),
    ("timeline", &[]),
    ("export", &["--to", "-"]),
    ("wal", &["--type", "entry"]),
    ("snap", &["-o", "json"]),
    ("restore", &["--to-snapshot", "HOME/new.db", "--dry-run", "-o", "json"]),
];

#[test]
fn every_command_answers_as_with_the_log_in_place() {
    let ((home, data, _), (other_home, apart, log_apart)) = (unpacked(false), unpacked(true));
    for (command, rest) in CALLS {
        let of = |home: &Path, data: &Path, log: &[&str]| {
            let rest: Vec<_> = rest.iter().map(|arg| arg.replace("HOME", home.to_str().unwrap())).collect();
            let args = [command, data.to_str().unwrap()];
            run(home, &[&args[..], &rest.iter().map(String::as_str).collect::<Vec<_>>(), log].concat())
        };
        let flag = if command == "restore" { "--wal" } else { "--wal-dir" };
        let here = of(home.path(), &data, &[]);
        let with = of(other_home.path(), &apart, &[flag, log_apart.to_str().unwrap()]);
        let without = of(other_home.path(), &apart, &[]);
        let place = |text: &str| text.replace("HOME/log/", "HOME/datadir-3.6/member/wal/");
        if command == "restore" {
            let document = |shown: &str| serde_json::from_str::<Value>(shown).unwrap();
            let of = |shown: &str| ["newRevision", "log"].map(|field| document(shown)["plan"][field].clone());
            let ([revision, log], [other_revision, mut other_log]) = (of(&here.1), of(&with.1));
            other_log["name"] = log["name"].clone();
            assert_eq!((with.0, other_revision, other_log), (Some(0), revision, log), "{command}");
            assert!(!with.2.contains("no log") && !with.1.contains("no-log"), "{with:?}");
        } else {
            assert_eq!((with.0, place(&with.1), place(&with.2)), here, "{command}");
        }
        assert!(without != with, "{command}: the log does not show");
    }
}

#[test]
fn a_missing_log_hints_at_the_flag() {
    let (home, data, _) = unpacked(true);
    let (_, _, said) = run(home.path(), &["status", data.to_str().unwrap()]);
    assert!(said.contains("there is no log"), "{said}");
    let (_, shown, _) = run(home.path(), &["verify", data.to_str().unwrap()]);
    assert!(shown.contains("no-log") && shown.contains("with --wal-dir"), "{shown}");
}

#[test]
fn what_is_no_log_of_one_data_directory_is_refused() {
    let (home, data, log) = unpacked(true);
    let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
    let empty = home.path().to_str().unwrap();
    for (args, code, about) in [
        (&["status", "fixtures/small.db", "--wal-dir", log][..], 2, "none was named: fixtures/small.db"),
        (&["get", "fixtures/datadir-3.6.tar.gz", "--wal-dir", log], 2, "none was named"),
        (&["status", data, data, "--wal-dir", log], 2, "2 were named"),
        (&["diff", data, data, "--wal-dir", log], 2, "2 were named"),
        (&["kv", data, "--wal-dir", empty], 1, "no segments"),
        (&["kv", data, "--wal-dir", log, "--no-wal"], 2, "cannot be used with"),
    ] {
        let (exit, shown, said) = run(home.path(), args);
        assert_eq!((exit, shown.as_str()), (Some(code), ""), "{args:?}: {said}");
        assert!(said.contains(about) && said.contains("wal-dir"), "{args:?}: {said}");
    }
    // One of two is a data directory: its log it is.
    let (_, _, said) = run(home.path(), &["status", "fixtures/small.db", data, "--wal-dir", log]);
    assert!(!said.contains("there is no log"), "{said}");
}
