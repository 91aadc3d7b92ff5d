//! `--evidence`: a chain of records, never written into the input.

use std::{fs, path::Path, process::Command};

use etcdsnap::hash::{Sha256, hex};
use serde_json::Value;

fn run(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn sum(bytes: &[u8]) -> String {
    let mut sum = Sha256::default();
    sum.update(bytes);
    hex(&sum.finish())
}

#[test]
fn each_record_carries_the_hash_of_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("evidence.ndjson");
    let log = log.to_str().unwrap();
    assert_eq!(run(&["status", "fixtures/kube.db", "--evidence", log]).0, 0);
    assert_eq!(run(&["kv", "fixtures/small.db", "/nope", "--evidence", log]).0, 1);
    assert_eq!(run(&["verify", "fixtures/small.db", "--evidence", log]).0, 0);
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let records: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.iter().map(|record| record["exit"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(records[0]["previous"].is_null());
    assert_eq!(records[1]["previous"], sum(lines[0].as_bytes()));
    assert_eq!(records[2]["previous"], sum(lines[1].as_bytes()));
    let input = &records[0]["inputs"][0];
    let file = sum(&fs::read("fixtures/kube.db").unwrap());
    assert_eq!((&input["sha256Before"], &input["sha256After"]), (&Value::from(file.clone()), &Value::from(file)));
    assert_eq!(records[0]["argv"][1], "status");
}

#[test]
fn a_file_that_is_named_twice_is_noted_twice() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (file, link, log) = (at("small.db"), at("latest.db"), at("evidence.ndjson"));
    fs::copy("fixtures/small.db", &file).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for second in [&link, &file] {
        assert_eq!(run(&["diff", &file, second, "--evidence", &log]).0, 0);
    }
    let inputs = |line: &str| serde_json::from_str::<Value>(line).unwrap()["inputs"].as_array().unwrap().clone();
    let text = fs::read_to_string(&log).unwrap();
    let inputs: Vec<_> = text.lines().flat_map(inputs).collect();
    assert_eq!(inputs.len(), 4);
    assert!(inputs.iter().all(|input| input["sha256After"] == input["sha256Before"]), "{text}");
}

#[test]
fn it_is_written_into_no_backup_and_no_device() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("small.db");
    fs::copy("fixtures/small.db", &file).unwrap();
    let name = file.to_str().unwrap();
    let (code, said) = run(&["status", name, "--evidence", name]);
    assert_eq!(code, 2, "{said}");
    assert_eq!(fs::read(&file).unwrap(), fs::read("fixtures/small.db").unwrap());
    assert_eq!(run(&["status", name, "--evidence", "/dev/full"]).0, 2);
    assert_eq!(run(&["status", name, "--evidence", "/nowhere/evidence"]).0, 3);
    // An empty file becomes evidence; the input, empty or not, never does.
    fs::write(&file, b"").unwrap();
    run(&["status", name, "--evidence", name]);
    assert!(Path::new(name).exists());
}
