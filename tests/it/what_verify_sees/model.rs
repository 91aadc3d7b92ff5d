//! The content of a db, to be changed and written again as bbolt writes it.

use std::collections::{BTreeMap, BTreeSet};

use etcdsnap::{
    Findings,
    bolt::{Db, Meta, PageId, Tree, Walk, Writer},
    etcd::{KeyValue, Revision},
};
use sha2::{Digest as _, Sha256};

use crate::common::random::Random;

/// Keys and values of a bucket.
pub type Items = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone)]
pub struct Model {
    meta: Meta,
    pub buckets: BTreeMap<Vec<u8>, Items>,
    /// Records of `key` with bbolt's bucket flag.
    pub flagged: BTreeSet<Vec<u8>>,
}

/// A `KeyValue` that owns its bytes.
#[derive(Clone, Default, PartialEq)]
pub struct Put {
    pub key: Vec<u8>,
    pub created: i64,
    pub modified: i64,
    pub version: i64,
    pub value: Vec<u8>,
    pub lease: i64,
}

impl Put {
    pub fn decode(message: &[u8]) -> Self {
        let kv = KeyValue::decode(message).unwrap();
        let (key, value) = (kv.key.to_vec(), kv.value.to_vec());
        let (created, modified) = (kv.create_revision, kv.mod_revision);
        Self { key, created, modified, version: kv.version, value, lease: kv.lease }
    }

    pub fn encode(&self) -> Vec<u8> {
        let Self { key, created, modified, version, value, lease } = self;
        let kv = KeyValue {
            key,
            create_revision: *created,
            mod_revision: *modified,
            version: *version,
            value,
            lease: *lease,
        };
        kv.encode()
    }
}

pub fn revision_of(bucket_key: &[u8]) -> (Revision, bool) {
    Revision::from_bucket_key(bucket_key).unwrap()
}

impl Model {
    pub fn read(image: &[u8]) -> Self {
        let db = Db::open(image).unwrap();
        let (mut walk, mut findings) = (Walk::new(db.clone()), Findings::default());
        let mut buckets = BTreeMap::new();
        for bucket in walk.buckets(&mut findings) {
            let mut items = Items::new();
            let all: Result<(), ()> = walk.in_order(&bucket, &mut findings, |leaf| {
                items.extend(leaf.items.iter().map(|item| (item.key.to_vec(), item.value.to_vec())));
                Ok(())
            });
            all.unwrap();
            buckets.insert(bucket.name.to_vec(), items);
        }
        assert_eq!(findings.list(), []);
        Self { meta: *db.meta(), buckets, flagged: BTreeSet::new() }
    }

    /// The db, without a trailer.
    pub fn write(&self) -> Vec<u8> {
        let page_size = self.meta.page_size;
        let mut writer = Writer::new(vec![0; page_size as usize * 2], page_size, PageId(2));
        let mut roots = Vec::new();
        for (name, items) in &self.buckets {
            let mut tree = Tree::default();
            for (key, value) in items {
                if name == b"key" && self.flagged.contains(key) {
                    writer.push_bucket(&mut tree, key, PageId(2)).unwrap();
                } else {
                    writer.push(&mut tree, key, value).unwrap();
                }
            }
            roots.push((name, writer.finish(tree).unwrap()));
        }
        let mut root = Tree::default();
        for (name, id) in roots {
            writer.push_bucket(&mut root, name, id).unwrap();
        }
        let root = writer.finish(root).unwrap();
        let (high_water, mut file) = writer.end();
        for back in [2, 1] {
            let (at, page) = Meta { txid: self.meta.txid - back, ..self.meta }.commit(root, high_water);
            let at = usize::try_from(at).unwrap();
            file[at..at + page.len()].copy_from_slice(&page);
        }
        file
    }

    pub fn bucket(&mut self, name: &str) -> &mut Items {
        self.buckets.get_mut(name.as_bytes()).unwrap()
    }

    /// The revision up to which a compaction has removed records, or -1.
    pub fn compacted(&self) -> i64 {
        self.buckets[&b"meta"[..]].get(&b"finishedCompactRev"[..]).map_or(-1, |of| revision_of(of).0.main)
    }

    /// The places of the records for which `wanted` is true: the revision, whether it is a tombstone, the key-value
    /// pair.
    pub fn records(&self, wanted: impl Fn(Revision, bool, &Put) -> bool) -> Vec<Vec<u8>> {
        let is_wanted = |(at, message): &(&Vec<u8>, &Vec<u8>)| {
            let (revision, tombstone) = revision_of(at);
            wanted(revision, tombstone, &Put::decode(message))
        };
        self.buckets[&b"key"[..]].iter().filter(is_wanted).map(|(at, _)| at.clone()).collect()
    }

    /// One of those.
    pub fn record(&self, random: &mut Random, wanted: impl Fn(Revision, bool, &Put) -> bool) -> Option<Vec<u8>> {
        one_of(&self.records(wanted), random)
    }

    /// The key-value pair at a place.
    pub fn put_at(&self, at: &[u8]) -> Put {
        Put::decode(&self.buckets[&b"key"[..]][at])
    }

    /// Changes a key-value pair.
    pub fn change(&mut self, at: &[u8], change: impl FnOnce(&mut Put)) {
        let mut put = self.put_at(at);
        change(&mut put);
        self.bucket("key").insert(at.to_vec(), put.encode());
    }
}

/// One of `all`, none of none.
pub fn one_of<T: Clone>(all: &[T], random: &mut Random) -> Option<T> {
    (!all.is_empty()).then(|| all[random.next() % all.len()].clone())
}

/// The db with a trailer that is right.
pub fn sealed(image: &[u8]) -> Vec<u8> {
    [image, &Sha256::digest(image)[..]].concat()
}
