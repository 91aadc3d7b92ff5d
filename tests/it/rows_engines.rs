//! Other engines read the rows that were written: the same number, and the same in every column.
//!
//! `.ci/engines.sh` installs the engines; `$ETCDSNAP_ENGINES` names their folder.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use etcdsnap::{
    hash::{Sha256, hex},
    rows::Format,
};
use serde_json::Value;

use crate::common::{etcdsnap, skipped};

/// The folder of the engines, or `None` and one line for the reader of the log.
fn engines(test: &str) -> Option<PathBuf> {
    let why = if !Format::Parquet.is_here() || !Format::Arrow.is_here() {
        "built without the features parquet and arrow"
    } else if std::env::var_os("ETCDSNAP_ENGINES").is_none_or(|value| value.is_empty()) {
        "no $ETCDSNAP_ENGINES"
    } else {
        return std::env::var_os("ETCDSNAP_ENGINES").map(PathBuf::from);
    };
    skipped(test, why);
    None
}

fn python(engines: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(engines.join("bin/python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/engines.py")).args(args);
    command
}

#[track_caller]
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Number of the rows in NDJSON, and the sum of them with labels in order.
fn sum(ndjson: &str) -> (usize, String) {
    let mut sha = Sha256::default();
    for line in ndjson.lines() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let labels: BTreeMap<String, Value> = serde_json::from_value(row["labels"].take()).unwrap();
        row["labels"] = serde_json::to_value(labels).unwrap();
        sha.update(format!("{row}\n").as_bytes());
    }
    (ndjson.lines().count(), hex(&sha.finish()))
}

#[test]
fn engines_read_what_ndjson_has() {
    let Some(engines) = engines("engines_read_what_ndjson_has") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (parquet, arrow) = (path("rows.parquet"), path("rows.arrow"));
    let files = ["fixtures/kube.db", "fixtures/encrypted.db", "fixtures/etcd-3.6.db"];
    for more in [&[][..], &["--with-object", "--mask-key", "README.md"], &["services"]] {
        let of = |args: &[&str]| {
            let output = etcdsnap([&["rows"], &files[..], more, args].concat());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        of(&["--to", &parquet, "--overwrite"]);
        of(&["--to", &arrow, "--overwrite"]);
        let (count, sum) = sum(&String::from_utf8(of(&[])).unwrap());
        let read = said(&mut python(&engines, &["read", &parquet, &arrow]));
        let ways: Vec<_> = read.lines().map(|line| line.split_once(' ').unwrap()).collect();
        assert_eq!(ways.len(), 6, "{read}");
        for (way, what) in ways {
            assert_eq!(what, format!("{count} {sum}"), "{way} {more:?}");
        }
        let stream = of(&["--format", "arrow"]);
        assert!(
            stream == std::fs::read(&arrow).unwrap()
                && of(&["--format", "parquet"]) == std::fs::read(&parquet).unwrap()
        );
        for engine in ["polars", "duckdb"] {
            let mut child =
                python(&engines, &["pipe", engine]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&stream).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{engine}.pipe {count} {sum}\n"));
        }
    }
}

#[test]
fn the_queries_of_the_page_run() {
    let Some(engines) = engines("the_queries_of_the_page_run") else { return };
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("rows");
    let files = ["kube.db", "kube-later.db", "encrypted.db"].map(|name| format!("fixtures/{name}"));
    let args = ["rows", &files[0], &files[1], &files[2], "--dataset", set.to_str().unwrap(), "--format", "parquet"];
    let output = etcdsnap(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rows.md");
    let catalog = |args: &[&str]| {
        let output = etcdsnap([&["catalog"], args, &["--db", dir.path().join("c.redb").to_str().unwrap()]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (parquet, arrow) = (path("versions.parquet"), path("versions.arrow"));
    catalog(&["add", &files[0], &files[1], &files[2]]);
    catalog(&["rows", "--to", &parquet]);
    catalog(&["rows", "--to", &arrow]);
    catalog(&["rows", "--backups", "--to", &path("backups.parquet")]);
    let (count, sum) = sum(&String::from_utf8(catalog(&["rows"])).unwrap());
    for line in said(&mut python(&engines, &["read", &parquet, &arrow])).lines() {
        assert!(line.ends_with(&format!(" {count} {sum}")), "{line}");
    }
    let results = said(&mut python(&engines, &["sql", dir.path().to_str().unwrap(), page]));
    let results: Vec<Vec<Value>> = results.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [images, owners, growth, secrets, key, held, gone] = &results[..] else { panic!("{results:#?}") };
    let nginx = images.iter().find(|row| row["image"] == "nginx:1.27").unwrap();
    assert!(nginx["clusters"] == 1 && nginx["objects"].as_i64() > Some(3), "{images:#?}");
    assert!(owners.iter().all(|row| row["owner"].is_string()), "{owners:#?}");
    let shop: Vec<_> = growth.iter().filter(|row| row["namespace"] == "shop").collect();
    assert!(shop.len() >= 2, "{growth:#?}");
    let plain: i64 = secrets.iter().map(|row| row["in_clear"].as_i64().unwrap()).sum();
    let sealed: i64 = secrets.iter().map(|row| row["encrypted"].as_i64().unwrap()).sum();
    assert!(plain > 0 && sealed >= 4, "{secrets:#?}");
    assert!(held.len() >= 2 && held.iter().all(|row| row["backups"] == 1), "{held:#?}");
    assert!(gone.iter().any(|row| row["resource"] == "ingresses"), "{gone:#?}");
    assert!(key.len() >= 2 && key.iter().all(|row| row["value_size"].as_i64() > Some(100)), "{key:#?}");
}
