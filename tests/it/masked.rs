//! Secrets are in no output but where they are asked for.

use crate::common::{Etcd, Peers, etcdsnap};

const BEFORE: &str = "fixtures/kube.db";
const AFTER: &str = "fixtures/kube-later.db";
const KEYS: [&str; 2] = ["--encryption-config", "fixtures/kube-later.yaml"];

/// What k3s bootstraps its servers with, as JSON and as anything.
#[test]
fn so_are_k3s_bootstrap_data() {
    let Some(peers) = Peers::find("so_are_k3s_bootstrap_data") else { return };
    let etcd = Etcd::start(&peers, "36");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k3s.db").display().to_string();
    for n in ["1", "2"] {
        etcd.ctl(&["put", "/bootstrap/ab12", &format!("{{\"ServerCA\": \"s3cr3t-{n}\"}}")]);
        etcd.ctl(&["put", "/bootstrap/cd34", &format!("s3cr3t-{n}")]);
    }
    etcd.ctl(&["snapshot", "save", &file]);
    for output in ["text", "json", "yaml", "patch"] {
        for raw in [&[][..], &["--raw"]] {
            let found = run(&[&["diff", &file, "--rev", "3..5", "--all", "-o", output], raw].concat());
            assert!(!tells(&found) && (output == "patch" || found.contains("/bootstrap/ab12")), "{output}: {found}");
        }
    }
    for command in [
        &["history", &file, "--key", "/bootstrap/ab12", "--all"][..],
        &["history", &file, "--key", "/bootstrap/ab12", "--all", "-o", "json"],
        &["timeline", &file, "--all", "-o", "ndjson"],
    ] {
        let found = run(command);
        assert!(!tells(&found) && found.contains("/bootstrap/ab12") && found.contains("masked:"), "{found}");
    }
}

/// In the clear, and as base64 has it at each of the three places that it may begin at.
const WORDS: [&str; 4] = ["s3cr3t", "czNjcjN0", "MzY3IzdC", "zM2NyM3"];

fn run(args: &[&str]) -> String {
    let output = etcdsnap(args);
    assert!(output.status.code().unwrap() < 2, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
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
        vec!["restore", AFTER, "--data-dir", "target/restored", "--member", "m1", "--dry-run"],
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
