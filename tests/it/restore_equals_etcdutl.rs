//! `restore` with etcdutl's flags makes what etcdutl makes: the same db by its status hash, the same log and `.snap` by
//! what they decode to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::common::{Peers, etcdsnap, restore};
use serde_json::Value;

const FILES: [&str; 8] = [
    "etcd-3.4.db",
    "etcd-3.5.db",
    "etcd-3.6.db",
    "etcd-3.7.db",
    "three-members.db",
    "kube.db",
    "pages-16k.db",
    "pages-64k.db",
];
/// For `--skip-hash-check`.
const WITHOUT_TRAILER: [&str; 2] = ["compacted.db", "freelist.db"];

const SINGLE: &[&str] = &[
    "--name=default",
    "--initial-cluster=default=http://localhost:2380",
    "--initial-advertise-peer-urls=http://localhost:2380",
];
const ONE_OF_THREE: &[&str] = &[
    "--name=m2",
    "--initial-cluster=m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380",
    "--initial-cluster-token=tok",
    "--initial-advertise-peer-urls=http://10.0.0.2:2380",
];
const BUMP: &[&str] = &["--bump-revision=1000", "--mark-compacted"];

#[test]
fn a_single_member() {
    let Some(peers) = Peers::find("restore_equals_etcdutl a_single_member") else { return };
    compare(&peers, SINGLE);
}

#[test]
fn one_of_three_members() {
    let Some(peers) = Peers::find("restore_equals_etcdutl one_of_three_members") else { return };
    compare(&peers, ONE_OF_THREE);
}

#[test]
fn a_bumped_revision() {
    let Some(peers) = Peers::find("restore_equals_etcdutl a_bumped_revision") else { return };
    compare(&peers, &[SINGLE, BUMP].concat());
}

/// The hidden alias has etcdutl's defaults, too.
#[test]
fn the_alias_without_flags() {
    let Some(peers) = Peers::find("restore_equals_etcdutl the_alias_without_flags") else { return };
    let dir = tempfile::tempdir().unwrap();
    let [mine, theirs] = ["mine", "theirs"].map(|name| dir.path().join(name));
    let args = |to: &Path| {
        ["snapshot", "restore", "fixtures/etcd-3.6.db", "--data-dir", to.to_str().unwrap()].map(String::from)
    };
    let output = etcdsnap(args(&mine));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peers.ask("etcdutl37", args(&theirs));
    assert_eq!(Made::read(&peers, &mine), Made::read(&peers, &theirs));
}

/// Restores every file with `flags`, by us and by every etcdutl.
fn compare(peers: &Peers, flags: &[&str]) {
    let without = WITHOUT_TRAILER.map(|file| (file, Some(&"--skip-hash-check")));
    for (file, skip) in FILES.map(|file| (file, None)).into_iter().chain(without) {
        let dir = tempfile::tempdir().unwrap();
        let args = |to: &Path| {
            let mut args = vec![format!("fixtures/{file}"), format!("--data-dir={}", to.display())];
            args.extend(flags.iter().chain(skip).map(ToString::to_string));
            args
        };
        let mine = dir.path().join("mine");
        restore(args(&mine));
        assert_eq!(peers.ask("bbolt", ["check".as_ref(), mine.join("member/snap/db").as_os_str()]), "OK\n", "{file}");
        let mine = Made::read(peers, &mine);
        for etcdutl in ["etcdutl35", "etcdutl36", "etcdutl37", "etcdutl38"] {
            let theirs = dir.path().join(etcdutl);
            peers.ask(etcdutl, [vec!["snapshot".to_owned(), "restore".to_owned()], args(&theirs)].concat());
            assert_eq!(mine, Made::read(peers, &theirs), "{file} {etcdutl} {flags:?}");
        }
    }
}

/// What a restore made, as the real programs read it.
#[derive(PartialEq, Debug)]
struct Made {
    files: Vec<PathBuf>,
    /// The hash above all.
    status: Value,
    /// What a starting etcd reads: the last snapshot and what follows.
    log: String,
    /// Every record from the beginning.
    records: String,
    /// The members as etcd 3.4 and 3.5 read them, from the `.snap`.
    members: Value,
}

impl Made {
    #[track_caller]
    fn read(peers: &Peers, data_dir: &Path) -> Self {
        let mut files: Vec<PathBuf> = ["member", "member/snap", "member/wal"]
            .iter()
            .flat_map(|sub| fs::read_dir(data_dir.join(sub)).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let snap = files.iter().find(|file| file.extension().is_some_and(|extension| extension == "snap")).unwrap();
        let dir = data_dir.to_str().unwrap();
        let status = peers.ask("etcdutl37", ["snapshot", "status", &format!("{dir}/member/snap/db"), "-w", "json"]);
        let mut status: Value = serde_json::from_str(&status).unwrap();
        // which pages the changes go to is each program's own affair
        status.as_object_mut().unwrap().remove("totalSize").unwrap();
        Self {
            members: members(&fs::read(snap).unwrap()),
            files: files.iter().map(|file| file.strip_prefix(data_dir).unwrap().to_path_buf()).collect(),
            status,
            log: peers.ask("etcd-dump-logs", [dir]),
            // up to 3.6 the id of a change was written even when it is zero
            records: peers.ask("etcd-dump-logs", ["--raw", dir]).replace(r#"Data:"\010\000"#, r#"Data:""#),
        }
    }
}

/// The members in the v2 store, each with what it holds. Their order of creation is random since 3.6.
fn members(snap: &[u8]) -> Value {
    let start = snap.windows(8).position(|bytes| bytes == br#"{"Root":"#).unwrap();
    let store: Value = serde_json::Deserializer::from_slice(&snap[start..]).into_iter().next().unwrap().unwrap();
    let members = store["Root"]["Children"]["0"]["Children"]["members"]["Children"].as_object().unwrap();
    assert!(!members.is_empty());
    members.iter().map(|(id, member)| (id.clone(), member["Children"]["raftAttributes"]["Value"].clone())).collect()
}
