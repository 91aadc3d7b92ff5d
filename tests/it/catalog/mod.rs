//! Many backups: what is in which, which are good, which are kept.

mod archives;
mod branches;
mod brought_back;
mod cluster;
mod hostile;
mod recorded;
mod series;
mod words;

use std::{
    ffi::OsStr,
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::etcdsnap;

/// A catalog of its own, and a folder for backups.
pub struct Bench {
    home: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("backups")).unwrap();
        Self { home }
    }

    /// With these fixtures in the folder.
    pub fn with(fixtures: &[&str]) -> Self {
        let bench = Self::new();
        for name in fixtures {
            fs::copy(format!("fixtures/{name}"), bench.backup(name)).unwrap();
        }
        bench
    }

    pub fn db(&self) -> PathBuf {
        self.home.path().join("state/catalog.redb")
    }

    pub fn folder(&self) -> PathBuf {
        self.home.path().join("backups")
    }

    pub fn backup(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Runs `etcdsnap catalog ARGS --db ...`, which may fail.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let all = [vec!["catalog".into()], args, vec!["--db".into(), self.db().into()]].concat();
        etcdsnap(all)
    }

    /// What it prints; its exit code has to be `code`.
    #[track_caller]
    pub fn says<S: AsRef<OsStr>>(&self, code: i32, args: impl IntoIterator<Item = S>) -> String {
        let output = self.run(args);
        let text = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}{err}");
        text
    }

    /// Adds the folder.
    #[track_caller]
    pub fn add(&self, code: i32) -> String {
        self.says(code, [OsStr::new("add"), self.folder().as_os_str()])
    }

    #[track_caller]
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        serde_json::from_str(&self.says(code, args.iter().chain(&["-o", "json"]))).unwrap()
    }
}

/// The name of the file at a path in a document.
pub fn name(path: &Value) -> &str {
    Path::new(path.as_str().unwrap()).file_name().unwrap().to_str().unwrap()
}

#[test]
fn backups_are_added_once_and_questions_answered() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "etcd-3.6.db"]);
    fs::copy("fixtures/kube.db", bench.backup("copy.db")).unwrap();
    fs::write(bench.backup("notes.txt"), "no backup").unwrap();
    let whole = fs::read("fixtures/kube.db").unwrap();
    fs::write(bench.backup("cut.db"), &whole[..whole.len() / 2]).unwrap();
    fs::write(bench.backup("empty.db"), b"").unwrap();
    let text = bench.add(1);
    assert!(text.contains("cut.db: damaged: the file is cut short"), "{text}");
    assert!(text.contains("added 6 (2.9 MB): 5 good, 0 doubtful, 1 damaged; 1 not added; 1 other files"), "{text}");
    let before = fs::read(bench.db()).unwrap();
    let again = bench.add(1);
    let counts = "added 0 (0 B): 0 good, 0 doubtful, 0 damaged; 6 as they were; 1 not added; 1 other files";
    assert!(again.contains(counts), "what could not be read is tried again: {again}");
    assert_eq!(fs::read(bench.db()).unwrap(), before, "nothing has changed");

    let ls = bench.json(0, &["ls"]);
    let items = ls["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| name(&item["files"][0])).collect();
    assert_eq!(names, ["cut.db", "etcd-3.6.db", "copy.db", "encrypted.db", "kube-later.db"]);
    assert_eq!(items[2]["files"].as_array().unwrap().len(), 2, "a copy is no second backup");
    assert_eq!(items[4]["keys"], 286);
    assert!(items[0]["lineages"].as_array().unwrap().is_empty(), "what is damaged is not looked into");
    assert_eq!(name(&ls["unread"][0]["file"]), "empty.db");

    let table = bench.says(0, ["ls"]);
    let cut = table.lines().find(|line| line.ends_with("cut.db")).unwrap();
    assert!(cut.split_whitespace().take(5).all(|cell| cell == "-"), "not known, and so no number: {cut}");

    let last = bench.says(0, ["last", "--good"]);
    assert_eq!(last.lines().count(), 3, "{last}");
    let last = bench.json(0, &["last", "--good", "--cluster", "31cfb609"]);
    assert_eq!(name(&last["items"][0]["files"][0]), "kube-later.db");
    let oldest = bench.json(0, &["oldest", "--cluster", "31cfb609"]);
    assert_eq!(name(&oldest["items"][0]["files"][0]), "copy.db");

    // As `history` of both shows: the Deployment was written at 404 and at 501.
    // One backup is damaged and one file empty, so the answer may be incomplete: the exit status is 1.
    let found = bench.json(1, &["find", "deploy/web", "-n", "shop", "--cluster", "31cfb609"]);
    let versions = found["items"][0]["versions"].as_array().unwrap();
    let revisions: Vec<_> = versions.iter().map(|of| of["modRevision"].as_i64().unwrap()).collect();
    assert_eq!(revisions, [404, 501]);
    assert_eq!(found["notIndexed"], 2);
    let line = found["items"][0]["bringBack"].as_str().unwrap();
    assert!(line.contains("kube-later.db deployment.apps/web -n shop --all --to DIR"), "{line}");

    // The Ingress is gone in the later one.
    let gone = bench.says(1, ["find", "ing", "-n", "shop", "--cluster", "31cfb609"]);
    assert!(gone.contains("; gone in") && gone.contains("kube-later.db"), "{gone}");
    let nothing = bench.run(["find", "deploy/nothing"]);
    assert_eq!(nothing.status.code(), Some(1));

    let note = "not searched: 1 damaged backup and 1 unreadable file";
    let questions = [&["find", "deploy/web"][..], &["growth"], &["rows"], &["history", "deploy/web"]];
    for args in questions.map(|words| [words, &["--cluster", "31cfb609"]].concat()) {
        let output = bench.run(&args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(note), "{args:?}");
    }
    // A damaged backup has a row, a file that could not be read has none.
    let output = bench.run(["rows", "--backups"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("not read: 1 unreadable file"), "{said}");
    // Where they are gone nothing is left to search.
    fs::remove_file(bench.backup("cut.db")).unwrap();
    fs::remove_file(bench.backup("empty.db")).unwrap();
    bench.add(0);
    for args in questions.map(|words| [words, &["--cluster", "31cfb609"]].concat()) {
        bench.says(0, args);
    }
}

#[test]
fn what_the_catalog_says_of_two_backups_is_what_diff_says() {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    bench.add(0);
    let ours = bench.json(1, &["diff", "kube.db", "kube-later.db", "--all"]);
    let of = |change: &str| {
        let changes = ours["changes"].as_array().unwrap().iter().filter(|of| of["change"] == change);
        let mut keys: Vec<_> = changes.map(|of| of["key"].as_str().unwrap().to_owned()).collect();
        // `diff` lists the leases of API servers in another place.
        keys.retain(|key: &String| !key.contains("/masterleases/"));
        keys.sort();
        keys
    };
    let output = etcdsnap(["diff", "fixtures/kube.db", "fixtures/kube-later.db", "--all", "-o", "json"]);
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let in_diff = |list: &str| {
        let mut keys: Vec<_> =
            theirs[list].as_array().unwrap().iter().map(|of| of["key"].as_str().unwrap().to_owned()).collect();
        keys.retain(|key| !key.contains("/masterleases/"));
        keys.sort();
        keys
    };
    assert_eq!(of("added"), in_diff("added"));
    assert_eq!(of("removed"), in_diff("removed"));
    assert_eq!(of("replaced"), in_diff("replaced"));
    let changed = [of("changed"), of("rewritten")].concat();
    for key in in_diff("changed") {
        assert!(changed.contains(&key), "{key}");
    }
    assert_eq!(bench.run(["diff", "kube.db", "kube.db"]).status.code(), Some(0));
    // By time: the newest up to it.
    let by_time = bench.json(1, &["diff", "2026-11-21T03:00:00Z", "2026-11-22", "--all"]);
    assert_eq!(by_time["changes"], ours["changes"]);
    let fields = bench.run(["diff", "kube.db", "kube-later.db", "deploy/web", "-n", "shop", "--fields"]);
    assert!(String::from_utf8(fields.stdout).unwrap().contains("spec."), "the fields are those of diff");
}

#[test]
fn a_call_of_another_command_keeps_the_flags() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db"]);
    bench.add(0);
    let files = ["kube.db", "kube-later.db"];
    let diff = |flags: &[&str]| bench.run([&["diff"], &files[..], flags].concat());
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let part = diff(&["--fields", "--prefix", "/registry/deployments/"]);
    assert!(text(&part).contains("deployment.apps/web") && !text(&part).contains("ingress"), "{part:?}");
    assert!(text(&diff(&["--fields", "--all"])).contains("metadata.managedFields"));
    for flags in [&["--fields", "--key", "/registry/x"][..], &["--fields", "--prefix", "/registry/dep"]] {
        assert_eq!(diff(flags).status.code(), Some(2), "{flags:?}");
    }
    for cluster in ["nonexistent", "75ebd617"] {
        bench.says(1, ["diff", "kube.db", "kube.db", "--cluster", cluster]);
    }
    let of = |flags: &[&str]| bench.run([&["history", "--cluster", "31cfb609"], flags].concat());
    let (all, within) = (of(&["deploy/web"]), of(&["deploy/web", "--prefix", "/registry/deployments/shop/"]));
    assert!(within.status.success() && all.stdout == within.stdout, "{within:?}");
    let both = ["deploy/web", "--key", "/registry/deployments/shop/web"];
    for flags in [&["--prefix", "/registry/"][..], &["deploy/web", "--prefix", "/registry/dep"], &both] {
        assert_eq!(of(flags).status.code(), Some(2), "{flags:?}");
    }
}

#[test]
fn encrypted_values_are_opened_whenever_there_is_a_key() {
    let bench = Bench::with(&["encrypted.db"]);
    let folder = bench.folder();
    let sealed = |bench: &Bench| bench.json(0, &["ls"])["items"][0]["sealed"].as_u64().unwrap();
    bench.add(0);
    assert!(sealed(&bench) > 0);
    let none = bench.run(["find", "secrets", "-l", "app=none"]);
    assert_eq!(none.status.code(), Some(1));
    let is_told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).contains(" encrypted object");
    assert!(is_told(&none));
    // Its name does not matter.
    fs::rename(bench.backup("encrypted.db"), bench.backup("moved.db")).unwrap();
    let keys = ["--encryption-config", "fixtures/encryption.yaml"];
    bench.says(0, ["add", folder.to_str().unwrap()].iter().chain(&keys));
    assert_eq!(sealed(&bench), 0);
    assert!(!is_told(&bench.run(["find", "secrets", "-l", "app=none"])));
    let found = bench.json(0, &["find", "secrets", "-n", "shop"]);
    let versions: Vec<_> = found["items"].as_array().unwrap().iter().map(|of| &of["versions"][0]).collect();
    assert!(versions.iter().all(|of| of["sealed"] == false && of["uid"].is_string()), "{versions:?}");
    // In the other order it is the same catalog.
    let other = Bench::with(&["encrypted.db"]);
    other.says(0, ["add", other.folder().to_str().unwrap()].iter().chain(&keys));
    let versions = |of: &Value| {
        let items = of["items"].as_array().unwrap().iter();
        items.map(|of| (of["key"].clone(), of["versions"][0]["uid"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(versions(&other.json(0, &["find", "secrets", "-n", "shop"])), versions(&found));
}

#[test]
fn no_value_and_no_plain_hash_of_one_is_in_the_file() {
    let bench = Bench::with(&["kube.db"]);
    bench.add(0);
    let file = fs::read(bench.db()).unwrap();
    let output = etcdsnap(["kv", "fixtures/kube.db", "/registry/secrets/", "--prefix", "-w", "json"]);
    let secrets: Value = serde_json::from_slice(&output.stdout).unwrap();
    let contains = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    for kv in secrets["kvs"].as_array().unwrap() {
        let value = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, kv["value"].as_str().unwrap());
        let value = value.unwrap();
        let mut sha = etcdsnap::hash::Sha256::default();
        sha.update(&value);
        assert!(!contains(&sha.finish()[..8]), "a hash that can be guessed");
        assert!(!contains(&value[value.len() / 2..value.len() / 2 + 16]));
    }
    assert!(contains(b"/registry/secrets/"), "but its key is");
}

/// Changes one byte of a file, and sets its time back: what a disk does.
pub fn rot(path: &Path) {
    let (mut bytes, time) = (fs::read(path).unwrap(), fs::metadata(path).unwrap().modified().unwrap());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn files_that_change_vanish_or_rot_are_noticed() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "etcd-3.6.db"]);
    bench.add(0);
    assert!(bench.says(0, ["check"]).starts_with("4 of 4 files unchanged"));
    fs::remove_file(bench.backup("kube.db")).unwrap();
    fs::write(bench.backup("etcd-3.6.db"), fs::read("fixtures/etcd-3.7.db").unwrap()).unwrap();
    rot(&bench.backup("encrypted.db"));
    assert!(!bench.says(1, ["check", "--quick"]).contains("bad"));
    let text = bench.says(1, ["check"]);
    assert!(text.contains("encrypted.db: bad") && text.contains("kube.db: missing"), "{text}");
    assert!(text.contains("etcd-3.6.db: changed") && text.contains("1 of 4 files"), "{text}");
    let text = bench.add(1);
    assert!(text.contains("encrypted.db: damaged") && text.contains("1 missing now"), "{text}");
    // What a missing file held stays known, and is brought back from another.
    let found = bench.json(0, &["find", "ing", "-n", "shop", "--cluster", "31cfb609"]);
    assert!(found["items"][0]["bringBack"].is_null());
    let history = bench.run(["history", "deploy/web", "-n", "shop", "--cluster", "31cfb609"]);
    assert_eq!(history.status.code(), Some(1), "{history:?}");
    let note = String::from_utf8(history.stderr).unwrap();
    assert!(note.contains("missing backups that may hold more revisions of it: 1"), "{note}");
}

#[test]
fn prune_keeps_what_it_says_and_acts_only_when_told() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "etcd-3.6.db"]);
    let whole = fs::read("fixtures/kube.db").unwrap();
    fs::write(bench.backup("cut.db"), &whole[..whole.len() / 2]).unwrap();
    bench.add(1);
    assert_eq!(bench.run(["prune"]).status.code(), Some(2));
    let text = bench.says(0, ["prune", "--keep-last", "1"]);
    assert_eq!(text.matches("to be removed").count(), 1, "{text}");
    assert_eq!(fs::read_dir(bench.folder()).unwrap().count(), 5);
    // Where the newest is not what it was, nothing of its cluster is removed.
    let good = fs::read(bench.backup("kube-later.db")).unwrap();
    let time = fs::metadata(bench.backup("kube-later.db")).unwrap().modified().unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(bench.backup("kube-later.db"), bad).unwrap();
    bench.says(1, ["prune", "--keep-last", "1", "--yes"]);
    assert!(bench.says(0, ["ls"]).contains("kube-later.db (changed)"));
    // Nor as long as it is not known what is there now.
    bench.says(1, ["prune", "--keep-last", "1", "--yes"]);
    assert!(bench.backup("kube.db").exists());
    fs::write(bench.backup("kube-later.db"), good).unwrap();
    fs::File::options().write(true).open(bench.backup("kube-later.db")).unwrap().set_modified(time).unwrap();
    bench.run(["add".as_ref(), bench.folder().as_os_str()]);
    let text = bench.says(0, ["prune", "--keep-last", "1", "--yes"]);
    assert!(text.contains("2 more that are damaged, doubtful or of no known cluster are not touched"), "{text}");
    let mut left: Vec<_> = fs::read_dir(bench.folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["cut.db", "encrypted.db", "etcd-3.6.db", "kube-later.db"]);
    let found = bench.json(1, &["find", "ing", "-n", "shop", "--cluster", "31cfb609"]);
    assert!(found["items"][0]["bringBack"].is_null(), "what was removed stays known");
}

#[test]
fn prune_says_why_a_file_was_not_removed() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db"]);
    fs::copy("fixtures/kube.db", bench.backup("changed.db")).unwrap();
    bench.add(0);
    let prune = ["prune", "--keep-last", "1", "--yes"];
    let fate = |document: &Value, of: &str| {
        let items = document["items"].as_array().unwrap();
        items.iter().find(|item| name(&item["file"]) == of).unwrap()["fate"].as_str().unwrap().to_owned()
    };
    fs::File::options().append(true).open(bench.backup("kube-later.db")).unwrap().set_len(1 << 20).unwrap();
    let refused = bench.json(1, &prune);
    let why = "not removed: the newest of 31cfb609 ";
    assert!(fate(&refused, "kube.db").starts_with(why) && fate(&refused, "changed.db").starts_with(why), "{refused}");
    assert_eq!(refused["removed"], false, "no file was");
    assert!(bench.run(prune).status.code() == Some(1) && bench.backup("kube.db").exists());
    // Of two copies, one has changed.
    fs::copy("fixtures/kube-later.db", bench.backup("kube-later.db")).unwrap();
    bench.add(0);
    fs::File::options().append(true).open(bench.backup("changed.db")).unwrap().set_len(1 << 20).unwrap();
    let done = bench.json(1, &prune);
    assert_eq!(fate(&done, "changed.db"), "not removed: it has changed since it was added");
    assert_eq!((fate(&done, "kube.db").as_str(), &done["removed"]), ("removed", &Value::from(true)));
    let rest = bench.json(0, &["prune", "--keep-last", "1", "--yes", "--cluster", "75ebd617"]);
    assert_eq!((fate(&rest, "encrypted.db").as_str(), &rest["removed"]), ("kept: newest, last", &Value::from(false)));
}

/// Runs a command, and calls `change` when it is about to print its first message on stderr.
fn at_the_first_message(mut command: Command, change: impl FnOnce()) -> Output {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    // A full pipe stops it.
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut full = 0;
    for size in [4096, 1] {
        while let Ok(n) = writer.write(&vec![b'.'; size]) {
            full += n;
        }
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    drop(command);
    let call = || {
        std::thread::sleep(Duration::from_millis(20));
        fs::read_to_string(format!("/proc/{}/syscall", child.id())).unwrap()
    };
    let stops = |call: &String| call.split(' ').nth(1) == Some("0x2");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !(stops(&call()) && stops(&call())) {
        assert!(Instant::now() < deadline, "it prints no message");
    }
    change();
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stderr = said.split_off(full);
    output
}

#[test]
fn prune_prints_what_it_removed_when_the_catalog_cannot_be_written() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db"]);
    fs::copy("fixtures/kube.db", bench.backup("copy.db")).unwrap();
    bench.add(0);
    // The newest of another cluster is not what it was, which is printed before anything is removed.
    fs::remove_file(bench.backup("encrypted.db")).unwrap();
    let before = fs::read(bench.db()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.args(["catalog", "prune", "--keep-last", "1", "--yes", "--db"]).arg(bench.db());
    let (state, away) = (bench.home.path().join("state"), bench.home.path().join("away"));
    let output = at_the_first_message(command, || fs::rename(&state, &away).unwrap());
    let (text, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{text}{said}");
    for file in ["copy.db", "kube.db"] {
        assert!(!bench.backup(file).exists());
        assert!(text.lines().any(|line| line.ends_with(file) && line.contains("  removed  ")), "{text}");
    }
    let [.., note, error] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert!(note.starts_with("note: the catalog may still list files that were removed"), "{said}");
    assert!(error.starts_with("error: ") && error.contains("catalog.redb") && error.contains("No such file"), "{said}");
    fs::rename(&away, &state).unwrap();
    assert_eq!(fs::read(bench.db()).unwrap(), before, "the catalog is as it was");
    assert!(bench.add(0).contains("3 missing now"));
}

#[test]
fn prune_records_what_it_reads_again_and_the_catalog() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db"]);
    bench.add(0);
    let log = bench.home.path().join("evidence.ndjson");
    let prune = |code: i32, log: &Path, more: &[&str]| {
        let evidence = ["--evidence", log.to_str().unwrap()];
        bench.says(code, [&["prune", "--keep-last", "1"], more, &evidence].concat());
        let text = fs::read_to_string(log).unwrap();
        let record: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let files = |list: &str, sum: &str| -> Vec<_> {
            let files = record[list].as_array().unwrap().iter().filter(|of| of["path"] != "stdout");
            files.map(|of| (name(&of["path"]).to_owned(), of[sum].as_str().unwrap().to_owned())).collect()
        };
        assert_eq!(files("inputs", "sha256Before"), files("inputs", "sha256After"));
        (files("inputs", "sha256After"), files("outputs", "sha256"))
    };
    let sum = |file: &Path| {
        let mut sum = etcdsnap::hash::Sha256::default();
        sum.update(&fs::read(file).unwrap());
        (file.file_name().unwrap().to_str().unwrap().to_owned(), etcdsnap::hash::hex(&sum.finish()))
    };
    assert_eq!(prune(0, &log, &[]), (vec![], vec![]));
    let newest = vec![sum(&bench.backup("kube-later.db")), sum(&bench.backup("encrypted.db"))];
    let (inputs, outputs) = prune(0, &log, &["--yes"]);
    assert!(!bench.backup("kube.db").exists());
    assert_eq!((&inputs, outputs), (&newest, vec![sum(&bench.db())]));
    assert_eq!(prune(0, &log, &["--yes"]), (newest, vec![]), "the catalog is not written again");
    // What is read is recorded where it has changed, too.
    fs::copy("fixtures/kube.db", bench.backup("kube.db")).unwrap();
    bench.add(0);
    fs::copy("fixtures/etcd-3.6.db", bench.backup("kube-later.db")).unwrap();
    let (inputs, outputs) = prune(1, &log, &["--yes"]);
    assert_eq!((&inputs[0], outputs), (&sum(&bench.backup("kube-later.db")), vec![sum(&bench.db())]));
}

#[test]
fn what_is_in_no_backup_is_named() {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    bench.add(0);
    let says = |code: i32, args: &[&str], error: &str| {
        let output = bench.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(error), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let diff = |code: i32, what: &[&str], error: &str| {
        says(code, &[&["diff", "kube.db", "kube-later.db"], what].concat(), error)
    };
    diff(1, &["deploy/web", "deploy/nothing"], "neither backup holds deploy/nothing");
    diff(1, &["deploy/nothing", "--fields"], "neither backup holds deploy/nothing");
    diff(1, &["-n", "none"], "neither backup holds a namespace none");
    diff(1, &["nodes", "-n", "none"], "neither backup holds a namespace none");
    diff(1, &["--prefix", "/none/"], "neither backup holds /none/");
    for there in [&["cm/kube-root-ca.crt", "-n", "kube-system"][..], &["jobs", "-n", "shop"], &["ns/shop"]] {
        assert!(diff(0, there, "").contains("no other difference"));
    }
    let nothing = "no backup in the catalog holds deploy/nothing";
    for command in ["find", "rows"] {
        assert!(says(1, &[command, "deploy/web", "deploy/nothing"], nothing).contains("web"));
    }
    says(1, &["growth", "deploy/nothing"], nothing);
    let growth = bench.says(0, ["growth", "secrets,nodes"]);
    let secrets = growth.lines().find(|line| line.starts_with("secrets ")).unwrap_or_default();
    assert!(secrets.contains("  2026-11-21 11:06Z  "), "{growth}");
    for command in [&["ls"][..], &["rows", "--backups"], &["prune", "--keep-last", "1"]] {
        says(1, &[command, &["--cluster", "nonexistent"]].concat(), "no cluster nonexistent is in the catalog");
    }
}

/// With `kube.db`, `kube-later.db`, and `fork.db`: the same with other values, as of a cluster that was restored.
fn forked() -> Bench {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    let to = bench.backup("fork.db");
    let words = ["redact".as_ref(), "fixtures/kube-later.db".as_ref(), "--to".as_ref(), to.as_os_str()];
    assert!(etcdsnap(words).status.success());
    bench.add(0);
    bench
}

#[test]
fn prune_keeps_the_newest_of_each_branch() {
    let bench = forked();
    let text = bench.says(0, ["prune", "--keep-last", "1"]);
    let of = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(of("31cfb609 ").contains("to be removed") && of("31cfb609 ").ends_with("/kube.db"), "{text}");
    assert!(
        of("31cfb609/1").contains("kept: newest, last") && of("31cfb609/2").contains("kept: newest, last"),
        "{text}"
    );
    let one = bench.says(0, ["prune", "--keep-last", "1", "--cluster", "31cfb609/2"]);
    assert!(one.contains("31cfb609/2") && !one.contains("31cfb609/1"), "{one}");
    // What is of both branches is removed only while the newest of each is as it was.
    let (one, other) = (bench.backup("kube-later.db"), bench.backup("fork.db"));
    for (newest, cluster) in [(&one, "31cfb609/1"), (&one, "31cfb609/2"), (&other, "31cfb609/1")] {
        fs::rename(newest, bench.backup("away")).unwrap();
        bench.says(1, ["prune", "--keep-last", "1", "--yes", "--cluster", cluster]);
        assert!(bench.backup("kube.db").exists());
        fs::rename(bench.backup("away"), newest).unwrap();
    }
    bench.says(0, ["prune", "--keep-last", "1", "--yes"]);
    assert!(one.exists() && other.exists() && !bench.backup("kube.db").exists());
    assert_eq!(bench.run(["prune", "--keep-last", "1", "--cluster", "none"]).status.code(), Some(1));
}

#[test]
fn a_copy_without_its_doubt_file_is_no_better() {
    let bench = Bench::with(&["kube.db"]);
    let later = "fixtures/kube-later.db";
    fs::copy(later, bench.backup("saved.db")).unwrap();
    fs::write(bench.backup("saved.db.etcdsnap.json"), "{}").unwrap();
    assert!(bench.add(0).contains("1 good, 1 doubtful, 0 damaged"));
    fs::copy(later, bench.backup("copy.db")).unwrap();
    let text = bench.add(0);
    assert!(text.contains("0 good, 1 doubtful") && text.contains("copy.db: doubtful, as a file with"), "{text}");
    assert!(!bench.says(0, ["prune", "--keep-last", "1"]).contains("to be removed"));
    // in the other order it is the same
    let other = Bench::with(&["kube-later.db"]);
    other.add(0);
    fs::copy(bench.backup("saved.db"), other.backup("saved.db")).unwrap();
    fs::copy(bench.backup("saved.db.etcdsnap.json"), other.backup("saved.db.etcdsnap.json")).unwrap();
    other.add(0);
    let verdict = |bench: &Bench, at: usize| bench.json(0, &["ls"])["items"][at]["verdict"].clone();
    assert_eq!((verdict(&other, 0), verdict(&bench, 1)), ("doubtful".into(), "doubtful".into()));
    let folder = other.folder();
    fs::remove_file(other.backup("saved.db.etcdsnap.json")).unwrap();
    other.says(0, ["rebuild".as_ref(), folder.as_os_str()]);
    assert_eq!(verdict(&other, 0), "good");
}

#[test]
fn doubt_that_is_recorded_later_is_seen() {
    let bench = Bench::with(&["kube.db", "kube-later.db"]);
    bench.add(0);
    fs::write(bench.backup("kube-later.db.etcdsnap.json"), "{}").unwrap();
    let text = bench.says(1, ["check"]);
    assert!(text.contains("kube-later.db: changed: its NAME.etcdsnap.json"), "{text}");
    bench.says(1, ["prune", "--keep-last", "1", "--yes"]);
    assert!(bench.backup("kube.db").exists());
    assert!(bench.add(0).contains("added 1 (848 kB): 0 good, 1 doubtful, 0 damaged; 1 as they were"));
    assert!(bench.says(0, ["check"]).starts_with("2 of 2 files unchanged"));
    assert!(bench.add(0).contains("; 2 as they were"));
}

#[test]
fn a_version_is_one_row_however_many_backups_hold_it() {
    let bench = Bench::with(&["kube.db", "kube-later.db", "encrypted.db", "etcd-3.6.db"]);
    let whole = fs::read("fixtures/kube.db").unwrap();
    fs::write(bench.backup("cut.db"), &whole[..whole.len() / 2]).unwrap();
    bench.add(1);
    let lines = |text: String| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let rows = lines(bench.says(1, ["rows"]));
    // The same as `find` has.
    let found = bench.json(1, &["find", "--prefix", ""]);
    let mut want = Vec::new();
    for item in found["items"].as_array().unwrap() {
        for of in item["versions"].as_array().unwrap() {
            want.push(serde_json::json!([
                item["row"],
                of["modRevision"],
                of["createRevision"],
                of["version"],
                of["uid"],
                of["unseen"],
                of["size"],
                of["from"]["revision"],
                of["to"]["revision"],
                of["from"]["file"],
                of["to"]["file"],
                of["sealed"]
            ]));
        }
    }
    let of = |row: &Value| {
        let columns = ["lineage", "mod_revision", "create_revision", "version", "uid", "unseen", "value_size"];
        let more = ["first", "last", "first_snapshot", "last_snapshot"];
        let mut values: Vec<_> = columns.iter().chain(&more).map(|name| row[name].clone()).collect();
        values.push(row["value_hmac"].is_null().into());
        Value::from(values)
    };
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), want);
    let web = rows.iter().find(|row| row["name"] == "web" && row["resource"] == "deployments").unwrap();
    assert!(web["group"] == "apps" && web["images"][0].is_string(), "{web}");
    assert!(rows.iter().any(|row| row["labels"]["app"].is_string()));

    // Joined with the backups, it is what each of them holds.
    let backups = lines(bench.says(0, ["rows", "--backups"]));
    assert_eq!(backups.len(), 5);
    for backup in &backups {
        let within = |row: &&Value| {
            let number = |of: &Value| of.as_i64().unwrap();
            row["lineage"] == backup["lineage"]
                && (number(&row["first"])..=number(&row["last"])).contains(&number(&backup["snapshot_revision"]))
        };
        match backup["snapshot_verdict"].as_str().unwrap() {
            "damaged" => {
                assert!(backup["lineage"].is_null() && backup["finding"].is_string(), "{backup}");
                assert!(backup["snapshot_revision"].is_null() && backup["keys"].is_null(), "not known: {backup}");
            }
            _ => assert_eq!(rows.iter().filter(within).count() as u64, backup["keys"], "{backup}"),
        }
    }
    // A part, in another format, and nothing.
    let csv = bench.says(1, ["rows", "deploy/web", "-n", "shop", "--cluster", "31cfb609", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let to = bench.folder().join("versions.ndjson");
    assert!(bench.says(1, ["rows".as_ref(), "--to".as_ref(), to.as_os_str()]).is_empty());
    assert_eq!(lines(fs::read_to_string(&to).unwrap()), rows);
    assert_eq!(bench.run(["rows".as_ref(), "--to".as_ref(), to.as_os_str()]).status.code(), Some(2));
    assert_eq!(bench.run(["rows", "deploy/nothing"]).status.code(), Some(1));
}

#[test]
fn a_pipe_is_added_under_the_name_of_where_it_came_from() {
    let bench = Bench::new();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_etcdsnap"))
        .args(["catalog", "add", "-", "--name", "s3://bucket/kube.db", "--db"])
        .arg(bench.db())
        .stdin(fs::File::open("fixtures/kube.db").unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let ls = bench.json(0, &["ls"]);
    assert_eq!(ls["items"][0]["files"][0], "s3://bucket/kube.db");
    assert_eq!(bench.run(["add", "fixtures", "--name", "x"]).status.code(), Some(2));
}

/// Files with the same state are all named: which of them is the last that holds an object is read from their names.
#[test]
fn files_with_the_same_state_are_named_with_the_first_and_the_last() {
    let bench = Bench::new();
    for day in 1..=3 {
        fs::copy("fixtures/kube.db", bench.backup(&format!("backup-2026-11-0{day}.db"))).unwrap();
    }
    // the same state in other bytes
    let image = fs::read("fixtures/kube.db").unwrap();
    fs::write(bench.backup("copy.db"), &image[..image.len() - 32]).unwrap();
    fs::copy("fixtures/kube-later.db", bench.backup("backup-2026-11-04.db")).unwrap();
    bench.add(0);
    let ask = ["find", "ing/web", "-n", "shop"];
    let said = bench.says(0, ask);
    let line = |start: &str| said.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
    assert!(line("first seen").ends_with("backup-2026-11-01.db"), "{said}");
    let last = line("last seen");
    assert!(last.contains("copy.db; gone in ") && last.ends_with("backup-2026-11-04.db"), "{said}");
    assert!(["01", "02", "03"].iter().all(|day| said.contains(&format!("backup-2026-11-{day}.db"))), "{said}");
    assert!(said.contains(" hold the same\n"), "{said}");
    let found = bench.json(0, &ask);
    let seen = &found["items"][0]["lastSeen"];
    assert_eq!(seen["files"].as_array().unwrap().len(), 4);
    assert_eq!(name(&seen["file"]), "copy.db");
    // of files that are there and files that are not, one that is there is named
    fs::remove_file(bench.backup("copy.db")).unwrap();
    bench.add(0);
    let last = bench.json(0, &ask);
    assert_eq!(name(&last["items"][0]["lastSeen"]["file"]), "backup-2026-11-03.db");
}
