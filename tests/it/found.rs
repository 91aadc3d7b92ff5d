//! Inputs of the fuzz targets: those that were found to fail, in `fixtures/fuzz/TARGET/`, each of which must not again,
//! and some that are made here. docs/fuzzing.md has how they are found.

use std::{fs, panic::catch_unwind, path::Path, time::Instant};

use crate::{
    common::{log::Segment, random::Random},
    mend,
    targets::{self, Target, objects, rebuilt, scratch},
};

fn target(name: &str) -> &'static Target {
    targets::TARGETS.iter().find(|target| target.name == name).unwrap()
}

#[test]
fn what_was_found_stays_mended() {
    let mut failed = Vec::new();
    for target in targets::TARGETS {
        let dir = Path::new("fixtures/fuzz").join(target.name);
        for file in fs::read_dir(dir).into_iter().flatten().flatten() {
            let (bytes, from) = (fs::read(file.path()).unwrap(), Instant::now());
            assert!(bytes.len() < 20_000, "{}: a found input is made small first", file.path().display());
            if catch_unwind(|| (target.run)(&bytes)).is_err() || from.elapsed().as_secs() > 10 {
                failed.push(file.path());
            }
        }
    }
    fs::remove_dir_all(scratch()).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
}

/// A folder there without a target would be read by nobody.
#[test]
fn what_was_found_is_of_a_target() {
    for dir in fs::read_dir("fixtures/fuzz").into_iter().flatten().flatten() {
        target(dir.file_name().to_str().unwrap());
    }
}

/// The targets do what they say on good input, and survive some damage to it.
#[test]
fn targets_read_good_input_and_damaged_input() {
    let mut file = fs::read("fixtures/kube.db").unwrap();
    file.truncate(file.len() - 32);
    let db = rebuilt(&file, 30, 400);
    assert!(db.len() < 40_000, "{} bytes", db.len());
    let snapshot = etcdsnap::etcd::Snapshot::open(&db).unwrap();
    assert_eq!(snapshot.survey().findings.list(), []);
    assert_eq!(snapshot.records(|_| true).len(), 30);
    let (key, value) = objects().swap_remove(20);
    let put = targets::item("key", b"", &etcdsnap::proto::Writer::new().bytes(1, &key).bytes(5, &value).finish());
    let object = [&[20], value.as_slice()].concat();
    // a db as it is, on pages of 1 KiB; one with a log, too
    let salvaged = [0x10, 0x14].map(|options| [&[options], db.as_slice()].concat());
    let inputs = [
        ("db", &db),
        ("hashkv", &db),
        ("buckets", &put),
        ("salvage", &salvaged[0]),
        ("salvage", &salvaged[1]),
        ("value", &value),
        ("objects", &object),
    ];
    let mut random = Random::default();
    for (name, input) in inputs {
        let target = target(name);
        (target.run)(input);
        for _ in 0..20 {
            let mut bytes = input.clone();
            let at = random.next() % bytes.len();
            bytes[at] = random.next() as u8;
            (target.run)(&bytes);
        }
    }
    fs::remove_dir_all(scratch()).unwrap();
}

#[test]
fn mended_checksums_are_those_of_the_writers() {
    let mut db = fs::read("fixtures/small.db").unwrap();
    let good = db.clone();
    for meta in [0, 4096] {
        db[meta + 72..meta + 80].fill(0);
    }
    assert!(etcdsnap::etcd::Snapshot::open(&db[..20480]).is_err());
    mend::db(&mut db);
    assert!(db == good);
    let log = Segment::first().entry(0, 2, 1, b"x").state(2, 1).bytes;
    assert!(mend::wal(&log) == log);
    let mut broken = log.clone();
    // the data of the entry
    let at = broken.iter().rposition(|byte| *byte == b'x').unwrap();
    broken[at] = b'y';
    let mended = mend::wal(&broken);
    assert!(mended != broken && mended.len() == log.len());
    let store = etcdsnap::snap::store(&[]);
    let snap = etcdsnap::snap::Snap { index: 5, term: 2, store, ..Default::default() }.encode();
    let mut broken = snap.clone();
    broken[1] ^= 1;
    assert!(etcdsnap::snap::Snap::decode(&broken).is_err());
    assert!(mend::snap(&broken) == snap);
}
