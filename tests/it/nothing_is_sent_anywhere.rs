//! Promise 6: no network. Seen from outside: no command makes a network system call.

use std::process::Command;

use crate::common::skipped;

#[test]
fn a_build_without_serve_has_no_network_code() {
    let tree = |features: &str| {
        let args = ["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--no-default-features"];
        let output = Command::new(env!("CARGO")).args(args).args(["--features", features]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let network =
        |tree: &str| ["hyper", "tokio", "mio", "socket2", "h2"].map(|name| tree.contains(&format!("{name} v")));
    assert_eq!(network(&tree("cli,parquet,arrow")), [false; 5]);
    assert_eq!(network(&tree("cli,serve")), [true; 5]);
    assert!(!tree("cli,parquet,arrow").contains("rustls"));
    assert!(tree("cli,remote").contains("object_store v"));
    // rustls is there to serve: nothing brings the certificates by which a client verifies others
    let asks = ["reqwest", "ureq", "curl", "object_store", "native-tls", "rustls-native-certs", "webpki-roots"];
    let asks = asks.map(|name| format!("{name} v"));
    let all = tree("default,parquet,arrow"); // what is published, but for the program that also opens URLs
    assert!(!all.lines().any(|line| asks.iter().any(|name| line.starts_with(name.as_str()))), "{all}");
}

#[test]
fn no_command_makes_a_network_call() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skipped("no_command_makes_a_network_call", "no strace");
    }
    let dir = tempfile::tempdir().unwrap();
    let (log, evidence) = (dir.path().join("calls"), dir.path().join("evidence"));
    let exported = dir.path().join("exported");
    let file = "fixtures/kube.db";
    let commands: &[&[&str]] = &[
        &["status", file],
        &["verify", file, "--evidence", evidence.to_str().unwrap()],
        &["hashkv", file],
        &["bolt", "stats", file],
        &["members", file],
        &["kv", file],
        &["get", file, "-o", "yaml"],
        &["export", file, "--to", exported.to_str().unwrap()],
        &["verify", "fixtures/datadir-3.6.tar.gz"],
    ];
    for args in commands {
        let traced = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=%network", "-o"])
            .arg(&log)
            .arg(env!("CARGO_BIN_EXE_etcdsnap"))
            .args(*args)
            .output()
            .unwrap();
        assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));
        let calls = std::fs::read_to_string(&log).unwrap();
        // strace also notes threads that end: a call is a name and a parenthesis.
        let names =
            ["socket", "connect", "bind", "listen", "accept", "send", "recv", "shutdown", "getsockopt", "setsockopt"];
        let calls: Vec<_> = calls.lines().filter(|line| names.iter().any(|name| line.contains(name))).collect();
        assert!(calls.is_empty(), "{args:?}: {calls:?}");
    }
}
