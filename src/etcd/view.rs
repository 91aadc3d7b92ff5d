//! The state at a revision, in key order: what a `get` at that revision would have answered.

use std::collections::VecDeque;

use super::{
    KeyValue, Newest, Record, Revision, Snapshot,
    survey::{append_newest, push_newest},
};
use crate::{Error, Result};

/// Which keys: as `etcdctl get KEY [RANGE_END]` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// Every key.
    All,
    /// One key.
    Key(Vec<u8>),
    /// From the first, up to but without the second.
    Between(Vec<u8>, Vec<u8>),
    /// All keys that begin so.
    Prefix(Vec<u8>),
    /// This key and all behind it.
    From(Vec<u8>),
}

impl Range {
    /// Whether it holds `key`.
    #[inline]
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Key(one) => key == one,
            Self::Between(start, end) => key >= start.as_slice() && key < end.as_slice(),
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::From(start) => key >= start.as_slice(),
        }
    }
}

/// The live keys at a revision, in key order.
#[derive(Debug)]
pub struct View<'a> {
    /// The revision it is the state of.
    pub revision: i64,
    /// The last revision of the whole keyspace.
    pub head: i64,
    /// The newest records of the whole keyspace, oldest first, as [`super::Survey::tail`].
    pub tail: VecDeque<Record<'a>>,
    keys: Vec<Newest<'a>>,
}

impl<'a> Snapshot<'a> {
    /// The state at revision `at`, or the last one, of the keys in `range`.
    ///
    /// # Errors
    /// When the revision was compacted away, or is not there yet.
    pub fn view(&mut self, at: Option<i64>, range: &Range) -> Result<View<'a>> {
        let keyspace = self.keyspace;
        let limit = at.unwrap_or(i64::MAX);
        let scan = keyspace.newest(&self.walk, VecDeque::new, |tail, record| {
            push_newest(tail, record);
            // The empty record of a bump stands for no key.
            record.revision.main <= limit && range.contains(record.kv.key) && !record.is_bump()
        });
        let (newest, parts) = scan.enter(&mut self.walk, &mut self.findings);
        let mut tail = VecDeque::new();
        parts.into_iter().for_each(|part| append_newest(&mut tail, part));
        let head = keyspace.head(tail.back().map_or(Revision::default(), |record| record.revision));
        let revision = self.check_revision(at, head)?;
        Ok(View { revision, head, tail, keys: newest.into_sorted() })
    }

    /// The revision that `at` means in a keyspace whose last one is `head`.
    pub(crate) fn check_revision(&self, at: Option<i64>, head: i64) -> Result<i64> {
        let compacted = self.keyspace.compacted();
        let window = || {
            let first = compacted.max(1);
            Some(format!("the file holds the revisions {first} to {head}"))
        };
        match at {
            None => Ok(head),
            Some(at) if at < compacted => {
                Err(Error::not_found(format!("revision {at} has been compacted")).hinted_if(window()))
            }
            Some(at) if at > head => {
                Err(Error::not_found(format!("revision {at} is a future revision")).hinted_if(window()))
            }
            Some(at) => Ok(at),
        }
    }
}

impl<'a> View<'a> {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys and what was written to them last, in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = KeyValue<'a>> + ExactSizeIterator + '_ {
        self.keys.iter().map(Newest::kv)
    }

    /// The keys alone, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + '_ {
        self.keys.iter().map(|newest| newest.key)
    }

    /// What was written last to `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<KeyValue<'a>> {
        let index = self.keys.binary_search_by(|newest| newest.key.cmp(key)).ok()?;
        self.keys.get(index).map(Newest::kv)
    }
}
