//! `force-new-cluster`: a real etcd starts alone on what is left of one of three members that were killed, with all
//! that its own `--force-new-cluster` finds there on another copy; it takes writes, and members.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{
    Etcd, Peers, etcdsnap, eventually, free_ports,
    gateway::Gateway,
    killed::patch,
    log::{FIRST, Segment},
    served::{ours, shown_as_served, theirs},
    traffic::Traffic,
    tree::Tree,
    unpacked,
};
use etcdsnap::{
    Findings,
    proto::{Reader, Writer},
    wal::{self, RecordKind, Records},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What only the leader has in its log.
const UNSURE: &str = "zz-unsure";

/// The directory of the leader of three that were killed, and the ports that it had.
struct Dead {
    _home: TempDir,
    data: PathBuf,
    name: String,
    ports: [u16; 2],
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// Three members with traffic; at the end one writes what the others do not hear of any more, and all are killed.
fn dead(peers: &Peers, version: &str) -> Dead {
    let home = TempDir::new().unwrap();
    let ports = [(); 3].map(|()| free_ports());
    // Segments and .snap files come and go, and the db lags the log.
    let flags = ["--snapshot-count", "50", "--backend-batch-interval", "1h", "--backend-batch-limit", "100"];
    let members = Etcd::three_at(peers, version, home.path(), ports, &flags);
    let mut traffic = Traffic::new(7, Gateway::new(&members[0].endpoint));
    for _ in 0..120 {
        traffic.step();
    }
    let leader = members.iter().position(Etcd::leads).unwrap();
    let others = || members.iter().enumerate().filter(|(n, _)| *n != leader).map(|(_, member)| member);
    members[leader].ctl(&["put", "last", "sure"]);
    others().for_each(|other| other.signal("-STOP"));
    let put = members[leader].try_ctl(&["--command-timeout", "1s", "put", UNSURE, "x"]);
    assert!(!put.status.success(), "agreed on by one of three");
    members.into_iter().for_each(|member| drop(member.kill()));
    let name = format!("m{}", leader + 1);
    Dead { data: home.path().join(&name), _home: home, name, ports: ports[leader] }
}

impl Dead {
    /// Starts it where it was.
    fn start<'a>(&self, peers: &'a Peers, version: &'a str, data: &Path, flags: &[&str]) -> Etcd<'a> {
        let mut etcd = Etcd::spawn(peers, version, &self.name, Some(data), self.ports, flags);
        assert!(etcd.wait(), "etcd{version} does not start:\n{}", etcd.log());
        etcd
    }
}

#[track_caller]
fn done(args: &[&str]) -> String {
    let output = etcdsnap([&["force-new-cluster"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(code: i32, args: &[&str]) -> String {
    let output = etcdsnap([&["force-new-cluster"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

/// Raft numbers its entries with 64 bits: after the last of them nothing continues.
#[test]
fn no_entry_follows_the_last_number() {
    let home = TempDir::new().unwrap();
    let (data, to) = (home.path().join("datadir-3.6"), home.path().join("to"));
    unpacked(home.path());
    let (db, key) = (data.join("member/snap/db"), b"consistent_index");
    let mut bytes = fs::read(&db).unwrap();
    let places: Vec<_> = (0..bytes.len() - 24).filter(|at| &bytes[*at..at + 16] == key).collect();
    places.into_iter().for_each(|at| bytes[at + 16..at + 24].fill(0xff));
    fs::write(&db, bytes).unwrap();
    let before = Writer::new().varint(1, u64::MAX - 1).varint(2, 1).finish();
    let log = Segment::of(0x6df2_061c_1688_ed78).state(1, u64::MAX).record(5, &before).entry(0, 1, u64::MAX, b"");
    fs::write(data.join("member/wal").join(FIRST), &log.bytes).unwrap();
    let said = refused(1, &["--data-dir", path(&data), "--to", path(&to), "--peer-urls", "http://127.0.0.1:1"]);
    assert!(said.contains("last that a log can number") && !to.exists(), "{said}");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What it serves, but for what every start adds to it.
fn all(etcd: &Etcd<'_>) -> [Value; 3] {
    let keys = theirs(etcd, &[], &["get", "", "--from-key"]);
    let hash = theirs(etcd, &[], &["endpoint", "hashkv"])[0]["HashKV"]["hash"].clone();
    [json!([keys["header"]["revision"], keys["kvs"]]), hash, theirs(etcd, &[], &["member", "list"])["members"].clone()]
}

/// It is one of one, takes writes, a second member, and writes with that one.
fn goes_on(peers: &Peers, version: &str, etcd: &Etcd<'_>) {
    etcd.ctl(&["put", "written", "after"]);
    let ports = free_ports();
    let url = format!("http://127.0.0.1:{}", ports[1]);
    let first = &theirs(etcd, &[], &["member", "list"])["members"][0];
    let joined = format!("{}={},new={url}", first["name"].as_str().unwrap(), first["peerURLs"][0].as_str().unwrap());
    eventually("a member may be added", || {
        etcd.try_ctl(&["member", "add", "new", "--peer-urls", &url]).status.success()
    });
    let more = ["--initial-cluster-state", "existing", "--initial-cluster", &joined];
    let home = TempDir::new().unwrap();
    let mut second = Etcd::spawn(peers, version, "new", Some(&home.path().join("new")), ports, &more);
    assert!(second.wait(), "the second does not join:\n{}", second.log());
    second.ctl(&["put", "with", "two"]);
    assert_eq!(all(&second)[0], all(etcd)[0]);
    assert_eq!(second.ctl(&["get", "last", "--print-value-only"]), "sure\n");
}

macro_rules! of_each_version {
    ($($name:ident: $version:literal;)*) => {
        $(#[test]
        fn $name() {
            if let Some(peers) = Peers::find(stringify!($name)) {
                the_last_of_three(&peers, $version);
            }
        })*
    };
}

of_each_version! {
    the_last_of_three_goes_on_alone_34: "34";
    the_last_of_three_goes_on_alone_35: "35";
    the_last_of_three_goes_on_alone_36: "36";
    the_last_of_three_goes_on_alone_37: "37";
}

fn the_last_of_three(peers: &Peers, version: &str) {
    let dead = dead(peers, version);
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    copy(&dead.data, &at("by-etcd"));
    copy(&dead.data, &at("in-place"));
    let before = Tree::of(&dead.data);
    let etcd = dead.start(peers, version, &at("by-etcd"), &["--force-new-cluster"]);
    let by_etcd = all(&etcd);
    drop(etcd);

    // Somebody has to decide about what only the leader has.
    let undecided = refused(1, &["--data-dir", path(&dead.data), "--to", path(&at("to"))]);
    assert!(
        undecided.contains("1 entry of the log is past") && undecided.contains("--uncommitted keep"),
        "{undecided}"
    );

    let not_made = at("not-made");
    let plan = ["restore", path(&dead.data), "--data-dir", path(&not_made), "--uncommitted", "keep", "--dry-run"];
    let plan = [&plan[..], &["--name", "m1", "--initial-cluster", "m1=http://127.0.0.1:1"]].concat();
    let plan = String::from_utf8(crate::common::etcdsnap(&plan).stdout).unwrap();
    let checked = "checked     doubtful: 1 entry of the log is past the last commit on disk; ";
    assert!(plan.contains(checked) && !plan.contains("trailer"), "{plan}");

    let told = done(&["--data-dir", path(&dead.data), "--to", path(&at("to")), "--uncommitted", "drop"]);
    assert!(told.contains("a copy") && told.contains("1 entry after it is dropped"), "{told}");
    assert_eq!(Tree::of(&dead.data), before, "the source was changed");
    let etcd = dead.start(peers, version, &at("to"), &[]);
    assert_eq!(all(&etcd), by_etcd, "etcd {version}");
    assert_eq!(by_etcd[2].as_array().map(Vec::len), Some(1));
    assert!(etcd.ctl(&["get", UNSURE]).is_empty());
    goes_on(peers, version, &etcd);
    drop(etcd);

    // In place: not without --yes.
    let place = at("in-place");
    let (in_place, keep) = (["--data-dir", path(&place), "--in-place"], ["--uncommitted", "keep"]);
    let unsaid = refused(2, &[&in_place[..], &keep].concat());
    assert!(unsaid.contains("nothing was changed") && Tree::of(&place) == before, "{unsaid}");
    let shown = ours(&place, "kv", &keep);
    done(&[&in_place[..], &keep, &["--yes"]].concat());
    let now = Tree::of(&place);
    let kept: Vec<_> = now.names().into_iter().filter(|name| name.contains(".before-")).map(str::to_owned).collect();
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(now.0[kept], before.0[kept.strip_suffix(".before-UTC").unwrap()]);
    assert_eq!(now.0.len(), before.0.len() + 1);
    shown_alone(&place, &shown);
    let etcd = dead.start(peers, version, &place, &[]);
    assert_eq!(theirs(&etcd, &[], &["get", "", "--from-key"])["kvs"], shown["kvs"], "etcd {version}");
    assert_eq!(etcd.ctl(&["get", UNSURE, "--print-value-only"]), "x\n");
    let running = refused(2, &[&in_place[..], &["--yes"]].concat());
    assert!(running.contains("a running etcd holds it"), "{running}");
    etcd.ctl(&["put", "more", "x"]);
    let (_home, _) = etcd.stop();
    let etcd = dead.start(peers, version, &place, &[]);
    assert_eq!(etcd.ctl(&["get", "more", "--print-value-only"]), "x\n");
    shown_as_served_after(&place, etcd);
    let again = refused(2, &[&in_place[..], &["--yes"]].concat());
    assert!(again.contains("the only member already"), "{again}");
}

/// What this program shows of the directory is as before, with one member.
fn shown_alone(data: &Path, before: &Value) {
    let shown = ours(data, "kv", &[]);
    assert_eq!((&shown["kvs"], &shown["header"]["revision"]), (&before["kvs"], &before["header"]["revision"]));
    assert_eq!(ours(data, "members", &[])["members"].as_array().map(Vec::len), Some(1));
    assert_eq!(etcdsnap(["verify", path(data)]).status.code(), Some(0));
}

fn shown_as_served_after(data: &Path, etcd: Etcd<'_>) {
    let folder = TempDir::new().unwrap();
    etcd.signal("-STOP");
    copy(data, &folder.path().join("data"));
    etcd.signal("-CONT");
    shown_as_served(&folder.path().join("data"), &[], &etcd, &[], "after a restart");
}

/// A learner does not wait for a leader that is gone: it votes, and is reached where it is said to be.
#[test]
fn a_learner_goes_on_alone() {
    let Some(peers) = Peers::find("a_learner_goes_on_alone") else { return };
    for version in ["34", "35", "36", "37"] {
        let first = Etcd::start(&peers, version);
        let folder = TempDir::new().unwrap();
        let [data, wal, to] = ["data", "wal", "to"].map(|name| folder.path().join(name));
        let (ports, moved) = (free_ports(), free_ports());
        let [url, new_url] = [ports, moved].map(|[_, peer]| format!("http://127.0.0.1:{peer}"));
        eventually("a learner may be added", || {
            first.try_ctl(&["member", "add", "new", "--learner", "--peer-urls", &url]).status.success()
        });
        let cluster = format!("m1=http://127.0.0.1:{},new={url}", first.ports[1]);
        let more =
            ["--initial-cluster-state", "existing", "--initial-cluster", &cluster, "--wal-dir", wal.to_str().unwrap()];
        let mut learner = Etcd::spawn(&peers, version, "new", Some(&data), ports, &more);
        assert!(learner.wait(), "etcd{version} does not join:\n{}", learner.log());
        first.ctl(&["put", "last", "sure"]);
        let get = ["get", "last", "--consistency", "s", "--print-value-only"];
        eventually("the learner has heard of it", || learner.try_ctl(&get).stdout == b"sure\n");
        drop(learner.kill());
        let (_home, voter) = first.kill();
        let kept = folder.path().join("voter");
        let told = done(&["--data-dir", path(&voter), "--to", path(&kept), "--uncommitted", "keep"]);
        assert!(told.contains(&format!("etcdctl member add new --learner --peer-urls {url}")), "{told}");

        let elsewhere = refused(2, &["--data-dir", path(&data), "--to", path(&to)]);
        assert!(elsewhere.contains("there is no log") && elsewhere.contains("--wal-dir"), "{elsewhere}");
        let args = ["--data-dir", path(&data), "--wal-dir", path(&wal), "--to", path(&to), "--uncommitted", "keep"];
        let told = done(&[&args[..], &["--peer-urls", &new_url, "-o", "json"]].concat());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["plan"]["member"]["peerURLs"], json!([new_url]), "{told}");
        assert_eq!(told["plan"]["removed"].as_array().map(Vec::len), Some(1), "{told}");
        let mut alone = Etcd::spawn(&peers, version, "new", Some(&to), moved, &[]);
        assert!(alone.wait(), "etcd{version} does not start:\n{}", alone.log());
        alone.ctl(&["put", "more", "x"]);
        assert_eq!(alone.ctl(&["get", "last", "--print-value-only"]), "sure\n");
        let members = &theirs(&alone, &[], &["member", "list"])["members"];
        assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
        assert_eq!((&members[0]["peerURLs"], &members[0]["isLearner"]), (&json!([new_url]), &Value::Null), "{members}");
    }
}

/// Writes the log's one segment anew, with what `change` makes of each record.
fn write_anew(data: &Path, change: impl Fn(RecordKind, &[u8]) -> Vec<u8>) {
    let path = data.join("member/wal").join(FIRST);
    let bytes = fs::read(&path).unwrap();
    let segments = [wal::Segment { name: FIRST, bytes: &bytes }];
    let (mut findings, mut anew) = (Findings::default(), Segment::default().record(4, &[]));
    let mut records = Records::new(&segments, &mut findings);
    while let Some(record) = records.next_record(&mut findings) {
        if record.kind != RecordKind::Crc {
            anew = anew.record(record.kind as u64, &change(record.kind, record.data));
        }
    }
    fs::write(&path, anew.bytes).unwrap();
}

/// A member that no list has yet is added to what it is alone in then: that is what starts, or does not.
#[test]
fn who_is_not_listed_yet_is_added() {
    let Some(peers) = Peers::find("who_is_not_listed_yet_is_added") else { return };
    for version in ["34", "35", "36", "37"] {
        let dead = dead(&peers, version);
        let (folder, ports) = (TempDir::new().unwrap(), free_ports());
        let (url, to) = (format!("http://127.0.0.1:{}", ports[1]), folder.path().join("to"));
        write_anew(&dead.data, |kind, data| match kind {
            RecordKind::Metadata => Writer::new().varint(1, 0xabcdef).varint(2, cluster_id(data)).finish(),
            _ => data.to_vec(),
        });
        let args = ["--data-dir", path(&dead.data), "--to", path(&to), "--uncommitted", "keep", "--peer-urls", &url];
        let told: Value = serde_json::from_str(&done(&[&args[..], &["-o", "json"]].concat())).unwrap();
        assert_eq!(told["plan"]["removed"].as_array().map(Vec::len), Some(3), "{told}");
        let minor = version.replacen('3', "3.", 1);
        assert_eq!(told["plan"]["startsOn"][&minor]["ok"], true, "{told}");
        let mut alone = Etcd::spawn(&peers, version, "new", Some(&to), ports, &[]);
        assert!(alone.wait(), "etcd{version} does not start:\n{}", alone.log());
        assert_eq!(alone.ctl(&["get", "last", "--print-value-only"]), "sure\n");
        assert_eq!(theirs(&alone, &[], &["member", "list"])["members"].as_array().map(Vec::len), Some(1));
    }
}

fn cluster_id(metadata: &[u8]) -> u64 {
    let mut reader = Reader::new(metadata);
    while let Some(field) = reader.next_field().unwrap() {
        if field.number == 2 {
            return field.varint().unwrap();
        }
    }
    panic!("no cluster")
}

/// Raft knows somebody whom the db does not, and the db another: etcd refuses to remove the one, and 3.6 panics over
/// the other.
#[test]
fn whom_only_raft_knows_votes_no_more() {
    let Some(peers) = Peers::find("whom_only_raft_knows_votes_no_more") else { return };
    for version in ["34", "35", "36", "37"] {
        let dead = dead(&peers, version);
        let folder = TempDir::new().unwrap();
        let to = folder.path().join("to");
        let listed = &ours(&dead.data, "members", &["--uncommitted", "drop"])["members"];
        let other = listed.as_array().unwrap().iter().find(|member| member["name"] != dead.name.as_str()).unwrap();
        let id = other["ID"].as_u64().unwrap();
        // Another takes his place in the db.
        patch(&dead.data, &id.to_string(), &(id ^ 1).to_string());
        patch(&dead.data, &format!("{id:x}"), &format!("{:x}", id ^ 1));
        let args = ["--data-dir", path(&dead.data), "--to", path(&to), "--uncommitted", "drop", "-o", "json"];
        let told: Value = serde_json::from_str(&done(&args)).unwrap();
        assert!(told["plan"]["log"]["snapshotAt"].is_u64(), "{told}");
        let alone = dead.start(&peers, version, &to, &[]);
        let members = &theirs(&alone, &[], &["member", "list"])["members"];
        assert_eq!((members.as_array().map(Vec::len), &members[0]["name"]), (Some(1), &json!(dead.name)), "{members}");
        goes_on(&peers, version, &alone);
    }
}

/// A real directory of one member, and its folder.
fn one() -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let data = unpacked(home.path());
    // without most of the zeros at its end
    File::options().write(true).open(data.join("member/wal").join(FIRST)).unwrap().set_len(60_000).unwrap();
    (home, data)
}

const MOVED: [&str; 2] = ["--peer-urls", "http://127.0.0.1:1"];

#[test]
fn a_place_that_will_not_do_is_told() {
    let (home, data) = one();
    let before = Tree::of(&data);
    let told = refused(2, &[&["--data-dir", path(&data)], &MOVED[..]].concat());
    assert!(told.contains("--to <NEWDIR>") && told.contains("--in-place"), "{told}");
    for to in [data.join("sub"), data.join("member/snap/x"), data.clone()] {
        let told = refused(2, &[&["--data-dir", path(&data), "--to", path(&to)], &MOVED[..]].concat());
        assert!(told.contains("inside the directory that is copied"), "{told}");
    }
    let taken = home.path().join("taken");
    fs::create_dir_all(taken.join("member/snap")).unwrap();
    let told = refused(2, &[&["--data-dir", path(&data), "--to", path(&taken)], &MOVED[..]].concat());
    assert!(told.contains("--to") && !told.contains("--keep-old"), "{told}");
    assert_eq!(Tree::of(&data), before);
}

#[test]
fn a_log_that_lies_elsewhere_is_the_members_own_and_is_told_next() {
    let (home, data) = one();
    let [wal, other] = ["wal", "other"].map(|name| home.path().join(name));
    fs::rename(data.join("member/wal"), &wal).unwrap();
    fs::create_dir(&other).unwrap();
    let log = (1..300).fold(Segment::first(), |log, index| log.entry(0, 9, index, b"")).state(9, 299);
    fs::write(other.join(FIRST), log.bytes).unwrap();
    let args = |wal| [&["--data-dir", path(&data), "--wal-dir", path(wal), "--in-place", "--yes"], &MOVED[..]].concat();
    let told = refused(1, &args(&other));
    assert!(told.contains("another cluster"), "{told}");

    // as etcd holds its log
    let held = File::options().write(true).open(wal.join(FIRST)).unwrap();
    rustix::fs::fcntl_lock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let told = refused(2, &args(&wal));
    assert!(told.contains("a running etcd holds it"), "{told}");
    drop(held);

    let told = done(&args(&wal));
    assert!(told.contains(&format!("--wal-dir {}", path(&wal))), "{told}");
}

/// No etcd starts on a log that has lost its beginning; nor does one when only its version is changed.
#[test]
fn a_log_that_has_lost_its_beginning_begins_anew() {
    let (home, data) = one();
    let snaps = fs::read_dir(data.join("member/snap")).unwrap().map(|entry| entry.unwrap().path());
    snaps
        .filter(|path| path.extension().is_some_and(|of| of == "snap"))
        .for_each(|snap| fs::remove_file(snap).unwrap());
    let metadata = Writer::new().varint(1, 0x6df2_061c_1688_ed78).varint(2, 0xe1b7_d745_7184_e7c3).finish();
    let log = Segment::default().record(4, &[]).record(1, &metadata);
    let log = (180..190).fold(log, |log, index| log.entry(0, 2, index, b"")).state(2, 189);
    fs::remove_file(data.join("member/wal").join(FIRST)).unwrap();
    fs::write(data.join("member/wal/0000000000000001-00000000000000b4.wal"), log.bytes).unwrap();
    let to = home.path().join("to");
    let args = [&["--data-dir", path(&data), "--to", path(&to)], &MOVED[..]].concat();
    for more in [&[][..], &["--dry-run"]] {
        let migrate = ["migrate", "--data-dir", path(&data), "--to", path(&to), "--target-version", "3.7"];
        let output = etcdsnap([&migrate[..], more].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("etcd 3.7 would not start on the result") && !to.exists(), "{told}");
    }
    let told = done(&args);
    assert!(told.contains("starts on   etcd 3.5 3.6 3.7"), "{told}");
    let shown = ours(&to, "kv", &[]);
    let Some(peers) = Peers::find("a_log_that_has_lost_its_beginning_begins_anew") else { return };
    for version in ["35", "36", "37"] {
        let again = home.path().join(version);
        copy(&to, &again);
        let mut etcd = Etcd::spawn(&peers, version, "m1", Some(&again), free_ports(), &[]);
        assert!(etcd.wait(), "{}", etcd.log());
        assert_eq!(theirs(&etcd, &[], &["get", "", "--from-key"])["kvs"], shown["kvs"], "{version}");
    }
}

/// What is recorded stays unless it is disarmed; the log asks etcd for that, and for a compaction.
fn alarms_are_kept_or_disarmed(peers: &Peers, version: &str) {
    let home = TempDir::new().unwrap();
    let ports = [(); 3].map(|()| free_ports());
    let members = Etcd::three_at(peers, version, home.path(), ports, &[]);
    (0..20).for_each(|n| drop(members[0].ctl(&["put", "key", &n.to_string()])));
    let gateway = Gateway::new(&members[0].endpoint);
    for alarm in ["NOSPACE", "CORRUPT"] {
        let raised = json!({"action": "ACTIVATE", "memberID": "77", "alarm": alarm});
        gateway.ask("/v3/maintenance/alarm", &raised).unwrap();
    }
    members.into_iter().for_each(|member| drop(member.kill()));
    let dead = Dead { data: home.path().join("m1"), name: "m1".to_owned(), ports: ports[0], _home: home };
    let folder = TempDir::new().unwrap();
    let [kept, disarmed] = ["kept", "disarmed"].map(|name| folder.path().join(name));
    let args = |to: &Path| {
        ["--data-dir", path(&dead.data), "--to", path(to), "--uncommitted", "keep"].map(str::to_owned).to_vec()
    };
    let run = |to: &Path, more: &[&str]| {
        let args = args(to);
        done(&args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let told = run(&kept, &[]);
    for alarm in ["NOSPACE of member 4d, kept", "CORRUPT of member 4d, kept"] {
        assert!(told.contains(alarm) && told.contains("--disarm-alarms"), "{told}");
    }
    // Also of the only member, which has nothing else to change.
    let again = folder.path().join("again");
    let only = ["--data-dir", path(&kept), "--to", path(&again)];
    let told = done(&[&only[..], &["--disarm-alarms"]].concat());
    assert!(told.contains("CORRUPT of member 4d, disarmed"), "{told}");
    let etcd = dead.start(peers, version, &again, &[]);
    etcd.ctl(&["put", "after", "x"]);
    assert_eq!(etcd.ctl(&["alarm", "list"]), "", "etcd {version}");
    drop(etcd);
    if version == "37" {
        let to = folder.path().join("migrated");
        let plan = ["migrate", "--data-dir", path(&kept), "--to", path(&to), "--target-version", "3.6", "--dry-run"];
        let told = String::from_utf8(etcdsnap(plan).stdout).unwrap();
        let alarms =
            ["NOSPACE of member 4d, kept: etcd refuses writes", "CORRUPT of member 4d, kept: etcd refuses requests"];
        assert!(alarms.iter().all(|alarm| told.contains(alarm)), "{told}");
    }
    let etcd = dead.start(peers, version, &kept, &[]);
    assert!(!etcd.try_ctl(&["put", "after", "x"]).status.success(), "etcd {version}");
    drop(etcd);
    let told = run(&disarmed, &["--disarm-alarms", "--compact", "latest"]);
    assert!(told.contains("CORRUPT of member 4d, disarmed") && told.contains("etcdctl defrag"), "{told}");
    let etcd = dead.start(peers, version, &disarmed, &[]);
    etcd.ctl(&["put", "after", "x"]);
    assert_eq!(etcd.ctl(&["alarm", "list"]), "", "etcd {version}");
    let old = String::from_utf8(etcd.try_ctl(&["get", "key", "--rev", "5"]).stderr).unwrap();
    assert!(old.contains("required revision has been compacted"), "etcd {version}: {old}");
    assert_eq!(etcd.ctl(&["get", "key", "--print-value-only"]), "19\n");
    shown_as_served_after(&disarmed, etcd);
}

#[test]
fn alarms_are_kept_or_disarmed_34() {
    if let Some(peers) = Peers::find("alarms_are_kept_or_disarmed_34") {
        alarms_are_kept_or_disarmed(&peers, "34");
    }
}

#[test]
fn alarms_are_kept_or_disarmed_37() {
    if let Some(peers) = Peers::find("alarms_are_kept_or_disarmed_37") {
        alarms_are_kept_or_disarmed(&peers, "37");
    }
}
