//! One item of a bucket by itself, for a look at single pages.

use super::{
    Depth, Record, State,
    state::{Lease, Member},
};
use crate::{Finding, bolt::Item};

/// The buckets that every etcd makes when it starts.
pub const BUCKETS: [&str; 10] =
    ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"];

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
