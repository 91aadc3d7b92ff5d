//! `salvage --list`: each verdict is held against what the file held before.

use std::{collections::BTreeMap, fs, path::Path};

use etcdsnap::bytes::escape;
use serde_json::Value;

use super::{
    damage::Maker,
    fixture,
    judged::{none_of, salvage},
    lives,
    truth::{Live, Truth},
};
use crate::common::Peers;

/// Lists `bytes`, and judges each line by `truth`; counts the verdicts.
fn list(dir: &Path, what: &str, (bytes, base): (&[u8], isize), truth: &Truth, faults: &mut Vec<String>) -> [usize; 5] {
    let file = dir.join("damaged.db");
    fs::write(&file, bytes).unwrap();
    let args = [file.to_str().unwrap(), "--list", "-o", "ndjson", "--scan"];
    let output = salvage(&args[..if base == 0 { 4 } else { 5 }]);
    let live: BTreeMap<String, &Live> = truth.live.iter().map(|(key, live)| (escape(key), live)).collect();
    let (mut counts, mut newest) = ([0; 5], BTreeMap::<String, usize>::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (key, verdict) = (row["key"].as_str().unwrap(), row["verdict"].as_str().unwrap());
        let revision = (row["main"].as_i64().unwrap(), row["sub"].as_i64().unwrap());
        let is_live = row["tombstone"] == false && live.get(key).is_some_and(|live| live.revision == revision);
        let as_it_was = live.get(key).is_some_and(|live| {
            row["createRevision"] == live.create && row["version"] == live.version && row["lease"] == live.lease
        });
        let (place, right) = match verdict {
            "proved" => (0, is_live && as_it_was),
            "likely" => (1, true),
            "conflicting" => (2, true),
            "superseded" => (3, !is_live),
            "deleted" => (4, !is_live),
            other => panic!("{other}"),
        };
        counts[place] += 1;
        if !right {
            faults.push(format!("{what}: {key} at {revision:?} is called {verdict}, and is live: {is_live}: {line}"));
        }
        if place < 3 {
            *newest.entry(key.to_owned()).or_default() += 1;
        }
    }
    let twice = newest.iter().filter(|(_, count)| **count > 1);
    faults.extend(twice.map(|(key, count)| format!("{what}: {count} records of {key} are called its value")));
    counts
}

#[test]
fn each_verdict_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let (mut faults, mut all) = (Vec::new(), [0; 5]);
    let mut files: Vec<_> =
        ["kube", "etcd-3.4", "etcd-3.7", "live-3.6", "pages-16k"].map(|name| (name, fixture(name))).into();
    if let Some(peers) = Peers::find("each_verdict_is_right of a live db") {
        files.push(("36, seed 5", lives::db(&peers, "36", 5, 1200)));
    }
    for (name, whole) in &files {
        let truth = Truth::of(whole);
        for damage in
            Maker::new(whole, 2).all().iter().enumerate().filter(|(n, _)| !(10..24).contains(n)).map(|(_, of)| of)
        {
            let (bytes, base) = damage.on(whole);
            let counts = list(dir.path(), &format!("{name}, {}", damage.what), (&bytes, base), &truth, &mut faults);
            all.iter_mut().zip(counts).for_each(|(all, count)| *all += count);
        }
    }
    println!("proved, likely, conflicting, superseded, deleted: {all:?}");
    none_of(&faults);
    let [proved, likely, _, superseded, deleted] = all;
    assert!([proved, likely, superseded, deleted].iter().all(|count| *count > 100), "{all:?}");
}

/// The filters that `get` and `kv` have.
#[test]
fn kinds_and_namespaces_select() {
    let rows = |more: &[&str]| -> Vec<String> {
        let output = salvage(&[&["fixtures/kube.db", "--list", "-o", "ndjson"], more].concat());
        let lines = String::from_utf8(output.stdout).unwrap();
        let key = |line: &str| serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_owned();
        lines.lines().map(key).collect()
    };
    let all = rows(&[]);
    let of = |prefixes: &[&str]| -> Vec<String> {
        all.iter().filter(|key| prefixes.iter().any(|prefix| key.starts_with(prefix))).cloned().collect()
    };
    for (more, prefixes) in [
        (&["secrets", "-n", "shop"][..], &["/registry/secrets/shop/"][..]),
        (&["po,cm"], &["/registry/pods/", "/registry/configmaps/"]),
        (&["widgets"], &["/registry/acme.io/widgets/"]),
        (&["deploy/web", "-n", "shop"], &["/registry/deployments/shop/web"]),
        (&["--prefix", "/registry/pods/shop/"], &["/registry/pods/shop/"]),
    ] {
        let want = of(prefixes);
        assert_eq!(rows(more), want, "{more:?}");
        assert!(!want.is_empty(), "{more:?}");
    }
    let of_shop = rows(&["-n", "shop"]);
    assert!(of_shop.len() > 5 && of_shop.len() < all.len() && of_shop.iter().any(|key| key.contains("/shop/")));
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("x.db");
    let to = to.to_str().unwrap();
    for wrong in [
        &["fixtures/kube.db", "--list", "gizmos"][..],
        &["fixtures/kube.db", "pods", "--to", to],
        &["fixtures/kube.db", "--key", "a", "--to", to],
    ] {
        let output = crate::common::etcdsnap([&["salvage"], wrong].concat());
        assert!(!output.status.success() && output.stdout.is_empty(), "{wrong:?}");
    }
}
