//! `migrate`: the db has the version that etcdutl's gives it, and the etcd of that version starts on it, up and
//! down, with all that was there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::common::{
    Etcd, Peers, etcdsnap, eventually, free_ports,
    gateway::Gateway,
    killed::patch,
    served::{ours, theirs},
    traffic::Traffic,
    tree::{Tree, can_run},
    unpacked,
};
use etcdsnap::etcd::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn migrate(code: i32, args: &[&str]) -> (String, String) {
    let output = etcdsnap([&["migrate"], args].concat());
    let [told, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    (told, said)
}

/// A small bucket of the db, as it is on disk.
fn bucket(data: &Path, name: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let db = fs::read(data.join("member/snap/db")).unwrap();
    Snapshot::open(&db).unwrap().items(name)
}

/// A directory with traffic of an etcd that was stopped, and what that served.
struct Stopped {
    _home: TempDir,
    data: PathBuf,
    ports: [u16; 2],
    served: Value,
}

fn served(etcd: &Etcd<'_>) -> Value {
    let keys = theirs(etcd, &[], &["get", "", "--from-key"]);
    json!([keys["header"]["revision"], keys["kvs"], theirs(etcd, &[], &["member", "list"])["members"]])
}

fn stopped(peers: &Peers, version: &str) -> Stopped {
    let etcd = Etcd::start(peers, version);
    let mut traffic = Traffic::new(3, Gateway::new(&etcd.endpoint));
    (0..60).for_each(|_| traffic.step());
    etcd.ctl(&["put", "last", "sure"]);
    // The version of the storage follows that of the cluster, which is agreed on after some seconds.
    let data = etcd.data_dir().to_path_buf();
    eventually("the cluster has a version", || {
        let output = etcdsnap(["status", path(&data), "-o", "json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        version == "35" && bucket_of(&data, "cluster") || shown["version"].as_str().is_some_and(|v| v.starts_with("3."))
    });
    let (served, ports) = (served(&etcd), etcd.ports);
    let (home, data) = etcd.stop();
    Stopped { _home: home, data, ports, served }
}

/// Whether the db, which may be written to, holds the version of the cluster.
fn bucket_of(data: &Path, name: &str) -> bool {
    let db = fs::read(data.join("member/snap/db")).unwrap();
    Snapshot::open(&db).is_ok_and(|snapshot| snapshot.items(name).contains_key(&b"clusterVersion"[..]))
}

#[test]
fn the_db_says_what_it_says_after_etcdutl_and_etcd_starts() {
    let Some(peers) = Peers::find("the_db_says_what_it_says_after_etcdutl_and_etcd_starts") else { return };
    for from in ["35", "36", "37"] {
        let stopped = stopped(&peers, from);
        for (to, version) in [("3.5", "35"), ("3.6", "36"), ("3.7", "37")] {
            let what = format!("{from} to {to}");
            let folder = TempDir::new().unwrap();
            let [by_etcdutl, ours, place] = ["by-etcdutl", "ours", "place"].map(|name| folder.path().join(name));
            let before = Tree::of(&stopped.data);
            let args = ["--data-dir", path(&stopped.data), "--target-version", to, "--to", path(&ours)];
            if from == version {
                let (_, said) = migrate(2, &args);
                assert!(said.contains("storage version up-to-date"), "{what}: {said}");
                continue;
            }
            migrate(0, &args);
            assert_eq!(Tree::of(&stopped.data), before, "{what}: the source was changed");
            for etcdutl in ["etcdutl36", "etcdutl37"] {
                // 3.6 does not know of 3.7
                if etcdutl == "etcdutl36" && (to == "3.7" || from == "37") {
                    continue;
                }
                copy(&stopped.data, &by_etcdutl);
                peers.ask(etcdutl, ["migrate", "--data-dir", path(&by_etcdutl), "--target-version", to]);
                assert_eq!(bucket(&ours, "meta"), bucket(&by_etcdutl, "meta"), "{what}, {etcdutl}");
                fs::remove_dir_all(&by_etcdutl).unwrap();
            }
            let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&ours), stopped.ports, &[]);
            assert!(etcd.wait(), "{what}: etcd does not start:\n{}", etcd.log());
            assert_eq!(served(&etcd), stopped.served, "{what}");
            etcd.ctl(&["put", "more", "x"]);
            let (_home, _) = etcd.stop();
            let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&ours), stopped.ports, &[]);
            assert!(etcd.wait(), "{what}: etcd does not start again:\n{}", etcd.log());
            assert_eq!(etcd.ctl(&["get", "more", "--print-value-only"]), "x\n");
            let (_, running) = migrate(2, &["--data-dir", path(&ours), "--target-version", to, "--in-place", "--yes"]);
            assert!(running.contains("a running etcd holds it"), "{running}");
            drop(etcd);

            copy(&stopped.data, &place);
            let in_place = ["--data-dir", path(&place), "--target-version", to, "--in-place"];
            let (plan, unsaid) = migrate(2, &in_place);
            assert!(plan.contains(&format!("storage version {to}.0")) && unsaid.contains("--yes changes it"), "{plan}");
            assert_eq!(Tree::of(&place), before);
            let (told, _) = migrate(0, &[&in_place[..], &["--yes", "-o", "json"]].concat());
            let told: Value = serde_json::from_str(&told).unwrap();
            // Where the other etcd would not get over what the log holds, it starts after that.
            let behind = from > version || (from, to) == ("35", "3.7");
            assert_eq!(told["plan"]["snapshotAt"].is_u64(), behind, "{what}: {told}");
            assert_eq!(told["kept"].as_array().map(Vec::len), Some(if behind { 2 } else { 1 }), "{what}: {told}");
            assert_eq!(bucket(&place, "meta").contains_key(&b"storageVersion"[..]), to != "3.5", "{what}");
            let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&place), stopped.ports, &[]);
            assert!(etcd.wait(), "{what}: etcd does not start:\n{}", etcd.log());
            assert_eq!(served(&etcd), stopped.served, "{what}");
        }
    }
}

#[test]
fn what_has_no_version_is_refused_as_etcdutl_does() {
    let Some(peers) = Peers::find("what_has_no_version_is_refused_as_etcdutl_does") else { return };
    let etcd = Etcd::start(&peers, "34");
    etcd.ctl(&["put", "a", "b"]);
    let (_home, data) = etcd.stop();
    let to = data.with_extension("to");
    let theirs = peers.run("etcdutl36", ["migrate", "--data-dir", path(&data), "--target-version", "3.6"]);
    let theirs = String::from_utf8_lossy(&theirs.stderr).into_owned();
    let (_, said) = migrate(1, &["--data-dir", path(&data), "--target-version", "3.6", "--to", path(&to)]);
    assert!(
        said.contains("missing term information") && theirs.contains("missing term information"),
        "{said}\n{theirs}"
    );
    assert!(!to.exists());
    migrate(2, &["--data-dir", path(&data), "--target-version", "3.4", "--to", path(&to)]);
}

/// Each member starts after the entry that its own db holds; together they continue.
#[test]
fn three_members_go_down_together() {
    let Some(peers) = Peers::find("three_members_go_down_together") else { return };
    let folder = TempDir::new().unwrap();
    let ports = [(); 3].map(|()| free_ports());
    let members = Etcd::three_at(&peers, "37", folder.path(), ports, &[]);
    let mut traffic = Traffic::new(5, Gateway::new(&members[1].endpoint));
    (0..60).for_each(|_| traffic.step());
    members[0].ctl(&["put", "last", "sure"]);
    let dirs: Vec<_> = members.iter().map(|member| member.data_dir().to_path_buf()).collect();
    eventually("the cluster has a version", || dirs.iter().all(|data| bucket_of(data, "cluster")));
    let before = served(&members[0]);
    let _homes: Vec<_> = members.into_iter().map(Etcd::stop).collect();
    for data in &dirs {
        migrate(0, &["--data-dir", path(data), "--target-version", "3.6", "--in-place", "--yes"]);
    }
    let members = Etcd::three_at(&peers, "36", folder.path(), ports, &[]);
    for member in &members {
        assert_eq!(served(member), before);
    }
    members[2].ctl(&["put", "more", "x"]);
    assert_eq!(members[1].ctl(&["get", "more", "--print-value-only"]), "x\n");
}

#[test]
fn what_is_served_then_is_of_the_log_too() {
    let folder = TempDir::new().unwrap();
    let (data, to) = (unpacked(folder.path()), folder.path().join("to"));
    let (told, _) = migrate(0, &["--data-dir", path(&data), "--target-version", "3.7", "--to", path(&to)]);
    let served = ours(&to, "kv", &[]);
    let expected =
        format!("revision {}, {} keys\n", served["header"]["revision"], served["kvs"].as_array().unwrap().len());
    let of_db = format!("revision {}, ", ours(&to, "kv", &["--no-wal"])["header"]["revision"]);
    assert!(told.contains(&expected) && !expected.starts_with(&of_db), "not {expected}: {told}");
}

/// Between the last look and the renames somebody starts an etcd: it has the old db open, and writes to what is kept.
#[test]
fn an_etcd_that_is_started_meanwhile_is_told_of() {
    if !can_run("strace", &["-V"], "an_etcd_that_is_started_meanwhile_is_told_of") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let data = unpacked(folder.path());
    let snap = data.join("member/snap");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=renameat2",
        "-e",
        "inject=renameat2:delay_enter=2000000",
    ]);
    strace.arg(env!("CARGO_BIN_EXE_etcdsnap")).args(["migrate", "--data-dir", path(&data), "--target-version", "3.7"]);
    // opened before: between the renames it may be too late for the old one
    let etcd = fs::File::options().write(true).open(snap.join("db")).unwrap();
    let run = strace.args(["--in-place", "--yes", "-o", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    eventually("the renames begin", || snap.join(".etcdsnap-restore/journal.json").exists());
    etcd.lock().unwrap();
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told["warnings"][0].as_str().unwrap().contains("rename them back"), "{told}");
    // The advice that it prints works.
    drop(etcd);
    let kept = told["kept"][0].as_str().unwrap();
    fs::rename(kept, snap.join("db")).unwrap();
    let again = ["--data-dir", path(&data), "--target-version", "3.7", "--in-place", "--yes", "-o", "json"];
    let told: Value = serde_json::from_str(&migrate(0, &again).0).unwrap();
    assert_eq!(told["warnings"], json!([]));
}

/// etcd 3.5 may have forgotten in the db that a learner was promoted.
#[test]
fn raft_says_who_votes() {
    let Some(peers) = Peers::find("raft_says_who_votes") else { return };
    let stopped = stopped(&peers, "36");
    let client = format!(r#""clientURLs":["http://127.0.0.1:{}"]"#, stopped.ports[0]);
    patch(&stopped.data, &client, r#""isLearner":true"#);
    assert_eq!(ours(&stopped.data, "members", &["--no-wal"])["members"][0]["isLearner"], true);
    for (to, versions) in [("3.5", &["35", "36"][..]), ("3.7", &["37"])] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("to");
        let (told, _) = migrate(0, &["--data-dir", path(&stopped.data), "--target-version", to, "--to", path(&data)]);
        assert!(told.contains("is a voter in raft"), "{told}");
        for version in versions {
            let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&data), stopped.ports, &[]);
            assert!(etcd.wait(), "etcd{version} does not start:\n{}", etcd.log());
            etcd.ctl(&["put", "more", "x"]);
            let members = &theirs(&etcd, &[], &["member", "list"])["members"];
            assert_eq!(*members, stopped.served[2], "etcd{version}");
            etcd.stop();
        }
    }
}

#[test]
fn who_is_a_member_is_not_guessed() {
    let folder = TempDir::new().unwrap();
    let (data, to) = (unpacked(folder.path()), folder.path().join("to"));
    let id = ours(&data, "members", &[])["members"][0]["ID"].as_u64().unwrap();
    let (old, other) = (format!("{id:x}"), format!("{:x}", id ^ 1));
    patch(&data, &id.to_string(), &(id ^ 1).to_string());
    patch(&data, &old, &other);
    let before = Tree::of(&data);
    let (_, said) = migrate(1, &["--data-dir", path(&data), "--target-version", "3.5", "--to", path(&to)]);
    assert!(said.contains(&format!("do not agree on member {old}")) && said.contains("etcdsnap restore"), "{said}");
    assert!(!to.exists() && Tree::of(&data) == before);
}

/// The log is exchanged before the db. When the power goes between the two, both etcds serve what was there; with the
/// other order the older one would not start.
#[test]
fn what_a_power_cut_leaves_between_log_and_db_is_served() {
    let Some(peers) = Peers::find("what_a_power_cut_leaves_between_log_and_db_is_served") else { return };
    let Stopped { _home: home, data, ports, served: before } = stopped(&peers, "36");
    let at = |name: &str| home.path().join(name);
    copy(&data, &at("whole"));
    migrate(0, &["--data-dir", path(&data), "--target-version", "3.5", "--in-place", "--yes"]);
    fs::copy(at("whole/member/snap/db"), data.join("member/snap/db")).unwrap();
    for version in ["36", "35"] {
        let between = at(version);
        copy(&data, &between);
        let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&between), ports, &[]);
        assert!(etcd.wait_for_health(), "{version}: {}", etcd.log());
        assert_eq!(served(&etcd), before, "{version}");
    }
}
