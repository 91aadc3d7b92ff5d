//! A data directory that was not closed, restored with its log: a real etcd serves of it what it serves when it starts
//! on a copy of the directory itself.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::common::{
    Etcd, Peers, etcdsnap, free_ports,
    gateway::{Gateway, b64},
    killed::{copy, flags, killed, start, started_again},
    restore,
    served::{ours, theirs},
    traffic::Traffic,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const VERSIONS: [&str; 4] = ["34", "35", "36", "37"];
const SINGLE: &str =
    "--name m1 --initial-cluster m1=http://localhost:2380 --initial-advertise-peer-urls http://localhost:2380";
const ROOT: [&str; 2] = ["--user", "root:pw"];

fn peers(test: &str) -> Option<Peers> {
    Peers::find(test)
}

/// What `data` is restored to, with further flags, and what was printed.
#[track_caller]
fn restored(data: &Path, to: &Path, more: &str) -> (PathBuf, Value) {
    let to = to.join("restored");
    let line = format!("{} --data-dir {} {SINGLE} -o json {more}", data.display(), to.display());
    (to, serde_json::from_str(&restore(line.split_whitespace())).unwrap())
}

/// What is refused with exit code 1, said on stderr.
#[track_caller]
fn refused(data: &Path, more: &str) -> String {
    let line = format!("restore {} --data-dir never-made {SINGLE} {more}", data.display());
    let output = etcdsnap(line.split_whitespace());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

/// Of the versions `own`, 3.6 and 3.7 those that start on it, as the plan has it.
fn starts_on(done: &Value, own: &str) -> BTreeSet<&'static str> {
    let wanted = VERSIONS.into_iter().filter(|version| [own, "36", "37"].contains(version));
    wanted.filter(|version| done["plan"]["startsOn"][dotted(version)]["ok"] == true).collect()
}

fn dotted(version: &str) -> String {
    format!("3.{}", &version[1..])
}

/// Everything that two etcds serve, but for who they are.
#[track_caller]
fn serve_the_same(a: &Etcd<'_>, b: &Etcd<'_>, user: &[&str], what: &str) {
    let [x, y] = [a, b].map(|etcd| theirs(etcd, user, &["get", "", "--from-key"]));
    assert_eq!(x["header"]["revision"], y["header"]["revision"], "{what}: revision");
    assert_eq!(x["kvs"], y["kvs"], "{what}: keys");
    let [x, y] = [a, b].map(|etcd| theirs(etcd, user, &["endpoint", "hashkv"])[0]["HashKV"].clone());
    // One that has just compacted at its last revision returns the sum that it took then, from before.
    if x["compact_revision"] == y["compact_revision"] {
        assert_eq!(x["hash"], y["hash"], "{what}: HashKV");
    } else {
        let revision = theirs(a, user, &["get", "none"])["header"]["revision"].clone();
        assert!([&x, &y].iter().any(|sum| sum["compact_revision"] == revision), "{what}: compacted {x} {y}");
    }
    let [x, y] = [a, b].map(|etcd| known(etcd, user));
    assert_eq!(x, y, "{what}");
}

/// Leases, alarms, users and roles.
fn known(etcd: &Etcd<'_>, user: &[&str]) -> Value {
    let mut gateway = Gateway::new(&etcd.endpoint);
    if !user.is_empty() {
        gateway.log_in("root", "pw");
    }
    let ask = |path: &str, request: Value| gateway.ask(path, &request).unwrap();
    let sorted = |list: &Value| {
        let mut list = list.as_array().cloned().unwrap_or_default();
        list.sort_by_key(Value::to_string);
        list
    };
    let leases: Vec<_> = sorted(&ask("/v3/lease/leases", json!({}))["leases"])
        .iter()
        .map(|lease| {
            let one = ask("/v3/lease/timetolive", json!({"ID": lease["ID"], "keys": true}));
            json!([lease["ID"], one["grantedTTL"], sorted(&one["keys"])])
        })
        .collect();
    let alarms = ask("/v3/maintenance/alarm", json!({"action": "GET", "alarm": "NONE"}))["alarms"].clone();
    let named = |list: &str, what: &str| -> Vec<Value> {
        let names = sorted(&ask(&format!("/v3/auth/{what}/list"), json!({}))[list]);
        let of = |name: &Value| {
            let mut one =
                ask(&format!("/v3/auth/{what}/get"), json!({(if what == "user" { "name" } else { "role" }): name}));
            one.as_object_mut().unwrap().remove("header");
            json!([name, one])
        };
        names.iter().map(of).collect()
    };
    json!({"leases": leases, "alarms": sorted(&alarms), "users": named("users", "user"), "roles": named("roles", "role")})
}

#[test]
fn of_one_member_that_was_killed() {
    let Some(peers) = peers("of_one_member_that_was_killed") else { return };
    let mut applied = 0;
    for (seed, version) in (0..).zip(VERSIONS) {
        let etcd = start(&peers, version, seed);
        let ports = etcd.ports;
        let (_home, data, _) = killed(etcd, seed);
        let (_folder, again) = started_again(&peers, version, &data, ports);
        let dir = TempDir::new().unwrap();
        let (to, done) = restored(&data, dir.path(), "");
        applied += done["plan"]["log"]["entries"].as_u64().unwrap();
        assert_eq!(done["source"]["verdict"], "good", "{version}");
        for server in starts_on(&done, version) {
            let what = format!("etcd {version}, seed {seed}, on {server}");
            let copied = dir.path().join(server);
            copy(&to, &copied);
            let etcd =
                Etcd::start_on(&peers, server, Some(&copied), &[]).unwrap_or_else(|log| panic!("{what}:\n{log}"));
            serve_the_same(&etcd, &again, &[], &what);
        }
    }
    assert!(applied > 0, "no log was ever ahead of its db: nothing was shown");
}

/// All else that a restore does comes after the log: what it drops, gives up and adds follows the log's records.
#[test]
fn with_what_a_restore_does_besides() {
    let Some(peers) = peers("with_what_a_restore_does_besides") else { return };
    let etcd = start(&peers, "36", 2);
    let ports = etcd.ports;
    let (_home, data, _) = killed(etcd, 2);
    let (_folder, again) = started_again(&peers, "36", &data, ports);
    let all = theirs(&again, &[], &["get", "", "--from-key"]);
    let head = all["header"]["revision"].as_i64().unwrap();
    let kept = |drop: fn(&Value) -> bool| -> Vec<Value> {
        all["kvs"].as_array().unwrap().iter().filter(|kv| !drop(kv)).cloned().collect()
    };
    let leased: fn(&Value) -> bool = |kv| kv.get("lease").is_some();
    let of_c: fn(&Value) -> bool = |kv| kv["key"].as_str().unwrap().starts_with("Yz");
    let none: fn(&Value) -> bool = |_| false;
    for (flags, gone, revision) in [
        ("--drop-leases", leased, None),
        ("--drop-key c --defrag", of_c, None),
        ("--compact latest --defrag", none, Some(head)),
        ("--bump-revision 1000", none, Some(head + 1000)),
        ("--drop-auth --for-etcd 3.4", none, Some(head)),
    ] {
        let dir = TempDir::new().unwrap();
        let (to, done) = restored(&data, dir.path(), &format!("{flags} --disarm-alarms"));
        let server = if flags.contains("3.4") { "34" } else { "36" };
        let etcd = Etcd::start_on(&peers, server, Some(&to), &[]).unwrap_or_else(|log| panic!("{flags}:\n{log}"));
        let now = theirs(&etcd, &[], &["get", "", "--from-key"]);
        assert_eq!(now["kvs"].as_array().unwrap(), &kept(gone), "{flags}");
        let revision = revision.unwrap_or(head + i64::from(kept(gone).len() < kept(none).len()));
        assert_eq!((&now["header"]["revision"], &done["plan"]["newRevision"]), (&json!(revision), &json!(revision)));
        etcd.ctl(&["put", "after", "it"]);
    }
    // every member, with the log's records in each db
    let dir = TempDir::new().unwrap();
    let line = format!("{} --all-members --to {} -o json", data.display(), dir.path().join("all").display());
    let done: Value = serde_json::from_str(&restore(line.split(' '))).unwrap();
    assert_eq!(ours(&dir.path().join("all/m1"), "kv", &["", "--from-key"])["kvs"], all["kvs"]);
    assert_eq!(done["plan"]["newRevision"], head);
}

/// Who may do what counts when the log is applied, and the users and roles that come of it are restored.
#[test]
fn with_auth() {
    let Some(peers) = peers("with_auth") else { return };
    for (seed, version) in [(2, "34"), (4, "37")] {
        let etcd = start(&peers, version, seed);
        let ports = etcd.ports;
        for args in [
            &["role", "add", "root"][..],
            &["user", "add", "root:pw"],
            &["user", "grant-role", "root", "root"],
            &["role", "add", "r0"],
            &["role", "grant-permission", "r0", "readwrite", "a", "b0"],
            &["user", "add", "u0:pw"],
            &["user", "grant-role", "u0", "r0"],
            &["auth", "enable"],
        ] {
            etcd.ctl(args);
        }
        let [mut root, mut user] = [(); 2].map(|()| Gateway::new(&etcd.endpoint));
        root.log_in("root", "pw");
        user.log_in("u0", "pw");
        let [mut as_root, mut as_user] = [root, user].map(|gateway| Traffic::new(seed, gateway));
        as_user.plain = version == "34";
        for _ in 0..40 {
            as_root.step();
            as_user.step();
        }
        let (_home, data) = etcd.kill();
        let (_folder, again) = started_again(&peers, version, &data, ports);
        let dir = TempDir::new().unwrap();
        let (to, done) = restored(&data, dir.path(), "");
        assert!(done["plan"]["log"]["entries"].as_u64().unwrap() > 0, "{}", done["plan"]["log"]);
        let (_other, etcd) = started_again(&peers, version, &to, free_ports());
        serve_the_same(&etcd, &again, &ROOT, &format!("etcd {version} with auth"));
    }
}

/// The members that a restore knows of are those of the log.
#[test]
fn members_are_those_of_the_log() {
    let Some(peers) = peers("members_are_those_of_the_log") else { return };
    let etcd = start(&peers, "36", 0);
    let gateway = Gateway::new(&etcd.endpoint);
    let request = json!({"peerURLs": ["http://127.0.0.1:1"], "isLearner": true});
    crate::common::eventually("a member is added", || gateway.ask("/v3/cluster/member/add", &request).is_ok());
    let (_home, data) = etcd.kill();
    let line = format!("{} --data-dir never-made --member m1 --dry-run -o json", data.display());
    let plan: Value = serde_json::from_str(&restore(line.split(' '))).unwrap();
    assert!(plan["plan"]["carried"].to_string().contains("unstarted"));
    assert!(!Path::new("never-made").exists());
}

/// Of three each restores what it has heard to be committed, and that is what was served once; what the one that leads
/// then has besides, they agree on.
#[test]
fn of_three_members_that_were_killed() {
    let Some(peers) = peers("of_three_members_that_were_killed") else { return };
    for (seed, version) in (1..).zip(VERSIONS) {
        three(&peers, version, seed, &format!("etcd {version}, seed {seed}, three"));
    }
}

fn three(peers: &Peers, version: &str, seed: u64, what: &str) {
    let folder = TempDir::new().unwrap();
    let names = ["m1", "m2", "m3"];
    let ports = names.map(|_| free_ports());
    let cluster = names.iter().zip(ports).map(|(name, [_, p])| format!("{name}=http://127.0.0.1:{p}"));
    let (cluster, flags) = (cluster.collect::<Vec<_>>().join(","), flags(seed));
    let start = |at: &Path| {
        let mut members: Vec<_> = names
            .iter()
            .zip(ports)
            .map(|(name, ports)| {
                let more = [&flags[..], &["--initial-cluster", &cluster]].concat();
                Etcd::spawn(peers, version, name, Some(&at.join(name)), ports, &more)
            })
            .collect();
        for member in &mut members {
            assert!(member.wait(), "{what}: does not start:\n{}", member.log());
        }
        members
    };
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    std::fs::create_dir(&first).unwrap();
    let members = start(&first);
    let mut traffic = Traffic::new(seed, Gateway::new(&members[seed as usize % 3].endpoint));
    (0..80).for_each(|_| traffic.step());
    let homes: Vec<_> = members.into_iter().map(Etcd::kill).collect();
    copy(&first, &second);
    let again = start(&second);
    let leader = again.iter().position(Etcd::leads).unwrap();
    for (n, (_, data)) in homes.iter().enumerate() {
        let dir = TempDir::new().unwrap();
        let unsure = ours(data, "status", &[])["log"]["pastCommit"].as_u64().unwrap();
        if unsure > 0 {
            let said = refused(data, "");
            let entries = etcdsnap::bytes::counted_are(unsure, "entry", " of its log");
            assert!(said.contains(&format!("{entries} past the last commit on disk")), "{said}");
            assert!(said.contains("--uncommitted keep") && said.contains("--uncommitted drop"), "{said}");
        }
        let (to, done) = restored(data, &dir.path().join("drop"), "--uncommitted drop");
        let etcd = Etcd::start_on(peers, version, Some(&to), &[]).unwrap_or_else(|log| panic!("{what}:\n{log}"));
        let now = theirs(&etcd, &[], &["get", "", "--from-key"]);
        let at = now["header"]["revision"].to_string();
        assert_eq!(done["plan"]["newRevision"].to_string(), at);
        let served = again[leader].try_ctl(&["get", "", "--from-key", "--rev", &at, "-w", "json"]);
        if served.status.success() {
            let served: Value = serde_json::from_slice(&served.stdout).unwrap();
            assert_eq!(now["kvs"], served["kvs"], "{what}: m{} at {at}", n + 1);
        }
        if n == leader {
            let (to, done) = restored(data, &dir.path().join("keep"), "--uncommitted keep");
            assert_eq!(done["plan"]["log"]["uncommitted"], unsure, "{what}");
            let doubt = to.join("member.etcdsnap.json").exists();
            assert_eq!((doubt, done["source"]["verdict"] == "doubtful"), (unsure > 0, unsure > 0), "{what}");
            let etcd = Etcd::start_on(peers, version, Some(&to), &[]).unwrap_or_else(|log| panic!("{what}:\n{log}"));
            serve_the_same(&etcd, &again[leader], &[], what);
        }
    }
    // a put after all: the members that were started again are not disturbed
    assert_eq!(again[leader].try_ctl(&["put", "after", &b64("it")]).status.code(), Some(0), "{what}");
}

/// A db that came from the leader and has not taken the place of the member's own is the one that is restored.
#[test]
fn of_one_member_with_a_db_from_its_leader() {
    let Some(peers) = peers("of_one_member_with_a_db_from_its_leader") else { return };
    for version in ["34", "37"] {
        let etcd = start(&peers, version, 1);
        let ports = etcd.ports;
        let folder = TempDir::new().unwrap();
        let (old, data) = (folder.path().join("old.db"), folder.path().join("data"));
        let mut traffic = Traffic::new(1, Gateway::new(&etcd.endpoint));
        (0..20).for_each(|_| traffic.step());
        etcd.signal("-STOP");
        copy(&etcd.data_dir().join("member/snap/db"), &old);
        etcd.signal("-CONT");
        (0..200).for_each(|_| traffic.step());
        let (_home, killed) = etcd.kill();
        copy(&killed, &data);
        let snap = data.join("member/snap");
        let names = std::fs::read_dir(&snap).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let newest = names.filter(|name| name.ends_with(".snap")).max().unwrap();
        let index = newest.trim_end_matches(".snap").rsplit('-').next().unwrap();
        std::fs::rename(snap.join("db"), snap.join(format!("{index}.snap.db"))).unwrap();
        copy(&old, &snap.join("db"));
        let (_folder, again) = started_again(&peers, version, &data, ports);
        for more in ["", "--defrag"] {
            let dir = TempDir::new().unwrap();
            let (to, _) = restored(&data, dir.path(), more);
            let etcd =
                Etcd::start_on(&peers, version, Some(&to), &[]).unwrap_or_else(|log| panic!("{version}:\n{log}"));
            serve_the_same(&etcd, &again, &[], &format!("etcd {version}, with a .snap.db {more}"));
        }
        std::fs::remove_file(snap.join(format!("{index}.snap.db"))).unwrap();
        let said = refused(&data, "");
        assert!(said.contains(".snap.db is missing"), "{said}");
    }
}
