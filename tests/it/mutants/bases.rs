//! What mutants are made of: files of etcd 3.4 to 3.7, good ones.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use etcdsnap::hash::Sha256;

use super::bytes;
use crate::{
    common::{etcdsnap, random::Random},
    mend, targets,
};

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Db,
    Wal,
    Snap,
    Value,
    Container,
}

/// A good input.
pub struct Base {
    pub kind: Kind,
    /// The file, or a data directory; of a data directory, the file in it that is damaged.
    content: Content,
}

enum Content {
    File(Vec<u8>),
    /// The items of a db whose records' values are damaged, and a value in CBOR or JSON that may be put in their place.
    Items(targets::Buckets, Vec<Vec<u8>>),
    /// A data directory, the path in it, and the file's content without the zeros at its end.
    Dir(PathBuf, PathBuf, Vec<u8>),
}

/// All bases; data directories lie in `home`.
pub fn bases(home: &Path) -> Vec<Base> {
    let mut all = Vec::new();
    let read = |name: &str| fs::read(Path::new("fixtures").join(name)).unwrap();
    let dbs = [
        "small.db",
        "etcd-3.4.db",
        "etcd-3.5.db",
        "etcd-3.6.db",
        "etcd-3.7.db",
        "three-members.db",
        "kube.db",
        "encrypted.db",
        "freelist.db",
        "pages-16k.db",
    ];
    for name in dbs {
        all.push(Base { kind: Kind::Db, content: Content::File(read(name)) });
    }
    for name in ["small.db", "etcd-3.4.db", "etcd-3.6.db", "kube.db"] {
        // on small pages a change hits more
        let small = targets::rebuilt(without_trailer(&read(name)), 60, 2000);
        all.push(Base { kind: Kind::Db, content: Content::File(with_trailer(small)) });
    }
    values(&mut all, &read);
    for dir in data_dirs(home) {
        cut_logs(&dir.join("member/wal"));
        let files = |folder: &str| fs::read_dir(dir.join("member").join(folder)).unwrap().map(|it| it.unwrap().path());
        for path in files("wal").chain(files("snap").filter(|path| path.extension().is_some_and(|it| it == "snap"))) {
            let kind = if path.extension().is_some_and(|it| it == "wal") { Kind::Wal } else { Kind::Snap };
            let bytes = fs::read(&path).unwrap();
            let inner = path.strip_prefix(&dir).unwrap().to_owned();
            all.push(Base { kind, content: Content::Dir(dir.clone(), inner, bytes) });
        }
    }
    containers(&mut all, &read, home);
    all
}

/// Kubernetes' values, and what JSON and CBOR there is.
fn values(all: &mut Vec<Base>, read: &dyn Fn(&str) -> Vec<u8>) {
    let others = vec![
        br#"{"apiVersion":"shop.example/v1","kind":"Widget","metadata":{"name":"w","uid":"u","labels":{"a":"b"}},"spec":{"n":[1,2.5,null,true,"x"]}}"#.to_vec(),
        b"\xd9\xd9\xf7\xa3JapiVersionOshop.example/v1DkindFWidgetHmetadata\xa2DnameAwCuidAu".to_vec(),
        b"k8s:enc:aescbc:v1:key1:0123456789abcdef0123456789abcdef".to_vec(),
    ];
    for name in ["kube.db", "encrypted.db"] {
        let items = targets::items(without_trailer(&read(name)), 400, 4000);
        all.extend((0..4).map(|_| Base { kind: Kind::Value, content: Content::Items(items.clone(), others.clone()) }));
    }
}

/// Takes most of the zeros off the end of each log: 64 MB of them in each are copied and read in every call otherwise.
fn cut_logs(wal: &Path) {
    for file in fs::read_dir(wal).unwrap().map(|it| it.unwrap().path()).filter(|path| path.is_file()) {
        let mut bytes = fs::read(&file).unwrap();
        // tests are not built for speed, and this compares with memcmp
        while bytes.last_chunk() == Some(&[0; 4096]) {
            bytes.truncate(bytes.len() - 4096);
        }
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(end.next_multiple_of(8) + 64);
        fs::write(file, bytes).unwrap();
    }
}

/// A copy of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A data directory of each version: of etcd 3.6 as it was killed, of the others as `restore` makes them from their
/// snapshots, and where etcd is installed as they were killed, too.
fn data_dirs(home: &Path) -> Vec<PathBuf> {
    let mut all = vec![crate::common::unpacked(home)];
    for version in ["3.4", "3.5", "3.7"] {
        let to = home.join(format!("datadir-{version}"));
        let file = format!("fixtures/etcd-{version}.db");
        let output = etcdsnap(["restore", &file, "--data-dir", to.to_str().unwrap(), "--member", "m1"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        all.push(to);
    }
    if let Some(peers) = crate::common::Peers::find("mutants of logs that etcd 3.4, 3.5 and 3.7 wrote") {
        for version in ["34", "35", "37"] {
            let (folder, data) = crate::common::killed::member(&peers, version);
            let to = home.join(format!("killed-{version}"));
            crate::common::killed::copy(&data, &to);
            drop(folder);
            all.push(to);
        }
    }
    all
}

fn containers(all: &mut Vec<Base>, read: &dyn Fn(&str) -> Vec<u8>, home: &Path) {
    let db = with_trailer(targets::rebuilt(without_trailer(&read("etcd-3.6.db")), 20, 300));
    let mut push = |bytes| all.push(Base { kind: Kind::Container, content: Content::File(bytes) });
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&db).unwrap();
    push(gz.finish().unwrap());
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&db).unwrap();
    push(bz.finish().unwrap());
    push(ruzstd::encoding::compress_to_vec(&db[..], ruzstd::encoding::CompressionLevel::Fastest));
    // no encoder here: the program, where it is
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&db).unwrap();
    if let Ok(output) = std::process::Command::new("xz").arg("-c").arg(file.path()).output() {
        push(output.stdout);
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("d/backup.db", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&db).unwrap();
    push(zip.finish().unwrap().into_inner());
    let tar = |args: &[&str]| {
        let output =
            std::process::Command::new("tar").args(args).arg("-C").arg(home).arg("datadir-3.7").output().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    push(tar(&["-czf", "-"]));
    push(tar(&["-cSf", "-", "--exclude=*.wal"]));
    push(tar(&["-cf", "-", "--format=pax", "--exclude=*.wal"]));
}

fn without_trailer(file: &[u8]) -> &[u8] {
    &file[..file.len() / 512 * 512]
}

fn with_trailer(mut image: Vec<u8>) -> Vec<u8> {
    let mut sum = Sha256::default();
    sum.update(&image);
    image.extend(sum.finish());
    image
}

impl Base {
    /// Writes a mutant of it into `dir`, alone there, and returns its path there.
    pub fn mutant(&self, random: &mut Random, dir: &Path) -> String {
        let _ = fs::remove_dir_all(dir);
        fs::create_dir_all(dir).unwrap();
        let times = 1 + random.next() % 3;
        let mended = !random.next().is_multiple_of(8);
        match &self.content {
            Content::File(file) if self.kind == Kind::Container => {
                let mut bytes = file.clone();
                (0..times).for_each(|_| bytes::any(&mut bytes, random));
                if mended && bytes.get(257..262) == Some(b"ustar") {
                    mend::tar(&mut bytes);
                }
                fs::write(dir.join("input"), bytes).unwrap();
            }
            Content::File(file) => {
                let mut image = without_trailer(file).to_vec();
                (0..times).for_each(|_| bytes::db(&mut image, random));
                if mended {
                    mend::db(&mut image);
                }
                // the trailer that it had, one that fits, none
                match random.next() % 3 {
                    0 => image.extend(&file[file.len() / 512 * 512..]),
                    1 => image = with_trailer(image),
                    _ => {}
                }
                fs::write(dir.join("input"), image).unwrap();
            }
            Content::Items(items, others) => {
                let mut items = items.clone();
                let records = items.get_mut(&b"key"[..]).unwrap();
                for _ in 0..times {
                    let which = random.next() % records.len();
                    let (_, record) = records.iter_mut().nth(which).unwrap();
                    damage(record, others, random);
                }
                fs::write(dir.join("input"), with_trailer(targets::build(&items))).unwrap();
            }
            Content::Dir(from, inner, file) => {
                let to = dir.join("input");
                copy(from, &to);
                let mut bytes = file.clone();
                (0..times).for_each(|_| match self.kind {
                    Kind::Wal => bytes::wal(&mut bytes, random),
                    _ => bytes::any(&mut bytes, random),
                });
                if mended {
                    bytes = if self.kind == Kind::Wal { mend::wal(&bytes) } else { mend::snap(&bytes) };
                }
                fs::write(to.join(inner), bytes).unwrap();
            }
        }
        "input".to_owned()
    }
}

/// Changes the value in a record, or puts another in its place.
fn damage(record: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let item = etcdsnap::etcd::KeyValue::decode(record);
    let Ok(kv) = item else { return };
    let mut value = kv.value.to_vec();
    if random.next().is_multiple_of(3) {
        value = others[random.next() % others.len()].clone();
    }
    bytes::value(&mut value, random);
    let changed = etcdsnap::etcd::KeyValue { value: &value, ..kv }.encode();
    *record = changed;
}
