//! A db with any keys and values in it, made from that of a real etcd: for input that no API server would write.

use std::{collections::BTreeMap, fs, path::Path};

use etcdsnap::{
    Findings,
    bolt::{Db, Tree, Walk, Writer},
    etcd::KeyValue,
};
use sha2::{Digest as _, Sha256};

/// The image of a db of etcd 3.6 with these keys, each written once, from revision 2 on; no trailer.
pub fn image(keys: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let saved = fs::read("fixtures/small.db").unwrap();
    let db = Db::open(&saved[..saved.len() - 32]).unwrap();
    let (meta, mut walk) = (*db.meta(), Walk::new(db));
    let mut pages = Writer::new(Vec::new(), meta.page_size, meta.high_water);
    let mut tree = Tree::default();
    for (n, (key, value)) in keys.iter().enumerate() {
        let revision = i64::try_from(n).unwrap() + 2;
        let kv = KeyValue { key, create_revision: revision, mod_revision: revision, version: 1, value, lease: 0 };
        let name = [&revision.to_be_bytes()[..], b"_", &[0; 8]].concat();
        pages.push(&mut tree, &name, &kv.encode()).unwrap();
    }
    let keys = pages.finish(tree).unwrap();
    let buckets = walk.buckets(&mut Findings::default());
    let all: BTreeMap<_, _> = buckets.iter().map(|bucket| (bucket.name, bucket)).collect();
    let mut root = Tree::default();
    for (name, bucket) in all {
        match name {
            b"key" => pages.push_bucket(&mut root, name, keys).unwrap(),
            _ => pages.keep_bucket(&mut root, bucket).unwrap(),
        }
    }
    let root = pages.finish(root).unwrap();
    let (high_water, new) = pages.end();
    let size = usize::try_from(meta.high_water.0).unwrap() * meta.page_size as usize;
    let mut image = [&saved[..size], &new].concat();
    let mut meta = meta;
    // the second makes the older meta agree
    for _ in 0..2 {
        let (at, page) = meta.commit(root, high_water);
        let at = usize::try_from(at).unwrap();
        image[at..at + page.len()].copy_from_slice(&page);
        meta.txid += 1;
    }
    image
}

/// Writes [`image`] to `path`, as a saved snapshot with its SHA-256.
pub fn snapshot(path: &Path, keys: &[(&[u8], Vec<u8>)]) {
    let image = image(keys);
    fs::write(path, [&image[..], &Sha256::digest(&image)].concat()).unwrap();
}
