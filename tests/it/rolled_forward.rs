//! A snapshot, rolled forward by a log that reaches further, or cut at an earlier revision: a real etcd serves of it
//! what the live one served when it was there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::common::{
    Etcd, Peers, etcdsnap, eventually, free_ports,
    gateway::{Gateway, b64},
    killed::copy,
    restore,
    served::{ours, theirs},
    traffic::Traffic,
};
use etcdsnap::bolt::{Meta, PageId, Tree, Writer};
use serde_json::{Value, json};
use tempfile::TempDir;

const SINGLE: &str =
    "--name m1 --initial-cluster m1=http://localhost:2380 --initial-advertise-peer-urls http://localhost:2380";

/// What a live etcd served when this was its last revision.
struct Served {
    revision: i64,
    kvs: Value,
    hash: Value,
    compacted: Value,
}

impl Served {
    fn by(etcd: &Etcd<'_>) -> Self {
        let all = theirs(etcd, &[], &["get", "", "--from-key"]);
        let sum = &theirs(etcd, &[], &["endpoint", "hashkv"])[0]["HashKV"];
        let (revision, compacted) = (all["header"]["revision"].as_i64().unwrap(), sum["compact_revision"].clone());
        Self { revision, kvs: all["kvs"].clone(), hash: sum["hash"].clone(), compacted }
    }

    /// The same is served by `etcd`; whether the sums could be compared.
    #[track_caller]
    fn again_by(&self, etcd: &Etcd<'_>, what: &str) -> bool {
        let now = Self::by(etcd);
        assert_eq!((now.revision, &now.kvs), (self.revision, &self.kvs), "{what}");
        let same = now.compacted == self.compacted;
        assert!(!same || now.hash == self.hash, "{what}: HashKV {} {}", now.hash, self.hash);
        same
    }
}

fn started<'a>(peers: &'a Peers, version: &'a str, data: &Path) -> Etcd<'a> {
    Etcd::start_on(peers, version, Some(data), &[]).unwrap_or_else(|log| panic!("etcd{version}:\n{log}"))
}

#[track_caller]
fn restored(line: &str, to: &Path) -> Value {
    let line = format!("{line} --data-dir {} {SINGLE} -o json", to.display());
    serde_json::from_str(&restore(line.split_whitespace())).unwrap()
}

#[track_caller]
fn refused(line: &str, why: &str) {
    let line = format!("restore {line} --data-dir never-made {SINGLE}");
    let output = etcdsnap(line.split_whitespace());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains(why), "{line}: {:?} {said}", output.status.code());
    assert!(!Path::new("never-made").exists());
}

fn save(etcd: &Etcd<'_>, dir: &Path, name: &str) -> PathBuf {
    let file = dir.join(name);
    etcd.ctl(&["snapshot", "save", file.to_str().unwrap()]);
    file
}

fn put(gateway: &Gateway, key: &str, value: &str) {
    gateway.ask("/v3/kv/put", &json!({"key": b64(key), "value": b64(value)})).unwrap();
}

#[test]
fn to_three_revisions() {
    let Some(peers) = Peers::find("to_three_revisions") else { return };
    let mut sums = 0;
    for (seed, version) in [(11, "34"), (12, "35"), (13, "36"), (14, "37")] {
        let etcd = Etcd::start(&peers, version);
        let dir = TempDir::new().unwrap();
        let mut traffic = Traffic::new(seed, Gateway::new(&etcd.endpoint));
        (0..40).for_each(|_| traffic.step());
        let saved = save(&etcd, dir.path(), "saved.db");
        let mut served = Vec::new();
        for _ in 0..3 {
            (0..25).for_each(|_| traffic.step());
            put(&traffic.gateway, "z", "the revision is this put's");
            served.push(Served::by(&etcd));
        }
        (0..10).for_each(|_| traffic.step());
        put(&traffic.gateway, "z", "the end");
        let end = Served::by(&etcd);
        let (_home, data) = etcd.kill();
        for (n, served) in served.iter().enumerate() {
            let what = format!("etcd {version}, seed {seed}, to {}", served.revision);
            let (to, wal) = (dir.path().join(n.to_string()), data.join(["", "member", "member/wal"][n]));
            let line = format!("{} --wal {} --to-revision {}", saved.display(), wal.display(), served.revision);
            let done = restored(&line, &to);
            assert_eq!(done["plan"]["log"]["toRevision"], served.revision, "{what}");
            assert!(done["plan"]["log"]["leftOut"].as_u64().unwrap() > 0, "{what}");
            sums += u32::from(served.again_by(&started(&peers, version, &to), &what));
        }
        let to = dir.path().join("end");
        restored(&format!("{} --wal {}", saved.display(), data.display()), &to);
        end.again_by(&started(&peers, version, &to), &format!("etcd {version}, seed {seed}, to the end"));
    }
    assert!(sums > 5, "hardly a HashKV was compared: {sums}");
}

/// etcd 3.4 leaves the term in its db as the restore wrote it, through any number of elections.
#[test]
fn what_etcd_34_wrote_after_a_restore() {
    let Some(peers) = Peers::find("what_etcd_34_wrote_after_a_restore") else { return };
    for (fixture, flags) in [("etcd-3.4.db", ""), ("etcd-3.4.db", "--for-etcd 3.4"), ("etcd-3.6.db", "--for-etcd 3.4")]
    {
        let dir = TempDir::new().unwrap();
        let data = dir.path().join("data");
        let whose =
            "--name m1 --initial-cluster m1=http://127.0.0.1:1 --initial-advertise-peer-urls http://127.0.0.1:1";
        let line = format!("fixtures/{fixture} --data-dir {} {whose} --reset-auth {flags}", data.display());
        crate::common::restore(line.split_whitespace());
        let term = || {
            let db = fs::read(data.join("member/snap/db")).unwrap();
            etcdsnap::etcd::Snapshot::open(&db).unwrap().state.meta.term
        };
        assert_eq!(term(), if flags.is_empty() { Some(1) } else { None });
        for life in 0..2 {
            let etcd = Etcd::start_on(&peers, "34", Some(&data), &[]).unwrap();
            (0..20).for_each(|n| put(&Gateway::new(&etcd.endpoint), &format!("life{life}/{n}"), "v"));
            if life == 0 {
                save(&etcd, dir.path(), "saved.db");
            }
            etcd.stop();
        }
        let what = format!("{fixture} {flags}");
        let verified = etcdsnap(["verify", data.to_str().unwrap()]);
        let said = String::from_utf8(verified.stdout).unwrap();
        assert!(verified.status.success() && !said.contains("log-of-another"), "{what}: {said}");
        let saved = dir.path().join("saved.db");
        let done = restored(&format!("{} --wal {}", saved.display(), data.display()), &dir.path().join("forward"));
        assert!(done["plan"]["log"]["entries"].as_u64().unwrap() >= 20, "{what}: {done}");
    }
}

#[test]
fn back_to_a_revision_before_the_snapshot() {
    let Some(peers) = Peers::find("back_to_a_revision_before_the_snapshot") else { return };
    for version in ["34", "37"] {
        let etcd = Etcd::start(&peers, version);
        let dir = TempDir::new().unwrap();
        let mut traffic = Traffic::new(3, Gateway::new(&etcd.endpoint));
        (0..60).for_each(|_| traffic.step());
        let lease = json!({"key": b64("leased"), "value": b64("v"), "lease": "77"});
        traffic.gateway.ask("/v3/lease/grant", &json!({"TTL": 3600, "ID": 77})).unwrap();
        traffic.gateway.ask("/v3/kv/put", &lease).unwrap();
        let served = Served::by(&etcd);
        traffic.gateway.ask("/v3/lease/revoke", &json!({"ID": "77"})).unwrap();
        (0..20).for_each(|n| put(&traffic.gateway, &format!("later{n}"), "later"));
        let saved = save(&etcd, dir.path(), "saved.db");
        let last = Served::by(&etcd);
        let (_home, data) = etcd.kill();
        for source in [&saved, &data] {
            let what = format!("etcd {version}, {}", source.display());
            let to = dir.path().join(source.file_name().unwrap()).with_extension("back");
            let line = format!("{} --to-revision {}", source.display(), served.revision);
            let done = restored(&line, &to);
            assert_eq!(done["plan"]["newRevision"], served.revision, "{what}");
            assert!(
                done["plan"]["warnings"].to_string().contains("1 key with a lease that the db's last revision removed"),
                "{what}"
            );
            assert!(served.again_by(&started(&peers, version, &to), &what), "{what}");
            let later = fs::read(to.join("member/snap/db")).unwrap();
            assert!(!later.windows(6).any(|at| at == b"later1"), "{what}: what was left out is in the file");
            // a bump is past what the backup knows of, not past what is left of it
            let bumped = restored(&format!("{line} --bump-revision auto --dry-run"), &dir.path().join("none"));
            assert!(bumped["plan"]["newRevision"].as_i64().unwrap() > last.revision + 1_000_000, "{what}");
            // a command that shows a state has --rev for it
            let shown = etcdsnap(["kv", source.to_str().unwrap(), "x", "--to-revision", &served.revision.to_string()]);
            let said = String::from_utf8(shown.stderr).unwrap();
            assert!(shown.status.code() == Some(1) && said.contains("--rev") || said.contains("is applied"), "{said}");
        }
        refused(&format!("{} --to-revision 99999", saved.display()), "cannot be read up to revision 99999");
    }
}

/// Leases tell the time: what is restored is what the other commands show at that time.
#[test]
fn to_a_time() {
    let dir = TempDir::new().unwrap();
    let (to, at) = (dir.path().join("to"), "2026-11-21T02:04:10Z");
    let done = restored(&format!("fixtures/kube.db --at {at}"), &to);
    let kube = Path::new("fixtures/kube.db");
    let shown = ours(kube, "kv", &["", "--from-key", "--at", at]);
    assert_eq!(ours(&to, "kv", &["", "--from-key"])["kvs"], shown["kvs"]);
    let now = &ours(kube, "kv", &["", "--from-key", "--limit", "1"])["header"]["revision"];
    assert!(done["plan"]["newRevision"].as_i64() < now.as_i64(), "{now}");
}

#[test]
fn by_a_log_that_does_not_fit() {
    let Some(peers) = Peers::find("by_a_log_that_does_not_fit") else { return };
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    let etcd = Etcd::start(&peers, "36");
    let gateway = Gateway::new(&etcd.endpoint);
    (0..20).for_each(|n| put(&gateway, &format!("first{n}"), "first"));
    etcd.copied(&dir.join("early"));
    let early = save(&etcd, dir, "early.db");
    // more than a segment of the log
    let megabyte = "v".repeat(1 << 20);
    (0..70).for_each(|n| put(&gateway, &format!("large{}", n % 5), &megabyte));
    (0..20).for_each(|n| put(&gateway, &format!("second{n}"), "second"));
    let late = save(&etcd, dir, "late.db");
    (0..20).for_each(|n| put(&gateway, &format!("third{n}"), "third"));
    let end = Served::by(&etcd);
    let (_home, data) = etcd.kill();
    let wal = |data: &Path| data.join("member/wal").display().to_string();
    let (early, late) = (early.display(), late.display());
    let done = restored(&format!("{late} --wal {}", wal(&data)), &dir.join("fits"));
    assert_eq!((&done["plan"]["log"]["entries"], &done["plan"]["newRevision"]), (&json!(20), &json!(end.revision)));
    assert_eq!(done["source"]["verdict"], "good");

    let first = dir.join("purged").join("0000000000000000-0000000000000000.wal");
    copy(&data.join("member/wal"), &dir.join("purged"));
    fs::remove_file(first).unwrap();
    refused(&format!("{early} --wal {}", dir.join("purged").display()), "and the log begins at");
    restored(&format!("{late} --wal {}", dir.join("purged").display()), &dir.join("purged-fits"));
    refused(&format!("{late} --wal {}", wal(&dir.join("early"))), "and the log ends at");
    refused(&format!("{early} --wal {}", dir.display()), "no segments of a write-ahead log");

    // another cluster; and one that was restored from the same backup, so that its ids are the same
    let other = Etcd::start(&peers, "36");
    let more = Gateway::new(&other.endpoint);
    (0..150).for_each(|n| put(&more, &format!("other{n}"), "other"));
    let (_home, other) = other.kill();
    refused(&format!("{late} --wal {}", wal(&other)), "the log names member");
    let to = dir.join("restored");
    restore(["fixtures/etcd-3.6.db", "--data-dir", to.to_str().unwrap(), "--member", "m1", "--reset-auth"]);
    for n in [0, 1] {
        let again = dir.join(format!("again{n}"));
        copy(&to, &again);
        let etcd = started(&peers, "36", &again);
        let gateway = Gateway::new(&etcd.endpoint);
        (0..40).for_each(|i| put(&gateway, &format!("{n}-{i}"), "other"));
        if n == 0 {
            save(&etcd, dir, "again.db");
        }
        (0..20).for_each(|i| put(&gateway, &format!("{n}+{i}"), "other"));
        drop(etcd);
    }
    let again = dir.join("again.db");
    restored(&format!("{} --wal {}", again.display(), wal(&dir.join("again0"))), &dir.join("again-fits"));
    refused(&format!("{} --wal {}", again.display(), wal(&dir.join("again1"))), "is a different one");

    // a db that does not say how far it is
    let bare = dir.join("bare.db");
    fs::write(&bare, bare_db()).unwrap();
    let line = format!("{} --skip-hash-check --wal {}", bare.display(), wal(&data));
    refused(&line, "does not record which entries of the log it holds");
}

/// A leader that was cut off writes on into its own log, and a later leader overrules it: what is in that log was never
/// agreed on.
#[test]
fn by_the_log_of_a_leader_that_was_overruled() {
    let Some(peers) = Peers::find("by_the_log_of_a_leader_that_was_overruled") else { return };
    for (version, txn, why) in [
        ("34", false, "which should be this change, is a different one"),
        ("34", true, "values that earlier entries of the log put is in the backup"),
        ("37", false, "has term 3 there, and term 2 in the log"),
    ] {
        let dir = TempDir::new().unwrap();
        let mut members = started_three(&peers, version, dir.path());
        let leader = members.remove(members.iter().position(Etcd::leads).unwrap());
        let write = move |gateway: &Gateway, key: &str| {
            let put = json!({"key": b64(key), "value": b64(key)});
            let create = json!({"compare": [{"target": "CREATE", "key": b64(key), "create_revision": "0"}],
                "success": [{"request_put": put}]});
            if txn { gateway.ask("/v3/kv/txn", &create) } else { gateway.ask("/v3/kv/put", &put) }
        };
        let gateway = Gateway::new(&leader.endpoint);
        (0..20).for_each(|n| drop(write(&gateway, &format!("agreed{n}")).unwrap()));
        let others: Vec<_> = members.into_iter().map(|member| (member.ports, member.kill())).collect();
        let others: [_; 2] = others.try_into().unwrap_or_else(|_| panic!("two others"));
        let waiting: Vec<_> = (0..80)
            .map(|n| {
                let gateway = gateway.clone();
                std::thread::spawn(move || drop(write(&gateway, &format!("overruled{n:02}"))))
            })
            .collect();
        let wal = leader.data_dir().join("member/wal/0000000000000000-0000000000000000.wal");
        let is_in = |n: u64, log: &[u8]| log.windows(11).any(|at| at == format!("overruled{n:02}").as_bytes());
        eventually("the cut off leader writes its log", || {
            let log = fs::read(&wal).unwrap();
            (0..80).all(|n| is_in(n, &log))
        });
        let (_home, overruled) = leader.kill();
        waiting.into_iter().for_each(|one| one.join().unwrap());
        let again = |(ports, (_, data)): &([u16; 2], (TempDir, PathBuf))| {
            let name = data.file_name().unwrap().to_str().unwrap();
            // What is written after the backup is in the log alone.
            let flags = ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"];
            Etcd::spawn(&peers, version, name, Some(data), *ports, &flags)
        };
        let members: Vec<_> = others.iter().map(again).collect();
        eventually("a new leader", || members.iter().any(Etcd::leads));
        let gateway = Gateway::new(&members.iter().find(|member| member.leads()).unwrap().endpoint);
        (0..30).for_each(|n| drop(write(&gateway, &format!("new{n}")).unwrap()));
        let saved = save(&members[0], dir.path(), "saved.db");
        (0..5).for_each(|n| drop(write(&gateway, &format!("late{n}")).unwrap()));
        drop(members);
        let line = |data: &Path| format!("{} --uncommitted keep --wal {}", saved.display(), data.display());
        refused(&line(&overruled), why);
        refused(&line(&overruled), "or to a member whose entries a later leader replaced");
        // the log of a member that agreed
        restored(&line(&others[0].1.1), &dir.path().join("fits"));
        together(dir.path(), &overruled, others.each_ref().map(|(_, (_, data))| data.as_path()));
    }
}

/// The members' logs together say what one alone does not: which of them to keep, and that its last entry was agreed
/// on.
fn together(dir: &Path, overruled: &Path, agreed: [&Path; 2]) {
    let all = [overruled, agreed[0], agreed[1]].map(|data| data.display().to_string());
    let verified = etcdsnap(["verify"].into_iter().chain(all.iter().map(String::as_str)));
    let table = String::from_utf8(verified.stdout).unwrap();
    let said = table.split_once("members of cluster ").unwrap().1;
    assert!(
        said.contains("3 of 3 voters are here")
            && said.contains(" in the logs of 2 of 3 voters: a majority, so committed"),
        "{said}"
    );
    assert!(said.contains(&format!("{}: its entries from ", all[0])) && said.contains("replaced them"), "{said}");
    let kept = agreed.iter().position(|data| said.contains(&format!("keep {}\n", data.display()))).unwrap();
    let json = etcdsnap(["verify", "-o", "json"].into_iter().chain(all.iter().map(String::as_str)));
    let agreement = &serde_json::from_slice::<Value>(&json.stdout).unwrap()["items"][0]["agreement"];
    let entries = agreement["entries"].as_array().unwrap();
    assert!(entries.iter().any(|held| held["heldBy"] == 2 && held["agreed"] == "yes"), "{agreement}");
    assert_eq!((&agreement["keep"], &agreement["overruled"][0]["path"]), (&json!(all[kept + 1]), &json!(all[0])));
    // alone it is undecided
    refused(&all[kept + 1], "past the last commit on disk");
    let is_warned = |done: &Value| {
        done["plan"]["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "one-of-several")
    };
    let alone = restored(&format!("{} --uncommitted keep", all[kept + 1]), &dir.join("alone"));
    assert!(is_warned(&alone), "{alone}");
    let end = &alone["plan"]["log"]["toIndex"];
    let at = restored(&format!("{} --uncommitted keep --to-index {end}", all[kept + 1]), &dir.join("at"));
    assert!(!is_warned(&at), "{at}");
    let done = restored(&all.join(" "), &dir.join("together"));
    assert!(!is_warned(&done), "{done}");
    assert_eq!((&done["plan"]["source"], &done["plan"]["log"]["leftOut"]), (&json!(all[kept + 1]), &json!(0)));
    let to = dir.join("together");
    let has = |key: &str| etcdsnap(["kv", to.to_str().unwrap(), key]).status.success();
    assert_eq!(["agreed0", "late4", "overruled00"].map(has), [true, true, false]);
    // a minority proves nothing
    let alone = etcdsnap(["restore", &all[0], &all[0], "--data-dir", "never-made", "--member", "m1"]);
    assert!(
        alone.status.code() == Some(1)
            && String::from_utf8_lossy(&alone.stderr).contains("two of the logs are of one member")
    );
    let diff = |b: &str| {
        let output = etcdsnap(["wal", &all[1], "--diff", b]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, same) = diff(&all[2]);
    assert!(code == Some(0) && same.contains(": the same") && !same.contains("\n! "), "{same}");
    let (code, differ) = diff(&all[0]);
    assert!(
        code == Some(1) && differ.contains(": the same") && differ.contains("\n! entr") && differ.contains("only in b"),
        "{differ}"
    );
}

/// Three members whose leader takes its time to notice that nobody follows.
fn started_three<'a>(peers: &'a Peers, version: &'a str, at: &Path) -> Vec<Etcd<'a>> {
    Etcd::three_at(peers, version, at, [(); 3].map(|()| free_ports()), &["--election-timeout", "10000"])
}

/// A db with no bucket but `key`, which is empty.
fn bare_db() -> Vec<u8> {
    let mut writer = Writer::new(vec![0; 2 * 4096], 4096, PageId(2));
    let key = writer.finish(Tree::default()).unwrap();
    let mut root = Tree::default();
    writer.push_bucket(&mut root, b"key", key).unwrap();
    let root = writer.finish(root).unwrap();
    let (high_water, mut file) = writer.end();
    for txid in [0, 1] {
        let meta = Meta { page_size: 4096, root, freelist: None, high_water, txid };
        let (at, page) = meta.commit(root, high_water);
        let at = usize::try_from(at).unwrap();
        file[at..at + page.len()].copy_from_slice(&page);
    }
    file
}
