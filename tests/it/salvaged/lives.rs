//! Dbs of a real etcd that wrote much: their free pages hold leaves that are out of date, keys that were deleted since,
//! and values that were overwritten.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::common::{
    Etcd, Peers,
    gateway::{Gateway, b64},
    random::Random,
};

/// Many commits, so that many pages are freed; no waiting for the disk where etcd can be asked not to.
pub fn start<'a>(peers: &'a Peers, version: &'a str) -> Etcd<'a> {
    let flags = ["--backend-batch-interval", "4ms", "--backend-batch-limit", "16", "--unsafe-no-fsync"];
    let flags = if version == "34" { &flags[..4] } else { &flags };
    Etcd::start_on(peers, version, None, flags).unwrap_or_else(|log| panic!("etcd{version}:\n{log}"))
}

/// One client: it puts, deletes and puts again keys of its own and some that all write, and compacts now and then.
pub struct Client {
    gateway: Gateway,
    random: Random,
    number: usize,
    pub compacts: bool,
}

impl Client {
    pub fn new(etcd: &Etcd<'_>, number: usize, seed: u64) -> Self {
        let random = Random::seeded(seed * 100 + number as u64);
        Self { gateway: Gateway::new(&etcd.endpoint), random, number, compacts: number == 0 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.random.next() % n
    }

    fn key(&mut self) -> String {
        let (hot, n) = (self.below(5) == 0, self.below(220));
        if hot {
            return b64(&format!("/registry/leases/hot-{}", n % 4));
        }
        b64(&format!("/registry/pods/ns-{}/pod-{n:04}", self.number))
    }

    fn put(&mut self) -> serde_json::Value {
        let len = match self.below(40) {
            0 => 5_000 + self.below(20_000),
            1..=4 => 1_000 + self.below(3_000),
            _ => 40 + self.below(600),
        };
        let line = format!("{:012x} ", self.random.next());
        json!({"key": self.key(), "value": b64(&line.repeat(len / line.len() + 1))})
    }

    pub fn step(&mut self) {
        let (path, request) = match self.below(100) {
            0..=11 => ("/v3/kv/deleterange", json!({"key": self.key()})),
            12 => {
                let from = self.below(200);
                let [key, end] =
                    [from, from + 8].map(|n| b64(&format!("/registry/pods/ns-{}/pod-{n:04}", self.number)));
                ("/v3/kv/deleterange", json!({"key": key, "range_end": end}))
            }
            13..=16 => {
                let puts: Vec<_> = (0..4).map(|_| self.put()).collect();
                // a transaction writes no key twice
                let once = |i: usize| puts[..i].iter().all(|before| before["key"] != puts[i]["key"]);
                let puts: Vec<_> = (0..4).filter(|i| once(*i)).map(|i| json!({"request_put": puts[i]})).collect();
                ("/v3/kv/txn", json!({"success": puts}))
            }
            17 | 18 if self.compacts => {
                let now = self.gateway.ask("/v3/kv/range", &json!({"key": b64("none")})).unwrap();
                let now: usize = now["header"]["revision"].as_str().unwrap().parse().unwrap();
                let at = now - self.below(now / 4 + 1);
                ("/v3/kv/compaction", json!({"revision": at, "physical": true}))
            }
            _ => ("/v3/kv/put", self.put()),
        };
        // what is compacted already is refused
        let answer = self.gateway.ask(path, &request);
        assert!(answer.is_ok() || path.ends_with("compaction"), "{path}: {answer:?}");
    }
}

/// So many steps of four clients at once.
pub fn write(etcd: &Etcd<'_>, seed: u64, steps: usize) {
    thread::scope(|scope| {
        for number in 0..4 {
            let mut client = Client::new(etcd, number, seed);
            scope.spawn(move || (0..steps / 4).for_each(|_| client.step()));
        }
    });
}

/// The db of a member that wrote much and ended in peace; it was defragmented once on the way.
pub fn db(peers: &Peers, version: &str, seed: u64, steps: usize) -> Vec<u8> {
    let etcd = start(peers, version);
    write(&etcd, seed, steps / 4);
    etcd.ctl(&["defrag"]);
    write(&etcd, seed + 1, steps * 3 / 4);
    let (_home, data) = etcd.stop();
    fs::read(data.join("member/snap/db")).unwrap()
}

/// The db of a member whose last transaction puts four keys that were there before.
pub fn ends_with_a_transaction(peers: &Peers, version: &str, seed: u64) -> Vec<u8> {
    let etcd = start(peers, version);
    write(&etcd, seed, 600);
    let put = |value: &str, n| json!({"key": b64(&format!("/registry/leases/hot-{n}")), "value": b64(value)});
    for n in 0..4 {
        Gateway::new(&etcd.endpoint).ask("/v3/kv/put", &put("before", n)).unwrap();
    }
    let puts: Vec<_> = (0..4).map(|n| json!({"request_put": put("after", n)})).collect();
    Gateway::new(&etcd.endpoint).ask("/v3/kv/txn", &json!({"success": puts})).unwrap();
    let (_home, data) = etcd.stop();
    fs::read(data.join("member/snap/db")).unwrap()
}

/// A copy of a file that is being written, read bit by bit.
pub fn copied_slowly(path: &Path) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut copy = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    let pieces = copy.len().div_ceil(64 << 10);
    for (n, piece) in copy.chunks_mut(64 << 10).enumerate() {
        file.read_exact_at(piece, (n << 16) as u64).unwrap();
        thread::sleep(Duration::from_millis(1500) / u32::try_from(pieces).unwrap());
    }
    copy
}

/// A copy of the db that was made while four clients wrote, and the whole db a while later. Nothing is compacted after
/// the copy was begun, so the second one has every revision that the first can have.
pub fn torn(peers: &Peers, version: &str, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let etcd = start(peers, version);
    write(&etcd, seed, 1200);
    let stop = AtomicBool::new(false);
    let copy = thread::scope(|scope| {
        for number in 0..4 {
            let mut client = Client { compacts: false, ..Client::new(&etcd, number, seed + 1) };
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(SeqCst) {
                    client.step();
                }
            });
        }
        let copy = copied_slowly(&etcd.data_dir().join("member/snap/db"));
        stop.store(true, SeqCst);
        copy
    });
    let (_home, data) = etcd.stop();
    (copy, fs::read(data.join("member/snap/db")).unwrap())
}
