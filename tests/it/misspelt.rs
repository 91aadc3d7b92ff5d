//! Kinds and namespaces that are misspelt: an empty answer names those that exist.

use std::process::{Command, Stdio};

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_misspelt_kind_is_answered_with_the_kind() {
    for (kind, near) in [("deploymets", "deployments"), ("Pdos", "pods"), ("deployments.asp", "deployments.apps")] {
        for args in [
            &["get", "fixtures/kube.db", kind] as &[&str],
            &["describe", "fixtures/kube.db", kind, "web"],
            &["timeline", "fixtures/kube.db", kind],
            &["export", "fixtures/kube.db", kind, "--to", "-"],
            &["diff", "fixtures/kube.db", "fixtures/kube-later.db", kind],
        ] {
            let (code, out, error) = run(args);
            assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
            assert!(error.ends_with(&format!("hint: did you mean {near}?\n")), "{args:?}: {error}");
        }
    }
    let (_, _, error) = run(&["get", "fixtures/kube.db", "gizmos"]);
    assert!(error.ends_with("hint: without a KIND, `get` lists everything in the backup\n"), "{error}");
}

#[test]
fn a_misspelt_namespace_is_answered_with_those_that_there_are() {
    let there = "default, kube-node-lease, kube-public, kube-system, pay, shop";
    for args in [
        &["get", "fixtures/kube.db", "pods", "-n", "shpo"] as &[&str],
        &["get", "fixtures/kube.db", "pods", "-n", "shpo", "-o", "json"],
        &["get", "fixtures/kube.db", "pods", "-n", "shpo", "-o", "jsonpath={.items}"],
        &["get", "fixtures/kube.db", "deploy/web", "-n", "shpo"],
        &["get", "fixtures/kube.db", "-n", "shpo"],
        &["describe", "fixtures/kube.db", "deploy", "web", "-n", "shpo"],
        &["history", "fixtures/kube.db", "deploy/web", "-n", "shpo"],
        &["timeline", "fixtures/kube.db", "deploy", "-n", "shpo"],
        &["export", "fixtures/kube.db", "-n", "shpo", "--to", "-"],
        &["diff", "fixtures/kube.db", "fixtures/kube.db", "-n", "shpo"],
    ] {
        let (code, _, error) = run(args);
        assert_eq!(code, 1, "{args:?}: {error}");
        let note = error.lines().find(|line| line.contains("there is no namespace shpo")).unwrap_or_default();
        assert!(note.starts_with("note: ") && note.ends_with(&format!("; there are {there}")), "{args:?}: {error}");
        assert!(error.contains("\nhint: did you mean -n shop?\n"), "{args:?}: {error}");
    }
    // one that is there, and holds nothing of it; one that was made later
    for args in [
        &["get", "fixtures/kube.db", "deploy", "-n", "kube-public"] as &[&str],
        &["get", "fixtures/kube.db", "deploy", "-n", "shpo", "--ignore-not-found"],
        &["diff", "fixtures/kube.db", "fixtures/kube-later.db", "deploy", "-n", "shop"],
    ] {
        let (_, _, error) = run(args);
        assert!(!error.contains("there is no namespace"), "{args:?}: {error}");
    }
}

/// kubectl takes an empty namespace as none; no namespace has a comma or a slash in its name.
#[test]
fn a_namespace_that_cannot_be_is_refused_and_an_empty_one_is_none() {
    let kube = "fixtures/kube.db";
    for call in [
        &["get", kube, "pods"][..],
        &["describe", kube, "pods"],
        &["timeline", kube],
        &["history", kube, "deploy/web"],
        &["diff", kube, "fixtures/kube-later.db"],
        &["export", kube, "pods", "--to", "-"],
    ] {
        for (wrong, why) in [
            ("a,b", "takes one namespace"),
            ("a/b", "a-z, 0-9 and -"),
            ("Shop", "a-z, 0-9 and -"),
            (&"a".repeat(64), "at most 63"),
        ] {
            let (code, _, said) = run(&[call, &["-n", wrong]].concat());
            assert!(code == 2 && said.contains(why), "{call:?} {wrong}: {said}");
        }
    }
    for call in [&["get", kube, "pods"][..], &["diff", kube, "fixtures/kube-later.db", "--name-only"]] {
        let ((code, all, _), (same, out, said)) = (run(call), run(&[call, &["-n", ""]].concat()));
        assert_eq!(said.matches("note: the namespace of -n is empty: this is of all namespaces").count(), 1, "{said}");
        assert_eq!((same, out), (code, all), "{call:?}");
    }
}

/// Words of other programs, and what people try first.
#[test]
fn a_word_that_is_no_command_is_answered_with_the_command() {
    for (word, command) in [
        ("downgrade", "etcdsnap migrate --data-dir"),
        ("log", "etcdsnap wal DIR"),
        ("check", "etcdsnap verify FILE"),
        ("member", "etcdsnap members FILE"),
        ("watch", "etcdsnap timeline FILE"),
        ("delete", "get, describe and diff"),
    ] {
        let (code, _, error) = run(&[word, "fixtures/kube.db"]);
        assert_eq!(code, 2, "{word}: {error}");
        assert!(error.starts_with(&format!("error: there is no command {word}\nhint: ")), "{word}: {error}");
        assert!(error.contains(command), "{word}: {error}");
    }
    let (code, _, error) = run(&["evidence", "record.ndjson"]);
    assert!(code == 2 && error.contains("etcdsnap evidence check record.ndjson"), "{error}");
    assert_eq!(run(&["evidence", "check", "fixtures/small.db"]).0, 1);
    for call in [&["restore", "fixtures/kube.db"][..], &["restore", "fixtures/kube.db", "--all-members"]] {
        let (code, _, error) = run(call);
        assert_eq!(code, 2, "{error}");
        for way in ["--data-dir DIR --member NAME", "--from-manifest", "--all-members --to DIR", "--to-snapshot FILE"] {
            assert!(error.contains(way), "{call:?}: {way}: {error}");
        }
    }
    let piped = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("verify").stdin(Stdio::piped()).output().unwrap();
    assert!(String::from_utf8(piped.stderr).unwrap().ends_with("hint: - is standard input: ... | etcdsnap verify -\n"));
    let (_, _, error) = run(&["verify"]);
    assert!(!error.contains("hint:"), "{error}");
}

#[test]
fn a_selector_that_no_object_can_match_is_answered_with_a_hint() {
    let pods = |flags: &[&str]| run(&[&["get", "fixtures/kube.db", "pods", "-A", "-o", "name"], flags].concat());
    let not_ready = r#"status.conditions[?(@.type=="Ready")].status=False"#;
    for wrong in ["type=Ready", "[type=Ready]", "[type=Ready", "status[0=a"] {
        let (code, _, error) = pods(&["--field-selector", wrong]);
        assert!(code == 2 && error.contains("hint: ") && error.contains(not_ready), "{wrong}: {code} {error}");
    }
    let (code, all, _) = pods(&[]);
    let (_, ready, _) = pods(&["--field-selector", &not_ready.replace("False", "True")]);
    let (_, others, _) = pods(&["--field-selector", &not_ready.replace("=False", "!=True")]);
    assert!(code == 0 && ready.contains("pod/db-0") && others.contains("pod/db-1"), "{ready}{others}");
    assert_eq!(ready.lines().count() + others.lines().count(), all.lines().count());
    let (code, out, error) = pods(&["-l", "type=Ready,app=db"]);
    assert!(code == 0 && out.is_empty() && error.contains("hint: none of them has a label type:"), "{error}");
    let (code, out, _) = pods(&["--field-selector", "metadata.deletionTimestamp!="]);
    assert!(code == 0 && out.is_empty(), "{out}");
    for right in ["app=nobody", "!type", "type!=Ready"] {
        assert!(!pods(&["-l", right]).2.contains("hint:"), "{right}");
    }
}
