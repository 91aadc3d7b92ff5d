//! What is fuzzed: a function for each parser of foreign bytes. None may panic, whatever the bytes are.
//!
//! `tests/it/found.rs` calls the same functions with the inputs that were found.

mod buckets;
mod config;
mod container;
mod database;
mod db;
mod hashkv;
mod objects;
mod salvage;
mod select;
mod snap;
mod value;
mod wal;

use std::{
    fs,
    path::{Path, PathBuf},
};

#[allow(unused_imports)] // some are for the tests alone
pub use self::{
    buckets::item,
    database::{Buckets, build, items, rebuilt},
};
use super::mend;

/// A function that takes any bytes.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Bytes of heap that it may use for the smallest input, which is not compressed.
    #[allow(dead_code)] // the tests do not count it
    pub heap: usize,
}

const MIB: usize = 1 << 20;
/// The largest window of zstd or xz that the library takes, however short the input is.
const WINDOW: usize = 128 * MIB;
/// What begins a file that may need one, at once or inside.
const PACKED: [&[u8]; 5] = [b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"];

pub const TARGETS: &[Target] = &[
    Target { name: "db", run: db::run, heap: 4 * MIB },
    Target { name: "hashkv", run: hashkv::run, heap: 4 * MIB },
    Target { name: "buckets", run: buckets::run, heap: 4 * MIB },
    Target { name: "salvage", run: salvage::run, heap: 4 * MIB },
    Target { name: "wal", run: wal::run, heap: 4 * MIB },
    Target { name: "snap", run: snap::run, heap: 4 * MIB },
    Target { name: "value", run: value::run, heap: 4 * MIB },
    Target { name: "objects", run: objects::run, heap: 16 * MIB },
    Target { name: "container", run: container::run, heap: 32 * MIB },
    Target { name: "config", run: config::run, heap: 4 * MIB },
    Target { name: "select", run: select::run, heap: 4 * MIB },
];

impl Target {
    /// Bytes of heap that it may use besides a multiple of `input`: a window, too, where something in it is compressed.
    #[allow(dead_code)] // the tests do not count it
    pub fn heap(&self, input: &[u8]) -> usize {
        let packed = PACKED.iter().any(|magic| input.windows(magic.len()).any(|bytes| bytes == *magic));
        self.heap + if packed { WINDOW } else { 0 }
    }
}

/// A folder in memory, for what can only be opened by its path. Each thread of each process has its own.
pub fn scratch() -> PathBuf {
    let base = if Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    let dir = base.join(format!("etcdsnap-fuzz-{}-{thread}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The path of a scratch file that holds `bytes`.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// The objects that `objects` changes: key and value.
pub fn objects() -> Vec<(Vec<u8>, Vec<u8>)> {
    objects::base().keys.clone()
}
