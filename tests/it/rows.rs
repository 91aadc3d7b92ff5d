//! `rows`: every key is a row, in every format; what is secret, damaged or cannot be read never passes as something
//! else.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use etcdsnap::{
    etcd::{Load, Range, Snapshot},
    source::{self, Source},
};
use serde_json::{Value, json};

use crate::common::{etcdsnap, made};

/// The name of a file is that of its format, and what was written is reported.
#[test]
fn a_file_has_the_format_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let run = |args: &[&str]| {
        let output = etcdsnap([&["rows", "fixtures/kube.db", "ns"], args].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (_, all, said) = run(&[]);
    assert!(!said.contains("wrote"), "{said}");
    for name in ["r.xlsx", "r.csv.gz", "r.json"] {
        let (code, _, said) = run(&["--to", &at(name)]);
        assert!(code == Some(2) && said.contains("not the ending of a format: ndjson, csv, parquet, arrow"), "{said}");
        assert!(said.contains("hint: --format ndjson|csv|parquet|arrow ") && !Path::new(&at(name)).exists(), "{said}");
    }
    let rows = all.lines().count();
    for (name, more) in [("r.jsonl", &[][..]), ("rows", &[]), ("r.json", &["--format", "ndjson"])] {
        let (code, out, said) = run(&[&["--to", &at(name)], more].concat());
        assert!(code == Some(0) && out.is_empty(), "{said}");
        assert!(said.ends_with(&format!("wrote {rows} rows to {}\n", at(name))), "{said}");
        assert_eq!(fs::read_to_string(at(name)).unwrap(), all);
    }
    let (code, _, said) = run(&["--dataset", &at("set")]);
    assert!(code == Some(0) && said.ends_with(&format!("wrote {rows} rows to {}\n", at("set"))), "{said}");
    assert_eq!(run(&["--dataset", &at("set"), "--overwrite"]).0, Some(2));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What is printed on stdout.
#[track_caller]
fn printed(args: &[&str], exit: i32) -> String {
    let output = etcdsnap(args);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn str<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn every_key_has_a_row_with_what_the_object_holds() {
    for (file, more) in [
        ("fixtures/kube.db", &[][..]),
        ("fixtures/kube-later.db", &["--encryption-config", "fixtures/kube-later.yaml"]),
        ("fixtures/etcd-3.6.db", &[]),
    ] {
        let rows = lines(&printed(&[&["rows", file], more].concat(), 0));
        let keys = printed(&["kv", file, "-w", "ndjson"], 0);
        assert_eq!(rows.len(), keys.lines().count(), "{file}");
        let objects = etcdsnap(
            [&["get", file, "all,cm,secrets,crd,ns,events,leases,nodes", "-A", "-o", "ndjson"], more].concat(),
        );
        let objects = lines(&text(&objects.stdout));
        let of =
            |row: &Value| (str(row, "kind").to_owned(), str(row, "namespace").to_owned(), str(row, "name").to_owned());
        let rows: BTreeMap<_, _> = rows.iter().map(|row| (of(row), row)).collect();
        for object in &objects {
            let meta = &object["metadata"];
            let name =
                (str(object, "kind").to_owned(), str(meta, "namespace").to_owned(), str(meta, "name").to_owned());
            let row = rows[&name];
            assert_eq!(str(row, "uid"), str(meta, "uid"));
            assert_eq!(row["mod_revision"].to_string(), str(meta, "resourceVersion"));
            let empty = serde_json::json!({});
            assert_eq!(&row["labels"], if meta["labels"].is_null() { &empty } else { &meta["labels"] }, "{name:?}");
            assert_eq!(str(row, "created").replace(".000000", ""), str(meta, "creationTimestamp"));
            let owners = meta["ownerReferences"].as_array().into_iter().flatten();
            let owners: Vec<_> = owners.map(|of| [str(of, "kind"), str(of, "name"), str(of, "uid")]).collect();
            let have = row["owners"].as_array().unwrap().iter();
            assert_eq!(have.map(|of| [str(of, "kind"), str(of, "name"), str(of, "uid")]).collect::<Vec<_>>(), owners);
            if name.0 == "Pod" {
                let images = ["initContainers", "containers"].into_iter();
                let images = images.flat_map(|list| object["spec"][list].as_array().into_iter().flatten());
                let mut images: Vec<_> = images.map(|container| container["image"].clone()).collect();
                images.dedup();
                assert_eq!(row["images"].as_array().unwrap(), &images);
                assert_eq!(str(row, "node"), str(&object["spec"], "nodeName"));
            }
        }
        assert!(file.contains("etcd-3.6") || objects.len() > 60, "{file}: {}", objects.len());
    }
}

/// The rows are of the keys that the check has met: those of the last state, with what the log adds, without a bump.
#[test]
fn the_keys_of_the_check_are_those_of_the_last_state() {
    let dir = tempfile::tempdir().unwrap();
    let bumped = dir.path().join("bumped");
    let bump = ["restore", "fixtures/kube.db", "--member", "m1", "--bump-revision", "1000", "--data-dir"];
    assert!(etcdsnap([&bump.map(OsStr::new)[..], &[bumped.as_os_str()]].concat()).status.success());
    let fixtures = fs::read_dir("fixtures").unwrap().map(|entry| entry.unwrap().path());
    let (mut compared, mut with_log) = (0, 0);
    for path in fixtures.chain([bumped]) {
        let (options, load) = (source::Options::default(), Load::default());
        let Ok(source) = Source::open(&path, &options) else { continue };
        let Ok(snapshot) = Snapshot::load(&source, &load) else { continue };
        let (asked, met) = (snapshot.view(None, &Range::ALL).unwrap(), snapshot.view_of_survey(&snapshot.survey()));
        let what = path.display();
        assert_eq!((met.revision, met.head), (asked.revision, asked.head), "{what}");
        let [met_last, asked_last] = [&met, &asked].map(|view| view.recent.iter().map(|record| record.revision));
        assert!(met_last.eq(asked_last), "{what}");
        assert!(met.iter().eq(asked.iter()), "{what}");
        compared += 1;
        with_log += usize::from(snapshot.log.is_some_and(|log| log.applied > 0));
    }
    assert!(compared > 15 && with_log > 0, "{compared}, {with_log}");
}

#[test]
fn templates_of_pods_name_images_too() {
    let rows = lines(&printed(&["rows", "fixtures/kube.db", "deploy,sts,rs,cronjobs", "-n", "shop"], 0));
    assert!(rows.len() > 2 && rows.iter().all(|row| !row["images"].as_array().unwrap().is_empty()), "{rows:#?}");
}

/// Bytes that a Secret of the fixtures holds, as they are stored and in base64.
const SECRETS: [&str; 3] = ["s\u{e4}ssword", "cMOkc3N3w7ZyZA", "p\u{e4}ssw\u{f6}rd"];

#[test]
fn secrets_are_masked() {
    let config = ["--encryption-config", "fixtures/encryption.yaml"];
    let file = "fixtures/encrypted.db";
    let of = |args: &[&str]| lines(&printed(&[&["rows", file, "secrets", "--with-object"], args].concat(), 0));
    let row = |rows: &[Value], name| rows.iter().find(|row| str(row, "name") == name).unwrap().clone();
    // without the keys only the key of etcd shows what it is
    let sealed = row(&of(&[]), "gcm");
    assert_eq!(
        (str(&sealed, "encrypted_by"), &sealed["uid"], &sealed["object"]),
        ("aesgcm (key 2026 or 2026:q4)", &Value::Null, &Value::Null)
    );
    assert!(sealed["value_hash"].is_string() && sealed["error"].is_null());
    // with them its metadata; in clear text no sum that helps to guess
    let opened = of(&config);
    let (gcm, plain) = (row(&opened, "gcm"), row(&opened, "plain"));
    assert!(
        gcm["uid"].is_string()
            && gcm["encrypted_by"] == "aesgcm (key 2026 or 2026:q4)"
            && gcm["value_hash"] == sealed["value_hash"]
    );
    assert!(plain["value_hash"].is_null() && plain["encrypted_by"].is_null());
    let all = printed(&[&["rows", file, "--with-object"], &config[..]].concat(), 0);
    assert!(str(&plain, "object").contains("masked:") && SECRETS.iter().all(|secret| !all.contains(secret)));
    // unless that is asked for
    let revealed = of(&[&config[..], &["--reveal"]].concat());
    assert!(row(&revealed, "plain")["value_hash"].is_string());
    assert!(SECRETS.iter().any(|secret| str(&row(&revealed, "gcm"), "object").contains(secret)));
    // with keys that do not fit the values cannot be read, and the exit status shows it
    let wrong = printed(&["rows", file, "secrets", "--encryption-config", "fixtures/kube-later.yaml"], 1);
    assert!(
        lines(&wrong).iter().any(|row| str(row, "error").starts_with("encrypted by aesgcm (key 2026 or 2026:q4)")),
        "{wrong}"
    );
}

/// Records of a CSV text.
fn records(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut records, mut record, mut chars) = (Vec::new(), Vec::new(), text.chars().peekable());
    while chars.peek().is_some() {
        let quoted = chars.next_if_eq(&'"').is_some();
        let mut field = String::new();
        while let Some(c) = chars.next_if(|c| quoted || !matches!(c, ',' | '\n')) {
            match c {
                '"' if quoted && chars.next_if_eq(&'"').is_none() => break,
                c => field.push(c),
            }
        }
        record.push((quoted || !field.is_empty()).then_some(field));
        if chars.next() == Some('\n') {
            records.push(std::mem::take(&mut record));
        }
    }
    records
}

#[test]
fn csv_and_ndjson_hold_the_same() {
    let args = ["rows", "fixtures/kube.db", "--with-object", "--mask-key", "fixtures/small.db"];
    let rows = lines(&printed(&args, 0));
    let csv = records(&printed(&[&args[..], &["--format", "csv"]].concat(), 0));
    let (names, records) = csv.split_first().unwrap();
    assert_eq!(records.len(), rows.len());
    for (row, record) in rows.iter().zip(records) {
        let cell = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let want: Vec<_> = row.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), cell(value))).collect();
        let have: Vec<_> = names.iter().map(|name| name.as_deref().unwrap()).zip(record.iter().cloned()).collect();
        assert_eq!(have, want);
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A copy of a fixture with a byte of a value changed, so that only its trailer shows it; and one with a broken page.
fn damaged(dir: &Path) -> [PathBuf; 2] {
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    let at = bytes.windows(5).position(|window| window == b"nginx").unwrap();
    bytes[at] ^= 1;
    let flipped = dir.join("flipped.db");
    fs::write(&flipped, &bytes).unwrap();
    let broken = dir.join("broken.db");
    let leaf = crate::common::key_leaf(&bytes);
    bytes[leaf] ^= 1;
    fs::write(&broken, &bytes).unwrap();
    [flipped, broken]
}

#[test]
fn a_damaged_backup_has_no_rows_and_the_verdict_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let (to, verdict) = (path("rows.csv"), path("verdict"));
    for file in damaged(dir.path()) {
        let file = file.to_str().unwrap();
        for to in [&["--to", &to][..], &[]] {
            let output = etcdsnap([&["rows", file, "--verdict", &verdict], to].concat());
            assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
            assert!(text(&output.stderr).contains("none of its rows are written"), "{}", text(&output.stderr));
            assert_eq!(names(out.path()), ["verdict"]);
            let judged = &lines(&fs::read_to_string(&verdict).unwrap())[0];
            assert_eq!((str(judged, "verdict"), &judged["rows"], &judged["exit"]), ("damaged", &0.into(), &1.into()));
            assert_eq!(str(judged, "sha256").len(), 64);
            assert!(!judged["findings"].as_array().unwrap().is_empty());
        }
        let forced = lines(&printed(&["rows", file, "--force"], 1));
        assert!(
            forced.len() > 200 && forced.iter().all(|row| row["snapshot_verdict"] == "damaged"),
            "{}",
            forced.len()
        );
    }
    // among others it is left out, and what is no backup, too
    let [flipped, _] = damaged(dir.path());
    let good = "fixtures/kube-later.db";
    let args = ["rows", good, flipped.to_str().unwrap(), "README.md", "--to", &to, "--verdict", &verdict];
    let output = etcdsnap(args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let judged = lines(&fs::read_to_string(&verdict).unwrap());
    let verdicts: Vec<_> = judged.iter().map(|of| (str(of, "verdict"), str(of, "unread"))).collect();
    assert_eq!(verdicts, [("good", ""), ("damaged", ""), ("", "not a snapshot")]);
    assert_eq!((str(&judged[0], "file"), &judged[1]["file"]), (&*to, &Value::Null));
    let written = records(&fs::read_to_string(&to).unwrap());
    assert!(written.len() > 200 && written[1..].iter().all(|record| record[1].as_deref() == Some(good)));
    // what cannot be read is worth another try, and leaves nothing
    fs::remove_file(&to).unwrap();
    let args = ["rows", good, "./fixtures/no-such.db", "--to", &to, "--verdict", &verdict];
    assert_eq!(etcdsnap(args).status.code(), Some(3));
    let judged = lines(&fs::read_to_string(&verdict).unwrap());
    assert_eq!((names(out.path()), judged.len()), (vec!["verdict".to_owned()], 2));
    let of = &judged[0];
    assert_eq!(
        (str(of, "verdict"), &of["rows"], &of["file"], &of["exit"]),
        ("good", &0.into(), &Value::Null, &3.into())
    );
}

/// A backup that lacks what was asked for is as good as it is.
#[test]
fn what_is_not_found_is_no_verdict_on_the_backup() {
    let dir = tempfile::tempdir().unwrap();
    let verdict = dir.path().join("verdict").display().to_string();
    let args = ["rows", "fixtures/kube.db", "fixtures/kube-later.db", "ing/web", "-n", "shop", "--verdict", &verdict];
    assert_eq!(lines(&printed(&args, 1)).len(), 1);
    let judged = lines(&fs::read_to_string(&verdict).unwrap());
    let of = |at: usize| (str(&judged[at], "verdict"), &judged[at]["rows"], &judged[at]["exit"]);
    assert_eq!([of(0), of(1)], [("good", &1.into(), &0.into()), ("good", &0.into(), &1.into())]);
    assert_eq!((&judged[1]["findings"][0]["code"], &judged[1]["errors"]), (&"not-found".into(), &0.into()));
    // one that is not there is no KIND
    let output = etcdsnap(["rows", "fixtures/kube.db", "nosuch.db", "pods"]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains("nosuch.db: cannot open"), "{said}");
}

/// What a dataset holds of a backup is what the last run has read of it.
#[test]
fn a_backup_without_rows_has_no_file_in_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("set").display().to_string();
    let [flipped, _] = damaged(dir.path());
    let flipped = flipped.to_str().unwrap();
    let run = |args: &[&str], exit| -> Value {
        let args = [&["rows"], args, &["--dataset", &set, "--verdict", "-"]].concat();
        lines(&printed(&args, exit)).remove(0)
    };
    for (with, without, exit) in [
        (&["fixtures/kube.db"][..], &["fixtures/kube.db", "secrets", "-n", "kube-public"][..], 0),
        (&["fixtures/kube.db"], &["fixtures/kube.db", "-n", "nosuch"], 1),
        (&["fixtures/kube.db"], &["fixtures/kube.db", "pod/nosuch"], 1),
        (&[flipped, "--force"], &[flipped], 1),
    ] {
        let file = run(with, i32::from(with.len() > 1))["file"].as_str().unwrap().to_owned();
        assert!(Path::new(&file).exists(), "{with:?}");
        assert_eq!((&run(without, exit)["file"], Path::new(&file).exists()), (&Value::Null, false), "{without:?}");
    }
    // the log adds rows, and the db is the same
    let data = "fixtures/datadir-3.6.tar.gz";
    let [with, without] = [run(&[data], 0), run(&[data, "--no-wal"], 0)];
    assert!(str(&with, "file").ends_with("-196.ndjson") && with["revision"] == 186, "{with}");
    assert!(with["sha256"] == without["sha256"] && with["file"] != without["file"], "{without}");
    let rows = lines(&fs::read_to_string(str(&with, "file")).unwrap());
    assert!(rows.len() == 198 && rows.iter().all(|row| row["snapshot_revision"] == 186));
}

#[test]
fn a_file_is_replaced_only_when_that_is_asked_for_and_a_dataset_by_the_same_backup() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (file, to, set) = ("fixtures/kube.db", path("rows.ndjson"), path("set"));
    assert_eq!(printed(&["rows", file, "pods", "--to", &to], 0), "");
    let pods = fs::read_to_string(&to).unwrap();
    assert_eq!(pods, printed(&["rows", file, "pods"], 0));
    assert_eq!(etcdsnap(["rows", file, "--to", &to]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&to).unwrap(), pods);
    printed(&["rows", file, "nodes", "--to", &to, "--overwrite"], 0);
    assert_eq!(fs::read_to_string(&to).unwrap(), printed(&["rows", file, "nodes"], 0));
    assert_eq!(names(dir.path()), ["rows.ndjson"]);
    let mut seen = None;
    for _ in 0..2 {
        let judged = lines(&printed(&["rows", file, "fixtures/kube-later.db", "--dataset", &set, "--verdict", "-"], 0));
        let files: Vec<_> = judged.iter().map(|judged| str(judged, "file").to_owned()).collect();
        let sha = str(&judged[0], "sha256");
        let identity = str(&judged[0], "identity");
        let want = format!("{set}/cluster={identity}/date=2026-11-21/{}.ndjson", &sha[..16]);
        assert_eq!(files[0], want);
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), printed(&["rows", file], 0));
        assert_eq!(names(Path::new(&files[0]).parent().unwrap()).len(), 2);
        assert_eq!(seen.get_or_insert(files.clone()), &files);
    }
}

#[test]
fn words_are_backups_then_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = std::env::current_dir().unwrap().join("fixtures/kube.db");
    fs::copy(&snapshot, dir.path().join("pods")).unwrap();
    fs::copy(&snapshot, dir.path().join("b.db")).unwrap();
    let run = |args: &[&str]| -> Output {
        Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("rows").args(args).current_dir(dir.path()).output().unwrap()
    };
    let of = |output: Output| (lines(&text(&output.stdout)), text(&output.stderr), output.status.code());
    let (rows, note, exit) = of(run(&["b.db", "pods"]));
    assert!(
        exit == Some(0) && rows.iter().all(|row| row["kind"] == "Pod") && note.contains("./pods names the file"),
        "{note}"
    );
    let (both, ..) = of(run(&["b.db", "./pods", "pods"]));
    assert_eq!(both.len(), 2 * rows.len());
    assert_eq!(of(run(&["b.db", "nodes", "b.db"])).2, Some(2));
    let (_, error, exit) = of(run(&["b.db", "nosuchkind"]));
    assert!(exit == Some(1) && error.contains("nosuchkind"), "{error}");
    assert_eq!(of(run(&["b.db", "pod/nosuch"])).2, Some(1));
}

#[test]
fn a_pipe_is_a_backup() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["rows", "-", "pods", "--threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read("fixtures/kube.db").unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let piped: Vec<_> = lines(&text(&output.stdout));
    assert!(output.status.success() && piped.iter().all(|row| row["snapshot"] == "-"), "{piped:?}");
    assert_eq!(piped.len(), lines(&printed(&["rows", "fixtures/kube.db", "pods"], 0)).len());
}

#[test]
fn values_and_keys_of_any_bytes_have_rows() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("any.db");
    let keys: [(&[u8], Vec<u8>); 6] = [
        (b"/a\xff", b"x".to_vec()),
        (b"/a\\xff", b"y".to_vec()),
        (b"/registry/configmaps/a/broken", b"k8s\0\x0a\xff".to_vec()),
        (b"/registry/pods/a/opaque", b"\x01\x02".to_vec()),
        (b"/registry/secrets/a/broken", b"k8s\0\x0a\xff".to_vec()),
        (b"compact_rev_key", b"7".to_vec()),
    ];
    made::snapshot(&file, &keys);
    let output = etcdsnap(["rows", file.to_str().unwrap(), "--with-object"]);
    let rows = lines(&text(&output.stdout));
    assert!(output.status.code() == Some(1) && rows.len() == 6, "{output:?}");
    let of = |n: usize| (str(&rows[n], "key"), rows[n]["error"].is_string(), rows[n]["value_hash"].is_string());
    let have: Vec<_> = (0..6).map(of).collect();
    let want = [
        ("/a\\\\xff", false, true),
        ("/a\\xff", false, true),
        ("/registry/configmaps/a/broken", true, true),
        ("/registry/pods/a/opaque", true, true),
        ("/registry/secrets/a/broken", true, false),
        ("compact_rev_key", false, true),
    ];
    assert_eq!(have, want);
    let pod = &rows[3];
    assert_eq!(
        (str(pod, "resource"), str(pod, "namespace"), str(pod, "name"), &pod["kind"]),
        ("pods", "a", "opaque", &Value::Null)
    );
}

/// Workers that have copies of one backup write one file, one after the other.
#[test]
fn several_runs_write_the_same_file_of_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("set");
    let children: Vec<_> = (0..6)
        .map(|n| {
            let copy = dir.path().join(format!("{n}.db"));
            fs::copy("fixtures/kube.db", &copy).unwrap();
            let mut call = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
            call.arg("rows").arg(copy).arg("--dataset").arg(&set).stdin(Stdio::null()).stderr(Stdio::piped());
            call.spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let file = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let cluster = file(&set);
    let date = file(&cluster[0]);
    assert_eq!((cluster.len(), date.len(), file(&date[0]).len()), (1, 1, 1));
}

/// There is a verdict also where the rows could not be written.
#[test]
fn a_failure_to_write_has_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let (verdict, there) = (dir.path().join("verdict"), dir.path().join("there.csv"));
    fs::write(&there, "").unwrap();
    let judged = |args: &[&str], out: Stdio, exit: i32| {
        let mut call = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
        call.args(["rows", "fixtures/kube.db"]).args(args).arg("--verdict").arg(&verdict).stdin(Stdio::null());
        let status = call.stdout(out).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(exit), "{args:?}");
        let line: Value = serde_json::from_str(&fs::read_to_string(&verdict).unwrap()).unwrap();
        fs::remove_file(&verdict).unwrap();
        assert_eq!((line["exit"].as_i64(), line["rows"].as_i64()), (Some(exit.into()), Some(0)), "{line}");
        assert!(line["verdict"].is_null() && line["findings"][0]["what"].is_string(), "{line}");
    };
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    judged(&[], full.into(), 3);
    judged(&["--to", there.to_str().unwrap()], Stdio::null(), 2);
    judged(&["--to", "rows.xlsx"], Stdio::null(), 2);
}

#[test]
fn what_is_not_opened_and_what_is_not_there_is_said() {
    let rows = |args: &[&str]| {
        let output = etcdsnap(["rows"].iter().chain(args));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    };
    let (out, err, exit) = rows(&["fixtures/encrypted.db", "deploy/web", "-n", "shop"]);
    assert!(exit == 0 && err.contains("1 encrypted value could not be opened: owners, labels"), "{err}");
    let row: Value = serde_json::from_str(&out).unwrap();
    assert!(row["kind"].is_null() && row["encrypted_by"].is_string() && row["labels"] == json!({}), "{row}");
    let (out, err, exit) = rows(&["fixtures/kube.db", "secrets", "-n", "shopp"]);
    assert_eq!((out.as_str(), exit), ("", 1));
    assert!(err.contains("no namespace shopp at revision 455") && err.contains("did you mean -n shop?"), "{err}");
    let (_, err, exit) = rows(&["fixtures/kube.db", "ingressclasses", "-n", "shop"]);
    assert_eq!((err.as_str(), exit), ("", 0));
}
