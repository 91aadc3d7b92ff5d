//! What a run answers does not depend on who reads it: no crash when stdout or stderr is closed, and no false success.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use crate::common::etcdsnap;

/// Calls that print messages, and how each ends.
fn calls(dir: &Path) -> Vec<(Vec<String>, i32)> {
    let damaged = dir.join("damaged.db");
    let mut db = fs::read("fixtures/kube.db").unwrap();
    // where the first element of a leaf is
    let leaf = crate::common::key_leaf(&db);
    db[leaf + 20..leaf + 24].fill(0xff);
    fs::write(&damaged, &db).unwrap();
    let (damaged, evidence) = (damaged.to_str().unwrap().to_owned(), dir.join("evidence"));
    let evidence = evidence.to_str().unwrap();
    let member = "fixtures/datadir-3.6.tar.gz";
    let calls: [(&[&str], i32); 16] = [
        (&["status", "fixtures/kube.db"], 0),
        (&["status", "no-such-file"], 3),
        (&["verify", "Cargo.toml"], 1),
        (&["verify", &damaged], 1),
        (&["hashkv", &damaged], 1),
        (&["bolt", "check", &damaged], 1),
        (&["kv", "fixtures/kube.db", "no-such-key"], 1),
        (&["get", &damaged], 1),
        (&["get", "fixtures/kube.db", "pods", "-n", "none"], 1),
        (&["get", "fixtures/kube.db", "pods", "--at", "2026-11-21T02:04:00Z", "--evidence", evidence], 0),
        (&["describe", "fixtures/kube.db", "cm/no-such-one"], 1),
        (&["kv", member, "--keys-only"], 0),
        (&["export", "fixtures/kube.db", "secrets", "-n", "shop", "--to", "-"], 1),
        (&["snapshot", "restore", "x", "--mark-compacted"], 128),
        (&["no-such-command"], 2),
        (&["--help"], 0),
    ];
    calls.into_iter().map(|(args, code)| (args.iter().map(ToString::to_string).collect(), code)).collect()
}

/// One end of a pipe that nobody reads.
fn nobody() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

fn command(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.args(args).stdin(Stdio::null());
    command
}

fn shell(redirected: &str, args: &[String]) -> ExitStatus {
    Command::new("sh")
        .args(["-c", &format!("exec \"$@\" {redirected}"), "sh", env!("CARGO_BIN_EXE_etcdsnap")])
        .args(args)
        .stdin(Stdio::null())
        .status()
        .unwrap()
}

#[test]
fn a_closed_stderr_changes_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    for (args, code) in calls(dir.path()) {
        let open = command(&args).output().unwrap();
        assert_eq!(open.status.code(), Some(code), "{args:?}");
        let unread = command(&args).stderr(nobody()).output().unwrap();
        assert_eq!(unread.status.code(), Some(code), "{args:?}");
        assert_eq!(unread.stdout, open.stdout, "{args:?}");
        assert_eq!(shell(">/dev/null 2>&-", &args).code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_closed_stdout_is_no_crash_and_no_success() {
    const SIGPIPE: i32 = 13;
    let dir = tempfile::tempdir().unwrap();
    for (args, code) in calls(dir.path()) {
        let output = command(&args).stdout(nobody()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("because of a bug") && !said.contains("panicked"), "{args:?}: {said}");
        // as kubectl and cat: the signal, or what there was to say when nothing had to be printed
        let expected = output.status.signal() == Some(SIGPIPE) || output.status.code() == Some(code);
        assert!(expected, "{args:?}: {}", output.status);
        let closed = shell(">&- 2>/dev/null", &args).code();
        assert_eq!(closed, Some(code), "{args:?}");
        let both = command(&args).stdout(nobody()).stderr(nobody()).status().unwrap();
        assert!(both.signal() == Some(SIGPIPE) || both.code() == Some(code), "{args:?}: {both}");
    }
    // a verdict that nobody read
    let unread = command(&["verify".into(), "fixtures/kube.db".into()]).stdout(nobody()).status().unwrap();
    assert_eq!(unread.signal(), Some(SIGPIPE));
    // the plan is printed with the result: it was restored, stderr says so, and the run does not end as if it was read
    let to = dir.path().join("restored");
    let args = ["restore", "fixtures/three-members.db", "--member", "m1", "--data-dir", to.to_str().unwrap()];
    let unread = command(&args.map(str::to_owned)).stdout(nobody()).output().unwrap();
    let said = String::from_utf8(unread.stderr).unwrap();
    assert!(unread.status.signal() == Some(SIGPIPE) && said.contains("restore succeeded") && to.exists(), "{said}");
}

#[test]
fn the_evidence_of_an_unread_run_has_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = dir.path().join("evidence");
    let args = ["kv", "fixtures/kube.db", "--evidence", evidence.to_str().unwrap()].map(str::to_owned);
    assert!(command(&args).stdout(nobody()).status().unwrap().signal().is_some());
    let record: serde_json::Value = serde_json::from_slice(&fs::read(&evidence).unwrap()).unwrap();
    assert_eq!((record["exit"].as_u64(), record["inputs"][0]["path"].as_str()), (Some(141), Some("fixtures/kube.db")));
    assert!(etcdsnap(["status", "fixtures/kube.db"]).status.success());
}
