//! Items of etcd's buckets, in a db whose pages are good: each input is a list of items that are added to small.db.
//!
//! An item is `bucket, length of its key, length of its value` (a byte, a byte, two bytes) and both. A record's key of
//! no bytes is the next revision.

use std::sync::OnceLock;

use etcdsnap::etcd::Revision;

use super::database::{Buckets, build, items, read_file};

/// etcd's buckets, by their numbers in an input.
pub const NAMES: [&str; 10] =
    ["key", "meta", "members", "members_removed", "cluster", "lease", "alarm", "auth", "authUsers", "authRoles"];

pub fn run(data: &[u8]) {
    static SMALL: OnceLock<Buckets> = OnceLock::new();
    let base = SMALL.get_or_init(|| {
        let file = include_bytes!("../../../fixtures/small.db");
        items(&file[..file.len() - 32], usize::MAX, usize::MAX)
    });
    let mut buckets = base.clone();
    let (mut rest, mut main) = (data, 7);
    while let [bucket, key, low, high, more @ ..] = rest {
        let (key, more) = more.split_at(usize::from(*key).min(more.len()));
        let (value, more) = more.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(more.len()));
        rest = more;
        let name = NAMES[usize::from(*bucket) % NAMES.len()];
        let key = match (name, key) {
            ("key", []) => Revision { main, sub: 0 }.to_bucket_key(value.is_empty()),
            (_, []) => continue,
            _ => key.to_vec(),
        };
        main += 1;
        buckets.entry(name.into()).or_default().insert(key, value.to_vec());
    }
    read_file(&build(&buckets));
}

/// An item as an input has it.
pub fn item(bucket: &str, key: &[u8], value: &[u8]) -> Vec<u8> {
    let number = NAMES.iter().position(|name| *name == bucket).unwrap_or_default();
    let (number, key_len, len) = (u8::try_from(number).unwrap(), u8::try_from(key.len()), u16::try_from(value.len()));
    let mut out = vec![number, key_len.unwrap_or(u8::MAX)];
    out.extend(len.unwrap_or(u16::MAX).to_le_bytes());
    out.extend(key);
    out.extend(value);
    out
}
