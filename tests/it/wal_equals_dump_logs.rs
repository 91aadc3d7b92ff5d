//! Records and entries of real logs, as `wal` and `snap` print them, are those that etcd's own `etcd-dump-logs` (3.6's:
//! the later ones print addresses) prints.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    time::{Duration, SystemTime},
};

use crate::common::{
    Etcd, Peers, etcdsnap, eventually,
    gotext::{self, Fields, Node},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use etcdsnap::proto::Reader;
use serde_json::Value;

const SECRET: &str =
    r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"shop"},"data":{"password":"czNjcjN0"}}"#;

/// What must be in no output.
const SECRETS: [&str; 4] = ["czNjcjN0", "wonderland", "$2a$", "JDJhJDE"];

/// Every kind of request that etcdctl makes.
fn traffic(peers: &Peers, version: &str, etcd: &Etcd<'_>) {
    for i in 0..30 {
        etcd.ctl(&["put", &format!("/app/{i}"), &format!("value \"{i}\"\n\u{e9}")]);
    }
    etcd.ctl(&["put", "/registry/secrets/shop/s", SECRET]);
    etcd.ctl(&["put", "/app/1", "again", "--prev-kv"]);
    etcd.ctl(&["put", "/app/1", "--ignore-value"]);
    etcd.ctl(&["del", "/app/2", "/app/4"]);
    etcd.ctl(&["del", "/app/", "--prefix", "--prev-kv"]);
    let txn = "version(\"/t\") = \"0\"\nmod(\"/t\") < \"9\"\nvalue(\"/t\") != \"x\"\n\nput /t 1\nget /t\ndel /u\n\nput /t 2\n\n";
    let mut child = peers
        .command(&format!("etcdctl{version}"))
        .args(["--endpoints", &etcd.endpoint, "txn"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), txn.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let granted = etcd.ctl(&["lease", "grant", "3600"]);
    let lease = granted.split(' ').nth(1).unwrap();
    etcd.ctl(&["put", "--lease", lease, "/leased", "1"]);
    etcd.ctl(&["lease", "revoke", lease]);
    etcd.ctl(&["compact", "20", "--physical"]);
    let added = || etcd.try_ctl(&["member", "add", "m2", "--learner", "--peer-urls", "http://127.0.0.1:1"]);
    let mut id = String::new();
    eventually("a learner is added", || added().status.success());
    for line in etcd.ctl(&["member", "list"]).lines().filter(|line| line.contains("127.0.0.1:1,")) {
        line.split(',').next().unwrap().clone_into(&mut id);
    }
    etcd.ctl(&["member", "update", &id, "--peer-urls", "http://127.0.0.1:2"]);
    etcd.ctl(&["member", "remove", &id]);
    etcd.ctl(&["role", "add", "reader"]);
    etcd.ctl(&["role", "grant-permission", "reader", "read", "/app/", "/app0"]);
    etcd.ctl(&["role", "grant-permission", "reader", "readwrite", "/t"]);
    etcd.ctl(&["role", "revoke-permission", "reader", "/t"]);
    etcd.ctl(&["user", "add", "root:wonderland"]);
    etcd.ctl(&["user", "add", "alice:wonderland2"]);
    etcd.ctl(&["user", "add", "bob", "--no-password"]);
    // etcd before 3.6 has made that role by then
    etcd.try_ctl(&["role", "add", "root"]);
    etcd.ctl(&["user", "grant-role", "root", "root"]);
    etcd.ctl(&["user", "grant-role", "alice", "reader"]);
    etcd.ctl(&["user", "revoke-role", "alice", "reader"]);
    etcd.ctl(&["auth", "enable"]);
    let root = |args: &[&str]| etcd.ctl(&[&["--user", "root:wonderland"], args].concat());
    root(&["put", "/by/root", "1"]);
    root(&["user", "delete", "bob"]);
    root(&["auth", "disable"]);
    let big = "x".repeat(100_000);
    for i in 0..8 {
        // too much for the quota: an alarm
        etcd.try_ctl(&["put", &format!("/big/{i}"), &big]);
    }
    etcd.ctl(&["alarm", "list"]);
    etcd.ctl(&["alarm", "disarm"]);
}

fn documents(args: &[&str]) -> Vec<Value> {
    let output = etcdsnap(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !said.contains("error"), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// As etcd's tool prints an entry; what is masked or summarised here has the same length there.
fn check_entry(line: &str, ours: &Value) {
    let [term, index, rest] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((term.trim(), index.trim()), (&*ours["term"].to_string(), &*ours["index"].to_string()), "{line}");
    let (kind, text) = rest.split_once('\t').unwrap();
    if kind == "conf" {
        let (change, id) = (ours["content"]["change"].as_str(), ours["content"]["node_idHex"].as_str());
        assert_eq!(text, format!("method={} id={}", change.unwrap(), id.unwrap()), "{line}");
        return;
    }
    if let Some(v2) = text.strip_prefix("method=") {
        let (method, rest) = v2.split_once(" path=").unwrap();
        let (path, val) = rest.split_once(" val=").unwrap();
        let quoted = |mut text: &str| String::from_utf8(gotext::unquote(&mut text)).unwrap();
        let request = &ours["request"];
        let all = ["method", "path", "val"].map(|name| request[name].as_str().unwrap());
        assert_eq!(all, [method, &quoted(path), &quoted(val)], "{line}");
        return;
    }
    let mut theirs = gotext::parse(text);
    if theirs.is_empty() {
        assert_eq!(ours["type"], "noop", "{line}");
        return;
    }
    // who asked is beside the request
    let header = theirs.iter().position(|(name, _)| name == "header").map(|at| theirs.remove(at).1);
    if let Some(Node::Message(header)) = header {
        let of = |name: &str| header.iter().find(|(n, _)| n == name).map(|(_, node)| node.clone());
        assert_eq!(of("ID"), Some(Node::Word(ours["requestID"].to_string())), "{line}");
        assert_eq!(of("username"), ours["username"].as_str().map(|name| Node::Word(name.to_owned())), "{line}");
    }
    let name = ours["type"].as_str().unwrap().to_owned();
    let ours = vec![(name, Node::Message(gotext::of_json(&ours["request"])))];
    let (ours, theirs) = (alike(ours), alike(with_defaults(theirs)));
    assert_eq!(ours, theirs, "{line}");
}

/// Enums that are zero are not in Go's text.
fn with_defaults(fields: Fields) -> Fields {
    let word = |text: &str| Node::Word(text.to_owned());
    let add = |(name, node): (String, Node)| match node {
        Node::Word(_) => (name, node),
        Node::Message(inner) => {
            let mut inner = with_defaults(inner);
            let defaults: &[_] = match name.as_str() {
                "compare" => &[("target", "VERSION"), ("result", "EQUAL")],
                "alarm" => &[("action", "GET"), ("alarm", "NONE")],
                "perm" => &[("permType", "READ")],
                _ => &[],
            };
            for (name, value) in defaults {
                if inner.iter().all(|(n, _)| n != name) {
                    inner.push(((*name).to_owned(), word(value)));
                }
            }
            inner.sort_by(|(a, _), (b, _)| a.cmp(b));
            (name, Node::Message(inner))
        }
    };
    fields.into_iter().map(add).collect()
}

/// The one Secret, whose value is not shown, by its size on both sides.
fn alike(fields: Fields) -> Fields {
    let one = |(name, node)| match node {
        Node::Word(text) if text == SECRET => (name, Node::Word(format!("({} bytes)", SECRET.len()))),
        Node::Message(inner) => (name, Node::Message(alike(inner))),
        word => (name, word),
    };
    fields.into_iter().map(one).collect()
}

/// As etcd's tool prints a record with `-raw`.
fn check_raw(line: &str, ours: &Value) {
    let (kind, text) = line.split_once(": ").unwrap();
    let number = |fields: &Fields, name: &str| match fields.iter().find(|(n, _)| n == name) {
        Some((_, Node::Word(word))) => word.parse().unwrap(),
        _ => 0_u64,
    };
    let [term, index] = ["term", "index"].map(|name| ours[name].as_u64().unwrap_or_default());
    let content = &ours["content"];
    match kind {
        "CRC" => {
            assert_eq!(ours["type"], "crc");
            assert_eq!(format!("{:08x}", text.parse::<u32>().unwrap()), ours["crc"].as_str().unwrap());
        }
        "Entry" => {
            let (head, mut data) = text.split_once("Data:").unwrap_or((text, "\"\""));
            let head = gotext::parse(head);
            assert_eq!((number(&head, "Term"), number(&head, "Index")), (term, index), "{line}");
            let record = BASE64_STANDARD.decode(ours["data"].as_str().unwrap()).unwrap();
            let mut reader = Reader::new(&record);
            let mut stored = &[][..];
            while let Some(field) = reader.next_field().unwrap() {
                if field.number == 4 {
                    stored = field.bytes().unwrap();
                }
            }
            assert!(gotext::unquote(&mut data) == stored, "{line}");
        }
        _ => {
            let fields = gotext::parse(text);
            let [first, second] = match kind {
                "Metadata" => ["nodeID", "clusterID"].map(|name| content[name].as_u64().unwrap()),
                "Snapshot" => [index, term],
                "HardState" => [index, term],
                other => panic!("{other}"),
            };
            let names = match kind {
                "Metadata" => ["NodeID", "ClusterID"],
                "Snapshot" => ["index", "term"],
                _ => ["commit", "term"],
            };
            assert_eq!(names.map(|name| number(&fields, name)), [first, second], "{line}");
            if kind == "HardState" {
                assert_eq!(number(&fields, "vote"), content["vote"].as_u64().unwrap_or_default(), "{line}");
            }
            if let Some((_, Node::Message(theirs))) = fields.iter().find(|(name, _)| name == "conf_state") {
                let mut ours = gotext::of_json(&content["confState"]);
                let mut theirs = theirs.clone();
                for state in [&mut ours, &mut theirs] {
                    state.retain(|(_, node)| *node != Node::Word("false".to_owned()));
                }
                assert_eq!(ours, theirs, "{line}");
            }
        }
    }
}

/// All that both tell of a data directory; how many entries and segments there were.
fn check(peers: &Peers, data_dir: &Path) -> (usize, usize) {
    let dir = data_dir.to_str().unwrap();
    let ours = documents(&["wal", dir, "-o", "ndjson", "--reveal", "--raw"]);
    let raw = peers.ask("etcd-dump-logs", ["-raw", dir]);
    let lines: Vec<_> = raw.lines().filter(|line| !line.starts_with("EOF: ")).collect();
    assert_eq!(lines.len(), ours.len());
    lines.iter().zip(&ours).for_each(|(line, ours)| check_raw(line, ours));

    let dumped = peers.ask("etcd-dump-logs", ["-start-index", "0", dir]);
    let (_, dumped) = dumped.split_once("\ttype\tdata\n").unwrap();
    let (dumped, _) = dumped.split_once("\n\nEntry types").unwrap();
    let entries: Vec<_> =
        ours.iter().filter(|of| of.get("committed").is_some() && of.get("overwritten").is_none()).collect();
    assert_eq!(dumped.lines().count(), entries.len());
    dumped.lines().zip(&entries).for_each(|(line, ours)| check_entry(line, ours));
    (entries.len(), ours.iter().filter(|of| of["type"] == "crc").count())
}

/// The snapshot that is marked as taken is the one that etcd's tool finds.
fn check_snaps(peers: &Peers, data_dir: &Path) -> Value {
    let output = etcdsnap(["snap", data_dir.to_str().unwrap(), "-o", "json"]);
    assert!(output.status.success());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let snaps = document["snaps"].as_array().unwrap();
    assert!(snaps.len() > 2, "{document}");
    let taken = snaps.iter().find(|snap| snap["taken"] == true).unwrap().clone();
    let dumped = peers.ask("etcd-dump-logs", [data_dir]);
    let voters: Vec<_> =
        taken["confState"]["votersHex"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let want = format!("term={} index={} nodes=[{}] ", taken["term"], taken["index"], voters.join(" "));
    assert!(dumped.lines().nth(1).unwrap().starts_with(&want), "{want}\n{dumped}");
    taken
}

#[test]
fn entries_are_those_that_etcd_dump_logs_tells() {
    let Some(peers) = Peers::find("entries_are_those_that_etcd_dump_logs_tells") else { return };
    for version in ["34", "35", "36", "37", "38"] {
        let began = SystemTime::now();
        let flags = ["--snapshot-count", "20", "--quota-backend-bytes", "500000"];
        let etcd = Etcd::start_on(&peers, version, None, &flags).unwrap();
        traffic(&peers, version, &etcd);
        let member = etcd.ctl(&["member", "list"]).split(',').next().unwrap().to_owned();
        let (home, data_dir) = etcd.stop();
        let (entries, _) = check(&peers, &data_dir);
        assert!(entries > 70, "{version}: {entries}");
        let taken = check_snaps(&peers, &data_dir);
        assert_eq!(taken["members"][0]["name"], "m1");
        if version < "37" {
            assert_eq!(taken["version"], format!("3.{}.0", version.trim_start_matches('3')), "{taken}");
        }

        // all kinds were there, none of the secrets is printed, and each has through whom and when
        let dir = data_dir.to_str().unwrap();
        let told = documents(&["wal", dir, "-o", "ndjson"]);
        for kind in [
            "noop",
            "conf_change",
            "put",
            "delete_range",
            "txn",
            "lease_grant",
            "lease_revoke",
            "compaction",
            "alarm",
            "authenticate",
            "auth_enable",
            "auth_user_add",
            "auth_role_grant_permission",
            if version < "36" { "v2" } else { "cluster_member_attr_set" },
        ] {
            assert!(told.iter().any(|of| of["type"] == kind), "{version}: {kind}");
        }
        for format in ["table", "json", "ndjson"] {
            let output = etcdsnap(["wal", dir, "-o", format]).stdout;
            let output = String::from_utf8(output).unwrap();
            assert!(SECRETS.iter().all(|secret| !output.contains(secret)), "{output}");
            assert!(output.contains("masked:") && output.contains("shop"), "{output}");
        }
        let ended = SystemTime::now();
        for of in told.iter().filter(|of| of.get("requestID").is_some()) {
            assert!(member.ends_with(of["proposer"].as_str().unwrap()), "{of}");
            let told: jiff::Timestamp = of["notBefore"].as_str().unwrap().parse().unwrap();
            let told: SystemTime = told.into();
            assert!(told + Duration::from_secs(1) > began && told < ended, "{of}");
        }
        assert!(told.iter().any(|of| of["username"] == "root" && of["type"] == "put"));
        drop(home);
    }
}

/// Enough for a second segment: 64 MB.
#[test]
fn segments_that_roll_are_one_log() {
    let Some(peers) = Peers::find("segments_that_roll_are_one_log") else { return };
    let etcd = Etcd::start_on(&peers, "36", None, &["--snapshot-count", "10"]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let value = dir.path().join("value");
    std::fs::write(&value, vec![b'x'; 1_400_000]).unwrap();
    for i in 0..48 {
        let put = ["--endpoints", &etcd.endpoint, "put", &format!("/big/{}", i % 2)];
        let mut command = peers.command("etcdctl36");
        let output = command.args(put).stdin(File::open(&value).unwrap()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (_home, data_dir) = etcd.kill();
    let (entries, segments) = check(&peers, &data_dir);
    assert!(entries > 48 && segments == 2, "{entries} entries, {segments} segments");
    check_snaps(&peers, &data_dir);
}
