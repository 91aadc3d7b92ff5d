//! Promise 5, measured: what a command needs for an input is what it needs for one that is four times as long.
//!
//! The keys are the same; revisions, and with them the bytes of all values, grow. The least memory with which a command
//! ends on the first input is looked for; on the other it has little more. A command that reads a file, all values, or
//! the changes of a key into memory fails.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use etcdsnap::{
    etcd::{KeyValue, Revision},
    proto::Writer,
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use crate::{
    common::{
        log::{FIRST, Segment, request},
        serving::Serving,
    },
    targets,
};

/// Revisions of the inputs, each with a value of [`VALUE`] bytes: 24 and 96 MB.
const REVISIONS: [i64; 2] = [96, 384];
const VALUE: usize = 250_000;
const KEYS: i64 = 8;

/// What is tried on the first input, in MB.
const TRIED: [u64; 9] = [16, 24, 32, 40, 48, 64, 80, 96, 128];
/// What a command may need more on the other, which is 72 MB longer.
const MORE: u64 = 16;

const COMMANDS: &[&str] = &[
    "status DB",
    "status GZ",
    "status TAR",
    "verify DB",
    "verify GZ",
    "verify DIR",
    "hashkv DB",
    "members DB",
    "snapshot status DB",
    "kv DB",
    "kv DB -w json",
    "kv DB -w ndjson",
    "kv DIR -w ndjson",
    "get DB",
    "get DB cm -n a",
    "get DB cm -n a -o json",
    "get DB cm -n a -o ndjson",
    "get DB cm -n a -o jsonpath={.items[*].metadata.name}",
    "describe DB cm m1 -n a",
    "diff DB --rev 20..40 -o json",
    "diff DB DB",
    "diff DB DIR --raw --stat",
    "history DB cm/m1 -n a",
    "history DB cm/m1 -n a -o json",
    "timeline DB",
    "timeline DB -o ndjson",
    "export DB --all --to -",
    "wal DIR",
    "wal DIR -o ndjson",
    "wal LOG --diff DIR",
    "snap DIR",
    "restore DB --member m1 --data-dir OUT",
    "restore DB --member m1 --data-dir OUT --compact latest --defrag",
    "restore DIR --member m1 --data-dir OUT",
    "bolt buckets DB",
    "bolt keys DB key",
    "bolt get DB meta consistent_index",
    "bolt pages DB",
    "bolt page DB --all",
    "bolt stats DB",
    "bolt check DB",
    "salvage DB --list -o ndjson",
    "salvage DB --to OUT",
    "rows DB",
    "rows GZ",
    "rows DIR",
    "rows DB cm -n a --with-object",
    "rows DB --format csv --to OUT",
    #[cfg(feature = "parquet")]
    "rows DB --format parquet --to OUT",
    #[cfg(feature = "arrow")]
    "rows DB --format arrow",
    "catalog add DB --db OUT",
    "catalog add GZ --db OUT",
    "catalog ls --db CATALOG",
    "catalog find configmaps --db CATALOG",
    "catalog history configmaps/m1 -n a --db CATALOG",
    "catalog check --db CATALOG",
    "serve DB",
    "serve GZ",
];

/// What is asked of `serve`: a list, a table, an object, and a list in pieces.
const PATHS: &[(&str, &str)] = &[
    ("/api/v1/namespaces/a/configmaps", "application/json"),
    ("/api/v1/configmaps", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
    ("/api/v1/namespaces/a/configmaps/m1", "application/json"),
    ("/api/v1/configmaps?limit=2", "application/json"),
];

/// A ConfigMap of that many bytes, none of which compresses to nothing.
fn config_map(name: i64, revision: i64) -> Vec<u8> {
    let text: String = (0..VALUE / 10).map(|n| format!("{:010}", n as i64 * 7_919 + revision)).collect();
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"m{name}","namespace":"a","uid":"u{name}"}},"data":{{"a":"{text}"}}}}"#
    )
    .into_bytes()
}

/// Writes the inputs of so many revisions into a folder.
fn write(dir: &Path, revisions: i64) {
    let small = fs::read("fixtures/small.db").unwrap();
    let mut buckets = targets::items(&small[..small.len() - 32], usize::MAX, usize::MAX);
    // of the member that small.db lists
    let mut log = Segment::of(0x58c4_b94f_4d2a_9fd9);
    let records = buckets.get_mut(&b"key"[..]).unwrap();
    records.clear();
    for n in 0..revisions {
        let (main, name) = (n + 2, n % KEYS);
        let key = format!("/registry/configmaps/a/m{name}").into_bytes();
        let value = config_map(name, main);
        let (create_revision, version) = (name + 2, n / KEYS + 1);
        let kv = KeyValue { key: &key, create_revision, mod_revision: main, version, value: &value, lease: 0 };
        records.insert(Revision { main, sub: 0 }.to_bucket_key(false), kv.encode());
        let index = u64::try_from(n).unwrap() + 1;
        log = log.entry(0, 1, index, &request(4, Writer::new().bytes(1, &key).bytes(2, &value)));
    }
    let log = log.state(1, u64::try_from(revisions).unwrap()).bytes;
    let meta = buckets.get_mut(&b"meta"[..]).unwrap();
    meta.retain(|name, _| !name.ends_with(b"CompactRev"));
    meta.insert(b"consistent_index".to_vec(), 1_u64.to_be_bytes().to_vec());
    let image = targets::build(&buckets);
    drop(buckets);
    let db = dir.join("DB");
    fs::write(&db, [&image[..], &Sha256::digest(&image)].concat()).unwrap();
    let mut gz = GzEncoder::new(File::create(dir.join("GZ")).unwrap(), Compression::fast());
    std::io::copy(&mut File::open(&db).unwrap(), &mut gz).unwrap();
    gz.finish().unwrap();
    // the same in the log alone: the db is that of before
    let member = dir.join("DIR/member");
    fs::create_dir_all(member.join("snap")).unwrap();
    fs::create_dir_all(member.join("wal")).unwrap();
    fs::write(member.join("snap/db"), &image).unwrap();
    fs::write(member.join("wal").join(FIRST), &log).unwrap();
    fs::create_dir(dir.join("LOG")).unwrap();
    fs::write(dir.join("LOG").join(FIRST), &log).unwrap();
    let catalog = ["catalog", "add", "DB", "--db", "CATALOG"];
    let added = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(catalog).current_dir(dir).output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let tar = Command::new("tar").args(["-cf", "TAR", "DIR"]).current_dir(dir).status().unwrap();
    assert!(tar.success());
}

/// Whether a call ends by itself with so many MB of data.
fn ends(dir: &Path, line: &str, megabytes: u64) -> bool {
    for name in ["OUT", "OUT.etcdsnap.json"] {
        let path = dir.join(name);
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    let limit = format!("--data={}", megabytes << 20);
    if let Some(input) = line.strip_prefix("serve ") {
        let input = dir.join(input).display().to_string();
        let tmp = dir.display().to_string();
        let serving = Serving::start_under(&["prlimit", &limit], &["--threads", "2", "--tmp-dir", &tmp, &input]);
        let answers = |serving: &Serving| {
            let is_whole = |(path, accept): &(&str, &str)| {
                let response = serving.ask(path, accept);
                response.code == 200 && response.whole && response.body.len() > 100
            };
            PATHS.iter().all(is_whole)
        };
        let ended = serving.as_ref().is_ok_and(answers);
        assert!(ended || megabytes < 1000, "{line}: {:?}", serving.map(|serving| serving.said()));
        return ended;
    }
    let mut command = Command::new("prlimit");
    command.arg(limit).arg(env!("CARGO_BIN_EXE_etcdsnap")).args(["--threads", "2"]);
    let output = command
        .args(line.split(' '))
        .current_dir(dir)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let too_little = ["memory", "because of a bug", "panicked", "os error 11", "os error 12"];
    let ended =
        output.status.code().is_some_and(|code| code <= 1) && !too_little.iter().any(|word| said.contains(word));
    // else it is not about memory, and nothing would be measured
    assert!(ended || megabytes < 1000, "{line}: {} {said}", output.status);
    ended
}

#[test]
fn no_command_needs_more_for_more_revisions() {
    let dirs: Vec<_> = REVISIONS
        .iter()
        .map(|revisions| {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), *revisions);
            dir
        })
        .collect();
    let mut failed = Vec::new();
    for line in COMMANDS {
        ends(dirs[0].path(), line, 4000);
        let Some(need) = TRIED.into_iter().find(|tried| ends(dirs[0].path(), line, *tried)) else {
            failed.push(format!("{line}: more than {} MB", TRIED[TRIED.len() - 1]));
            continue;
        };
        for (dir, revisions) in dirs.iter().zip(REVISIONS).skip(1) {
            if !ends(dir.path(), line, need + MORE) {
                let more = need + MORE;
                failed
                    .push(format!("{line}: {need} MB for {} revisions, over {more} MB for {revisions}", REVISIONS[0]));
            }
        }
        eprintln!("{line}: {need} MB");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
