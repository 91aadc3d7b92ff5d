//! Snapshots of a real cluster, a kube-apiserver on an etcd, which changes, and is compacted: every question against
//! what etcd itself answered. `.ci/series.sh` takes 28 of them; the test fewer.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use super::{
    Bench, name,
    series::{Taken, check_row, gzip, same_in_any_order, zip},
};
use crate::common::{Etcd, Peers, apiserver::Apiserver, etcdsnap};

struct Cluster<'a> {
    peers: &'a Peers,
    server: Apiserver<'a>,
    etcd: Etcd<'a>,
}

impl<'a> Cluster<'a> {
    fn start(peers: &'a Peers, data: Option<&Path>) -> Self {
        let etcd = Etcd::start_on(peers, "36", data, &[]).unwrap();
        Self { server: Apiserver::start(peers, &etcd), peers, etcd }
    }

    /// Objects are made, changed and deleted; every third time it is compacted.
    fn change(&self, n: usize, side: &str) {
        let meta = |name: String| json!({"name": name, "namespace": "shop", "labels": {"app": format!("a{}", n % 3)}});
        let pod = |image: &str| json!({"containers": [{"name": "c", "image": format!("shop/{image}:{side}{n}")}]});
        let selector = json!({"matchLabels": {"of": "web"}});
        let template = json!({"metadata": {"labels": {"of": "web"}}, "spec": pod("web")});
        let items = json!([
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(format!("c{}", n % 5)), "data": {"side": side, "n": n.to_string()}},
            // Nobody touches it again: what tells two branches apart long after the fork.
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(format!("kept{n}")), "data": {"side": side}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": meta(format!("s{}", n % 2)), "stringData": {"n": n.to_string()}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta(format!("p{n}")), "spec": pod("pod")},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"selector": selector, "template": template}},
        ]);
        self.server.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
        let (pod, map) = (format!("pod/p{}", n.saturating_sub(2)), format!("configmap/c{}", n * 3 % 5));
        self.server.kubectl(&["delete", "--ignore-not-found", "--now", "-n", "shop", &pod, &map]);
        if n.is_multiple_of(3) {
            let status: Value = serde_json::from_str(&self.etcd.ctl(&["endpoint", "status", "-w", "json"])).unwrap();
            let revision = status[0]["Status"]["header"]["revision"].as_i64().unwrap();
            self.etcd.ctl(&["compact", &(revision - 3).to_string()]);
        }
    }

    /// Takes a snapshot; the server may write meanwhile, so etcd is asked for what it had at the snapshot's revision.
    fn save(&self, folder: &Path, name: &str) -> Taken {
        let file = folder.join(name);
        self.etcd.ctl(&["snapshot", "save", file.to_str().unwrap()]);
        let status = self.peers.ask("etcdutl36", ["snapshot", "status", file.to_str().unwrap(), "-w", "json"]);
        let revision = serde_json::from_str::<Value>(&status).unwrap()["revision"].as_i64().unwrap();
        let at = format!("--rev={revision}");
        let all = self.etcd.ctl(&["get", "/registry/", "--prefix", &at, "-w", "json"]);
        let all: Value = serde_json::from_str(&all).unwrap();
        let kvs = all["kvs"].as_array().unwrap().iter().map(|kv| {
            let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, kv["key"].as_str().unwrap());
            let numbers = (kv["mod_revision"].as_i64().unwrap(), kv["version"].as_i64().unwrap());
            (String::from_utf8(key.unwrap()).unwrap(), numbers)
        });
        (name.to_owned(), revision, kvs.collect())
    }
}

/// The names below a kind in a backup.
fn named(of: &Taken, kind: &str) -> BTreeSet<String> {
    let prefix = format!("/registry/{kind}/shop/");
    of.2.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
}

#[test]
fn a_cluster_that_changes_is_told_as_etcd_told_it() {
    let Some(peers) = Peers::find_kube("a_cluster_that_changes_is_told_as_etcd_told_it") else { return };
    let rounds = std::env::var("ETCDSNAP_SERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(7_usize);
    let bench = Bench::new();
    let folder = bench.folder();
    let main = Cluster::start(&peers, None);
    let mut taken: Vec<Taken> = Vec::new();
    for n in 1..=rounds {
        main.change(n, "m");
        taken.push(main.save(&folder, &format!("s{n:02}.db")));
    }
    drop(main);

    // It is restored from the one in the middle, without a bump, and goes on from there.
    let (middle, data) = (rounds / 2, folder.parent().unwrap().join("restored"));
    let snapshot = folder.join(&taken[middle - 1].0);
    let args = ["snapshot", "restore", snapshot.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    peers.ask("etcdutl36", args);
    let fork = Cluster::start(&peers, Some(&data));
    let mut branch: Vec<Taken> = taken[..middle].to_vec();
    for n in 1..=rounds.div_ceil(8) + 1 {
        fork.change(middle + n, "f");
        branch.push(fork.save(&folder, &format!("f{n}.db")));
    }
    drop(fork);
    fs::copy("fixtures/kube.db", folder.join("other.db")).unwrap();
    fs::write(folder.join("empty.db"), b"").unwrap();
    let whole = fs::read(folder.join("s01.db")).unwrap();
    fs::write(folder.join("cut.db"), &whole[..whole.len() - 9000]).unwrap();
    gzip(&folder.join("s02.db"));
    zip(&folder.join("s03.db"));
    if let Some(kept) = std::env::var_os("ETCDSNAP_SERIES_DIR") {
        let all: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        for file in all {
            fs::copy(&file, Path::new(&kept).join(file.file_name().unwrap())).unwrap();
        }
    }

    let good = rounds + branch.len() - middle + 1;
    let text = bench.add(1);
    let counts = format!("added {} (", good + 1);
    assert!(text.contains(&counts) && text.contains(&format!("{good} good, 0 doubtful, 1 damaged; 1 not")), "{text}");
    check_row(&bench, &taken);
    check_row(&bench, &branch);
    same_in_any_order(&bench);
    let rows = bench.json(0, &["ls"]);
    let identity = rows["items"].as_array().unwrap().iter().find(|of| name(&of["files"][0]) == "s01.db");
    let id = identity.unwrap()["identity"].as_str().unwrap().to_owned();
    let label = |file: &str| {
        let of = rows["items"].as_array().unwrap().iter().find(|of| name(&of["files"][0]) == file).unwrap();
        of["rows"][0].as_str().unwrap().to_owned()
    };
    let (last, first_forked) = (taken.last().unwrap(), branch.last().unwrap());
    let (of_main, of_fork) = (label(&last.0), label(&first_forked.0));
    assert_ne!(of_main, of_fork);

    // Which is the last good one, and the oldest?
    let newest = bench.json(0, &["last", "--good", "--cluster", &of_main]);
    let newest: BTreeSet<_> = newest["items"].as_array().unwrap().iter().map(|of| name(&of["files"][0])).collect();
    assert!(newest.contains(&*last.0) || newest.contains(&*first_forked.0), "{newest:?}");
    let oldest = bench.json(0, &["oldest", "--cluster", &id]);
    assert_eq!(name(&oldest["items"][0]["files"][0]), "s01.db");

    // Where is it, by its label, image and uid? And back with it.
    for n in [1, rounds] {
        let found = bench.json(1, &["find", "--image", &format!("shop/pod:m{n}")]);
        let items = found["items"].as_array().unwrap();
        let own = items.iter().find(|of| of["row"] == *of_main).unwrap();
        assert_eq!(own["key"], format!("/registry/pods/shop/p{n}"));
        let uid = own["versions"][0]["uid"].as_str().unwrap();
        let by_uid = bench.json(1, &["find", "--uid", uid, "--cluster", &of_main]);
        assert_eq!(by_uid["items"].as_array().unwrap().len(), 1);
        let line = own["bringBack"].as_str().unwrap();
        let to = folder.parent().unwrap().join(format!("back{n}"));
        let words = line.replace("--to DIR", &format!("--to {}", to.display()));
        let words: Vec<_> = words.split(' ').skip(1).collect();
        assert!(etcdsnap(&words).status.success(), "{line}");
        let text: String = files(&to).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(text.contains(&format!("image: shop/pod:m{n}")), "{text}");
    }
    let labelled = bench.json(1, &["find", "pods", "-l", "app=a1", "--cluster", &of_main]);
    let labelled: BTreeSet<_> = labelled["items"].as_array().unwrap().iter().map(|of| name(&of["key"])).collect();
    let want: BTreeSet<String> = taken.iter().flat_map(|of| named(of, "pods")).collect();
    let is_labelled = |pod: &&str| pod[1..].parse::<usize>().unwrap() % 3 == 1;
    assert_eq!(labelled, want.iter().map(String::as_str).filter(is_labelled).collect());

    // What changed between two, and how many were there?
    let diff = bench.json(1, &["diff", &taken[3].0, &taken[5].0, "configmaps,pods", "-n", "shop", "--all"]);
    for (kind, change, from, to) in [("pods", "added", 3, 5), ("pods", "removed", 5, 3), ("configmaps", "added", 3, 5)]
    {
        let changes = diff["changes"].as_array().unwrap().iter().filter(|of| of["change"] == change);
        let keys = changes.map(|of| of["key"].as_str().unwrap()).filter(|key| key.contains(&format!("/{kind}/")));
        let got: BTreeSet<_> = keys.map(|key| key.rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(got, &named(&taken[to], kind) - &named(&taken[from], kind), "{kind} {change}");
    }
    let growth = bench.json(1, &["growth", "pods", "--cluster", &of_main]);
    let pods = |of: &Taken| of.2.keys().filter(|key| key.starts_with("/registry/pods/")).count();
    assert_eq!(growth["items"][0]["series"][0]["keys"], json!(taken.iter().map(pods).collect::<Vec<_>>()));

    // Every revision that any of them still holds.
    let web = bench.json(1, &["find", "deploy/web", "-n", "shop", "--cluster", &of_main]);
    let history = bench.says(1, ["history", "deploy/web", "-n", "shop", "--cluster", &of_main, "-o", "json"]);
    for of in web["items"][0]["versions"].as_array().unwrap() {
        assert!(history.contains(&format!(": {}", of["modRevision"])), "{} {history}", of["modRevision"]);
    }
    let rows = bench.says(1, ["rows", "deploy/web", "-n", "shop", "--cluster", &of_main]);
    assert_eq!(rows.lines().count(), web["items"][0]["versions"].as_array().unwrap().len());

    // Which may go? The newest good one never does, and nothing is removed yet.
    let prune = bench.json(0, &["prune", "--keep-last", "2", "--cluster", &id]);
    let removed: Vec<_> =
        prune["items"].as_array().unwrap().iter().filter(|of| of["fate"] == "to be removed").collect();
    // two of each branch are kept
    assert_eq!(removed.len(), good - 1 - 2 * 2);
    assert!(removed.iter().all(|of| name(&of["file"]) != first_forked.0 && name(&of["file"]) != last.0));
    // Is each still what it was? A bit is not.
    assert!(bench.says(0, ["check", "--quick"]).contains("files unchanged"));
    super::rot(&folder.join(&taken[5].0));
    assert!(bench.says(1, ["check"]).contains(&format!("{}: bad", taken[5].0)));
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
