//! A real cluster that changes, with a fork, another cluster and broken files: every answer against the known history.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
};

use serde_json::{Value, json};

use super::{Bench, name};
use crate::common::{Etcd, Peers, random::Random};

/// What the catalog tells, without what depends on when it was made: backups, rows, and every version of every key.
pub fn told(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let ls = bench.json(0, &["ls"]);
    let items = ls["items"].as_array().unwrap().iter();
    let mut backups: Vec<_> = items
        .map(|of| {
            let mut files: Vec<_> = of["files"].as_array().unwrap().iter().map(name).collect();
            let mut rows: Vec<_> = of["rows"].as_array().unwrap().iter().map(Value::to_string).collect();
            files.sort_unstable();
            rows.sort();
            let (revision, verdict, keys, gap) = (&of["revision"], &of["verdict"], &of["keys"], &of["gap"]);
            format!("{files:?} {rows:?} {revision} {verdict} {keys} {gap}")
        })
        .collect();
    backups.sort();
    // The exit status is 1 where a backup is damaged.
    let found: Value = serde_json::from_slice(&bench.run(["find", "--prefix", "", "-o", "json"]).stdout).unwrap();
    let items = found["items"].as_array().unwrap().iter();
    let mut objects: Vec<_> = items
        .map(|of| {
            let versions = of["versions"].as_array().unwrap().iter();
            let versions: Vec<_> = versions
                .map(|of| {
                    let (uid, unseen) = (&of["uid"], &of["unseen"]);
                    let held = (&of["from"]["revision"], &of["to"]["revision"]);
                    format!("{} {} {uid} {unseen} {held:?}", of["modRevision"], of["version"])
                })
                .collect();
            format!("{} {} {versions:?}", of["row"], of["key"])
        })
        .collect();
    objects.sort();
    (backups, objects)
}

/// A backup's name and its keys with their mod_revision and version, as etcd itself told them.
pub(super) type Taken = (String, i64, BTreeMap<String, (i64, i64)>);

struct Cluster<'a> {
    etcd: Etcd<'a>,
    random: Random,
    round: usize,
}

impl Cluster<'_> {
    /// Some changes: objects made, changed and deleted, sometimes twice, sometimes a compaction.
    fn change(&mut self, side: &str) {
        self.round += 1;
        let hour = self.round * 6;
        let time = format!("2026-11-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
        for _ in 0..6 {
            let n = self.random.next() % 12;
            let key = format!("configmaps/shop/c{n}");
            if self.random.next().is_multiple_of(4) {
                self.etcd.ctl(&["del", &format!("/registry/{key}")]);
                continue;
            }
            self.etcd.store(&key, &object("ConfigMap", "v1", &format!("c{n}"), n, side, self.round, &time));
        }
        let pod = format!("p{}", self.round);
        self.etcd.store(&format!("pods/shop/{pod}"), &object("Pod", "v1", &pod, self.round, side, self.round, &time));
        if self.round.is_multiple_of(5) {
            let status: Value = serde_json::from_str(&self.etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
            let revision = status[0]["Status"]["header"]["revision"].as_i64().unwrap();
            self.etcd.ctl(&["compact", &(revision - 3).to_string()]);
        }
    }

    fn save(&self, folder: &Path, name: &str) -> Taken {
        let all: Value = serde_json::from_str(&self.etcd.ctl(&["get", "", "--from-key", "-w", "json"])).unwrap();
        self.etcd.ctl(&["snapshot", "save", folder.join(name).to_str().unwrap()]);
        let kvs = all["kvs"].as_array().unwrap().iter().map(|kv| {
            let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, kv["key"].as_str().unwrap());
            let numbers = (kv["mod_revision"].as_i64().unwrap(), kv["version"].as_i64().unwrap());
            (String::from_utf8(key.unwrap()).unwrap(), numbers)
        });
        (name.to_owned(), all["header"]["revision"].as_i64().unwrap(), kvs.collect())
    }
}

fn object(kind: &str, version: &str, name: &str, n: usize, side: &str, round: usize, time: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "data": {"round": round.to_string(), "side": side},
        "metadata": {"name": name, "namespace": "shop", "uid": format!("00000000-0000-4000-8000-{n:012}"),
            "creationTimestamp": time, "labels": {"app": format!("a{}", n % 3)}},
        "spec": {"containers": [{"name": "c", "image": format!("shop/web:{round}")}]}})
}

pub(super) fn kube_system() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system",
        "uid": "11111111-0000-4000-8000-000000000000", "creationTimestamp": "2026-11-01T00:00:00Z"}})
}

/// An etcd that goes on from a backup, without a bump.
pub(super) fn restored<'a>(peers: &'a Peers, bench: &Bench, from: &str, to: &str, flags: &[&str]) -> Etcd<'a> {
    let (snapshot, data) = (bench.backup(from), bench.folder().parent().unwrap().join(to));
    let args = ["snapshot", "restore", snapshot.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    peers.ask("etcdutl36", args.iter().chain(flags));
    Etcd::start_on(peers, "36", Some(&data), &[]).unwrap()
}

#[test]
fn a_backup_that_may_be_of_either_branch_is_named() {
    let Some(peers) = Peers::find("a_backup_that_may_be_of_either_branch_is_named") else { return };
    let bench = Bench::new();
    let put = |etcd: &Etcd<'_>, value: &str, name: &str| {
        etcd.ctl(&["put", "/registry/k", value]);
        etcd.ctl(&["snapshot", "save", bench.backup(name).to_str().unwrap()]);
    };
    let etcd = Etcd::start(&peers, "36");
    etcd.store("namespaces/kube-system", &kube_system());
    put(&etcd, "base", "base.db");
    drop(etcd);
    put(&restored(&peers, &bench, "base.db", "a", &[]), "a", "a.db");
    let etcd = restored(&peers, &bench, "base.db", "b", &[]);
    put(&etcd, "b", "b.db");
    bench.add(0);
    assert_eq!(bench.json(0, &["last"])["items"].as_array().unwrap().len(), 2);
    bench.says(0, ["find", "--key", "/registry/k"]);
    // the one key that differs is written again, and nothing shows which value was there before
    put(&etcd, "later", "late.db");
    drop(etcd);
    bench.add(0);
    for call in [&["last"][..], &["find", "--key", "/registry/k"], &["growth"], &["history", "--key", "/registry/k"]] {
        let output = bench.run(call.iter().chain(&["--cluster", "11111111/1"]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && said.contains("not known of which: ") && said.contains("late.db"),
            "{call:?}: {said}"
        );
    }
    // what may be of either branch does not take the place of the last one of a branch
    let prune = bench.run(["prune", "--keep-last", "1"]);
    let text = String::from_utf8_lossy(&prune.stdout);
    let removed: Vec<_> = text.lines().filter(|line| line.contains("to be removed")).collect();
    assert!(prune.status.code() == Some(1) && removed.len() == 1 && removed[0].ends_with("base.db"), "{text}");
    bench.says(0, ["oldest"]);
    let output = bench.run(["ls"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("late.db"));
}

#[test]
fn every_question_has_the_answer_that_history_gives() {
    let Some(peers) = Peers::find("every_question_has_the_answer_that_history_gives") else { return };
    let bench = Bench::new();
    let folder = bench.folder();
    let mut main = Cluster { etcd: Etcd::start(&peers, "36"), random: Random::seeded(7), round: 0 };
    main.etcd.store("namespaces/kube-system", &kube_system());
    let mut taken: Vec<Taken> = Vec::new();
    for n in 1..=28 {
        main.change("main");
        // One was missed.
        if n != 20 {
            taken.push(main.save(&folder, &format!("s{n:02}.db")));
        }
    }
    drop(main);
    // The cluster is restored from the 14th, without a bump, and goes on from there.
    let etcd = restored(&peers, &bench, "s14.db", "restored", &[]);
    let mut fork = Cluster { etcd, random: Random::seeded(8), round: 14 };
    let mut forked: Vec<Taken> = Vec::new();
    for n in 1..=4 {
        fork.change("fork");
        forked.push(fork.save(&folder, &format!("f{n}.db")));
    }
    drop(fork);
    fs::copy("fixtures/kube.db", folder.join("other.db")).unwrap();
    fs::write(folder.join("empty.db"), b"").unwrap();
    let first = fs::read(folder.join("s01.db")).unwrap();
    fs::write(folder.join("cut.db"), &first[..first.len() - 9000]).unwrap();
    gzip(&folder.join("s02.db"));
    zip(&folder.join("s03.db"));

    let text = bench.add(1);
    assert!(text.contains("33 (") && text.contains("32 good, 0 doubtful, 1 damaged; 1 not added"), "{text}");
    let branch: Vec<Taken> =
        taken.iter().filter(|(name, ..)| name.as_str() <= "s14.db").chain(&forked).cloned().collect();
    check_row(&bench, &taken);
    check_row(&bench, &branch);
    let last = bench.json(0, &["last", "--good"]);
    let newest: BTreeSet<_> = last["items"].as_array().unwrap().iter().map(|of| name(&of["files"][0])).collect();
    assert_eq!(newest, BTreeSet::from(["f4.db", "other.db", "s28.db"]));
    let ls = bench.json(0, &["ls"]);
    let gaps: Vec<_> = ls["items"].as_array().unwrap().iter().filter(|of| of["gap"].is_object()).collect();
    assert!(gaps.iter().any(|of| name(&of["files"][0]) == "s21.db"), "{gaps:?}");
    for (flag, value) in [("-l", "app=a1"), ("--image", "web:17"), ("--uid", "00000000-0000-4000-8000-000000000013")] {
        let found = bench.json(1, &["find", "pods", flag, value]);
        for of in found["items"].as_array().unwrap() {
            let n: usize = of["key"].as_str().unwrap().rsplit('p').next().unwrap().parse().unwrap();
            assert!(match flag {
                "-l" => n % 3 == 1,
                "--image" => n == 17,
                _ => n == 13,
            });
        }
    }
    // Growth: the counts are those of etcd.
    let growth = bench.json(1, &["growth", "pods"]);
    let of_row = |heads: &[Taken]| {
        let revisions: Vec<_> = heads.iter().map(|(_, head, _)| *head).collect();
        let items = growth["items"].as_array().unwrap().iter();
        let row = items.clone().find(|of| of["revisions"] == json!(revisions)).unwrap();
        row["series"][0]["keys"].clone()
    };
    let pods = |(.., keys): &Taken| keys.keys().filter(|key| key.starts_with("/registry/pods/")).count();
    assert_eq!(of_row(&taken), json!(taken.iter().map(pods).collect::<Vec<_>>()));
    assert_eq!(of_row(&branch), json!(branch.iter().map(pods).collect::<Vec<_>>()));

    same_in_any_order(&bench);
}

/// Compresses a file, which is removed.
pub(super) fn gzip(file: &Path) {
    let to = format!("{}.gz", file.display());
    let mut gzip = flate2::write::GzEncoder::new(fs::File::create(to).unwrap(), Default::default());
    gzip.write_all(&fs::read(file).unwrap()).unwrap();
    gzip.finish().unwrap();
    fs::remove_file(file).unwrap();
}

/// The same as a zip.
pub(super) fn zip(file: &Path) {
    let mut zip = zip::ZipWriter::new(fs::File::create(file.with_extension("zip")).unwrap());
    let name = file.file_name().unwrap().to_str().unwrap();
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&fs::read(file).unwrap()).unwrap();
    zip.finish().unwrap();
    fs::remove_file(file).unwrap();
}

/// In another order, and in two halves, it is the same catalog.
#[track_caller]
pub(super) fn same_in_any_order(bench: &Bench) {
    let folder = bench.folder();
    let right = told(bench);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut random = Random::seeded(9);
    for round in 0..3 {
        let other = Bench::new();
        files.sort_by_cached_key(|_| random.next());
        let half = if round == 0 { files.len() } else { files.len() / 2 };
        for part in files.chunks(half) {
            other.run(["add".as_ref()].into_iter().chain(part.iter().map(|path| path.as_os_str())));
        }
        assert_eq!(told(&other), right, "{files:?}");
    }
}

/// Every key of a row of backups: its versions, and the first and last backup that holds each.
#[track_caller]
pub(super) fn check_row(bench: &Bench, taken: &[Taken]) {
    let found = bench.json(1, &["find", "--prefix", "/registry/"]);
    let ours = |of: &&Value| taken.iter().any(|(_, head, _)| of["lastSeen"]["revision"] == *head);
    let last = taken.last().unwrap();
    // The row is the one that holds the newest backup.
    let items: Vec<_> = found["items"].as_array().unwrap().iter().filter(ours).collect();
    let row = items.iter().find(|of| name(&of["lastSeen"]["file"]) == last.0).unwrap()["row"].clone();
    let items: BTreeMap<&str, &Value> =
        items.iter().filter(|of| of["row"] == row).map(|of| (of["key"].as_str().unwrap(), *of)).collect();
    let keys: BTreeSet<&String> = taken.iter().flat_map(|(.., keys)| keys.keys()).collect();
    assert_eq!(
        items.keys().map(ToString::to_string).collect::<Vec<_>>(),
        keys.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    for key in keys {
        let mut versions: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
        for (_, head, keys) in taken {
            if let Some(numbers) = keys.get(key) {
                versions.entry(*numbers).or_insert((*head, *head)).1 = *head;
            }
        }
        let want: Vec<_> = versions.into_iter().collect();
        let item = items[key.as_str()];
        let got = item["versions"].as_array().unwrap().iter().map(|of| {
            let number = |value: &Value| value.as_i64().unwrap();
            let numbers = (number(&of["modRevision"]), number(&of["version"]));
            (numbers, (number(&of["from"]["revision"]), number(&of["to"]["revision"])))
        });
        assert_eq!(got.collect::<Vec<_>>(), want, "{key}");
        assert_eq!(item["inNewest"], taken.last().unwrap().2.contains_key(key), "{key}");
    }
}
