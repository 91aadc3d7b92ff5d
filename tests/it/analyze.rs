//! What fills a file: every byte is counted once, and what is counted is what other ways of counting find.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use etcdsnap::{
    Findings,
    analyze::{Analysis, By, Growth, Request},
    bolt::{PageId, Usage, Use, Walk},
    etcd::{Load, Range, Snapshot},
    k8s::{Mask, Ring},
    source::{Options, Source},
};
use serde_json::{Value, json};

use crate::common::{Etcd, Peers, etcdsnap, random::Random, skipped};

fn analyzed<T>(path: &Path, by: By, look: impl FnOnce(&Source, &Snapshot<'_>, Analysis) -> T) -> Option<T> {
    let (ring, mask) = (Ring::default(), Mask::reveal());
    let request = Request { by, kind: None, namespace: None, top: 5, ring: &ring, mask: &mask };
    let source = Source::open(path, &Options::default()).ok()?;
    let snapshot = Snapshot::load(&source, &Load { wal: false, ..Load::default() }).ok()?;
    let analysis = Analysis::of(&source, &snapshot, &request);
    Some(look(&source, &snapshot, analysis))
}

fn of(path: &str, by: By) -> Analysis {
    analyzed(path.as_ref(), by, |_, _, analysis| analysis).unwrap()
}

const FIXTURES: &[&str] = &[
    "compacted.db",
    "datadir-3.6.tar.gz",
    "encrypted.db",
    "etcd-3.4.db",
    "etcd-3.5.db",
    "etcd-3.6.db",
    "etcd-3.7.db",
    "freelist.db",
    "kube-later.db",
    "kube.db",
    "live-3.6.db.gz",
    "nested.db",
    "pages-16k.db",
    "pages-4k.db",
    "pages-64k.db",
    "small.db",
    "three-members.db",
];

#[test]
fn every_byte_of_a_file_is_counted_once() {
    for fixture in FIXTURES {
        analyzed(format!("fixtures/{fixture}").as_ref(), By::Kind, |source, snapshot, analysis| {
            let space = analysis.bytes;
            assert!(space.is_closed(), "{fixture}: {space:?}");
            assert_eq!(space.total, source.db().len(), "{fixture}");
            let sums = analysis.groups.iter().fold([0; 3], |[live, old, tombstones], group| {
                [live + group.live, old + group.old, tombstones + group.tombstones]
            });
            assert_eq!(sums, [space.live, space.old, space.tombstones], "{fixture}");
            // pages and records, counted in other ways
            let (db, mut findings) = (snapshot.db(), Findings::default());
            let usage = Usage::of(db, &mut findings);
            if analysis.findings.damaged() {
                return;
            }
            let free = (2..db.pages()).filter(|id| usage.of_page(PageId(*id)) == Use::Free).count() as u64;
            assert_eq!(space.free.pages, free * db.page_size(), "{fixture}");
            assert_eq!(space.free.after, db.image().len() as u64 - db.size(), "{fixture}");
            let mut walk = Walk::new(db.clone());
            let bucket = walk.buckets(&mut findings).into_iter().find(|bucket| bucket.name == b"key").unwrap();
            let stats = walk.stats(&bucket, &mut findings);
            assert_eq!(space.overhead.branches, stats.branch_alloc, "{fixture}");
            assert_eq!(analysis.leaves, stats.leaf_pages, "{fixture}");
            let all = snapshot.records(|_| true);
            let bytes: usize = all.iter().map(|record| record.bucket_key.len() + record.message.len()).sum();
            assert_eq!(space.live + space.old + space.tombstones, bytes as u64, "{fixture}");
            let tombstones: usize =
                all.iter().filter(|of| of.tombstone).map(|of| of.bucket_key.len() + of.message.len()).sum();
            assert_eq!(space.tombstones, tombstones as u64, "{fixture}");
        })
        .unwrap();
    }
}

#[test]
fn every_byte_of_a_broken_file_is_counted_once_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mutant.db");
    let (mut random, mut read, mut damaged) = (Random::seeded(7), 0, 0);
    for fixture in ["fixtures/kube.db", "fixtures/freelist.db", "fixtures/small.db"] {
        let whole = fs::read(fixture).unwrap();
        for _ in 0..40 {
            let mut mutant = whole.clone();
            for _ in 0..=random.next() % 6 {
                // headers and elements are where it hurts
                let at = random.next() % (mutant.len() / 4096) * 4096 + random.next() % 200;
                let Some(byte) = mutant.get_mut(at) else { continue };
                *byte = match random.next() % 3 {
                    0 => 0,
                    1 => byte.wrapping_add(1),
                    _ => random.next() as u8,
                };
            }
            if random.next() % 4 == 0 {
                let len = mutant.len() - random.next() % 20_000;
                mutant.truncate(len.max(8192));
            }
            fs::write(&path, &mutant).unwrap();
            analyzed(&path, By::Namespace, |_, _, analysis| {
                assert!(analysis.bytes.is_closed(), "{fixture}: {:?}", analysis.bytes);
                assert_eq!(analysis.bytes.total, mutant.len() as u64);
                read += 1;
                if analysis.findings.damaged() {
                    damaged += 1;
                    assert_eq!(analysis.bytes.free.pages, 0);
                }
            });
        }
    }
    assert!(read > 60 && damaged > 20, "{read} {damaged}");
}

/// Keys and bytes by the first words of the keys.
fn scanned<'k>(keys: impl IntoIterator<Item = (&'k str, usize)>) -> BTreeMap<String, (u64, u64)> {
    let mut kinds = BTreeMap::<String, (u64, u64)>::new();
    for (key, size) in keys {
        let kind = match key.split('/').collect::<Vec<_>>().as_slice() {
            ["", "registry", "services", kind, ..] => if *kind == "specs" { "services" } else { *kind }.to_owned(),
            ["", "registry", "minions", ..] => "nodes".to_owned(),
            ["", "registry", group, plural, ..] if group.contains('.') => (*plural).to_owned(),
            ["", "registry", kind, ..] => (*kind).to_owned(),
            _ => "-".to_owned(),
        };
        let of = kinds.entry(kind).or_default();
        *of = (of.0 + 1, of.1 + size as u64);
    }
    kinds
}

fn counted(analysis: &Analysis) -> BTreeMap<String, (u64, u64)> {
    let mut kinds = BTreeMap::<String, (u64, u64)>::new();
    for group in analysis.groups.iter().filter(|group| group.keys > 0) {
        let name = match group.name.split('.').next().unwrap() {
            "ingresses" => "ingress",
            "compact_rev_key" => "-",
            name => name,
        };
        let of = kinds.entry(name.to_owned()).or_default();
        *of = (of.0 + group.keys, of.1 + group.key_bytes + group.value_bytes);
    }
    kinds
}

#[test]
fn each_kind_has_the_keys_and_bytes_that_a_scan_finds() {
    for fixture in ["fixtures/kube.db", "fixtures/kube-later.db", "fixtures/encrypted.db"] {
        analyzed(fixture.as_ref(), By::Kind, |_, snapshot, analysis| {
            let view = snapshot.view(None, &Range::ALL).unwrap();
            let keys = view.iter().map(|kv| (std::str::from_utf8(kv.key).unwrap(), kv.key.len() + kv.value.len()));
            assert_eq!(counted(&analysis), scanned(keys), "{fixture}");
            assert_eq!((analysis.all.keys, analysis.revision), (view.len() as u64, view.revision), "{fixture}");
            let old = snapshot.records(|_| true).len() - view.len();
            assert_eq!(analysis.all.old_records + analysis.all.tombstone_records, old as u64, "{fixture}");
        })
        .unwrap();
    }
}

/// What etcdctl lists of a real etcd on the backup; and the sizes after a real compaction and defragmentation.
#[test]
fn a_real_etcd_counts_the_same_and_shrinks_to_the_size_that_is_foretold() {
    let Some(peers) = Peers::find("a_real_etcd_counts_the_same_and_shrinks_to_the_size_that_is_foretold") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    peers.ask("etcdutl36", ["snapshot", "restore", "fixtures/kube.db", "--data-dir", data]);
    let analysis = of("fixtures/kube.db", By::Kind);
    let used = |path: &str| -> u64 {
        let status = peers.ask("etcdutl36", ["snapshot", "status", path, "-w", "json"]);
        serde_json::from_str::<Value>(&status).unwrap()["totalSize"].as_u64().unwrap()
    };
    let is_near = |what: &str, size: u64, foretold: u64| {
        assert!(size.abs_diff(foretold) * 20 <= size, "{what}: {size}, and {foretold} was foretold");
    };
    peers.ask("etcdutl36", ["defrag", "--data-dir", data]);
    let db = format!("{data}/member/snap/db");
    is_near("defragmentation", used(&db), analysis.gives_back.size_after_defragmentation);

    // at the revision of the backup: leases may end
    let etcd = Etcd::start_on(&peers, "36", Some(data.as_ref()), &[]).unwrap();
    let all = etcd.ctl(&["get", "", "--prefix", "-w", "json", "--rev", &analysis.revision.to_string()]);
    let all: Value = serde_json::from_str(&all).unwrap();
    let bytes = |kv: &Value, name: &str| BASE64_STANDARD.decode(kv[name].as_str().unwrap_or_default()).unwrap();
    let keys: Vec<_> = all["kvs"].as_array().unwrap().iter().map(|kv| (bytes(kv, "key"), bytes(kv, "value"))).collect();
    let listed = keys.iter().map(|(key, value)| (std::str::from_utf8(key).unwrap(), key.len() + value.len()));
    assert_eq!(counted(&analysis), scanned(listed));
    drop(etcd);

    let etcd = Etcd::start(&peers, "36");
    for n in 0..160_u64 {
        if n == 150 {
            // one of the last revision may stay
            etcd.ctl(&["del", "/registry/configmaps/shop/c7"]);
        }
        let object = json!({"n": "x".repeat((n * n % 3001) as usize)});
        etcd.store(&format!("configmaps/shop/c{}", n % 110), &object);
    }
    let save = |name: &str| {
        let saved = dir.path().join(name);
        etcd.ctl(&["snapshot", "save", saved.to_str().unwrap()]);
        saved
    };
    let before = analyzed(&save("before.db"), By::Kind, |_, _, analysis| analysis).unwrap();
    assert_eq!((before.all.keys, before.all.old_records, before.all.tombstone_records), (109, 51, 1));
    etcd.ctl(&["compact", "--physical", &before.revision.to_string()]);
    etcd.ctl(&["defrag"]);
    let saved = save("after.db");
    let size = fs::metadata(&saved).unwrap().len() - 32;
    is_near("compaction and defragmentation", size, before.gives_back.size_after_both);
    let after = analyzed(&saved, By::Kind, |_, _, analysis| analysis).unwrap();
    assert_eq!((after.all.old_records, after.all.tombstone_records), (0, 0));
    assert_eq!(
        (after.all.live, before.all.old + before.all.tombstones),
        (before.all.live, before.gives_back.compaction)
    );
}

#[test]
fn groups_are_what_was_asked_for() {
    let names = |by| of("fixtures/kube.db", by).groups.into_iter().map(|group| (group.name, group.keys)).collect();
    let namespaces: BTreeMap<_, _> = names(By::Namespace);
    assert!(namespaces["shop"] > 20 && namespaces["pay"] > 0 && namespaces["-"] > 100, "{namespaces:?}");
    let apps: BTreeMap<_, _> = names(By::Label("app".to_owned()));
    assert!(apps["web"] > 1 && apps["db"] > 1, "{apps:?}");
    let managers: BTreeMap<_, _> = names(By::Manager);
    assert!(managers["kcm"] > 5, "{managers:?}");
    let objects: BTreeMap<_, _> = names(By::Name);
    assert_eq!(objects["deployments.apps/web -n shop"], 1);
    let output =
        etcdsnap(["analyze", "fixtures/kube.db", "--by", "name", "--kind", "pods", "-n", "shop", "-o", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pods = document["groups"].as_array().unwrap();
    assert!(pods.len() >= 5 && pods.iter().all(|pod| pod["name"].as_str().unwrap().starts_with("pods/")), "{pods:?}");
    let all = document["all"]["managedFields"].as_u64().unwrap();
    assert!(pods.iter().map(|pod| pod["managedFields"].as_u64().unwrap()).sum::<u64>() < all);
}

#[test]
fn growth_is_the_difference_of_two() {
    let (old, new) = (of("fixtures/kube.db", By::Kind), of("fixtures/kube-later.db", By::Kind));
    let growth = Growth::between(&old, &new);
    assert_eq!((growth.revisions, growth.same_cluster), (50, Some(true)));
    assert_eq!(growth.bytes, new.bytes.total as i64 - old.bytes.total as i64);
    assert_eq!(growth.groups.iter().map(|group| group.live).sum::<i64>(), new.all.live as i64 - old.all.live as i64);
    let hours = growth.seconds.unwrap() as f64 / 3600.0;
    let rate = growth.per_hour(growth.bytes).unwrap() as f64;
    assert!((rate * hours - growth.bytes as f64).abs() < hours + 1.0, "{rate} {hours}");
    let back = Growth::between(&new, &old);
    assert_eq!((back.seconds, back.per_hour(1)), (None, None));
    let other = etcdsnap(["analyze", "fixtures/kube.db", "fixtures/encrypted.db"]);
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(other.status.code() == Some(1) && said.contains("different clusters"), "{said}");
}

/// A Secret that was written in clear text before encryption at rest was turned on.
#[test]
fn what_is_left_in_clear_text_is_counted() {
    let encryption = of("fixtures/encrypted.db", By::Kind).encryption;
    assert_eq!(encryption.keys.values().sum::<u64>(), 7);
    let secrets = encryption.plaintext.iter().find(|of| of.kind == "secrets").unwrap();
    assert_eq!((secrets.live, secrets.old), (1, 0));
    let free = of("fixtures/kube-later.db", By::Kind).encryption.free_pages.kinds;
    assert!(free.values().sum::<u64>() > 0, "{free:?}");
}

/// What `auger analyze` counts; of a deleted key it counts an object and the bytes of the key, which we do not.
#[test]
fn auger_counts_the_same() {
    let Some(peers) = Peers::find("auger_counts_the_same") else { return };
    if !peers.path("auger").exists() {
        return skipped("auger_counts_the_same", "no auger in $ETCDSNAP_PEERS");
    }
    for fixture in ["fixtures/kube.db", "fixtures/kube-later.db", "fixtures/encrypted.db"] {
        let printed = peers.ask("auger", ["analyze", "-f", fixture]);
        let number = |start: &str| -> u64 {
            let line = printed.lines().find_map(|line| line.strip_prefix(start)).unwrap();
            line.trim().parse().unwrap()
        };
        let (deleted, deleted_bytes) = analyzed(fixture.as_ref(), By::Kind, |_, snapshot, _| {
            let mut newest = BTreeMap::new();
            for record in snapshot.records(|_| true) {
                newest.insert(record.kv.key, record.tombstone);
            }
            let deleted = newest.iter().filter(|(_, tombstone)| **tombstone);
            deleted.fold((0, 0), |(n, bytes), (key, _)| (n + 1, bytes + key.len() as u64))
        })
        .unwrap();
        let all = of(fixture, By::Kind).all;
        assert_eq!(number("Total kubernetes objects:"), all.keys + deleted, "{fixture}: {printed}");
        let current = number("Current (latest revision) storage used by kubernetes objects:");
        assert_eq!(current, all.key_bytes + all.value_bytes + deleted_bytes, "{fixture}: {printed}");
        // of a key that was deleted and made again it knows no kind, and of one that is encrypted now that of then
        if fixture != "fixtures/kube.db" {
            continue;
        }
        // the kinds that it lists, by the objects that `get` prints
        let objects = String::from_utf8(etcdsnap(["get", fixture, "-o", "ndjson"]).stdout).unwrap();
        let mut kinds = BTreeMap::<String, u64>::new();
        for object in objects.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let kind = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            *kinds.entry(format!("{}/{}", kind("apiVersion"), kind("kind"))).or_default() += 1;
        }
        let listed = printed.split("Most common kubernetes types:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let mut checked = 0;
        for (count, kind) in listed.lines().filter_map(|line| line.trim().split_once('\t')) {
            assert_eq!(kinds.get(kind).copied(), Some(count.parse().unwrap()), "{fixture}, {kind}: {printed}");
            checked += 1;
        }
        assert!(checked > 5, "{printed}");
    }
}

/// What a log has in store is not counted, and the answer says so.
#[test]
fn entries_of_a_log_that_are_not_counted_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("report.html");
    let page = page.to_str().unwrap();
    let file = "fixtures/datadir-3.6.tar.gz";
    for args in [&["analyze", file][..], &["report", file, "--html", page]] {
        let output = etcdsnap(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("14 entries of the log are left out") && said.contains("only the db is counted"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    assert!(fs::read_to_string(page).unwrap().contains("14 entries of the log are not in it yet"));
    let document: Value = serde_json::from_slice(&etcdsnap(["analyze", file, "-o", "json"]).stdout).unwrap();
    assert_eq!(document["logEntriesLeftOut"], 14);
    let output = etcdsnap(["analyze", "fixtures/kube.db"]);
    assert!(output.status.code() == Some(0) && !String::from_utf8_lossy(&output.stderr).contains("of the log"));
}
