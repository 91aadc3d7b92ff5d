//! Which word is the SNAPSHOT: the first one, or the variable `ETCDSNAP_SNAPSHOT` where none is.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn fixture(name: &str) -> String {
    fs::canonicalize(Path::new("fixtures").join(name)).unwrap().display().to_string()
}

fn run(dir: &Path, variable: Option<&str>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.current_dir(dir).env_remove("ETCDSNAP_SNAPSHOT").args(args);
    command.envs(variable.map(|file| ("ETCDSNAP_SNAPSHOT", file)));
    command.output().unwrap()
}

/// Exit code, standard output and standard error.
fn text(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_variable_stands_for_the_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let file = fixture("kube.db");
    for args in [
        &["get", "pods", "-n", "shop"] as &[&str],
        &["get", "deploy/web", "-n", "shop", "-o", "yaml"],
        &["get"],
        &["get", "-A", "pods", "-o", "name"],
        &["describe", "deploy", "web", "-n", "shop"],
        &["history", "deploy/web", "-n", "shop"],
        &["timeline", "deploy"],
        &["export", "deploy/web", "-n", "shop", "--to", "-"],
        &["kv", "/registry/pods/", "--prefix", "--keys-only"],
        &["kv", "--threads", "2", "/registry/namespaces/shop"],
        &["status"],
        &["verify"],
        &["hashkv", "--rev", "400"],
        &["members"],
        &["bolt", "buckets"],
        &["bolt", "keys", "meta"],
        &["bolt", "get", "--format", "hex", "meta", "term"],
        &["bolt", "--threads", "2", "page", "3", "4", "--etcd"],
        &["restore", "--data-dir", "d", "--member", "m1", "--dry-run"],
    ] {
        // after the command's names
        let names = match args {
            ["bolt", "--threads", ..] => 4,
            ["bolt", ..] => 2,
            _ => 1,
        };
        let named = [&args[..names], &[file.as_str()], &args[names..]].concat();
        // the space that is free changes while other tests write
        let without_room = |(code, out, said): (i32, String, String)| {
            let lines = out.lines().filter(|line| !line.trim_start().starts_with("room "));
            (code, lines.collect::<Vec<_>>().join("\n"), said)
        };
        let want = without_room(text(&run(dir.path(), None, &named)));
        assert_eq!(want.0, 0, "{args:?}: {}", want.2);
        let (code, out, mut said) = without_room(text(&run(dir.path(), Some(&file), args)));
        if matches!(args[0], "restore" | "export") {
            // what is made of it stays, so it is reported
            let note = format!("note: SNAPSHOT is {file}, of ETCDSNAP_SNAPSHOT\n");
            said = said.strip_prefix(&note).unwrap().to_owned();
        }
        assert_eq!((code, out, said), want, "{args:?}");
    }
    // kubectl's flags may be before its command
    let want = text(&run(dir.path(), None, &["get", &file, "pods", "-n", "shop", "-o", "name"]));
    for args in [
        &["-n", "shop", "get", "pods", "-o", "name"] as &[&str],
        &["--threads", "2", "--namespace=shop", "-oname", "get", "pods"],
        &["-nshop", "get", "--output", "name", "--", "pods"],
    ] {
        assert_eq!(text(&run(dir.path(), Some(&file), args)), want, "{args:?}");
    }
}

#[test]
fn a_file_that_is_named_comes_before_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let (kube, later) = (fixture("kube.db"), fixture("kube-later.db"));
    fs::copy(&later, dir.path().join("late.db")).unwrap();
    fs::copy(&later, dir.path().join("pods")).unwrap();
    let names = ["-n", "shop", "-o", "name"];
    let ask = |words: &[&str]| text(&run(dir.path(), Some(&kube), &[&["get"], words, &names].concat()));
    let of = |file: &str| text(&run(dir.path(), None, &[&["get", file, "pods"] as &[&str], &names].concat())).1;
    assert_ne!(of(&kube), of(&later));
    // a note, because the variable names another file
    let note = format!("note: late.db is read, not {kube} of ETCDSNAP_SNAPSHOT\n");
    assert_eq!(ask(&["late.db", "pods"]), (0, of(&later), note));
    assert_eq!(ask(&["./pods", "pods"]).1, of(&later));
    assert_eq!(ask(&[&later, "pods"]).1, of(&later));
    // a KIND that a file is called too
    let note = "note: pods is read as a KIND; ./pods names the file\n";
    assert_eq!(ask(&["pods"]), (0, of(&kube), note.to_owned()));
    // what is written as a path is one, there or not
    let (code, _, error) = ask(&["/no/such.db", "pods"]);
    assert!(code == 3 && error.contains("/no/such.db: cannot open"), "{error}");
    // commands of several files
    let (code, out, _) = text(&run(dir.path(), Some(&kube), &["status", "late.db"]));
    assert!(code == 0 && out.contains("late.db") && !out.contains(&kube), "{out}");
}

#[test]
fn the_variable_is_named_where_a_run_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, error) = text(&run(dir.path(), Some("/no/such.db"), &["get", "pods"]));
    assert_eq!(code, 3);
    assert!(error.ends_with("note: SNAPSHOT is /no/such.db, of ETCDSNAP_SNAPSHOT\n"), "{error}");
    let kube = fixture("kube.db");
    let (code, _, error) = text(&run(dir.path(), Some(&kube), &["get", "misspelt.db", "pods"]));
    assert_eq!(code, 1);
    assert!(error.contains("no kind \"misspelt.db\"") && error.contains("of ETCDSNAP_SNAPSHOT\n"), "{error}");
    // an empty one is none
    let (code, _, error) = text(&run(dir.path(), Some(""), &["members"]));
    assert!(code == 2 && error.contains("<SNAPSHOT>"), "{error}");
}

#[test]
fn nothing_that_is_changed_in_place_is_taken_from_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let member = dir.path().join("data");
    let data = member.display().to_string();
    let restored = run(dir.path(), None, &["restore", &fixture("kube.db"), "--data-dir", &data, "--member", "m1"]);
    assert!(restored.status.success(), "{restored:?}");
    for args in [
        &["force-new-cluster", "--in-place", "--yes"] as &[&str],
        &["migrate", "--target-version", "3.5", "--in-place", "--yes"],
    ] {
        let (code, _, error) = text(&run(dir.path(), Some(&data), args));
        assert!(code == 2 && error.contains("--data-dir"), "{args:?}: {error}");
    }
}

#[test]
fn a_snapshot_in_the_wrong_place_is_put_right() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy("fixtures/kube.db", dir.path().join("my backup.db")).unwrap();
    for (args, error, hint) in [
        (
            &["get", "pods", "my backup.db"] as &[&str],
            "there is no file pods",
            "the snapshot comes first: etcdsnap get 'my backup.db' pods",
        ),
        (
            &["describe", "deploy", "-n", "shop", "web", "./my backup.db"],
            "there is no file deploy",
            "the snapshot comes first: etcdsnap describe './my backup.db' deploy -n shop web",
        ),
        (
            &["kv", "/registry/pods", "my backup.db"],
            "there is no file /registry/pods",
            "the snapshot comes first: etcdsnap kv 'my backup.db' /registry/pods",
        ),
        (
            &["history", "deploy/web"],
            "there is no file deploy/web",
            "the snapshot comes first: etcdsnap history FILE deploy/web; or ETCDSNAP_SNAPSHOT=FILE names it for every call",
        ),
        (
            &["get", "po,svc"],
            "there is no file po,svc",
            "the snapshot comes first: etcdsnap get FILE po,svc; or ETCDSNAP_SNAPSHOT=FILE names it for every call",
        ),
    ] {
        let want = (2, String::new(), format!("error: {error}\nhint: {hint}\n"));
        assert_eq!(text(&run(dir.path(), None, args)), want, "{args:?}");
    }
    for (args, flag, hint) in [
        (&["get", "-f", "my backup.db", "pods"] as &[&str], "-f", "etcdsnap get 'my backup.db' pods"),
        (
            &["describe", "--file", "my backup.db", "po", "-n", "shop"],
            "--file",
            "etcdsnap describe 'my backup.db' po -n shop",
        ),
        (&["verify", "--snapshot", "my backup.db"], "--snapshot", "etcdsnap verify 'my backup.db'"),
    ] {
        let want = (2, String::new(), format!("error: {flag}: the snapshot is named without a flag\nhint: {hint}\n"));
        assert_eq!(text(&run(dir.path(), None, args)), want, "{args:?}");
    }
    // a manifest is another file
    let (code, _, error) = text(&run(dir.path(), None, &["get", "my backup.db", "-f", "my backup.db"]));
    assert!(code == 2 && error.contains("objects are not read from manifests"), "{error}");
    let (code, _, error) = text(&run(dir.path(), None, &["get", "misspelt.db", "pods"]));
    assert!(code == 3 && error.contains("misspelt.db: cannot open"), "{error}");
}

#[test]
fn a_snapshot_after_the_kind_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy("fixtures/kube-later.db", dir.path().join("later.db")).unwrap();
    let (code, _, said) = text(&run(dir.path(), Some(&fixture("kube.db")), &["get", "pods", "later.db"]));
    let hint = "hint: there is a file later.db; the SNAPSHOT comes before the KIND: later.db pods\n";
    assert!(code == 1 && said.contains(hint), "{said}");
    let (_, _, said) = text(&run(dir.path(), Some(&fixture("kube.db")), &["get", "pods", "other.db"]));
    assert!(!said.contains("the SNAPSHOT comes before"), "{said}");
}
