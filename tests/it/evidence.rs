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

/// What is read and written besides the backups.
#[test]
fn every_file_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (log, list, audit, metrics, rows, verdict) =
        (at("evidence.ndjson"), at("now.json"), at("audit.log"), at("metrics.prom"), at("rows.csv"), at("verdict"));
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u"}}"#;
    fs::write(&list, pod).unwrap();
    fs::write(&audit, "{}\n").unwrap();
    let kube = "fixtures/kube.db";
    let runs: [(&[&str], &str, &str); 4] = [
        (&["impact", kube, "--against", &list, "--force"], "inputs", &list),
        (&["timeline", kube, "--audit-log", &audit], "inputs", &audit),
        (&["verify", kube, "--metrics", &metrics], "outputs", &metrics),
        (&["rows", kube, "--to", &rows, "--verdict", &verdict], "outputs", &verdict),
    ];
    for (args, list, file) in runs {
        let (code, said) = run(&[args, &["--evidence", &log]].concat());
        assert!(code < 2, "{args:?}: {said}");
        let text = fs::read_to_string(&log).unwrap();
        let record: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let sums: &[&str] = if list == "inputs" { &["sha256Before", "sha256After"] } else { &["sha256"] };
        let want = sum(&fs::read(file).unwrap());
        let is_it = |entry: &&Value| sums.iter().all(|name| entry[name] == want.as_str());
        assert_eq!(record[list].as_array().unwrap().iter().filter(is_it).count(), 1, "{args:?}: {record}");
    }
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

/// `evidence check`, with its code and all that it prints.
fn check(log: &str, more: &[&str]) -> (i32, String) {
    let args = [&["evidence", "check", log][..], more].concat();
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn what_is_done_to_the_records_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (log, key, other) = (at("evidence.ndjson"), at("key"), at("other"));
    fs::write(&key, [7; 32]).unwrap();
    fs::write(&other, [8; 32]).unwrap();
    for _ in 0..4 {
        assert_eq!(
            run(&["status", "fixtures/small.db", "--evidence", &log, "--evidence-key", &key]),
            (0, String::new())
        );
    }
    let keyed = ["--evidence-key", &key];
    let (code, said) = check(&log, &keyed);
    assert!(
        code == 0 && said.contains(": 4 records, ") && said.contains("; records with an HMAC: 4\nanchor "),
        "{said}"
    );
    let anchor = said.lines().find_map(|line| line.strip_prefix("anchor ")).unwrap().to_owned();
    let whole = fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(anchor, sum(lines[3].as_bytes()));
    assert!(check(&log, &["--anchor", &anchor]).1.contains("note: the HMACs were not checked"));
    assert_eq!(check(&log, &["--anchor", &anchor, "-o", "json"]).0, 0);
    // what the chain alone does not prove
    let notes = |more: &[&str]| {
        let (code, said) = check(&log, more);
        assert_eq!(code, 0, "{said}");
        (said.contains("does not prove the last record"), said.contains("removed at the end show only"))
    };
    assert_eq!(notes(&[]), (true, true));
    assert_eq!(notes(&keyed), (false, true));
    assert_eq!(notes(&["--anchor", &anchor]), (false, false));
    assert_eq!(notes(&["--anchor", &sum(lines[1].as_bytes())]), (true, false));
    let anchored = ["--anchor", &anchor];
    let changed = whole.replacen("\"exit\":0", "\"exit\":1", 1);
    let kept = |n: &[usize]| n.iter().map(|n| format!("{}\n", lines[*n])).collect::<String>();
    for (text, args, what) in [
        (kept(&[0, 1]), &anchored[..], "no record has the SHA-256"),
        (kept(&[0, 1, 3]), &[], "line 3: `previous` is not"),
        (kept(&[0, 0, 1, 2, 3]), &[], "line 2: `previous` is not"),
        (kept(&[1, 2, 3]), &[], "line 1: the records before"),
        (changed.clone(), &[], "line 2: `previous` is not"),
        (changed, &keyed, "line 1: the HMAC is not"),
        (whole[..whole.len() - 5].to_owned(), &[], "line 4: cut off, or not a record"),
        (whole.clone(), &["--evidence-key", &other], "line 1: the HMAC is not"),
        (String::new(), &anchored, "no record has the SHA-256"),
        (String::new(), &[], "empty: it holds no record"),
        (String::new(), &keyed, "empty: it holds no record"),
    ] {
        fs::write(&log, &text).unwrap();
        let (code, said) = check(&log, args);
        assert!(code == 1 && said.contains(what), "{what}: {said}");
    }
    // The whole chain written anew, and right in itself.
    fs::remove_file(&log).unwrap();
    assert_eq!(run(&["status", "fixtures/small.db", "--evidence", &log]).0, 0);
    assert_eq!(check(&log, &[]).0, 0);
    assert!(check(&log, &keyed).1.contains("line 1: the record has no HMAC"));
    assert_eq!(check(&log, &anchored).0, 1);
    assert_eq!(check(&log, &["--anchor", "xyz"]).0, 2);
    assert_eq!(run(&["status", "fixtures/small.db", "--evidence-key", &key]).0, 2);
}

/// A run that was broken off while it wrote costs its own record, and no other.
#[test]
fn a_torn_record_does_not_take_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("evidence.ndjson");
    let log = log.to_str().unwrap();
    let record = || assert_eq!(run(&["status", "fixtures/small.db", "--evidence", log]).0, 0);
    record();
    record();
    let whole = fs::read(log).unwrap();
    fs::write(log, &whole[..whole.len() - 30]).unwrap();
    record();
    record();
    let text = fs::read_to_string(log).unwrap();
    assert_eq!(text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 3);
    let (code, said) = check(log, &[]);
    assert!(
        code == 1 && said.contains("line 2: not a record") && !said.contains("line 3") && !said.contains("line 4"),
        "{said}"
    );
}

#[test]
fn it_is_private_and_in_no_input() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (log, link, data) = (at("evidence.ndjson"), at("link"), at("d"));
    symlink(&log, &link).unwrap();
    assert_eq!(run(&["status", "fixtures/small.db", "--evidence", &link]).0, 2);
    assert!(!Path::new(&log).exists());
    assert_eq!(run(&["status", "fixtures/small.db", "--evidence", &log]).0, 0);
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let args =
        ["restore", "fixtures/small.db", "--data-dir", &data, "--name", "a", "--initial-cluster", "a=http://a:1"];
    assert_eq!(run(&args).0, 0);
    symlink(&data, at("to-d")).unwrap();
    for inside in ["d/evidence", "d/member/evidence", "d/member/wal/evidence", "to-d/evidence"] {
        for args in [&["status", &data][..], &["verify", &data], &["wal", &data], &["verify", &at("d/member")]] {
            if inside == "d/evidence" && args[1].ends_with("member")
                || inside == "to-d/evidence" && args[1].ends_with("member")
            {
                continue;
            }
            let (code, said) = run(&[args, &["--evidence", &at(inside)]].concat());
            // `verify` has the reason in its table
            let told = said.contains("into the input") || args[0] == "verify";
            assert!(code == 2 && told, "{args:?} {inside}: {code} {said}");
            assert!(!Path::new(&at(inside)).exists(), "{inside}");
        }
    }
}
