//! The line of `catalog find` that brings an object back.

use std::{
    collections::HashSet,
    fs,
    process::{Command, Output, Stdio},
};

use super::Bench;

/// Runs a line, with the words for its placeholders; `n` makes the folder a new one.
fn run(bench: &Bench, line: &str, config: &str, n: usize) -> Output {
    let config = fs::canonicalize(config).unwrap();
    let line = line
        .replacen("etcdsnap", env!("CARGO_BIN_EXE_etcdsnap"), 1)
        .replace("--encryption-config FILE", &format!("--encryption-config {}", config.display()))
        .replace("--to DIR", &format!("--to back{n}"));
    Command::new("sh").args(["-c", &line]).current_dir(bench.folder()).output().unwrap()
}

/// Of each kind one line, those of all secrets and encrypted objects, and all that are not of `export`.
#[test]
fn every_line_works() {
    for (fixtures, config, has_keys) in [
        (&["kube.db", "kube-later.db"][..], "fixtures/kube-later.yaml", false),
        (&["encrypted.db"], "fixtures/encryption.yaml", true),
        (&["encrypted.db"], "fixtures/encryption.yaml", false),
    ] {
        let bench = Bench::with(fixtures);
        let folder = bench.folder();
        let keys = ["--encryption-config", config];
        bench.says(0, [&["add", folder.to_str().unwrap()], &keys[..if has_keys { 2 } else { 0 }]].concat());
        let found = bench.json(0, &["find", "--prefix", "/registry/"]);
        let (mut kinds, mut failed, mut encrypted) = (HashSet::new(), Vec::new(), 0);
        for (n, item) in found["items"].as_array().unwrap().iter().enumerate() {
            let line = item["bringBack"].as_str().unwrap();
            encrypted += usize::from(line.contains(" --encryption-config FILE "));
            let kind = line.split(' ').nth(3).unwrap().split('/').next().unwrap();
            if line.contains(" export ") && !line.contains(" --reveal ") && !kinds.insert(kind) {
                continue;
            }
            let ran = run(&bench, line, config, n);
            if !ran.status.success() {
                failed.push(format!("{line}: {}", String::from_utf8_lossy(&ran.stderr)));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        assert!(kinds.len() > 5 && encrypted > 5, "{} {encrypted}", kinds.len());
    }
}

#[test]
fn an_older_version_is_said_to_be_one() {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    bench.add(0);
    let ask = ["find", "deploy/web", "-n", "shop"];
    let found = bench.json(0, &ask);
    assert_eq!(found["items"][0]["bringBackRevision"], 501);
    assert!(!bench.says(0, ask).contains("not the last seen"));
    fs::remove_file(bench.backup("kube-later.db")).unwrap();
    bench.add(0);
    let found = bench.json(0, &ask);
    assert_eq!(found["items"][0]["bringBackRevision"], 404);
    let text = bench.says(0, ask);
    assert!(text.contains("kube.db deployment.apps/web -n shop --all --to DIR"), "{text}");
    assert!(text.contains("revision 404, not the last seen 501\n"), "{text}");
}

#[test]
fn standard_input_is_not_read_again() {
    let bench = Bench::new();
    let add = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["catalog", "add", "-", "--db"])
        .arg(bench.db())
        .stdin(fs::File::open("fixtures/kube.db").unwrap())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(add.success());
    let ask = ["find", "deploy/web", "-n", "shop"];
    let text = bench.says(0, ask);
    assert!(text.contains("  cannot be brought back: it was read from standard input, and no file"), "{text}");
    let item = &bench.json(0, &ask)["items"][0];
    assert!(item["bringBack"].is_null() && item["bringBackRevision"].is_null(), "{item}");
    fs::copy("fixtures/kube.db", bench.backup("kube.db")).unwrap();
    bench.add(0);
    let text = bench.says(0, ask);
    assert!(text.contains("kube.db deployment.apps/web -n shop --all --to DIR"), "{text}");
}
