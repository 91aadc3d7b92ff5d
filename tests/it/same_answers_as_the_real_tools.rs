//! Promise 4: the same answers as the real tools. What they say about each fixture is kept beside it
//! (`fixtures/expected`); where the tools are at hand, they are asked again about snapshots made now.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{Etcd, Peers};
use serde_json::Value;

/// What the program prints; it must end well.
#[track_caller]
fn ours(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The kept answers: the fixture, what was asked, and the answer.
fn expected() -> Vec<(PathBuf, String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("fixtures/expected").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let fixture =
            fixtures().into_iter().find_map(|(prefix, file)| Some((file, name.strip_prefix(&prefix)?.to_owned())));
        let (file, asked) = fixture.unwrap_or_else(|| panic!("{name} belongs to no fixture"));
        found.push((file, asked, fs::read_to_string(&path).unwrap()));
    }
    found.sort();
    found
}

/// The fixtures and how their answers' names begin.
fn fixtures() -> Vec<(String, PathBuf)> {
    let mut fixtures = vec![("datadir-3.6.".to_owned(), PathBuf::from("fixtures/datadir-3.6.tar.gz"))];
    for entry in fs::read_dir("fixtures").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".db") || name.ends_with(".db.gz") {
            fixtures.push((format!("{}.", name.trim_end_matches(".gz")), path.clone()));
        }
    }
    fixtures
}

#[test]
fn the_status_of_every_fixture() {
    let mut checked = 0;
    for (file, asked, answer) in expected() {
        let (file, Some((version, format))) = (file.to_str().unwrap(), asked.split_once(".status.")) else { continue };
        if version == "3.7" {
            // The alias takes the db alone, as etcdutl does.
            let unpacked = tempfile::NamedTempFile::new().unwrap();
            let mut bytes = fs::read(file).unwrap();
            if file.ends_with(".gz") {
                bytes.clear();
                flate2::read::GzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut bytes).unwrap();
            }
            fs::write(unpacked.path(), bytes).unwrap();
            let name = unpacked.path().to_str().unwrap();
            assert_eq!(ours(&["snapshot", "status", name, "-w", format]), answer, "{file} {format}");
        } else if format == "json" {
            let (theirs, mine) = (json(&answer), json(&ours(&["status", file, "-o", "json"])));
            // Up to 3.5 all records were counted.
            let total = if version < "3.6" { "totalRecords" } else { "totalKey" };
            for (name, of) in
                [("hash", "hash"), ("revision", "revision"), ("totalKey", total), ("totalSize", "totalSize")]
            {
                assert_eq!(theirs[name], mine[of], "{file} {version} {name}");
            }
            if version >= "3.6" {
                assert_eq!(theirs["version"], mine["version"], "{file} {version}");
            }
        } else {
            continue;
        }
        checked += 1;
    }
    assert!(checked > 60, "only {checked} answers were found");
}

#[test]
fn the_hashkv_of_every_fixture_at_every_revision_asked() {
    let mut checked = 0;
    for (file, asked, answer) in expected() {
        let Some(at) = asked.strip_prefix("3.7.hashkv") else { continue };
        let rev = at.strip_prefix("-at-").map_or("0", |at| at.trim_end_matches(".json"));
        let mine = json(&ours(&["hashkv", file.to_str().unwrap(), "--rev", rev, "-w", "json"]));
        for name in ["hash", "hashRevision", "compactRevision"] {
            assert_eq!(mine[name], json(&answer)[name], "{} at {rev}: {name}", file.display());
        }
        checked += 1;
    }
    assert!(checked > 20, "only {checked} answers were found");
}

#[test]
fn the_members_of_every_fixture() {
    let mut checked = 0;
    for (file, asked, answer) in expected() {
        let file = file.to_str().unwrap();
        match asked.as_str() {
            "live.members.txt" => {
                let mine = ours(&["members", file]);
                assert_eq!(mine.split("\n\n").next().unwrap().trim_end(), answer.trim_end(), "{file}");
            }
            "live.members.json" => {
                // 3.4 and 3.5 print empty lists and false where later ones leave them out.
                let mine = json(&ours(&["members", file, "-w", "json"]));
                assert_eq!(mine["members"], json(&answer)["members"], "{file}");
            }
            "live.alarms.txt" => {
                let mine = json(&ours(&["members", file, "-w", "json"]))["alarms"].clone();
                let lines: String = mine
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|alarm| {
                        format!("memberID:{} alarm:{} \n", alarm["memberID"], alarm["alarm"].as_str().unwrap())
                    })
                    .collect();
                assert_eq!(lines, answer, "{file}");
            }
            _ => continue,
        }
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} answers were found");
    let table = ours(&["members", "fixtures/three-members.db", "-w", "json"]);
    assert_eq!(json(&table)["removed"].as_array().unwrap().len(), 1);
}

#[test]
fn every_key_and_value() {
    for (file, asked, answer) in expected() {
        // What the log of the data directory holds is not shown yet.
        if asked != "live.kv.json" || file.ends_with("datadir-3.6.tar.gz") {
            continue;
        }
        let (mine, theirs) = (json(&ours(&["kv", file.to_str().unwrap(), "-w", "json"])), json(&answer));
        assert_eq!((&mine["kvs"], &mine["count"]), (&theirs["kvs"], &theirs["count"]), "{}", file.display());
        assert_eq!(mine["header"]["revision"], theirs["header"]["revision"], "{}", file.display());
    }
    let keys = ours(&["kv", "fixtures/kube.db", "/", "--prefix", "--keys-only"]);
    let keys: Vec<_> = keys.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(keys.join("\n") + "\n", fs::read_to_string("fixtures/kube.keys.txt").unwrap());
}

/// Snapshots made now: status, HashKV of the file and of the live member, and every key at every revision.
#[test]
fn a_live_member_of_each_version() {
    let Some(peers) = Peers::find("a_live_member_of_each_version") else { return };
    for version in ["34", "35", "36", "37", "38"] {
        let etcd = Etcd::start(&peers, version);
        for i in 0..30 {
            etcd.ctl(&["put", &format!("/k/{}", i % 7), &"v".repeat(i * 50)]);
        }
        etcd.ctl(&["del", "/k/3"]);
        etcd.ctl(&["compact", "--physical", "20"]);
        etcd.ctl(&["put", "/k/3", "again"]);
        etcd.ctl(&["del", "/k/4"]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("saved.db");
        let file = file.to_str().unwrap();
        etcd.ctl(&["snapshot", "save", file]);

        let live = json(&etcd.ctl(&["endpoint", "hashkv", "-w", "json"]));
        let live = &live[0]["HashKV"];
        let mine = json(&ours(&["hashkv", file, "-w", "json"]));
        assert_eq!((&mine["hash"], &mine["compactRevision"]), (&live["hash"], &live["compact_revision"]), "{version}");

        for rev in [20, 21, 30, 32] {
            let rev = rev.to_string();
            let theirs = json(&etcd.ctl(&["get", "", "--from-key", "--rev", &rev, "-w", "json"]));
            let mine = json(&ours(&["kv", file, "--rev", &rev, "-w", "json"]));
            assert_eq!((&mine["kvs"], &mine["count"]), (&theirs["kvs"], &theirs["count"]), "{version} at {rev}");
            ask_etcdutl(&peers, file, &["hashkv", "--rev", &rev]);
        }
        for format in ["simple", "json", "fields", "table"] {
            ask_etcdutl(&peers, file, &["snapshot", "status", "-w", format]);
        }
        for format in ["simple", "fields", "table"] {
            ask_etcdutl(&peers, file, &["hashkv", "-w", format]);
        }
        let members = etcd.ctl(&["member", "list"]);
        assert_eq!(ours(&["members", file]), members, "{version}");
    }
}

/// Where etcdutl refuses a file whose page headers are damaged, so does the alias.
#[test]
fn the_alias_refuses_what_etcdutl_refuses() {
    let Some(peers) = Peers::find("the_alias_refuses_what_etcdutl_refuses") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("damaged.db");
    let bytes = fs::read("fixtures/small.db").unwrap();
    let mut refused = 0;
    for page in (0..bytes.len() - 32).step_by(4096) {
        for at in [0, 8, 16, 24] {
            let mut bytes = bytes.clone();
            bytes[page + at] ^= 0x41;
            fs::write(&file, bytes).unwrap();
            let name = file.to_str().unwrap();
            // etcdutl loops for ever on some of them.
            let mut theirs = Command::new("timeout");
            theirs.arg("5").arg(peers.path("etcdutl37")).args(["snapshot", "status", name]);
            if !theirs.output().unwrap().status.success() {
                let ours = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(["snapshot", "status", name]).output();
                assert!(!ours.unwrap().status.success(), "page at {page:#x}, byte {at}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 8, "etcdutl refused only {refused}");
}

/// The same call to etcdutl 3.7, on a copy because it may write, and to us.
#[track_caller]
fn ask_etcdutl(peers: &Peers, file: &str, args: &[&str]) {
    let copy = Path::new(file).with_file_name("copy.db");
    fs::copy(file, &copy).unwrap();
    let words = args.iter().position(|arg| arg.starts_with('-')).unwrap_or(args.len());
    let call = |file: &str| {
        [&args[..words], &[file], &args[words..]].concat().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let theirs = peers.ask("etcdutl37", call(copy.to_str().unwrap()));
    let mine = call(file);
    assert_eq!(ours(&mine.iter().map(String::as_str).collect::<Vec<_>>()), theirs, "{args:?}");
}
