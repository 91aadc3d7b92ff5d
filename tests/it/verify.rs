//! `verify`: each kind of bad file has its own message, and the newest good one of many is found.

use std::{fs, io::Write as _, path::Path, process::Command};

use crate::common::{Etcd, Peers, etcdsnap};
use serde_json::{Value, json};

fn verify(args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("verify").args(args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn report(file: &Path) -> (i32, Value) {
    let (code, out) = verify(&[file.to_str().unwrap(), "-o", "json"]);
    (code, serde_json::from_str(&out).unwrap())
}

/// The codes of the findings that are more than remarks.
fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|f| f["severity"] != "info").map(|f| f["code"].as_str().unwrap()).collect()
}

/// A folder of twelve files, one good and newest among several good ones.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let good = fs::read("fixtures/kube.db").unwrap();
    let older = fs::read("fixtures/etcd-3.6.db").unwrap();
    let at = good.windows(11).rposition(|w| w == b"kube-system").unwrap();
    let mut flipped = good.clone();
    flipped[at] ^= 1;
    let (body, _) = good.split_last_chunk::<32>().unwrap();
    write("a-good.db", &good);
    write("b-older.db", &older);
    write("c-flipped.db", &flipped);
    write("d-no-trailer.db", body);
    write("e-wrong-trailer.db", &[body, &[7; 32]].concat());
    write("f-cut.db", &good[..400_000]);
    let mut zip = zip::ZipWriter::new(fs::File::create(dir.path().join("g.zip")).unwrap());
    zip.start_file("inner.db", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&older).unwrap();
    zip.finish().unwrap();
    fs::copy("fixtures/datadir-3.6.tar.gz", dir.path().join("h-datadir.tar.gz")).unwrap();
    fs::copy("fixtures/live-3.6.db.gz", dir.path().join("i-copy.db.gz")).unwrap();
    write("j-state.db", b"SQLite format 3\0and more");
    write("k-empty.db", b"");
    write("l-zeros.db", &[0; 100_000]);
    dir
}

/// Of members of one cluster each report has what the logs prove together, also with one document a line.
#[test]
fn members_of_one_cluster_are_compared_in_json_too() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let to = at("out");
    let restore = ["restore", "fixtures/three-members.db", "--all-members", "--to", &to];
    assert!(Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(restore).output().unwrap().status.success());
    let [m1, m2, again] = ["out/m1", "out/m2", "again"].map(at);
    let documents = |args: &[&str]| -> Vec<Value> {
        let (_, out) = verify(&[args, &["-o", "ndjson"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let reports = documents(&[&m1, &m2, "fixtures/small.db"]);
    let want = json!({
        "clusterID": "d5f73955b98acb26", "paths": [m1, m2], "voters": 2, "compared": 2, "keep": m1, "entries": [],
        "overruled": [], "damaged": [],
    });
    let compared: Vec<_> = reports.iter().filter(|report| report["kind"] == "data directory").collect();
    assert_eq!(compared.iter().map(|report| &report["agreement"]).collect::<Vec<_>>(), [&want, &want]);
    assert!(reports.iter().any(|report| report.get("agreement").is_none()), "a file has no log");
    let (_, out) = verify(&[&m1, &m2, "-o", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["items"][1]["agreement"], want);
    assert!(documents(&[&m1])[0].get("agreement").is_none(), "one alone is compared with none");
    assert!(Command::new("cp").args(["-a", &m1, &again]).status().unwrap().success());
    let agreement = &documents(&[&m1, &again])[0]["agreement"];
    let why = "the members' logs cannot be compared: two of the logs are of one member";
    assert_eq!((&agreement["keep"], &agreement["error"]), (&Value::Null, &json!(why)));
}

#[test]
fn each_kind_of_bad_file_is_told_apart() {
    let dir = folder();
    let cases: &[(&str, i32, &str, &[&str], &str)] = &[
        ("a-good.db", 0, "good", &[], ""),
        ("b-older.db", 0, "good", &[], ""),
        ("c-flipped.db", 1, "damaged", &["trailer-mismatch"], "no program has opened the file for writing"),
        ("d-no-trailer.db", 0, "doubtful", &["trailer-absent"], "prefer a copy with its trailer"),
        ("e-wrong-trailer.db", 1, "damaged", &["trailer-mismatch"], "use another copy"),
        ("g.zip", 0, "good", &[], ""),
        ("h-datadir.tar.gz", 0, "good", &[], ""),
        ("i-copy.db.gz", 0, "doubtful", &["trailer-absent"], "writes that were only in etcd's log are missing"),
        ("j-state.db", 1, "not a snapshot", &["foreign"], "k3s keeps its state in SQLite"),
        ("k-empty.db", 1, "not a snapshot", &["foreign"], "the backup was not copied"),
        ("l-zeros.db", 1, "not a snapshot", &["foreign"], "use another copy"),
    ];
    for (name, exit, verdict, want, hint) in cases {
        let (code, report) = report(&dir.path().join(name));
        let said = report["verdict"].as_str().or(report["unread"].as_str()).unwrap();
        assert_eq!((code, said), (*exit, *verdict), "{name}: {report}");
        assert_eq!(codes(&report), *want, "{name}");
        assert!(report["findings"].to_string().contains(hint), "{name}: {report}");
        assert_eq!(report["schemaVersion"], 1);
    }
    let (code, report) = report(&dir.path().join("f-cut.db"));
    assert_eq!(code, 1);
    let cut = report["findings"].as_array().unwrap().iter().find(|f| f["code"] == "truncated").unwrap();
    assert_eq!(cut["offset"], 400_000);
    // A file that was cut has no trailer that could be wrong.
    assert!(!codes(&report).contains(&"trailer-mismatch"));
}

/// What is known of a trailer, and what is only likely: by the metas, a saved snapshot and the db of an etcd that was
/// stopped can be the same.
#[test]
fn what_happened_to_a_trailer_is_said_as_far_as_it_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (code, report) = report(&path);
        let findings = report["findings"].as_array().unwrap().iter();
        let about = findings.filter(|finding| finding["code"].as_str().unwrap().starts_with("trailer"));
        (code, about.map(ToString::to_string).collect::<String>())
    };
    let without = |file: &str| fs::read(file).unwrap().split_last_chunk::<32>().unwrap().0.to_vec();
    // a commit writes an odd txid into the other meta
    let (code, odd) = said("odd.db", &without("fixtures/etcd-3.5.db"));
    assert!(code == 0 && odd.contains("as snapshot save does") && odd.contains("probably cut off"), "{odd}");
    let (code, even) = said("even.db", &without("fixtures/etcd-3.6.db"));
    assert!(code == 0 && even.contains("a plain copy of member/snap/db, or the end of a saved snapshot"), "{even}");
    let Some(peers) = Peers::find("what_happened_to_a_trailer_is_said_as_far_as_it_is_known") else { return };
    for (file, certain) in [("fixtures/etcd-3.5.db", true), ("fixtures/etcd-3.6.db", false)] {
        let opened = dir.path().join("opened.db");
        fs::copy(file, &opened).unwrap();
        peers.ask("etcdutl37", ["hashkv", opened.to_str().unwrap()]);
        let (code, hint) = said("opened.db", &fs::read(&opened).unwrap());
        assert!(code == 1 && hint.contains("etcdutl hashkv"), "{file}: {hint}");
        assert_eq!(hint.contains("a program has opened the file for writing since"), certain, "{file}: {hint}");
        assert_eq!(hint.contains("or a program has opened it for writing"), !certain, "{file}: {hint}");
    }
    // stopped often enough that the last commit, an empty one, is in the first meta
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    for _ in 0..4 {
        Etcd::start_on(&peers, "36", Some(&data), &[]).unwrap().stop();
        let (code, copy) = said("copy.db", &fs::read(data.join("member/snap/db")).unwrap());
        assert!(code == 0 && !copy.contains("as snapshot save does"), "{copy}");
        assert!(copy.contains("plain copy of member/snap/db"), "{copy}");
    }
}

#[test]
fn doubt_fails_only_a_strict_verify() {
    let dir = folder();
    let file = dir.path().join("d-no-trailer.db");
    assert_eq!(verify(&[file.to_str().unwrap(), "--strict"]).0, 1);
    assert_eq!(verify(&[dir.path().join("a-good.db").to_str().unwrap(), "--strict"]).0, 0);
}

#[test]
fn a_folder_gives_one_table_and_the_newest_good_file() {
    let dir = folder();
    let (code, out) = verify(&[dir.path().to_str().unwrap()]);
    assert_eq!(code, 1);
    let rows = out.lines().skip(1).take_while(|line| !line.contains(": ")).count();
    assert_eq!(rows, 12, "{out}");
    let newest: Vec<_> = out.lines().filter(|line| line.starts_with("newest good")).collect();
    let (dir, identity) = (dir.path().display(), "31cfb609-46b2-458b-9756-3fd167e1a0cf");
    let want = [
        format!("newest good of cluster {identity}: {dir}/a-good.db"),
        format!("newest good of no known cluster: {dir}/h-datadir.tar.gz"),
    ];
    assert_eq!(newest, want);
}

/// Nobody has looked at what a link without its file was meant to name.
#[test]
fn what_cannot_be_looked_at_is_no_good_backup() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy("fixtures/kube.db", dir.path().join("a.db")).unwrap();
    std::os::unix::fs::symlink("/nowhere/b.db", dir.path().join("b.db")).unwrap();
    let (code, out) = verify(&[dir.path().to_str().unwrap()]);
    assert!(code == 3 && out.contains("b.db: error unreadable: "), "{out}");
}

/// Backups of a plain etcd name no cluster: those of two are not told apart.
#[test]
fn backups_of_no_known_cluster_may_be_of_several() {
    let noted = |files: &[&str]| {
        let output = etcdsnap([&["verify"], files].concat());
        String::from_utf8(output.stderr).unwrap().contains("2 backups name no cluster and may be of several")
    };
    assert!(noted(&["fixtures/etcd-3.5.db", "fixtures/three-members.db"]));
    assert!(!noted(&["fixtures/three-members.db", "fixtures/three-members.db", "fixtures/kube.db"]));
}

#[test]
fn folders_in_a_folder_are_entered_or_counted() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("2026/11")).unwrap();
    fs::copy("fixtures/kube-later.db", dir.path().join("2026/11/late.db")).unwrap();
    let folder = dir.path().to_str().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["verify", folder]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("1 folder was not entered: -r enters them"), "{said}");
    fs::copy("fixtures/kube.db", dir.path().join("early.db")).unwrap();
    let (code, out) = verify(&[folder]);
    let end = format!("1 folder was not entered: -r enters them\nnewest good: {folder}/early.db\n");
    assert!(code == 0 && out.ends_with(&end), "{out}");
    for flag in ["-r", "--recursive"] {
        let (code, out) = verify(&[folder, flag]);
        let end = format!("\nnewest good: {folder}/2026/11/late.db\n");
        assert!(code == 0 && out.ends_with(&end) && !out.contains("not entered"), "{out}");
    }
    let (_, out) = verify(&[folder, "-r", "-o", "ndjson"]);
    let good = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["newestGood"].as_bool().unwrap());
    let good: Vec<_> = good.collect();
    assert_eq!(good, [true, false]);
}

#[test]
fn what_lies_beside_backups_is_told_and_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let folder = dir.path().to_str().unwrap();
    fs::write(at("SHA256SUMS"), "0123  kube.db\n").unwrap();
    fs::write(at("status.json"), "{\"revision\":1}").unwrap();
    // nothing in it is a backup
    assert_eq!(verify(&[folder]).0, 1);
    fs::copy("fixtures/kube.db", at("kube.db")).unwrap();
    for more in [&[][..], &["--strict"]] {
        let (code, out) = verify(&[&[folder], more].concat());
        assert!(code == 0 && out.matches("not a snapshot").count() == 2, "{out}");
        assert!(out.contains("not an etcd snapshot: text"), "{out}");
    }
    // named, they count
    assert_eq!(verify(&[&at("kube.db"), &at("SHA256SUMS")]).0, 1);
    assert_eq!(verify(&[folder, &at("status.json")]).0, 1);
    // what may have been a backup counts, too
    for lost in [&b""[..], &[0; 5000], b"\x01\x02\x03 no known beginning", b"age-encryption.org/v1\n"] {
        fs::write(at("lost.db"), lost).unwrap();
        assert_eq!(verify(&[folder]).0, 1, "{lost:?}");
    }
}

#[test]
fn which_etcd_starts_on_it() {
    let starts = |file: &str| {
        let report = report(Path::new(file)).1;
        ["3.4", "3.5", "3.6", "3.7"].map(|etcd| report["startsOn"][etcd]["ok"].as_bool().unwrap())
    };
    assert_eq!(starts("fixtures/etcd-3.4.db"), [true; 4]);
    assert_eq!(starts("fixtures/etcd-3.5.db"), [true; 4]);
    assert_eq!(starts("fixtures/etcd-3.6.db"), [false, true, true, true]);
    assert_eq!(starts("fixtures/etcd-3.7.db"), [false, true, false, true]);
}

/// `fixtures/three-members.db`, whose alarm NOSPACE is a CORRUPT here.
fn corrupt(dir: &Path) -> String {
    let mut image = fs::read("fixtures/three-members.db").unwrap();
    image.truncate(image.len() - 32);
    let member = 0x526a_bfc2_6e9b_8740_u64;
    let alarm = |kind| etcdsnap::proto::Writer::new().varint(1, member).varint(2, kind).finish();
    let (no_space, corrupt) = (alarm(1), alarm(2));
    let places: Vec<_> = (0..image.len() - no_space.len()).filter(|at| image[*at..].starts_with(&no_space)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| image[at..at + corrupt.len()].copy_from_slice(&corrupt));
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&image);
    image.extend_from_slice(&sum);
    let path = dir.join("corrupt.db");
    fs::write(&path, image).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_alarm_about_the_data_is_a_doubt_about_them() {
    let dir = tempfile::tempdir().unwrap();
    let (corrupt, no_space, good) = (corrupt(dir.path()), "fixtures/three-members.db", "fixtures/etcd-3.6.db");
    let (code, out) = verify(&[good, &corrupt, no_space]);
    let row = |file: &str| out.lines().find(|line| line.starts_with(file)).unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!((code, row(&corrupt), row(no_space), row(good)), (0, "doubtful", "good", "good"), "{out}");
    for (file, alarm) in [(corrupt.as_str(), "CORRUPT"), (no_space, "NOSPACE")] {
        let said = format!("{file}: warning alarm: member 526abfc26e9b8740 has raised the alarm {alarm}");
        assert!(out.contains(&said), "{out}");
    }
    assert_eq!([&*corrupt, no_space].map(|file| verify(&[file, "--strict"]).0), [1, 0]);
    assert_eq!(codes(&report(Path::new(&corrupt)).1), ["alarm"]);
}

#[test]
fn metrics_are_of_the_newest_backups() {
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("etcdsnap.prom"), dir.path().join("backups"));
    let to = file.to_str().unwrap();
    std::fs::create_dir(&folder).unwrap();
    let run = || crate::common::etcdsnap(["verify", folder.to_str().unwrap(), "--metrics", to]).status.code();
    let lines = || -> Vec<String> {
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(run(), Some(1));
    assert!(lines().contains(&"etcdsnap_backups{verdict=\"good\"} 0".to_owned()), "{:?}", lines());
    for name in ["kube.db", "kube-later.db", "freelist.db"] {
        std::fs::copy(format!("fixtures/{name}"), folder.join(name)).unwrap();
    }
    let mut bytes = std::fs::read("fixtures/etcd-3.6.db").unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.join("wrong\".db"), bytes).unwrap();
    assert_eq!(run(), Some(1));
    let lines = lines();
    let has = |line: &str| assert!(lines.iter().any(|have| have == line), "{line}: {lines:#?}");
    has("etcdsnap_backups{verdict=\"good\"} 2");
    has("etcdsnap_backups{verdict=\"doubtful\"} 1");
    has("etcdsnap_backups{verdict=\"damaged\"} 1");
    let cluster = "cluster=\"31cfb609-46b2-458b-9756-3fd167e1a0cf\"";
    has(&format!("etcdsnap_has_good_backup{{{cluster}}} 1"));
    has(&format!("etcdsnap_newest_good_revision{{{cluster}}} 505"));
    let path = folder.join("kube-later.db");
    has(&format!("etcdsnap_newest_verdict{{{cluster},path=\"{}\",verdict=\"good\"}} 1", path.display()));
    let value = |name: &str| -> i64 {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (run, newest) = (value("etcdsnap_verify_timestamp_seconds"), value("etcdsnap_newest_good_timestamp_seconds"));
    assert_eq!(value("etcdsnap_newest_good_age_seconds"), run - newest);
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
}

/// `salvage` is named for a db that was read, and not for what is no db, or several.
#[test]
fn salvage_is_named_only_for_a_db() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut two = tar::Builder::new(fs::File::create(at("two.tar")).unwrap());
    for name in ["kube.db", "etcd-3.6.db"] {
        two.append_path_with_name(format!("fixtures/{name}"), name).unwrap();
    }
    two.into_inner().unwrap();
    let salvages = |file: &str| verify(&[file]).1.contains("to save what is left: etcdsnap salvage");
    for file in
        ["ftp://bucket/key", at("two.tar").to_str().unwrap(), at("none").to_str().unwrap(), "fixtures/kube.db:x"]
    {
        assert!(!salvages(file), "{file}");
    }
    // a whole one that is not as asked for
    let (code, out) = verify(&["fixtures/datadir-3.6.tar.gz", "--to-revision", "5"]);
    assert!(code == 1 && out.contains(": error not-found: ") && !out.contains("salvage"), "{out}");
    let image = fs::read("fixtures/kube.db").unwrap();
    fs::write(at("cut.db"), &image[..400_000]).unwrap();
    // no meta page is left, but pages are
    fs::write(at("headless.db"), [&[0; 8192], &image[8192..]].concat()).unwrap();
    // where no key was read, no number is printed
    let (_, out) = verify(&[at("cut.db").to_str().unwrap()]);
    let row: Vec<_> = out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..5], ["damaged", "-", "-", "-"], "{out}");
    for file in ["cut.db", "headless.db"] {
        assert!(salvages(at(file).to_str().unwrap()), "{file}");
    }
    // the other commands name it for what they cannot open, where there are pages
    fs::write(at("noise"), [&[7; 8192][..], &[9; 4096]].concat()).unwrap();
    for args in [&["get"] as &[&str], &["status"], &["restore", "--data-dir", "d", "--member", "m1"]] {
        let said = |file: &str| {
            let (name, rest) = args.split_first().unwrap();
            let output = etcdsnap([&[*name, at(file).to_str().unwrap()], rest].concat());
            assert_eq!(output.status.code(), Some(1), "{args:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        let call = format!("to save what is left: etcdsnap salvage {}", at("headless.db").display());
        assert!(said("headless.db").contains(&call), "{args:?}");
        assert!(!said("noise").contains("salvage"), "{args:?}");
    }
}

/// What etcd would serve, and the db alone beside it; `catalog` shows the same.
#[test]
fn the_revision_of_a_data_directory_is_that_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let data = "fixtures/datadir-3.6.tar.gz";
    let catalog = dir.path().join("catalog.redb").display().to_string();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let cells = |text: &str, line: usize| {
        text.lines()
            .nth(line)
            .unwrap()
            .split("  ")
            .filter(|cell| !cell.is_empty())
            .map(str::trim)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let list = run(&["status", data]);
    for line in [
        "Revision:          186  (with the log)",
        "Keys:              198  (with the log)",
        "Records:           201  (of the db alone)",
        "Log:               adds 14 entries; db alone: revision 172",
    ] {
        assert!(list.lines().any(|known| known == line), "{line}: {list}");
    }
    assert_eq!(cells(&run(&["verify", data]), 1)[3..5], ["186", "198"]);
    run(&["catalog", "add", data, "--db", &catalog]);
    assert_eq!(cells(&run(&["catalog", "ls", "--db", &catalog]), 1)[3..5], ["186", "198"]);
    // the names of etcdutl are of the db, as they are there
    for command in ["status", "verify"] {
        let document: Value = serde_json::from_str(&run(&[command, data, "-o", "json"])).unwrap();
        assert_eq!((&document["revision"], &document["totalKey"]), (&172.into(), &186.into()), "{command}");
        assert_eq!(
            (&document["log"]["revision"], &document["log"]["totalKey"]),
            (&186.into(), &198.into()),
            "{command}"
        );
    }
    assert_eq!(cells(&run(&["verify", data, "--no-wal"]), 1)[3..5], ["172", "186"]);
}

/// Both sizes, and no number that was not read; `catalog` shows the same file.
#[test]
fn a_file_that_was_cut_off_shows_its_own_size() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.db");
    fs::write(&cut, &fs::read("fixtures/kube-later.db").unwrap()[..300_000]).unwrap();
    let (cut, catalog) = (cut.display().to_string(), dir.path().join("catalog.redb").display().to_string());
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let list = run(&["status", &cut]);
    assert!(
        list.contains("Revision:          -\n") && list.contains("Size:              300 kB of 848 kB\n"),
        "{list}"
    );
    assert!(run(&["verify", &cut]).lines().nth(1).unwrap().contains("      -      -   300 kB of 848 kB   -"));
    run(&["catalog", "add", &cut, "--db", &catalog]);
    assert!(run(&["catalog", "ls", "--db", &catalog]).contains("        -      -      300 kB   damaged"));
    let document: Value = serde_json::from_str(&run(&["verify", &cut, "-o", "json"])).unwrap();
    assert_eq!((&document["fileSize"], &document["totalSize"]), (&300_000.into(), &847_872.into()));
}

/// An archive of several backups is a folder of them.
#[test]
fn each_backup_in_an_archive_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let tar = dir.path().join("two.tar");
    let made =
        Command::new("tar").args(["-C", "fixtures", "-cf"]).arg(&tar).args(["kube.db", "kube-later.db"]).status();
    assert!(made.unwrap().success());
    let name = tar.display().to_string();
    let (code, out) = verify(&[&name]);
    let later = format!("{name}:kube-later.db");
    assert!(code == 0 && out.lines().nth(1).unwrap().starts_with(&format!("{later}   good")), "{out}");
    assert!(out.contains(&format!("{name}:kube.db")) && out.ends_with(&format!("newest good: {later}\n")), "{out}");
}
