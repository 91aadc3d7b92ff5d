//! What a compaction removed, out of a log whose first entries are gone, or that begins after a restore: each change
//! that is shown is one that a real etcd made, at its revision, and what is not certain is not shown.

use std::{collections::BTreeMap, convert::Infallible, path::Path};

use etcdsnap::{
    Findings,
    etcd::{Load, Revision, Snapshot},
    source::{Options, Source},
};
use serde_json::{Value, json};

use crate::common::{
    Etcd, Peers,
    apiserver::Apiserver,
    gateway::{Gateway, b64},
    random::Random,
    restore,
};

/// The records of a backup: by revision the key, the value of a put, the revision of the creation and the version.
type Records = BTreeMap<Revision, (Vec<u8>, Option<Vec<u8>>, i64, i64)>;

/// What the log shows of compacted revisions, as [`etcdsnap::etcd::Retraced`] has it.
#[derive(Debug, Clone, Copy)]
struct Kept {
    first: i64,
    last: i64,
    unsure: u64,
    partial: u64,
}

fn records(path: &Path) -> (Records, Option<Kept>) {
    let source = Source::open(path, &Options::default()).unwrap();
    let snapshot = Snapshot::load_whole(&source, &Load::default()).unwrap();
    let (mut records, mut last, mut findings) = (Records::new(), Revision::default(), Findings::default());
    let all: Result<(), Infallible> = snapshot.each_record(&mut findings, |record| {
        assert!(record.revision > last || last == Revision::default(), "{} after {last}", record.revision);
        last = record.revision;
        let value = (!record.tombstone).then(|| record.kv.value.to_vec());
        records.insert(record.revision, (record.kv.key.to_vec(), value, record.kv.create_revision, record.kv.version));
        Ok(())
    });
    all.unwrap();
    assert!(!findings.damaged());
    let kept = |of: &etcdsnap::etcd::Retraced<'_>| Kept {
        first: of.first,
        last: of.last,
        unsure: of.unsure,
        partial: of.partial,
    };
    (records, snapshot.retraced.as_ref().map(kept))
}

/// A client that writes as an API server does, and now and then as others do.
struct Client {
    gateway: Gateway,
    random: Random,
    /// The revision of each key as the client knows it.
    known: BTreeMap<String, i64>,
    leases: Vec<String>,
    /// In how many of a thousand requests it is no API server.
    other: usize,
    /// The number of bytes that every value has at least.
    size: usize,
}

impl Client {
    fn new(etcd: &Etcd<'_>, seed: u64, other: usize) -> Self {
        let gateway = Gateway::new(&etcd.endpoint);
        Self { gateway, random: Random::seeded(seed), known: BTreeMap::new(), leases: Vec::new(), other, size: 0 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.random.next() % n
    }

    fn ask(&self, path: &str, request: &Value) -> i64 {
        let answer = self.gateway.ask(path, request);
        answer.ok().and_then(|answer| answer["header"]["revision"].as_str()?.parse().ok()).unwrap_or(0)
    }

    fn step(&mut self, n: usize) {
        let key = format!("/k/{}", self.below(12));
        let value = format!("{n} {}", "x".repeat(self.size + self.below(40)));
        if self.below(1000) < self.other {
            return self.foreign(&key, &value);
        }
        let lease = self.leases.last().cloned();
        let lease = lease.filter(|_| self.below(5) == 0).unwrap_or_else(|| "0".to_owned());
        match self.below(33) {
            // as an Event, which nobody writes again
            30.. => self.guarded(&format!("/e/{n}"), Some((&value, "0"))),
            0 => {
                let id = format!("{}", 5000 + n);
                self.ask("/v3/lease/grant", &json!({"TTL": 3600, "ID": id}));
                self.leases.push(id);
            }
            1 if !self.leases.is_empty() => {
                let at = self.below(self.leases.len());
                let id = self.leases.remove(at);
                self.ask("/v3/lease/revoke", &json!({"ID": id}));
            }
            2..=6 => self.guarded(&key, None),
            _ => self.guarded(&key, Some((&value, &lease))),
        }
    }

    /// If the key has the revision that the client knows, and sometimes another, it is put or deleted.
    fn guarded(&mut self, key: &str, put: Option<(&str, &str)>) {
        let mut revision = self.known.get(key).copied().unwrap_or(0);
        if self.below(8) == 0 {
            revision = (revision - 1).max(0);
        }
        let range = json!({"request_range": {"key": b64(key)}});
        let success = match put {
            Some((value, lease)) => json!({"request_put": {"key": b64(key), "value": b64(value), "lease": lease}}),
            None => json!({"request_delete_range": {"key": b64(key)}}),
        };
        let request = json!({
            "compare": [{"target": "MOD", "result": "EQUAL", "key": b64(key), "mod_revision": revision}],
            "success": [success],
            "failure": [range],
        });
        let Ok(answer) = self.gateway.ask("/v3/kv/txn", &request) else { return };
        let now = answer["header"]["revision"].as_str().unwrap().parse().unwrap();
        if answer["succeeded"] == true {
            self.known.insert(key.to_owned(), if put.is_some() { now } else { 0 });
        } else {
            let kv = &answer["responses"][0]["response_range"]["kvs"][0]["mod_revision"];
            self.known.insert(key.to_owned(), kv.as_str().map_or(0, |of| of.parse().unwrap()));
        }
    }

    fn foreign(&mut self, key: &str, value: &str) {
        let put = |key: &str| json!({"request_put": {"key": b64(key), "value": b64(value)}});
        match self.below(6) {
            0 => self.ask("/v3/kv/deleterange", &json!({"key": b64(key)})),
            1 => self.ask("/v3/kv/deleterange", &json!({"key": b64("/k/1"), "range_end": b64("/k/2")})),
            2 => {
                let compare = json!([{"target": "VALUE", "result": "GREATER", "key": b64(key), "value": b64("5")},
                    {"target": "VERSION", "result": "LESS", "key": b64("/k/3"), "version": 4}]);
                let delete = json!({"request_delete_range": {"key": b64("/k/0")}});
                let request = json!({"compare": compare, "success": [put(key), put("/o")], "failure": [delete]});
                self.ask("/v3/kv/txn", &request)
            }
            _ => self.ask("/v3/kv/put", &json!({"key": b64(key), "value": b64(value)})),
        };
    }
}

/// Compares what is shown of the directory with all records that etcd had before the compaction. Returns how many of
/// the compacted revisions are shown, and how many there are.
#[track_caller]
fn compare(dir: &Path, truth: &Records, start: i64, what: &str) -> (i64, i64, Option<Kept>) {
    let (got, retraced) = records(dir);
    let Some(of) = retraced else { return (0, 0, None) };
    let mut unknown = 0;
    for main in of.first..=of.last {
        let within = |records: &Records| {
            let of = records.range(Revision::first(main)..Revision::first(main + 1));
            of.map(|(revision, record)| (*revision, record.clone())).collect::<Vec<_>>()
        };
        let (got, truth) = (within(&got), within(truth));
        assert!(got.len() <= truth.len(), "{what}: {main}: {got:?} {truth:?}");
        unknown += u64::from(got.len() < truth.len());
        for ((_, (key, value, create, version)), (_, of)) in
            got.iter().filter_map(|got| Some((got, truth.iter().find(|of| of.1.0 == got.1.0)?)))
        {
            assert_eq!((key, value), (&of.0, &of.1), "{what}: {main}");
            assert!(*version < 1 || *version == of.3, "{what}: {main}: {version} {of:?}");
            assert!(*create == 0 || *create == of.2, "{what}: {main}: {create} {of:?}");
            assert!(*version != -1 || of.3 > 1, "{what}: {main}: it was created there");
        }
        let strange = got.iter().find(|got| !truth.iter().any(|of| of.1.0 == got.1.0));
        assert!(strange.is_none(), "{what}: {main}: {strange:?}");
    }
    assert!(unknown <= of.partial, "{what}: {unknown} {of:?}");
    assert!(of.first > start || of.first == start + 1, "{what}");
    (of.last - of.first + 1, of.last - start, retraced)
}

/// Traffic on a restored member, a compaction, and what the log shows of it.
fn on_a_restored_member(
    peers: &Peers,
    version: &str,
    seed: u64,
    other: usize,
    steps: usize,
) -> (i64, i64, Option<Kept>) {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let text = |name: &str| at(name).display().to_string();
    let etcd = Etcd::start(peers, version);
    let mut client = Client::new(&etcd, seed, other);
    (0..60).for_each(|n| client.step(n));
    etcd.ctl(&["snapshot", "save", &text("first.db")]);
    let known = client.known;
    let leases = client.leases;
    drop(etcd);
    restore([&text("first.db"), "--data-dir", &text("dir"), "--member", "m1"]);
    let start = records(&at("first.db")).0.last_key_value().unwrap().0.main;
    let etcd = Etcd::start_on(peers, version, Some(&at("dir")), &[]).unwrap();
    let mut client = Client { known, leases, ..Client::new(&etcd, seed + 1000, other) };
    (60..60 + steps).for_each(|n| client.step(n));
    etcd.ctl(&["snapshot", "save", &text("all.db")]);
    let (truth, _) = records(&at("all.db"));
    let last = truth.last_key_value().unwrap().0.main;
    etcd.ctl(&["compact", "--physical", &(last - 5).to_string()]);
    (0..9).for_each(|n| client.step(1000 + n));
    let _home = etcd.stop();
    compare(&at("dir"), &truth, start, &format!("{version} {seed} {other}"))
}

#[test]
fn what_an_api_server_writes_is_shown_from_a_log_without_its_beginning() {
    let Some(peers) = Peers::find("what_an_api_server_writes_is_shown_from_a_log_without_its_beginning") else {
        return;
    };
    let (shown, all, of) = on_a_restored_member(&peers, "36", 1, 0, 300);
    assert!(shown > all * 9 / 10 && of.is_some_and(|of| of.unsure < 10), "{shown} of {all}: {of:?}");
}

#[test]
#[ignore = "by hand: it takes minutes"]
fn many_seeds() {
    let Some(peers) = Peers::find("many_seeds") else { return };
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(or);
    for seed in number("FROM", 1)..number("TO", 10) {
        for version in ["34", "35", "36", "37"] {
            for other in [0, 100, 400, 1000] {
                let (shown, all, of) = on_a_restored_member(&peers, version, seed, other, 300);
                eprintln!("{version} seed {seed} other {other}: {shown} of {all}: {of:?}");
            }
        }
    }
}

/// etcd itself has deleted the first segments of the log.
#[test]
#[ignore = "by hand: it writes 300 MB and waits for a minute"]
fn a_log_whose_first_segments_were_purged() {
    let Some(peers) = Peers::find("a_log_whose_first_segments_were_purged") else { return };
    for version in ["35", "36", "37"] {
        let home = tempfile::tempdir().unwrap();
        let (dir, all) = (home.path().join("dir"), home.path().join("all.db"));
        let flags = ["--max-wals", "2", "--max-snapshots", "1", "--snapshot-count", "20"];
        let etcd = Etcd::start_on(&peers, version, Some(&dir), &flags).unwrap();
        let mut client = Client { size: 600_000, ..Client::new(&etcd, 7, 0) };
        (0..400).for_each(|n| client.step(n));
        client.size = 0;
        (400..500).for_each(|n| client.step(n));
        etcd.ctl(&["snapshot", "save", all.to_str().unwrap()]);
        let segments = || std::fs::read_dir(dir.join("member/wal")).unwrap().flatten().map(|of| of.file_name());
        let first = || segments().any(|name| name.to_str().unwrap().starts_with("0000000000000000-"));
        crate::common::eventually("the first segment is purged", || !first());
        let (truth, _) = records(&all);
        let last = truth.last_key_value().unwrap().0.main;
        etcd.ctl(&["compact", "--physical", &(last - 3).to_string()]);
        let _home = etcd.stop();
        let (shown, all, of) = compare(&dir, &truth, 1, version);
        eprintln!("{version}: {shown} of {all}: {of:?}");
    }
}

/// A real API server and its controllers write.
#[test]
#[ignore = "by hand: it takes a minute"]
fn what_a_real_api_server_wrote() {
    let Some(peers) = Peers::find_kube("what_a_real_api_server_wrote") else { return };
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let text = |name: &str| at(name).display().to_string();
    restore(["fixtures/kube.db", "--data-dir", &text("dir"), "--member", "m1"]);
    let start = records(Path::new("fixtures/kube.db")).0.last_key_value().unwrap().0.main;
    let etcd = Etcd::start_on(&peers, "36", Some(&at("dir")), &[]).unwrap();
    {
        let (server, _controllers) = Apiserver::start_with_controllers(&peers, &etcd);
        for n in 0..12 {
            server.kubectl(&["create", "configmap", &format!("c{n}"), "--from-literal=a=1"]);
            server.kubectl(&["scale", "deploy/web", "-n", "shop", &format!("--replicas={}", n % 4)]);
            server.kubectl(&["label", "configmap", &format!("c{}", n / 2), &format!("n=l{n}"), "--overwrite"]);
            if n % 3 == 2 {
                server.kubectl(&["create", "configmap", &format!("d{n}")]);
                server.kubectl(&["delete", "configmap", &format!("d{n}")]);
            }
        }
    }
    etcd.ctl(&["snapshot", "save", &text("all.db")]);
    let (truth, _) = records(&at("all.db"));
    let last = truth.last_key_value().unwrap().0.main;
    etcd.ctl(&["compact", "--physical", &(last - 3).to_string()]);
    let _home = etcd.stop();
    let (shown, all, of) = compare(&at("dir"), &truth, start, "kube-apiserver");
    eprintln!("{shown} of {all}: {of:?}");
}
