//! etcdutl's command line is taken as tutorials and scripts write it: flags before the command, `--flag=true`.

use std::{fs, path::Path, process::Command};

use crate::common::Peers;

const FILE: &str = "fixtures/etcd-3.6.db";

/// Exit code and output of `etcdsnap ARGS`, with the variables of etcdctl's scripts.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    let output = command.args(args).env("ETCDCTL_API", "3").env("ETCDCTL_WRITE_OUT", "json").output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_format_may_be_anywhere() {
    let table = run(&["snapshot", "status", FILE, "-w", "table"]);
    assert!(table.0 == Some(0) && table.1.starts_with('┌'), "{table:?}");
    let forms: &[&[&str]] = &[
        &["--write-out=table", "snapshot", "status", FILE],
        &["--write-out", "table", "snapshot", "status", FILE],
        &["-w", "table", "snapshot", "status", FILE],
        &["-wtable", "snapshot", "status", FILE],
        &["-w=table", "snapshot", "status", FILE],
        &["--timeout", "5s", "-w", "table", "snapshot", "status", FILE],
        &["--timeout=5s", "--write-out", "table", "snapshot", "status", FILE],
        &["snapshot", "-w", "table", "status", FILE],
        &["snapshot", "--write-out=table", "status", FILE],
        &["snapshot", "status", "--write-out=table", FILE],
        &["snapshot", "status", FILE, "--timeout", "5s", "-w", "table"],
        &["snapshot", "status", FILE, "-w", "json", "-w", "table"],
        &["snapshot", "stat", FILE, "-w", "table"],
    ];
    let peers = Peers::find("the_format_may_be_anywhere");
    for form in forms {
        assert_eq!(run(form), table, "{form:?}");
        if let Some(peers) = &peers {
            assert_eq!(peers.ask("etcdutl37", form.iter()), table.1, "{form:?}");
        }
    }
    for hashkv in [&["--write-out=json", "hashkv", FILE][..], &["-w", "json", "hashkv", FILE]] {
        assert_eq!(run(hashkv), run(&["hashkv", FILE, "-w", "json"]), "{hashkv:?}");
    }
    // etcdsnap's own commands take it, too
    assert_eq!(run(&["--write-out=table", "verify", FILE]), run(&["verify", FILE]));
    assert_eq!(run(&["-w", "nonsense", "snapshot", "status", FILE]).0, Some(2));
    assert_eq!(run(&["snapshot", "status", FILE]).1.lines().count(), 1);
}

#[test]
fn flags_have_values_as_go_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.db");
    fs::write(&copy, fs::read(FILE).unwrap().split_last_chunk::<32>().unwrap().0).unwrap();
    let copy = copy.to_str().unwrap();
    let peers = Peers::find("flags_have_values_as_go_reads_them");
    let hashkv = |dir: &Path| run(&["hashkv", dir.join("member/snap/db").to_str().unwrap()]);
    let args = |flags: &[&'static str], to: &Path| -> Vec<String> {
        let to = ["--data-dir", to.to_str().unwrap()];
        [&["snapshot", "restore", copy], &to[..], flags].concat().into_iter().map(str::to_owned).collect()
    };
    let forms: &[(&[&str], bool)] = &[
        (&["--skip-hash-check"], true),
        (&["--skip-hash-check=true"], true),
        (&["--skip-hash-check=1"], true),
        (&["--skip-hash-check=T"], true),
        (&["--skip-hash-check=false", "--skip-hash-check=True"], true),
        (&["--skip-hash-check=false"], false),
        (&["--skip-hash-check=0"], false),
        (&["--skip-hash-check=yes"], false),
        (&["--skip-hash-check=true", "--mark-compacted=true", "--bump-revision=1000"], true),
        (&["--skip-hash-check=true", "--mark-compacted", "--bump-revision", "0x3e8"], true),
        (&["--skip-hash-check=true", "--mark-compacted=t", "--bump-revision", "1_000"], true),
        (&["--skip-hash-check=true", "--mark-compacted=false", "--bump-revision", "1000"], false),
        (&["--skip-hash-check=true", "--initial-memory-map-size=0x100000", "-w", "json"], true),
    ];
    for (n, (flags, done)) in forms.iter().enumerate() {
        let (ours, theirs) = (dir.path().join(format!("ours{n}")), dir.path().join(format!("theirs{n}")));
        let call = args(flags, &ours);
        let (code, _) = run(&call.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((code == Some(0), ours.exists()), (*done, *done), "{flags:?}: {code:?}");
        if let Some(peers) = &peers {
            let output = peers.run("etcdutl37", args(flags, &theirs));
            assert_eq!(output.status.success(), *done, "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
            if *done {
                assert_eq!(hashkv(&ours), hashkv(&theirs), "{flags:?}");
            }
        }
    }
    let bumped = |n: usize| hashkv(&dir.path().join(format!("ours{n}")));
    assert_eq!(bumped(8), bumped(9));
    assert_eq!(bumped(8), bumped(10));
    assert_ne!(bumped(8), bumped(0));
}
