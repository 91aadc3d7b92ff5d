//! `defrag`: a smaller copy, with the sums of the backup, or of an etcd that was compacted.

use std::{fs, path::Path};

use crate::common::{
    Etcd, Peers, etcdsnap,
    gateway::{Gateway, b64},
    served::theirs,
    traffic::Traffic,
    tree::Tree,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(code: i32, args: &[&str]) -> (String, String) {
    let output = etcdsnap(args);
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&run(0, args).0).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every fixture that is a snapshot: the sums are as they were, and no page is free.
#[test]
fn nothing_but_free_pages_is_left_out() {
    let dir = TempDir::new().unwrap();
    let peers = Peers::find("nothing_but_free_pages_is_left_out: bbolt check");
    let files = ["small", "etcd-3.4", "etcd-3.5", "etcd-3.6", "etcd-3.7", "kube", "kube-later"];
    for name in files.into_iter().chain(["three-members", "encrypted", "pages-16k", "pages-64k"]) {
        let (file, to) = (format!("fixtures/{name}.db"), dir.path().join(format!("{name}.db")));
        let to = text(&to);
        let made = json(&["defrag", &file, "--to", to, "-o", "json"]);
        let [before, after] = [&file, to].map(|file| json(&["status", file, "-o", "json"]));
        for field in ["hash", "revision", "totalKey", "version", "identity"] {
            assert_eq!(before[field], after[field], "{file}: {field}");
        }
        assert_eq!((&made["written"]["hash"], &made["source"]["verdict"]), (&after["hash"], &"good".into()), "{file}");
        assert_eq!(run(0, &["hashkv", &file]), run(0, &["hashkv", to]), "{file}");
        let verified = json(&["verify", to, "-o", "json"]);
        assert_eq!((&verified["verdict"], &verified["trailer"]), (&"good".into(), &"matches".into()), "{file}");
        assert!(!run(0, &["bolt", "pages", to]).0.contains(" free "), "{file}");
        if let Some(peers) = &peers {
            let bare = dir.path().join("bare");
            let bytes = fs::read(to).unwrap();
            fs::write(&bare, &bytes[..bytes.len() - 32]).unwrap();
            peers.ask("bbolt", ["check", text(&bare)]);
        }
    }
    let again = run(0, &["defrag", text(&dir.path().join("kube.db")), "--to", text(&dir.path().join("again.db"))]);
    assert!(again.0.contains("revision 455, 281 keys") && !again.0.contains("less"), "{}", again.0);
    let size = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
    assert_eq!(size("kube.db"), size("again.db"));
}

/// What a real etcd holds after a compaction and a defragmentation is what is written, and it serves what is written.
#[test]
fn a_compaction_is_etcd_s_own() {
    let Some(peers) = Peers::find("a_compaction_is_etcd_s_own") else { return };
    for (seed, version, utl) in
        [(1, "34", "etcdctl34"), (2, "35", "etcdutl35"), (3, "36", "etcdutl36"), (4, "37", "etcdutl37")]
    {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| text(&dir.path().join(name)).to_owned();
        let etcd = Etcd::start(&peers, version);
        let mut traffic = Traffic::new(seed, Gateway::new(&etcd.endpoint));
        (0..60).for_each(|_| traffic.step());
        let gateway = &traffic.gateway;
        let put = |key: &str| {
            let answer =
                gateway.ask("/v3/kv/put", &json!({"key": b64(key), "value": b64("unlike-any-other")})).unwrap();
            answer["header"]["revision"].as_str().unwrap().parse::<i64>().unwrap()
        };
        let delete = |key: &str| gateway.ask("/v3/kv/deleterange", &json!({"key": b64(key)})).unwrap();
        put("gone");
        delete("gone");
        put("z");
        put("deleted at the revision");
        delete("deleted at the revision");
        // with a tombstone at the very revision, and an ordinary one
        let revision = put("y") - 1;
        put("y");
        etcd.ctl(&["snapshot", "save", &at("before.db")]);
        for to in [revision, revision + 1] {
            gateway.ask("/v3/kv/compaction", &json!({"revision": to, "physical": true})).unwrap();
            etcd.ctl(&["defrag"]);
            etcd.ctl(&["snapshot", "save", &at("after.db")]);
            let made = at(&format!("made-{to}.db"));
            let _ = run(0, &["defrag", &at("before.db"), "--to", &made, "--compact", &to.to_string()]);
            for rev in to..=revision + 2 {
                let mine = json(&["hashkv", &made, "--rev", &rev.to_string(), "-w", "json"]);
                // etcd answers for later revisions only
                if rev > to {
                    let live = theirs(&etcd, &[], &["endpoint", "hashkv", "--rev", &rev.to_string()]);
                    assert_eq!(mine["hash"], live[0]["HashKV"]["hash"], "{version}: compacted at {to}, {rev}");
                }
                let theirs = json(&["hashkv", &at("after.db"), "--rev", &rev.to_string(), "-w", "json"]);
                assert_eq!(mine, theirs, "{version}: compacted at {to}, {rev}");
            }
            // etcd before 3.4.34 and 3.5.16 removes the deletion at the very revision, which is in no sum
            let at_it = format!("{to:016x}5f000000000000000074");
            let keys = |file: &str| {
                let all = run(0, &["bolt", "keys", file, "key", "--format", "hex"]).0;
                all.lines().filter(|key| version != "34" || **key != at_it).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(keys(&made), keys(&at("after.db")), "{version}: compacted at {to}");
            let meta = |file: &str, key: &str| run(0, &["bolt", "get", file, "meta", key, "--format", "hex"]).0;
            for key in ["finishedCompactRev", "scheduledCompactRev"] {
                assert_eq!(meta(&made, key), meta(&at("after.db"), key), "{version}: {key}");
            }
        }
        let file = at(&format!("made-{revision}.db"));
        let kvs = theirs(&etcd, &[], &["get", "", "--from-key"])["kvs"].clone();
        let to = at("data");
        let urls = ["--initial-cluster", "m1=http://localhost:2380"];
        let urls = [&urls[..], &["--initial-advertise-peer-urls", "http://localhost:2380"]].concat();
        peers.ask(utl, [&["snapshot", "restore", &file, "--data-dir", &to, "--name", "m1"], &urls[..]].concat());
        let again = Etcd::start_on(&peers, version, Some(Path::new(&to)), &[]).unwrap_or_else(|log| panic!("{log}"));
        assert_eq!(theirs(&again, &[], &["get", "", "--from-key"])["kvs"], kvs, "{version}");
        let live = theirs(&again, &[], &["endpoint", "hashkv"])[0]["HashKV"]["hash"].clone();
        assert_eq!(json(&["hashkv", &file, "-w", "json"])["hash"], live, "{version}");
    }
}

/// A deleted value is in the free pages of the backup, and not in the copy.
#[test]
fn deleted_values_are_gone() {
    let Some(peers) = Peers::find("deleted_values_are_gone") else { return };
    let dir = TempDir::new().unwrap();
    let etcd = Etcd::start(&peers, "36");
    let gateway = Gateway::new(&etcd.endpoint);
    for n in 0..60 {
        let value = b64(&"xyzzy-never-seen-again".repeat(100));
        gateway.ask("/v3/kv/put", &json!({"key": b64(&format!("secret/{n}")), "value": value})).unwrap();
    }
    etcd.ctl(&["del", "secret/", "--prefix"]);
    etcd.ctl(&["compact", "62", "--physical"]);
    let (_home, data) = etcd.stop();
    let has = |file: &Path| fs::read(file).unwrap().windows(22).any(|bytes| bytes == b"xyzzy-never-seen-again");
    assert!(has(&data.join("member/snap/db")));
    let to = dir.path().join("new.db");
    run(0, &["defrag", text(&data), "--to", text(&to), "--compact", "latest"]);
    assert!(!has(&to));
}

#[test]
fn doubt_is_kept_and_nothing_is_replaced() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    let mut bytes = fs::read("fixtures/kube.db").unwrap();
    let len = bytes.len();
    fs::write(at("plain.db"), &bytes[..len - 32]).unwrap();
    bytes[300_000] ^= 1;
    fs::write(at("bad.db"), bytes).unwrap();
    let before = Tree::of(dir.path());
    let refused = |code: i32, args: &[&str], why: &str| {
        let (_, err) = run(code, &[&["defrag"], args].concat());
        assert!(err.contains(why), "{args:?}: {err}");
        assert_eq!(Tree::of(dir.path()), before, "{args:?}");
    };
    refused(1, &[&at("plain.db"), "--to", &at("x.db")], "snapshot missing hash");
    refused(1, &[&at("bad.db"), "--to", &at("x.db")], "expected sha256");
    refused(2, &["fixtures/kube.db", "--to", &at("plain.db")], "there is a file or folder of this name already");
    refused(
        2,
        &["fixtures/kube.db", "--to", &at("x.db"), "--compact", "999"],
        "required revision is a future revision",
    );
    refused(
        2,
        &["fixtures/kube-later.db", "--to", &at("x.db"), "--compact", "9"],
        "required revision has been compacted",
    );

    let (out, _) = run(0, &["defrag", &at("plain.db"), "--to", &at("copy.db"), "--skip-hash-check"]);
    assert!(out.contains("doubtful"), "{out}");
    let copy = json(&["verify", &at("copy.db"), "-o", "json"]);
    assert_eq!((&copy["verdict"], &copy["trailer"]), (&"doubtful".into(), &"matches".into()), "{copy}");
    assert!(Path::new(&at("copy.db.etcdsnap.json")).is_file());
    // a copy of the copy is no better
    run(0, &["defrag", &at("copy.db"), "--to", &at("second.db")]);
    assert_eq!(json(&["verify", &at("second.db"), "-o", "json"])["verdict"], "doubtful");
}
