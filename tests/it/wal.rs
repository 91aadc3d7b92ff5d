//! `wal` and `snap`: what they tell of a log that no real etcd writes on demand, and of damaged ones.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::common::{
    Etcd, Peers, etcdsnap,
    log::{FIRST, Segment, request},
    unpacked,
};
use etcdsnap::proto::Writer;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Exit code, records, what was said.
fn wal(path: &Path, more: &[&str]) -> (i32, Vec<Value>, String) {
    let args = [&["wal", path.to_str().unwrap(), "-o", "ndjson"], more].concat();
    let output = etcdsnap(args);
    let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(!said.contains("because of a bug"), "{said}");
    (output.status.code().unwrap(), out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), said)
}

fn segment(bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FIRST);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn put(key: &[u8], value: &[u8]) -> Writer {
    Writer::new().bytes(1, key).bytes(2, value)
}

/// A log with what is rare: overwritten entries, several changes at once, requests of the v2 API, Kubernetes' objects.
fn rare() -> Segment {
    let lease = br#"{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"n1","namespace":"kube-node-lease"},"spec":{"renewTime":"2026-11-21T02:04:31.532000Z"}}"#;
    let secret =
        br#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"shop"},"data":{"p":"czNjcjN0"}}"#;
    let user = Writer::new().bytes(1, b"bob").bytes(2, b"s3cr3t").bytes(4, b"JDJhJDEw");
    let v2 = |method: &[u8], path: &[u8], val: &[u8]| {
        Writer::new().varint(1, 0xbeef_0000_0000_0002).bytes(2, method).bytes(3, path).bytes(4, val)
    };
    let single = Writer::new().varint(1, 1).varint(2, 0xabc).finish();
    let nested = Writer::new().bytes(2, &Writer::new().bytes(2, &put(b"/in", b"s3cr3t-not").finish()).finish());
    let txn = Writer::new().bytes(2, &Writer::new().bytes(4, &nested.finish()).finish());
    Segment::first()
        .entry(0, 1, 1, b"")
        .entry(0, 1, 2, &request(4, put(b"/a", b"old leader")))
        .entry(0, 1, 3, &request(4, put(b"/b", b"old leader")))
        .entry(0, 2, 2, &request(4, put(b"/a", b"new leader")))
        .entry(0, 2, 3, &request(4, put(b"/registry/leases/kube-node-lease/n1", lease)))
        .entry(0, 2, 4, &request(4, put(b"/registry/secrets/shop/s", secret)))
        .entry(0, 2, 5, &request(4, put(b"/registry/secrets/shop/e", b"k8s:enc:aescbc:v1:key1:s3cr3t")))
        .entry(0, 2, 6, &request(4, put(b"/bootstrap/k3s", b"s3cr3t")))
        .entry(0, 2, 7, &request(1100, user))
        .entry(0, 2, 8, &v2(b"SYNC", b"", b"").varint(15, 1_732_154_671_532_000_000).finish())
        .entry(0, 2, 9, &v2(b"PUT", b"/2/users/root", b"s3cr3t").finish())
        .entry(2, 2, 10, &Writer::new().varint(1, 2).bytes(2, &single).bytes(3, b"why").finish())
        .entry(0, 2, 11, &request(6, txn))
        .entry(0, 2, 12, &request(5, Writer::new().bytes(1, b"/a").bytes(2, b"/c")))
        .state(2, 12)
        .entry(0, 2, 13, &request(4, put(b"/registry/secrets/shop/broken", b"s3cr3t, and no object")))
}

/// What etcd 2.0 to 2.2 wrote is neither damaged nor torn, and no backup for etcd 3.
#[test]
fn a_log_of_2015_is_named() {
    const OLD: &str = "a log of etcd 2.0 to 2.2";
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir_all(data.join("member/wal")).unwrap();
    fs::create_dir_all(data.join("member/snap")).unwrap();
    let segment = data.join("member/wal").join(FIRST);
    fs::copy("fixtures/etcd-2.0.wal", &segment).unwrap();
    let (member, wal) = (data.join("member"), data.join("member/wal"));
    for (command, path) in [
        ("wal", &data),
        ("wal", &member),
        ("wal", &wal),
        ("wal", &segment),
        ("status", &data),
        ("verify", &data),
        ("status", &segment),
        ("verify", &segment),
        ("get", &data),
    ] {
        let output = etcdsnap([command, path.to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command} {}: {said}", path.display());
        assert!(said.contains(OLD) && said.contains("etcd 2.3"), "{command} {}: {said}", path.display());
        assert!(!said.contains("torn") && !said.contains("padding is damaged"), "{said}");
    }
    // among backups it is surely none; a later one without its db may have been one
    let among = || etcdsnap(["verify", dir.path().to_str().unwrap(), "fixtures/small.db"]);
    let output = among();
    assert!(output.status.code() == Some(0) && String::from_utf8_lossy(&output.stdout).contains(OLD));
    fs::write(&segment, rare().bytes).unwrap();
    assert_eq!(among().status.code(), Some(1));
    let output = etcdsnap(["status", data.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a data directory without its db") && said.contains("etcdsnap wal"), "{said}");
    let said = String::from_utf8(etcdsnap(["status", segment.to_str().unwrap()]).stderr).unwrap();
    assert!(said.contains("a segment of etcd's log") && said.contains("etcdsnap wal"), "{said}");
}

#[test]
fn what_is_rare_in_a_log_is_told() {
    let (_dir, path) = segment(&rare().bytes);
    let (code, records, said) = wal(&path, &[]);
    // no etcd continues after an entry with several changes
    assert!(code == 1 && said.contains("entry 10 is of a type that no etcd writes"), "{said}");
    let of = |term: u64, index: u64| {
        let mut found =
            records.iter().filter(|of| of["term"] == term && of["index"] == index && of["committed"].is_boolean());
        found.next().unwrap()
    };
    let flags = |of: &Value| (of["committed"] == true, of["overwritten"] == true);
    assert_eq!(flags(of(1, 1)), (true, false));
    for index in [2, 3] {
        assert_eq!((flags(of(1, index)), flags(of(2, index))), ((false, true), (true, false)));
    }
    assert_eq!(flags(of(2, 13)), (false, false));
    let value = |index: u64| &of(2, index)["request"]["value"];
    assert_eq!((&value(2)["text"], value(2)["size"].as_u64()), (&"new leader".into(), Some(10)));
    assert_eq!(
        (&value(3)["kind"], &of(2, 3)["time"]),
        (&"lease.coordination.k8s.io".into(), &"2026-11-21T02:04:31.532Z".into())
    );
    assert_eq!(
        (&value(4)["kind"], &value(4)["namespace"], &value(4)["name"]),
        (&"secret".into(), &"shop".into(), &"s".into())
    );
    assert_eq!(value(5)["encrypted"], "aescbc (key key1)");
    assert_eq!((&of(2, 8)["type"], &of(2, 8)["time"]), (&"v2".into(), &"2024-11-21T02:04:31.532Z".into()));
    assert_eq!((&of(2, 9)["proposer"], &of(2, 9)["request"]["path"]), (&"beef".into(), &"/2/users/root".into()));
    let change = &of(2, 10)["content"];
    assert_eq!((&change["changes"][0]["change"], &change["context"]), (&"ConfChangeRemoveNode".into(), &"why".into()));
    let inner = &of(2, 11)["request"]["success"][0]["request_txn"]["success"][0]["request_put"];
    assert_eq!(inner["value"]["text"], "s3cr3t-not");
    assert_eq!((&of(2, 12)["username"], &of(2, 12)["request"]["range_end"]), (&"alice".into(), &"/c".into()));

    // and what is secret is masked, unless it is to be seen
    for format in ["table", "json", "ndjson"] {
        let printed = |more: &[&str]| {
            let args = [&["wal", path.to_str().unwrap(), "-o", format], more].concat();
            String::from_utf8(etcdsnap(args).stdout).unwrap().replace("s3cr3t-not", "")
        };
        let output = printed(&[]);
        assert!(["s3cr3t", "czNjcjN0", "JDJhJDEw"].iter().all(|secret| !output.contains(secret)), "{output}");
        assert!(output.matches("masked:").count() >= 4, "{output}");
        let output = printed(&["--reveal"]);
        assert!(output.matches("s3cr3t").count() >= 3 && output.contains("JDJhJDEw"), "{output}");
        // a Kubernetes object is never shown
        assert!(!output.contains("czNjcjN0") && !output.contains("no object"), "{output}");
    }
}

#[test]
fn records_are_picked() {
    let (_dir, path) = segment(&rare().bytes);
    let picked =
        |more: &[&str]| wal(&path, more).1.iter().map(|of| of["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(picked(&["--from-index", "10", "--to-index", "11"]), ["conf_change_v2", "txn"]);
    assert_eq!(picked(&["--term", "1"]).len(), 3);
    assert_eq!(picked(&["--type", "txn,conf_change_v2,IRRDeleteRange"]), ["conf_change_v2", "txn", "delete_range"]);
    assert_eq!(picked(&["--type", "entry"]).len(), 15);
    assert_eq!(picked(&["--type", "crc,metadata,snapshot,state"]), ["crc", "metadata", "snapshot", "state"]);
    assert_eq!(picked(&["--prefix", "/in"]), ["txn"]);
    let (all, entries) = (picked(&[]), picked(&["--type", "entry"]));
    assert_eq!(picked(&["--tail", "2"]), all[all.len() - 2..]);
    assert_eq!(picked(&["--tail", "3", "--type", "entry"]), entries[entries.len() - 3..]);
    assert_eq!((picked(&["--tail", "1000"]), picked(&["--tail", "0"]).len()), (all, 0));
    // a range that is deleted, too
    assert_eq!(picked(&["--prefix", "/b"]), ["put", "put", "delete_range"]);
    // bytes that are no text, in keys as in what is asked for
    let (_odd, odd) = segment(&Segment::first().entry(0, 1, 1, &request(4, put(b"/\xff/a", b"\xfe"))).bytes);
    let odd = [
        OsStr::new("wal"),
        odd.as_os_str(),
        OsStr::new("--no-headers"),
        OsStr::new("--prefix"),
        OsStr::from_bytes(b"/\xff"),
    ];
    let output = String::from_utf8(etcdsnap(odd).stdout).unwrap();
    assert!(output.ends_with("key=/\\xff/a value=(1 bytes)\n") && output.lines().count() == 1, "{output}");
    assert_eq!(etcdsnap([OsStr::new("wal"), path.as_os_str(), OsStr::new("--raw")]).status.code(), Some(2));
    let (code, _, said) = wal(&path, &["--type", "nothing"]);
    assert!(code == 2 && said.contains("conf_change"), "{said}");
}

/// Type, term and index of each record, by the offset at which it begins.
fn places(records: &[Value]) -> BTreeMap<u64, (String, Value, Value)> {
    let of = |of: &Value| (of["type"].as_str().unwrap().to_owned(), of["term"].clone(), of["index"].clone());
    records.iter().map(|record| (record["offset"].as_u64().unwrap(), of(record))).collect()
}

/// The beginning of a real log, and where its records begin.
fn real() -> (Vec<u8>, Vec<u64>) {
    let fixture = fs::File::open("fixtures/datadir-3.6.tar.gz").unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fixture));
    let mut bytes = vec![0; 60_000];
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with(FIRST) {
            entry.read_exact(&mut bytes).unwrap();
        }
    }
    let (_dir, path) = segment(&bytes);
    let (_, records, _) = wal(&path, &[]);
    let offsets: Vec<_> = records.iter().map(|record| record["offset"].as_u64().unwrap()).take(70).collect();
    let end = usize::try_from(*offsets.last().unwrap()).unwrap();
    bytes.truncate(end);
    (bytes, offsets[..69].to_vec())
}

#[test]
fn damage_is_told_at_its_place_and_takes_nothing_else_with_it() {
    let (whole, offsets) = real();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FIRST);
    let tried = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        wal(&path, &[])
    };
    let (code, records, said) = tried(&[&whole[..], &[0; 4096]].concat());
    assert_eq!((code, said.as_str(), records.len()), (0, "", offsets.len()));
    let all = places(&records);
    let at = |n: usize| usize::try_from(offsets[n]).unwrap();
    // all of them are broken in tests/broken_log.rs
    for (n, offset) in offsets.iter().enumerate().step_by(9) {
        let (from, to) = (at(n), if n + 1 < offsets.len() { at(n + 1) } else { whole.len() });
        let without = |left_out: &[u64]| -> BTreeMap<_, _> {
            all.iter().filter(|(at, _)| !left_out.contains(at)).map(|(at, of)| (*at, of.clone())).collect()
        };
        let told = |said: &str, offset: u64| said.contains(&format!("(at offset {offset:#x})"));

        // cut inside it: torn, and all before it is there
        let (code, records, said) = tried(&whole[..from + (to - from) / 2]);
        let before: BTreeMap<_, _> = all.range(..offset).map(|(at, of)| (*at, of.clone())).collect();
        assert_eq!(places(&records), before, "cut at record {n}");
        assert!(told(&said, *offset) && said.contains("torn"), "cut at record {n}: {said}");
        // the ids of member and cluster are lost with the head
        assert_eq!(code, i32::from(n < 2), "cut at record {n}: {said}");

        // a bit of it flipped
        let mut flipped = [&whole[..], &[0; 4096]].concat();
        let len = u64::from_le_bytes(whole[from..from + 8].try_into().unwrap()) & (u64::MAX >> 8);
        flipped[from + 7 + usize::try_from(len).unwrap()] ^= 0x20;
        let (code, records, said) = tried(&flipped);
        let left = places(&records);
        assert!(left == without(&[*offset]) || left == all, "record {n} flipped: {said}");
        assert!(code == 1 && told(&said, *offset), "record {n} flipped: {code}, {said}");

        // an absurd length: the log is found again where two records fit each other
        for length in [u64::MAX, 1 << 55, 64_000_000, 7] {
            let mut absurd = [&whole[..], &[0; 4096]].concat();
            absurd[from..from + 8].copy_from_slice(&length.to_le_bytes());
            let (code, records, said) = tried(&absurd);
            assert!(told(&said, *offset), "record {n} of {length:#x} bytes: {said}");
            if n + 3 < offsets.len() {
                let left = places(&records);
                assert_eq!(left, without(&[*offset]), "record {n} of {length:#x} bytes: {said}");
                assert_eq!(code, 1, "record {n} of {length:#x} bytes: {said}");
            }
        }

        // it and the next in each other's place
        if n > 0 && n + 4 < offsets.len() {
            let end = at(n + 2);
            let swapped = [&whole[..from], &whole[to..end], &whole[from..to], &whole[end..], &[0; 4096]].concat();
            let (code, records, said) = tried(&swapped);
            assert!(code == 1 && told(&said, *offset), "records {n} and {} swapped: {said}", n + 1);
            let kept: BTreeMap<_, _> =
                places(&records).into_iter().filter(|(at, _)| *at < *offset || *at >= offsets[n + 2]).collect();
            assert_eq!(kept, without(&[*offset, offsets[n + 1]]), "records {n} and {} swapped: {said}", n + 1);
        }
    }
}

/// The fixture, unpacked; its log without most of the zeros at its end.
fn data_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let log = unpacked(dir.path()).join("member/wal").join(FIRST);
    fs::File::options().write(true).open(log).unwrap().set_len(60_000).unwrap();
    dir
}

#[test]
fn a_log_is_found_wherever_it_lies() {
    let dir = data_dir();
    let member = dir.path().join("datadir-3.6/member");
    let read = |path: &Path| {
        let (code, records, said) = wal(path, &[]);
        assert_eq!((code, said.as_str()), (0, ""), "{}", path.display());
        places(&records)
    };
    let all = read(Path::new("fixtures/datadir-3.6.tar.gz"));
    assert!(all.len() > 300);
    // the folder that holds the data directory
    assert_eq!(read(dir.path()), all);
    // the db is not needed
    fs::remove_file(member.join("snap/db")).unwrap();
    for path in ["", "..", "wal", &format!("wal/{FIRST}")] {
        assert_eq!(read(&member.join(path)), all, "{path}");
    }
    let log = fs::read(member.join("wal").join(FIRST)).unwrap();
    let gz = fs::File::create(dir.path().join(format!("{FIRST}.gz"))).unwrap();
    let mut gz = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &log).unwrap();
    gz.finish().unwrap();
    assert_eq!(read(&dir.path().join(format!("{FIRST}.gz"))), all);
    // in an archive without folders its name is no worse
    let flat = dir.path().join("flat.tar");
    let mut tar = tar::Builder::new(fs::File::create(&flat).unwrap());
    let (_dir, path) = segment(&log);
    tar.append_path_with_name(path, FIRST).unwrap();
    tar.into_inner().unwrap();
    assert_eq!(read(&flat), all);
    // what is no log is reported
    let (code, _, said) = wal(Path::new("fixtures/small.db"), &[]);
    assert!(code == 1 && said.contains("this is a db; the log is in other files"), "{said}");
    for (name, none) in [("empty", &b""[..]), ("zeros", &[0; 4096]), ("text", b"not a log, but a line of text\n")] {
        let path = dir.path().join(name);
        fs::write(&path, none).unwrap();
        let (code, records, said) = wal(&path, &[]);
        assert!(code == 1 && records.is_empty() && said.contains("no part of the log can be read"), "{name}: {said}");
    }
    // two members in one archive
    let both = dir.path().join("both.tar");
    let mut tar = tar::Builder::new(fs::File::create(&both).unwrap());
    for name in ["a/wal", "b/wal"] {
        let (_dir, path) = segment(&log);
        tar.append_path_with_name(path, format!("{name}/{FIRST}")).unwrap();
    }
    tar.into_inner().unwrap();
    assert_eq!(wal(&both, &[]).0, 2);
    let two = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::create_dir_all(two.path().join(name).join("member/wal")).unwrap();
        fs::write(two.path().join(name).join("member/wal").join(FIRST), &log).unwrap();
    }
    let (code, _, said) = wal(two.path(), &[]);
    let name = two.path().display();
    assert!(code == 2 && said.contains(&format!("hint: name one of them, such as {name}:a\n")), "{said}");
    assert_eq!(read(Path::new(&format!("{name}:a"))), all);
    assert_eq!(read(Path::new(&format!("{}:b", both.display()))), all);
    // one document of all that
    let output = etcdsnap(["wal", "fixtures/datadir-3.6.tar.gz", "-o", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(places(document["records"].as_array().unwrap()), all);
    assert_eq!((&document["hardState"]["commit"], &document["entries"]["last"]), (&195.into(), &196.into()));
    assert_eq!(document["entries"]["pastCommit"], 1);
    assert_eq!((&document["schemaVersion"], &document["findings"]), (&1.into(), &Value::Array(Vec::new())));
}

/// Another name than a segment's is none for etcd: it would be read after the last, or before the first.
#[test]
fn what_is_no_segment_by_its_name_is_told_and_passed_over() {
    let dir = data_dir();
    let (data, tar) = (dir.path().join("datadir-3.6"), dir.path().join("data.tar"));
    let log = data.join("member/wal");
    let packed = || {
        let mut archive = tar::Builder::new(fs::File::create(&tar).unwrap());
        archive.append_dir_all("data", &data).unwrap();
        archive.into_inner().unwrap();
    };
    let kv = |path: &Path| {
        let output = etcdsnap(["kv", path.to_str().unwrap(), "--from-key", "", "-w", "json"]);
        (output.status.code().unwrap(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let verified = |path: &Path| {
        let output = etcdsnap(["verify", path.to_str().unwrap(), "-o", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "info");
        let found = found.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (report["verdict"].as_str().unwrap().to_owned(), found)
    };
    packed();
    let (plain, records) = (kv(&data), wal(&data, &[]).1);
    assert_eq!((plain.0, verified(&data).1), (0, Vec::<String>::new()));
    for stray in ["backup-of-0.wal", "#0.wal"] {
        fs::write(log.join(stray), &fs::read(log.join(FIRST)).unwrap()[..8000]).unwrap();
        packed();
        for path in [&data, &tar] {
            let told = format!("{stray} is not the name of a segment: etcd ignores it");
            let (code, keys, said) = kv(path);
            assert!((code, &keys) == (0, &plain.1) && said.contains(&told), "{}: {said}", path.display());
            let (code, again, said) = wal(path, &[]);
            assert!(code == 0 && places(&again) == places(&records) && said.contains(&told), "{said}");
            assert_eq!(verified(path), ("doubtful".to_owned(), vec!["wal-sequence".to_owned()]), "{stray}");
        }
        // the one file that is named may be called anything
        assert!(!wal(&log.join(stray), &[]).1.is_empty());
        fs::remove_file(log.join(stray)).unwrap();
    }
    // etcd takes any .wal for a log, and then finds no segment
    fs::rename(log.join(FIRST), log.join("0.wal")).unwrap();
    packed();
    for path in [&data, &tar] {
        assert_eq!(verified(path), ("damaged".to_owned(), ["wal-empty", "wal-sequence"].map(str::to_owned).to_vec()));
        assert_eq!(wal(path, &[]).0, 1);
    }
}

#[test]
fn a_snap_file_that_is_damaged_is_told_and_another_is_taken() {
    let dir = data_dir();
    let snaps = dir.path().join("datadir-3.6/member/snap");
    let snap = |path: &Path| {
        let output = etcdsnap(["snap", path.to_str().unwrap(), "-o", "json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let taken = |snap: &Value| snap["taken"].as_bool().unwrap().then(|| snap["index"].as_u64().unwrap());
        let taken: Vec<_> = document["snaps"].as_array().unwrap().iter().filter_map(taken).collect();
        (output.status.code().unwrap(), taken, String::from_utf8(output.stderr).unwrap(), document)
    };
    let (code, taken, said, document) = snap(&dir.path().join("datadir-3.6"));
    assert_eq!((code, taken, said.as_str()), (0, vec![0xa4], ""));
    assert_eq!(document["newestInLog"]["index"], 0xa4);
    assert_eq!(snap(Path::new("fixtures/datadir-3.6.tar.gz")).1, [0xa4]);
    assert_eq!(snap(&snaps).1, [0xa4]);
    let newest = snaps.join("0000000000000002-00000000000000a4.snap");
    assert_eq!(snap(&newest).3["snaps"][0]["members"][0]["name"], "m1");

    let whole = fs::read(&newest).unwrap();
    for at in (0..whole.len()).step_by(331) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&newest, &bytes).unwrap();
        let (code, taken, said, _) = snap(&snaps);
        assert!(code == 1 && taken == [0x7b] && said.contains("00a4.snap: "), "byte {at}: {said}");
        fs::write(&newest, &whole[..at]).unwrap();
        let (code, taken, said, _) = snap(&snaps);
        assert!(code == 1 && taken == [0x7b] && said.contains("00a4.snap: "), "cut at {at}: {said}");
    }
    // what is none
    let log = dir.path().join("datadir-3.6/member/wal").join(FIRST);
    let (code, _, said, _) = snap(&log);
    assert!(code == 1 && said.contains("not a .snap file") && !said.contains("renames"), "{said}");
    let (code, _, said, document) = snap(&snaps.join("db"));
    assert_eq!((code, said.as_str(), &document["snaps"][0]["kind"]), (0, "", &"db".into()));
    assert_eq!(document["snaps"][0]["index"], Value::Null);
    // as etcd leaves it at its next start; and what a leader sent
    fs::rename(&newest, newest.with_extension("snap.broken")).unwrap();
    fs::write(snaps.join("00000000000000b0.snap.db"), b"").unwrap();
    let (code, taken, said, document) = snap(&snaps);
    assert!(code == 0 && taken == [0x7b] && said.contains("etcd has set it aside"), "{said}");
    let kinds: Vec<_> =
        document["snaps"].as_array().unwrap().iter().map(|of| (of["kind"].clone(), of["index"].clone())).collect();
    assert_eq!(kinds[3..], [("broken".into(), 0xa4.into()), ("db".into(), 0xb0.into())]);
    let table = String::from_utf8(etcdsnap(["snap", snaps.to_str().unwrap()]).stdout).unwrap();
    assert!(
        table.contains("see `etcdsnap status`") && table.contains("from which etcd 3.7 starts: index 164"),
        "{table}"
    );
}

/// No key twice: strict readers of JSON refuse that.
#[test]
fn a_comparison_in_json_has_each_key_once() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let to = at("out");
    let made = etcdsnap(["restore", "fixtures/three-members.db", "--all-members", "--to", &to]);
    assert!(made.status.success());
    let output = etcdsnap(["wal", &at("out/m1"), "--diff", &at("out/m2"), "-o", "ndjson"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("\"schemaVersion\"").count(), 1, "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["same"], &document["spans"][0]["last"]), (&json!(true), &json!(3)));
}

/// Where one log ends early, no entry differs; that it is torn is told.
#[test]
fn a_comparison_tells_of_a_torn_end_and_takes_no_filters() {
    let (whole, torn) = (data_dir(), data_dir());
    let log = torn.path().join("datadir-3.6/member/wal").join(FIRST);
    fs::File::options().write(true).open(log).unwrap().set_len(0xcd60 + 48).unwrap();
    let [a, b] = [&whole, &torn].map(|dir| dir.path().to_str().unwrap());
    let compared = |more: &[&str]| etcdsnap([&["wal", a, "--diff", b], more].concat());
    let output = compared(&["-o", "json"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(0) && said.contains(": the log's end is torn: "), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = [&document["same"], &document["onlyA"], &document["onlyB"]];
    assert_eq!(counts, [&json!(true), &json!(7), &json!(0)], "{document}");
    assert_eq!(document["findings"].as_array().unwrap().len(), 1, "{document}");
    for flags in [&["--from-index", "195"][..], &["--type", "put"], &["--raw", "-o", "json"], &["--no-headers"]] {
        assert_eq!(compared(flags).status.code(), Some(2), "{flags:?}");
    }
}

/// A record's time is not before those of the records ahead of it, whatever times its object holds.
#[test]
fn an_old_time_in_a_late_record_does_not_turn_the_time_back() {
    let Some(peers) = Peers::find("an_old_time_in_a_late_record_does_not_turn_the_time_back") else { return };
    let etcd = Etcd::start(&peers, "36");
    let now = jiff::Timestamp::now().as_second();
    let at = |seconds: i64| jiff::Timestamp::from_second(now + seconds).unwrap().to_string();
    let object = |name: &str, created: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata":
            {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": created}})
    };
    etcd.store("configmaps/shop/a", &object("a", &at(0)));
    let mut asked = object("b", &at(-3600));
    asked["metadata"]["deletionTimestamp"] = at(-600).into();
    etcd.store("configmaps/shop/b", &asked);
    etcd.store("configmaps/shop/c", &object("c", &at(0)));
    let (_home, data) = etcd.kill();
    let (exit, records, said) = wal(&data, &[]);
    let puts = || records.iter().filter(|of| of["type"] == "put");
    // the object's own times
    let own: Vec<_> = puts().map(|of| of["time"].as_str().unwrap()).collect();
    assert!(exit == 0 && own.len() == 3 && !own.is_sorted(), "{own:?} {said}");
    let times: Vec<_> = puts().map(|of| of["after"].as_str().unwrap_or("-")).collect();
    assert!(times.iter().all(|time| *time == own[0]), "{times:?}");
    // and in the column TIME
    let table = etcdsnap(["wal", data.to_str().unwrap(), "--type", "put", "--no-headers"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!((table.matches(own[0]).count(), table.lines().count()), (3, 3), "{table}");
}
