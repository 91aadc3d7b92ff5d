//! `restore --to-snapshot`: what would be restored, as a snapshot file that real programs take.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::common::{
    Etcd, Peers, etcdsnap,
    gateway::{Gateway, b64},
    restore,
    served::theirs,
    traffic::Traffic,
    tree::Tree,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn made(line: &str) -> Value {
    serde_json::from_str(&restore(format!("{line} -o json").split_whitespace())).unwrap()
}

#[track_caller]
fn refused(code: i32, line: &str, why: &str) {
    let output = etcdsnap(format!("restore {line}").split_whitespace());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(code) && said.contains(why), "{line}: {:?} {said}", output.status.code());
}

fn verdict(file: &Path) -> Value {
    let output = etcdsnap(["verify", file.to_str().unwrap(), "-o", "json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The real etcdutl restores it, its hash checked, and a real etcd serves of it what the live one served.
#[test]
fn a_real_etcdutl_restores_it() {
    let Some(peers) = Peers::find("a_real_etcdutl_restores_it") else { return };
    for (seed, version, utl) in [(5, "34", "etcdctl34"), (6, "36", "etcdutl36"), (7, "37", "etcdutl37")] {
        let etcd = Etcd::start(&peers, version);
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut traffic = Traffic::new(seed, Gateway::new(&etcd.endpoint));
        (0..40).for_each(|_| traffic.step());
        let saved = at("saved.db");
        etcd.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
        (0..40).for_each(|_| traffic.step());
        let put = json!({"key": b64("z"), "value": b64("the end")});
        traffic.gateway.ask("/v3/kv/put", &put).unwrap();
        let all = |etcd: &Etcd<'_>| theirs(etcd, &[], &["get", "", "--from-key"])["kvs"].clone();
        let hash = |etcd: &Etcd<'_>| theirs(etcd, &[], &["endpoint", "hashkv"])[0]["HashKV"].clone();
        let (kvs, sum) = (all(&etcd), hash(&etcd));
        let (_home, data) = etcd.kill();
        let (saved, data) = (saved.display(), data.display());
        for (n, line) in [
            format!("{saved} --wal {data}"),
            format!("{data}"),
            format!("{data} --compact latest --defrag"),
            format!("{data} --bump-revision 1000"),
        ]
        .into_iter()
        .enumerate()
        {
            let (file, to) = (at(&format!("{n}.db")), at(&n.to_string()));
            let done = made(&format!("{line} --to-snapshot {}", file.display()));
            assert_eq!(done["restored"]["files"], json!([file.display().to_string()]), "{line}");
            let report = verdict(&file);
            assert_eq!(
                (&report["verdict"], &report["trailer"]),
                (&json!("good"), &json!("matches")),
                "{line}: {report}"
            );
            let args = ["snapshot", "restore", file.to_str().unwrap(), "--data-dir", to.to_str().unwrap()];
            peers.ask(
                utl,
                args.into_iter().chain([
                    "--name",
                    "m1",
                    "--initial-cluster",
                    "m1=http://localhost:2380",
                    "--initial-advertise-peer-urls",
                    "http://localhost:2380",
                ]),
            );
            let again = Etcd::start_on(&peers, version, Some(&to), &[]).unwrap_or_else(|log| panic!("{line}:\n{log}"));
            assert_eq!(all(&again), kvs, "{version}: {line}");
            let now = hash(&again);
            if n < 2 {
                let same = now["compact_revision"] != sum["compact_revision"] || now["hash"] == sum["hash"];
                assert!(same, "{version}: {line}: {now} {sum}");
            }
        }
        // It names the entries that it holds, unless it is the state after none of them.
        let roll =
            |file: &str| format!("{} --wal {data} --dry-run --data-dir never-made --member m1", at(file).display());
        assert_eq!(made(&roll("0.db"))["plan"]["log"]["entries"], 0);
        refused(1, &roll("3.db"), "does not record which entries of the log it holds");
    }
}

#[test]
fn all_or_nothing_and_no_file_is_replaced() {
    let dir = TempDir::new().unwrap();
    let file: PathBuf = dir.path().join("new.db");
    let to = format!("--to-snapshot {}", file.display());
    let mut damaged = fs::read("fixtures/kube.db").unwrap();
    damaged[300_000] ^= 1;
    let bad = dir.path().join("bad.db");
    fs::write(&bad, damaged).unwrap();
    let before = Tree::of(dir.path());
    refused(1, &format!("{} {to}", bad.display()), "expected sha256");
    restore(format!("fixtures/kube.db {to} --dry-run").split_whitespace());
    assert_eq!(Tree::of(dir.path()), before);

    let done = restore(format!("fixtures/kube.db --drop-key /registry/events/ --defrag {to}").split_whitespace());
    assert!(done.contains("members     as in the backup: ") && done.contains("etcdutl snapshot restore"), "{done}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(verdict(&file)["verdict"], "good");
    let members = |file: &str| etcdsnap(["members", file]).stdout;
    assert_eq!(members(file.to_str().unwrap()), members("fixtures/kube.db"));
    let before = Tree::of(dir.path());
    refused(2, &format!("fixtures/kube.db {to}"), "there is a file or folder of this name already");
    refused(2, &format!("fixtures/kube.db {to} --member m1"), "cannot be used with");
    refused(2, &format!("fixtures/kube.db {to} --data-dir d"), "cannot be used with");
    assert_eq!(Tree::of(dir.path()), before);

    // The new sum does not remove the doubt.
    let forced = dir.path().join("forced.db");
    let line = format!("{} --skip-hash-check --force --to-snapshot {}", bad.display(), forced.display());
    restore(line.split_whitespace());
    let report = verdict(&forced);
    assert_eq!((&report["trailer"], &report["verdict"]), (&json!("matches"), &json!("doubtful")), "{report}");
    assert!(dir.path().join("forced.db.etcdsnap.json").is_file() && !Tree::of(dir.path()).has_staging());
}
