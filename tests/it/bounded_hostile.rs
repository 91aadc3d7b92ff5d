//! Promise 5, for input that was made to need memory: what is small stays small, whatever its bytes claim.
//!
//! Each input here needed from 500 MB to more than the machine has.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output},
};

use crate::common::{log::Segment, made};
use etcdsnap::proto::Writer;
use flate2::{Compression, write::GzEncoder};

/// The memory that a run may use, in MB; two threads, each with one value.
const LIMIT: u32 = 384;

/// A run under `prlimit --data`, and a time after which it is a hang. It ends by itself, without a panic.
#[track_caller]
fn limited(args: &[&str]) -> (Option<i32>, String, String) {
    let limit = format!("--data={}", u64::from(LIMIT) << 20);
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    let Output { status, stdout, stderr } =
        Command::new("timeout").args(["60", "prlimit", &limit, program, "--threads", "2"]).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, said) = (text(stdout), text(stderr));
    assert!(status.code().is_some_and(|code| code <= 3) && !said.contains("panicked"), "{args:?}: {status} {said}");
    (status.code(), out, said)
}

fn gzip(path: &Path, write: impl FnOnce(&mut GzEncoder<fs::File>)) {
    let mut out = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    write(&mut out);
    out.finish().unwrap();
}

const DEFINITION: &str = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"ws.acme.io"},
"spec":{"group":"acme.io","scope":"Namespaced","names":{"plural":"ws","kind":"W","singular":"w","listKind":"WList"},
"versions":[{"name":"v1","served":true,"storage":true,"additionalPrinterColumns":[
{"name":"Deep","type":"string","jsonPath":"..a..a..a..v"},
{"name":"Once","type":"string","jsonPath":"..v"}]}]}}"#;

/// An object with 380 maps in each other.
fn deep() -> Vec<u8> {
    let (head, levels) =
        (r#"{"apiVersion":"acme.io/v1","kind":"W","metadata":{"name":"w","namespace":"default"},"#, 370);
    [head, "\"a\":", &"{\"a\":".repeat(levels), "{\"v\":1}", &"}".repeat(levels), "}"].concat().into_bytes()
}

#[test]
fn results_of_a_path_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep.db");
    made::snapshot(
        &file,
        &[
            (b"/registry/acme.io/ws/default/w", deep()),
            (b"/registry/apiextensions.k8s.io/customresourcedefinitions/ws.acme.io", DEFINITION.into()),
        ],
    );
    let file = file.to_str().unwrap();
    let (code, out, said) = limited(&["get", file, "ws"]);
    assert!(code == Some(0) && out.contains("<too many results>"), "{out}{said}");
    for path in [
        "{..a..a..a..v}",
        "{.items..a..a..a..v}",
        "{range ..a}{range ..a}{range ..a}{.v}{end}{end}{end}",
        "{.items[?(@..a..a..a..v)]}",
    ] {
        let (code, out, said) = limited(&["get", file, "ws", "-o", &format!("jsonpath={path}")]);
        assert!(code == Some(1) && out.is_empty() && said.contains("too many results"), "{path}: {said}");
        let (code, _, said) = limited(&["get", file, "ws", "--sort-by", path]);
        assert!(code == Some(1) || code == Some(2), "{path}: {said}");
    }
    let path = "{range .items[*]}{.metadata.name} {..v}{end}";
    assert_eq!(limited(&["get", file, "ws", "-o", &format!("jsonpath={path}")]).1, "w 1");
    let go = r#"{{define "x"}}{{range .}}{{template "y" .}}{{end}}{{end}}{{define "y"}}{{range 1000}}{{range 1000}}{{range 1000}}{{end}}{{end}}{{end}}{{end}}{{template "x" .items}}"#;
    let (code, _, said) = limited(&["get", file, "ws", "-o", &format!("go-template={go}")]);
    assert!(code == Some(1) && said.contains("too much output"), "{said}");
}

/// One byte of CBOR, or two of JSON, are a value of 32 bytes.
#[test]
fn values_in_a_value_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let n = 16 << 20;
    let cbor = [b"\xd9\xd9\xf7\xa1\x41a\x9f".to_vec(), vec![1; n], vec![0xff]].concat();
    let maps = [b"\xd9\xd9\xf7\xa1\x41a\x9f".to_vec(), b"\xa1\x40\x40".repeat(n / 3), vec![0xff]].concat();
    let json = [b"{\"kind\":\"W\",\"a\":[".to_vec(), b"1,".repeat(n / 2), b"1]}".to_vec()].concat();
    // a Pod with many empty containers: metadata {}, spec { containers {} ... }
    let containers = b"\x12\x00".repeat(n / 2);
    let len = |n: usize| {
        let (mut out, mut n) = (Vec::new(), n);
        while n > 127 {
            out.push(u8::try_from(n & 127).unwrap() | 128);
            n >>= 7;
        }
        out.push(u8::try_from(n).unwrap());
        out
    };
    let field = |tag: u8, bytes: &[u8]| [&[tag][..], &len(bytes.len()), bytes].concat();
    let raw = field(0x12, &containers);
    let meta = [field(0x0a, b"v1"), field(0x12, b"Pod")].concat();
    let pod = [&b"k8s\0"[..], &field(0x0a, &meta), &field(0x12, &raw)].concat();
    for (name, value) in [("cbor", cbor), ("maps", maps), ("json", json), ("pod", pod)] {
        let file = dir.path().join(name);
        let image = made::image(&[(b"/registry/pods/default/w", value)]);
        gzip(&file, |out| out.write_all(&image).unwrap());
        assert!(fs::metadata(&file).unwrap().len() < 1 << 20);
        let file = file.to_str().unwrap();
        let decodes = limited(&["get", file, "pods", "-o", "json"]);
        assert!(decodes.0 == Some(1) && decodes.2.contains("more than 2097152 values"), "{name}: {}", decodes.2);
        for args in [
            &["status", file][..],
            &["get", file],
            &["describe", file, "pods"],
            &["diff", file, "--rev", "1..2"],
            &["timeline", file],
        ] {
            limited(args);
        }
    }
}

/// What the header of a tar calls a name of 512 MB is not read as one.
#[test]
fn headers_of_a_tar_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let good = fs::read("fixtures/small.db").unwrap();
    for (name, kind) in [("long", b'L'), ("link", b'K'), ("pax", b'x')] {
        let file = dir.path().join(name);
        let size = 1_u64 << 29;
        gzip(&file, |out| {
            let mut header = tar::Header::new_gnu();
            header.set_path("././@LongLink").unwrap();
            header.set_entry_type(tar::EntryType::new(kind));
            header.set_size(size);
            header.set_cksum();
            out.write_all(header.as_bytes()).unwrap();
            let block = vec![b'a'; 1 << 20];
            (0..size >> 20).for_each(|_| out.write_all(&block).unwrap());
            let mut tar = tar::Builder::new(out);
            let mut header = tar::Header::new_gnu();
            header.set_size(good.len() as u64);
            tar.append_data(&mut header, "backup.db", &good[..]).unwrap();
            tar.finish().unwrap();
        });
        let (code, _, said) = limited(&["status", file.to_str().unwrap()]);
        assert!(code == Some(1) && said.contains("a header of more than"), "{name}: {said}");
    }
}

#[test]
fn files_with_keys_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    fs::write(&file, [&b"[0"[..], &b",0".repeat(30 << 20), b"]"].concat()).unwrap();
    for flag in ["--encryption-config", "--kms-keys"] {
        let (code, _, said) = limited(&["get", "fixtures/kube.db", "pods", flag, file.to_str().unwrap()]);
        assert!(code == Some(2) && said.contains("more than"), "{flag}: {said}");
    }
}

/// A member that keeps every file (`--max-snapshots 0`, `--max-wals 0`) has more of them than a process may have files
/// open, and more than it has guards for at first.
#[test]
fn files_beyond_the_open_files_are_read() {
    const MANY: u64 = 1100;
    let dir = tempfile::tempdir().unwrap();
    let in_dir =
        |program: &str, args: &[&str]| Command::new(program).args(args).current_dir(dir.path()).output().unwrap();
    let program = env!("CARGO_BIN_EXE_etcdsnap");
    let small = fs::canonicalize("fixtures/small.db").unwrap();
    let restored = in_dir(program, &["restore", small.to_str().unwrap(), "--member", "m1", "--data-dir", "dir"]);
    assert!(restored.status.success(), "{restored:?}");
    let (snap, wal) = (dir.path().join("dir/member/snap"), dir.path().join("dir/member/wal"));
    let names = || fs::read_dir(&snap).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let first = names().find(|name| name.ends_with(".snap")).unwrap();
    let bytes = fs::read(snap.join(&first)).unwrap();
    // older ones, so that the start is from the same; the last is long, as one that holds data of the v2 API
    for n in 0..MANY {
        let bytes = if n == MANY - 1 { [&bytes[..], &vec![0; 5 << 20]].concat() } else { bytes.clone() };
        fs::write(snap.join(format!("{:016x}-{n:016x}.snap", 0)), bytes).unwrap();
    }
    // each segment of the log goes on from the one before
    let log = in_dir(program, &["wal", "dir", "-o", "ndjson"]).stdout;
    let records: Vec<serde_json::Value> = log
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let ids = &records[1]["content"];
    let metadata = [(1, &ids["nodeID"]), (2, &ids["clusterID"])];
    let metadata =
        metadata.iter().fold(Writer::new(), |all, (field, id)| all.varint(*field, id.as_u64().unwrap())).finish();
    let last = records.last().unwrap();
    let (mut crc, mut next) = (u32::from_str_radix(last["crc"].as_str().unwrap(), 16).unwrap(), 2);
    let first = wal.join(format!("{:016x}-{:016x}.wal", 0, 0));
    let bytes = fs::read(&first).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    fs::write(first, &bytes[..end.next_multiple_of(8)]).unwrap();
    for sequence in 1..MANY {
        let segment = Segment { crc, ..Segment::default() }.record(4, &[]).record(1, &metadata);
        let segment = segment.state(1, next - 1).entry(0, 1, next, &[]).state(1, next);
        fs::write(wal.join(format!("{sequence:016x}-{next:016x}.wal")), &segment.bytes).unwrap();
        (crc, next) = (segment.crc, next + 1);
    }
    assert!(in_dir("tar", &["cf", "dir.tar", "dir"]).status.success());
    let newest = format!("{:016x}-{:016x}.wal", MANY - 1, next - 1);
    for (args, shown) in [
        (&["status", "dir"][..], ""),
        (&["verify", "dir"], ""),
        (&["snap", "dir", "-o", "json"], "000000000000044a.snap"),
        (&["snap", "dir.tar", "-o", "json"], "000000000000044a.snap"),
        (&["wal", "dir", "-o", "ndjson"], &newest),
        (&["wal", "dir.tar", "-o", "ndjson"], &newest),
        (&["status", "dir.tar"], ""),
        (&["restore", "dir", "--member", "m1", "--data-dir", "again"], ""),
        (&["migrate", "--data-dir", "dir", "--target-version", "3.5", "--to", "older"], ""),
    ] {
        // the files of each kind that stay open, and few others
        let output = in_dir("prlimit", &[&["--nofile=256", program][..], args].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code <= 1) && !said.contains("open files"), "{args:?}: {said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(shown), "{args:?}: {said}");
    }
}
