//! `hashkv` of several backups: at the revision that all hold, and where they differ.

use std::{fs, path::Path};

use crate::common::{Etcd, Peers, etcdsnap, restore};
use serde_json::Value;
use tempfile::TempDir;

const LATER: &str = "fixtures/kube-later.db";

fn run(code: i32, args: &[&str]) -> (String, String) {
    let output = etcdsnap([&["hashkv"], args].concat());
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    (out, err)
}

fn json(code: i32, args: &[&str]) -> Value {
    serde_json::from_str(&run(code, &[args, &["-w", "json"]].concat()).0).unwrap()
}

/// A copy of a fixture with other bytes of one length in place of some that are there once.
fn changed(dir: &Path, name: &str, from: &[u8], to: &[u8]) -> String {
    let mut bytes = fs::read(LATER).unwrap();
    let all: Vec<_> = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(at, _)| at).collect();
    for at in all {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_first_revision_and_its_keys_are_named() {
    let dir = TempDir::new().unwrap();
    let good = dir.path().join("good.db");
    fs::copy(LATER, &good).unwrap();
    let good = good.to_str().unwrap();
    let alone = run(0, &[LATER]).0;
    let equal = run(0, &[LATER, good]).0;
    assert_eq!(equal, format!("{LATER}, {alone}{good}, {alone}"));

    // `third` is the value of notes at revision 463 alone
    let bad = changed(dir.path(), "bad.db", b"third", b"thirD");
    let (out, _) = run(1, &[&bad, LATER, good]);
    assert!(out.contains(&format!("{LATER} and {bad} differ first at revision 463, 1 key in all")), "{out}");
    assert!(out.contains("463.0      /registry/configmaps/pay/notes") && out.contains("the same, with other"), "{out}");
    let found = json(1, &[&bad, LATER, good]);
    assert_eq!((&found["equal"], &found["differences"][0]["firstRevision"]), (&false.into(), &463.into()));
    assert_eq!(found["differences"][0]["keys"], 1);
    assert_eq!(found["files"].as_array().unwrap().len(), 3);
    for format in ["table", "fields"] {
        assert!(run(1, &[&bad, good, "-w", format]).0.contains("differ first at revision 463"), "{format}");
    }
    assert_eq!(json(0, &[&bad, good, "--rev", "462"])["hashRevision"], 462);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let refused = |args: &[&str], why: &str| {
        let (out, err) = run(1, args);
        assert!(out.is_empty() && err.contains(why), "{args:?}: {err}");
    };
    refused(
        &["fixtures/kube.db", "fixtures/encrypted.db"],
        "fixtures/encrypted.db: of another cluster: kube-system has",
    );
    let three = ["fixtures/etcd-3.5.db", "fixtures/kube.db", "fixtures/encrypted.db"];
    refused(&three, "fixtures/encrypted.db: of another cluster: kube-system has");
    refused(&["fixtures/kube.db", LATER], "fixtures/kube.db ends at 455, fixtures/kube-later.db is compacted at 4");
    refused(&[LATER, LATER, "--rev", "9"], "fixtures/kube-later.db: revision 9 has been compacted");
    refused(&[LATER, LATER, "--rev", "999"], "fixtures/kube-later.db: revision 999 is a future revision");
    let (_, err) = run(1, &["fixtures/etcd-3.5.db", "fixtures/three-members.db"]);
    assert!(err.contains("nothing shows that fixtures/etcd-3.5.db and fixtures/three-members.db are of one cluster"));
    run(2, &["-", "-"]);
}

/// Members that compacted at different revisions, and one on which others wrote.
#[test]
fn members_of_a_real_etcd_are_compared() {
    let Some(peers) = Peers::find("members_of_a_real_etcd_are_compared") else { return };
    for version in ["34", "37"] {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let etcd = Etcd::start(&peers, version);
        for n in 0..40 {
            etcd.ctl(&["put", &format!("k/{}", n % 7), &format!("value {n}")]);
        }
        etcd.ctl(&["del", "k/3"]);
        etcd.ctl(&["snapshot", "save", &at("a.db")]);
        etcd.ctl(&["compact", "30"]);
        etcd.ctl(&["put", "more", "1"]);
        let live: Value =
            serde_json::from_str(&etcd.ctl(&["endpoint", "hashkv", "--rev", "42", "-w", "json"])).unwrap();
        etcd.ctl(&["snapshot", "save", &at("b.db")]);
        drop(etcd);
        // the sum of the member that is compacted is that of the other, too
        let sums = json(0, &[&at("a.db"), &at("b.db")]);
        assert_eq!((&sums["hashRevision"], &sums["compactRevision"]), (&42.into(), &30.into()), "{sums}");
        assert_eq!(
            (&sums["files"][0]["hash"], &sums["files"][1]["hash"]),
            (&live[0]["HashKV"]["hash"], &live[0]["HashKV"]["hash"])
        );

        // one cluster that went two ways
        let [one, two] = ["one", "two"].map(|name| {
            restore([&at("b.db"), "--data-dir", &at(name), "--member", "m1"]);
            let etcd = Etcd::start_on(&peers, version, Some(Path::new(&at(name))), &[]).unwrap();
            etcd.ctl(&["put", "same", "1"]);
            etcd.ctl(&["put", if name == "one" { "x" } else { "y" }, "1"]);
            etcd.ctl(&["put", "later", name]);
            etcd.stop().1.to_str().unwrap().to_owned()
        });
        let sums = json(1, &[&one, &two]);
        let found = &sums["differences"][0];
        assert_eq!(
            (
                &found["firstRevision"],
                &found["keys"],
                found["records"][0]["key"].as_str(),
                found["records"][1]["key"].as_str()
            ),
            (&45.into(), &3.into(), Some("x"), Some("y")),
            "{sums}"
        );
        assert_eq!(json(0, &[&one, &two, "--rev", "44"])["equal"], true);
    }
}
