//! One item of a bucket by itself, for a look at single pages.

use super::{
    Depth, Record, State,
    state::{Lease, Member},
};
use crate::{Code, Finding, bolt::Item};

/// The buckets that every etcd makes when it starts.
pub(crate) const BUCKETS: [&str; 10] =
    ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"];

/// Findings about the buckets that are not among `names`.
pub(super) fn missing_buckets<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<Finding> {
    let names: Vec<_> = names.collect();
    let is_missing = |bucket: &&str| !names.contains(&bucket.as_bytes());
    if is_missing(&"key") {
        return vec![missing_bucket("key")];
    }
    BUCKETS.into_iter().filter(is_missing).map(missing_bucket).collect()
}

/// The finding about a bucket that is not there.
pub(super) fn missing_bucket(bucket: &str) -> Finding {
    if bucket == "key" {
        let finding = Finding::error(Code::BucketMissing, "there is no bucket `key`: this is not an etcd backend");
        return finding.hint("it may be a bbolt file of another program; `etcdsnap` reads only etcd's");
    }
    Finding::error(Code::BucketMissing, format!("there is no bucket `{bucket}`, which every etcd makes"))
}

/// An item of one of etcd's buckets, decoded.
#[derive(Debug)]
pub enum Stored<'a> {
    /// A record of the bucket `key`.
    Record(Record<'a>),
    /// A state that holds what the item does, and nothing else.
    State(Box<State>),
}

impl<'a> Stored<'a> {
    /// Decodes an item of `bucket`.
    ///
    /// # Errors
    /// A finding about the item.
    pub fn read(bucket: &[u8], item: &Item<'a>) -> Result<Self, Finding> {
        if bucket == b"key" {
            return Record::decode(item).map(Self::Record);
        }
        let mut state = State::default();
        state.take(bucket, item).map_err(|finding| finding.at(item.offset).key(item.key))?;
        Ok(Self::State(Box::new(state)))
    }

    /// Decodes an item of a bucket that is not known, such as one of a free page, when its key and its value agree: a
    /// record, a lease or a member.
    #[must_use]
    pub fn guess(item: &Item<'a>) -> Option<Self> {
        let record = Record::decode(item).ok().filter(|record| record.check(Depth::UNKNOWN).is_none());
        let state = || {
            let lease = Lease::read(item.key, item.value).ok().map(|of| State { leases: vec![of], ..State::default() });
            lease.or_else(|| {
                Member::read(item.key, item.value).ok().map(|of| State { members: vec![of], ..State::default() })
            })
        };
        record.map(Self::Record).or_else(|| Some(Self::State(Box::new(state()?))))
    }
}

/// The bucket of etcd that `path` leads to, by its names from the outermost on; `None` when etcd has no such bucket.
#[must_use]
pub fn bucket_of(path: &[&[u8]]) -> Option<&'static str> {
    let [name] = path else { return None };
    BUCKETS.into_iter().find(|bucket| bucket.as_bytes() == *name)
}
