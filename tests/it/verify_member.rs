//! `verify` of a member's directory: which etcd starts on it, and whether db, log and `.snap` files fit, held against
//! the real ones.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

use crate::common::{
    Etcd, Peers, etcdsnap, eventually, free_ports,
    log::{FIRST, Segment, request},
    settled, unpacked,
};
use etcdsnap::proto::Writer;
use serde_json::Value;
use tempfile::TempDir;

const VERSIONS: [&str; 4] = ["34", "35", "36", "37"];

fn verify(dir: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("verify").arg(dir).args(["-o", "json"]).output();
    serde_json::from_slice(&output.unwrap().stdout).unwrap()
}

/// The codes of the findings that are more than remarks.
fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|f| f["severity"] != "info").map(|f| f["code"].as_str().unwrap()).collect()
}

fn copy(from: &Path, to: &TempDir) -> PathBuf {
    let to = to.path().join("copy");
    assert!(Command::new("cp").arg("-a").args([from, &to]).status().unwrap().success());
    to
}

/// Starts etcd, on what is there, with so many writes, and kills it.
fn written(peers: &Peers, version: &str, data: &Path, writes: usize) {
    let etcd = Etcd::start_on(peers, version, Some(data), &["--snapshot-count", "10"]).unwrap();
    for i in 0..writes {
        etcd.ctl(&["put", &format!("/key/{}", i % 7), "value"]);
    }
    settled(data);
    etcd.kill();
}

fn snaps(data: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(data.join("member/snap")).unwrap().map(|entry| entry.unwrap().path());
    let mut snaps: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "snap")).collect();
    snaps.sort();
    snaps
}

/// Each etcd is started on a copy of `data`.
fn starts_as_said(peers: &Peers, data: &Path, what: &str) {
    let report = verify(data);
    assert_eq!(report["verdict"], "good", "{what}: {report}");
    for version in VERSIONS {
        let said = &report["startsOn"][version.replace('3', "3.")];
        let why = said["why"].as_str().unwrap();
        // it looks at the storage version since 3.4.31
        if version == "34" && why.contains("storage version") {
            continue;
        }
        let home = TempDir::new().unwrap();
        let started = Etcd::start_on(peers, version, Some(&copy(data, &home)), &[]).map(drop);
        assert_eq!(said["ok"], started.is_ok(), "{what} on {version}, {why}: {started:?}");
    }
}

/// With the whole log, and with `.snap` files that stand for its beginning.
#[test]
fn etcd_starts_as_said() {
    let Some(peers) = Peers::find("etcd_starts_as_said") else { return };
    for version in VERSIONS {
        for writes in [2, 30] {
            let home = TempDir::new().unwrap();
            let data = home.path().join("data");
            written(&peers, version, &data, writes);
            assert_eq!(snaps(&data).is_empty(), writes == 2);
            starts_as_said(&peers, &data, &format!("a directory of {version} with {writes} writes"));
        }
    }
}

/// etcd 3.8 is about to write none: its log takes their place.
#[test]
fn a_directory_without_snap_files_is_good() {
    let Some(peers) = Peers::find("a_directory_without_snap_files_is_good") else { return };
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    written(&peers, "38", &data, 30);
    for without in [false, true] {
        if without {
            snaps(&data).iter().for_each(|snap| fs::remove_file(snap).unwrap());
        }
        let report = verify(&data);
        assert_eq!((&report["verdict"], codes(&report).as_slice()), (&Value::from("good"), &[][..]), "{report}");
        let member = &report["member"];
        assert_eq!((member["snap"].is_null(), member["snapshotRecord"]["index"].as_u64() > Some(0)), (without, true));
    }
}

/// etcd 3.8 is not released yet: what was written by it is good, and where it starts is not known.
#[test]
fn an_etcd_that_is_not_judged_is_named() {
    let Some(peers) = Peers::find("an_etcd_that_is_not_judged_is_named") else { return };
    let home = TempDir::new().unwrap();
    let (data, alone) = (home.path().join("data"), home.path().join("alone"));
    let etcd = Etcd::start_on(&peers, "38", Some(&data), &[]).unwrap();
    etcd.ctl(&["put", "key", "value"]);
    let saved = home.path().join("saved.db");
    eventually("the storage has a version", || {
        etcd.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
        let output = etcdsnap(["status", saved.to_str().unwrap(), "-o", "json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["version"] == "3.8.0"
    });
    etcd.stop();
    for file in [&data, &saved] {
        let report = verify(file);
        let unknown = &report["startsOn"]["3.8"];
        assert!(
            unknown["ok"].is_null() && unknown["why"].as_str().unwrap().contains("does not know whether"),
            "{report}"
        );
        let table = String::from_utf8(etcdsnap(["verify", file.to_str().unwrap()]).stdout).unwrap();
        assert!(table.contains("(3.8 wrote it: not judged)"), "{table}");
    }
    let [data, to] = [&data, &alone].map(|path| path.to_str().unwrap());
    let asked = ["--data-dir", data, "--to", to, "--compact", "latest", "--uncommitted", "keep"];
    let output = etcdsnap([&["force-new-cluster"], &asked[..]].concat());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("written by etcd 3.8, which is not judged"), "{told}{:?}", output.stderr);
    let etcd = Etcd::start_on(&peers, "38", Some(&alone), &[]).unwrap();
    assert_eq!(etcd.ctl(&["get", "key", "--print-value-only"]), "value\n");
}

#[test]
fn keys_of_the_v2_api_stop_later_ones() {
    let Some(peers) = Peers::find("keys_of_the_v2_api_stop_later_ones") else { return };
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let flags = ["--enable-v2", "--snapshot-count", "10"];
    let etcd = Etcd::start_on(&peers, "34", Some(&data), &flags).unwrap();
    let mut set = peers.command("etcdctl34");
    set.env("ETCDCTL_API", "2").args(["--endpoints", &etcd.endpoint, "set", "/a", "b"]);
    assert!(set.output().unwrap().status.success());
    etcd.kill();
    assert!(snaps(&data).is_empty());
    starts_as_said(&peers, &data, "a v2 key in the log");
    written(&peers, "34", &data, 15);
    assert!(!snaps(&data).is_empty());
    let report = verify(&data);
    assert!(report["startsOn"]["3.6"]["why"].as_str().unwrap().contains("/1/a"), "{report}");
    starts_as_said(&peers, &data, "a v2 key in a .snap file");
}

/// etcdctl 3.4 leaves the old member in the db, where 3.4 and 3.5 do not look.
#[test]
fn members_that_only_the_db_lists() {
    let Some(peers) = Peers::find("members_that_only_the_db_lists") else { return };
    let home = TempDir::new().unwrap();
    let (saved, data) = (home.path().join("saved.db"), home.path().join("data"));
    Etcd::start(&peers, "35").ctl(&["snapshot", "save", saved.to_str().unwrap()]);
    let args = ["snapshot", "restore", saved.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    let whose =
        ["--name=m1", "--initial-cluster=m1=http://127.0.0.1:1", "--initial-advertise-peer-urls=http://127.0.0.1:1"];
    assert!(peers.run("etcdctl34", args.into_iter().chain(whose)).status.success());
    let report = verify(&data);
    let differ = codes(&report).into_iter().filter(|code| *code == "members-differ");
    assert_eq!((differ.count(), &report["verdict"]), (2, &"doubtful".into()), "{report}");
    assert_ne!(report["member"]["members"]["db"], report["member"]["members"]["v2store"]);
    let ok = |version: &str| report["startsOn"][version]["ok"].as_bool().unwrap();
    assert_eq!(["3.4", "3.5", "3.6", "3.7"].map(ok), [true, true, false, false], "{report}");
    assert!(Etcd::start_on(&peers, "36", Some(&copy(&data, &home)), &[]).is_err());
    // as the hint advises
    written(&peers, "35", &data, 1);
    let report = verify(&data);
    assert!(!codes(&report).contains(&"members-differ"), "{report}");
    assert_eq!(report["startsOn"]["3.6"]["ok"], true, "{report}");
    written(&peers, "36", &data, 1);
}

/// No peers are needed: the first segment is gone, and the `.snap` files.
#[test]
fn a_log_that_has_lost_its_beginning() {
    let home = TempDir::new().unwrap();
    let data = unpacked(home.path());
    snaps(&data).iter().for_each(|snap| fs::remove_file(snap).unwrap());
    fs::remove_dir_all(data.join("member/wal")).unwrap();
    fs::create_dir(data.join("member/wal")).unwrap();
    let metadata = Writer::new().varint(1, 0x6df2_061c_1688_ed78).varint(2, 0xe1b7_d745_7184_e7c3).finish();
    let log = Segment::default().record(4, &[]).record(1, &metadata);
    let log = (183..190).fold(log, |log, index| log.entry(0, 2, index, b"")).state(2, 189);
    fs::write(data.join("member/wal/0000000000000001-00000000000000b7.wal"), log.bytes).unwrap();
    let report = verify(&data);
    assert_eq!((codes(&report), &report["verdict"]), (vec!["log-begin"], &"doubtful".into()), "{report}");
    assert!(VERSIONS.iter().all(|version| report["startsOn"][version.replace('3', "3.")]["ok"] == false), "{report}");
}

/// Files that were copied at different times, or of different lives of a member.
#[test]
fn a_db_and_a_log_that_do_not_fit() {
    let Some(peers) = Peers::find("a_db_and_a_log_that_do_not_fit") else { return };
    let homes = [(); 3].map(|()| TempDir::new().unwrap());
    let data = homes[0].path().join("data");
    written(&peers, "36", &data, 3);
    let [one, other] = [&homes[1], &homes[2]].map(|home| copy(&data, home));
    written(&peers, "36", &one, 20);
    let db = |data: &Path| data.join("member/snap/db");
    fs::copy(db(&one), db(&data)).unwrap();
    let report = verify(&data);
    assert_eq!((codes(&report), &report["verdict"]), (vec!["db-ahead"], &"damaged".into()), "{report}");
    for line in ["status", "kv", "hashkv", "timeline", "members"] {
        let args = [line, data.to_str().unwrap(), "/key", "--prefix"];
        let args = &args[..if line == "kv" { 4 } else { 2 }];
        let output = etcdsnap(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("but the log ends at"), "{line}: {said}");
        assert!(etcdsnap([args, &["--no-wal"]].concat()).status.success(), "{line}");
    }
    // two starts: the same entries are of a later term
    written(&peers, "36", &other, 0);
    written(&peers, "36", &other, 30);
    fs::copy(db(&one), db(&other)).unwrap();
    let report = verify(&other);
    assert!(codes(&report).contains(&"log-of-another"), "{report}");
    // Data commands show that the answer is not certain.
    let count =
        |data: &Path| etcdsnap(["kv", data.to_str().unwrap(), "/key", "--prefix", "--count-only"]).status.code();
    assert_eq!(count(&other), Some(1));
    fs::remove_dir_all(other.join("member/wal")).unwrap();
    assert!(codes(&verify(&other)).contains(&"no-log"));
    assert_eq!(count(&other), Some(1));
    let db = etcdsnap(["kv", other.to_str().unwrap(), "/key", "--prefix", "--count-only", "--no-wal"]);
    assert!(db.status.success(), "the log was not asked for");
    assert_eq!(count(&one), Some(0));
}

/// Compacted at its last revision, a db holds of its past only the live keys.
#[test]
fn a_log_of_another_life_is_found_where_the_db_is_compacted() {
    let Some(peers) = Peers::find("a_log_of_another_life_is_found_where_the_db_is_compacted") else { return };
    let homes = [(); 3].map(|()| TempDir::new().unwrap());
    let data = homes[0].path().join("data");
    written(&peers, "36", &data, 3);
    let lives = [&homes[1], &homes[2]].map(|home| copy(&data, home));
    for (life, (data, puts)) in ["one", "other"].iter().zip(lives.iter().zip([8, 12])) {
        let etcd = Etcd::start_on(&peers, "36", Some(data), &[]).unwrap();
        let mut revision = 0;
        for i in 0..puts {
            let put = etcd.ctl(&["put", &format!("/{life}/{}", i % 5), life, "-w", "json"]);
            revision = serde_json::from_str::<Value>(&put).unwrap()["header"]["revision"].as_i64().unwrap();
        }
        etcd.ctl(&["compact", "--physical", &revision.to_string()]);
        etcd.stop();
        assert_eq!(verify(data)["verdict"], "good", "{life}");
    }
    let [one, other] = &lives;
    fs::copy(one.join("member/snap/db"), other.join("member/snap/db")).unwrap();
    let report = verify(other);
    assert!(codes(&report).contains(&"log-of-another"), "{report}");
    assert!(report.to_string().contains("is the last that puts /other/"), "{report}");
    let (db, wal) = (one.join("member/snap/db"), other.join("member/wal"));
    let to = homes[0].path().join("to.db");
    let args = ["restore", db.to_str().unwrap(), "--wal", wal.to_str().unwrap(), "--to-snapshot", to.to_str().unwrap()];
    let output = etcdsnap(args);
    assert!(output.status.code() == Some(1) && !to.exists(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// With --force-new-cluster, etcd discards the entries past the last commit on disk, also those that it had applied.
#[test]
fn a_member_that_was_forced_into_a_new_cluster_has_its_own_log() {
    let Some(peers) = Peers::find("a_member_that_was_forced_into_a_new_cluster_has_its_own_log") else { return };
    for version in ["34", "36"] {
        let (home, ports) = (TempDir::new().unwrap(), [(); 3].map(|()| free_ports()));
        let members = Etcd::three_at(&peers, version, home.path(), ports, &[]);
        for i in 0..10 {
            members[0].ctl(&["put", &format!("/key/{i}"), "value"]);
        }
        // The db is written every 100 ms, what is committed with the next entry only.
        sleep(Duration::from_millis(500));
        members.into_iter().for_each(|member| drop(member.kill()));
        let data = home.path().join("m1");
        let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&data), ports[0], &["--force-new-cluster"]);
        assert!(etcd.wait(), "{}", etcd.log());
        for i in 0..3 {
            etcd.ctl(&["put", &format!("/after/{i}"), "value"]);
        }
        etcd.stop();
        let report = verify(&data);
        assert!(!codes(&report).contains(&"log-of-another"), "{version}: {report}");
    }
}

#[test]
fn a_broken_snap_file_is_passed_over() {
    let Some(peers) = Peers::find("a_broken_snap_file_is_passed_over") else { return };
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    written(&peers, "36", &data, 30);
    let (files, newest) = (snaps(&data), snaps(&data).pop().unwrap());
    let mut bytes = fs::read(&newest).unwrap();
    bytes[100] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let report = verify(&data);
    assert_eq!(codes(&report), ["snap-broken"], "{report}");
    let taken = &files[files.len() - 2];
    assert_eq!(report["member"]["snap"]["file"], taken.to_str().unwrap(), "{report}");
    assert_eq!(report["startsOn"]["3.6"]["ok"], true);
    let etcd = Etcd::start_on(&peers, "36", Some(&data), &[]).unwrap();
    assert!(newest.with_extension("snap.broken").exists(), "{}", etcd.log());
}

const OWN: u64 = 0x6df2_061c_1688_ed78;

/// A log of member `id` that adds `added`, and puts keys at the entries from `first` to 190; the fixture's db holds the
/// entries up to 182.
fn log_of(id: u64, added: Option<u64>, first: u64) -> Vec<u8> {
    let mut log = Segment::of(id);
    if let Some(added) = added {
        let context = format!(r#"{{"id":{added},"peerURLs":["http://10.9.9.9:2380"]}}"#);
        log = log.entry(1, 1, 1, &Writer::new().varint(1, 1).varint(3, added).bytes(4, context.as_bytes()).finish());
    } else {
        log = log.record(5, &Writer::new().varint(1, 179).varint(2, 2).finish());
    }
    let from = if added.is_some() { 2 } else { 180 };
    let put = |index| request(4, Writer::new().bytes(1, format!("/foreign/{index}").as_bytes()).bytes(2, b"v"));
    let entries = (from..=190).map(|index| (index, if index < first { Vec::new() } else { put(index) }));
    entries.fold(log, |log, (index, data)| log.entry(0, 2, index, &data)).state(2, 190).bytes
}

/// No peers are needed: the log is of a cluster that has nothing to do with the db's.
#[test]
fn the_log_of_a_foreign_member_is_not_applied() {
    let home = TempDir::new().unwrap();
    unpacked(home.path());
    let [data, apart, to] = ["datadir-3.6", "apart", "to"].map(|name| home.path().join(name));
    fs::create_dir(&apart).unwrap();
    let [dir, wal_dir, to] = [&data, &apart, &to].map(|path| path.to_str().unwrap());
    let in_place = data.join("member/wal").join(FIRST);
    let own = fs::read(&in_place).unwrap();
    // from its first entry, and without it
    for log in [log_of(0x1234, Some(0x1234), 183), log_of(0x1234, None, 183)] {
        fs::write(&in_place, &log).unwrap();
        let report = verify(&data);
        let found = &report["findings"].as_array().unwrap().iter().find(|found| found["code"] == "log-of-another");
        assert!(found.is_some_and(|found| found["severity"] == "error"), "{report}");
        assert!(!report.to_string().contains("log-unapplied"), "{report}");
        fs::write(&in_place, &own).unwrap();
        fs::write(apart.join(FIRST), &log).unwrap();
        let restored = format!("restore {dir} --to-snapshot {to}");
        let alone = format!("force-new-cluster --data-dir {dir} --to {to} --peer-urls http://10.9.9.9:1");
        for (line, is_apart) in [
            (format!("kv {dir} /foreign --prefix --wal-dir {wal_dir}"), true),
            (format!("kv {dir} /foreign --prefix"), false),
            (format!("status {dir}"), false),
            (format!("hashkv {dir}"), false),
            (format!("members {dir}"), false),
            (format!("timeline {dir}"), false),
            (format!("grep /foreign/185 {dir}"), false),
            (format!("history {dir} --key /foreign/185"), false),
            (format!("defrag {dir} --to {to}"), false),
            (restored.clone(), false),
            (alone, false),
        ] {
            fs::write(&in_place, if is_apart { &own } else { &log }).unwrap();
            let output = etcdsnap(line.split_whitespace());
            let [out, said] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            // grep: no match in what could be read
            let code = if line.starts_with("grep") { 3 } else { 1 };
            assert_eq!(output.status.code(), Some(code), "{line}: {out} {said}");
            assert!(!out.contains("/foreign") && !std::path::Path::new(to).exists(), "{line}: {out}");
            assert!((out + &said).contains("the log is of member 1234, which is not in the backup"), "{line}: {said}");
        }
        assert!(etcdsnap((restored + " --no-wal").split_whitespace()).status.success());
        fs::remove_file(to).unwrap();
    }
}

/// What may also be seen on a directory that is in order is only a doubt, or nothing.
#[test]
fn a_log_that_may_be_the_members_own_is_applied() {
    let home = TempDir::new().unwrap();
    let data = unpacked(home.path());
    for (what, log, doubt) in [
        ("a member that joins, before its own addition", log_of(0x1234, Some(OWN), 183), None),
        (
            "other entries than the db holds",
            log_of(OWN, Some(OWN), 170),
            Some("entry 182 of the log puts /foreign/182, but"),
        ),
        ("its own", log_of(OWN, Some(OWN), 183), None),
    ] {
        fs::write(data.join("member/wal").join(FIRST), log).unwrap();
        let report = verify(&data);
        let mut all = report["findings"].as_array().unwrap().iter();
        let found = all.find(|found| found["code"] == "log-of-another");
        assert_eq!(found.is_some(), doubt.is_some(), "{what}: {report}");
        for (found, doubt) in found.iter().zip(doubt) {
            assert_eq!(found["severity"], "warning", "{what}");
            assert!(found.to_string().contains(doubt), "{what}: {found}");
        }
        let shown = etcdsnap(["kv", data.to_str().unwrap(), "/foreign/185", "--print-value-only"]);
        assert_eq!(String::from_utf8(shown.stdout).unwrap(), "v\n", "{what}");
    }
}

/// The log of `old` in the place of that of `data`.
fn with_log_of(old: &Path, data: &Path) {
    let wal = data.join("member/wal");
    let _ = fs::remove_dir_all(&wal);
    assert!(Command::new("cp").arg("-r").args([&old.join("member/wal"), &wal]).status().unwrap().success());
}

#[track_caller]
fn of_another_life(data: &Path, what: &str) {
    let report = verify(data);
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == "log-of-another").unwrap_or(&Value::Null);
    assert_eq!((&report["verdict"], &found["severity"]), (&"damaged".into(), &"error".into()), "{what}: {report}");
    assert!(found.to_string().contains("the log of this member before a restore"), "{what}: {found}");
    // All that shows what the log leads to fails, too.
    let shown = etcdsnap(["kv", data.to_str().unwrap(), "--keys-only", "--prefix", ""]);
    assert_eq!(shown.status.code(), Some(1), "{what}");
    let alone = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).arg("verify").arg(data).arg("--no-wal").output().unwrap();
    assert_eq!(alone.status.code(), Some(0), "{what}");
}

/// A restored db, with the log that was there before: the log of the restore is elsewhere.
#[test]
fn a_restored_db_beside_the_log_of_an_earlier_life() {
    let home = TempDir::new().unwrap();
    unpacked(home.path());
    let [data, log] = ["data", "log"].map(|name| home.path().join(name));
    let [to, log] = [&data, &log].map(|path| path.to_str().unwrap());
    crate::common::restore(["fixtures/etcd-3.6.db", "--member", "m1", "--data-dir", to, "--wal-dir", log]);
    with_log_of(&home.path().join("datadir-3.6"), &data);
    of_another_life(&data, "with the .snap file of the restore");
    snaps(&data).iter().for_each(|snap| fs::remove_file(snap).unwrap());
    of_another_life(&data, "without it");
}

#[test]
fn the_log_of_an_earlier_life_of_each_etcd() {
    let Some(peers) = Peers::find("the_log_of_an_earlier_life_of_each_etcd") else { return };
    for version in VERSIONS {
        let home = TempDir::new().unwrap();
        let [old, saved, data, log] = ["old", "saved.db", "data", "log"].map(|name| home.path().join(name));
        let etcd = Etcd::start_on(&peers, version, Some(&old), &[]).unwrap();
        (0..30).for_each(|i| drop(etcd.ctl(&["put", &format!("/key/{i}"), "value"])));
        etcd.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
        etcd.stop();
        let [saved, to, log] = [&saved, &data, &log].map(|path| path.to_str().unwrap());
        crate::common::restore([saved, "--member", "m1", "--data-dir", to, "--wal-dir", log]);
        with_log_of(&old, &data);
        of_another_life(&data, version);
    }
}
