//! Secrets are in no output but where they are asked for.

#![allow(clippy::unwrap_used)]

mod common;

use common::etcdsnap;

const BEFORE: &str = "fixtures/kube.db";
const AFTER: &str = "fixtures/kube-later.db";
const KEYS: [&str; 2] = ["--encryption-config", "fixtures/kube-later.yaml"];

/// In the clear, and as base64 has it at each of the three places that it may begin at.
const WORDS: [&str; 4] = ["s3cr3t", "czNjcjN0", "MzY3IzdC", "zM2NyM3"];

fn run(args: &[&str]) -> String {
    let output = etcdsnap(args);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn tells(output: &str) -> bool {
    WORDS.iter().any(|word| output.contains(word))
}

#[test]
fn secrets_are_in_no_output_but_where_they_are_asked_for() {
    let secret = ["secret/plain-secret", "-n", "shop"];
    let map = ["configmap/web-cfg", "-n", "shop"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["status", BEFORE, AFTER],
        vec!["status", BEFORE, AFTER, "-o", "json"],
        vec!["verify", BEFORE, AFTER, "-o", "json"],
        vec!["hashkv", AFTER],
        vec!["members", AFTER],
        vec!["restore", AFTER, "--data-dir", "/nonexistent/x", "--member", "m1", "--dry-run"],
    ];
    for output in ["text", "json", "yaml", "patch"] {
        commands.push([&["diff", BEFORE, AFTER, "-o", output], &KEYS[..]].concat());
        commands.push([&["diff", BEFORE, AFTER, "--all", "-o", output], &KEYS[..]].concat());
        commands.push([&["diff", BEFORE, AFTER, "--raw", "-o", output], &KEYS[..]].concat());
        commands.push(vec!["diff", BEFORE, "--rev", "200..455", "--all", "-o", output]);
    }
    for object in [secret, map] {
        for output in ["text", "json"] {
            commands
                .push([&["history", AFTER, "--also", BEFORE, "--all", "-o", output], &object[..], &KEYS[..]].concat());
        }
        commands.push([&["describe", AFTER], &object[..], &KEYS[..]].concat());
    }
    for file in [BEFORE, AFTER] {
        for output in ["table", "ndjson"] {
            commands.push([&["timeline", file, "--all", "-o", output], &KEYS[..]].concat());
        }
        commands.push([&["export", file, "--to", "-"], &KEYS[..]].concat());
        commands.push([&["export", file, "--all", "--exact", "--to", "-"], &KEYS[..]].concat());
        commands.push([&["get", file], &KEYS[..]].concat());
        for output in ["wide", "name"] {
            commands.push([&["get", file, "secrets,configmaps", "-o", output], &KEYS[..]].concat());
        }
    }
    for command in &commands {
        let output = run(command);
        assert!(!output.is_empty() && !tells(&output), "{command:?}: {output}");
    }
    // where they are asked for, they are there: the words are right, and so are the files and keys
    for command in [
        [&["diff", BEFORE, AFTER, "--reveal"], &KEYS[..]].concat(),
        [&["history", AFTER, "--also", BEFORE, "--reveal"], &map[..], &KEYS[..]].concat(),
        [&["export", AFTER, "--reveal", "--to", "-"], &KEYS[..]].concat(),
        [&["get", AFTER, "-o", "yaml"], &secret[..], &KEYS[..]].concat(),
        vec!["kv", BEFORE, "/registry/secrets/shop/plain-secret"],
    ] {
        assert!(tells(&run(&command)), "{command:?}");
    }
}
