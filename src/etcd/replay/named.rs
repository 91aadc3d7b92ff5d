//! The keys that the log names, as they stand in the db: what a replay has to know of it, and no more.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;

use crate::etcd::{
    KeyValue, Revision, Snapshot,
    request::{Op, RequestOp, Txn},
};

/// The first key of a range and the first behind it; `None` for no end.
pub(super) type Span<'a> = (&'a [u8], Option<&'a [u8]>);

/// The span of a key and an end as etcd takes them: no end is the one key, a zero byte is everything behind it.
/// `None` for the one key.
pub(super) fn span<'a>(key: &'a [u8], range_end: &'a [u8]) -> Option<Span<'a>> {
    match range_end {
        [] => None,
        [0] => Some((key, None)),
        end => Some((key, Some(end))),
    }
}

/// What the log names.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    keys: HashSet<&'a [u8]>,
    spans: Vec<Span<'a>>,
    leases: BTreeSet<i64>,
}

/// What the db holds of it.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// The live keys.
    pub(super) keys: BTreeMap<&'a [u8], KeyValue<'a>>,
    /// The keys that hang on the leases that are named.
    pub(super) attached: BTreeMap<i64, BTreeSet<&'a [u8]>>,
    /// The last revision.
    pub(super) last: Revision,
}

impl<'a> Named<'a> {
    /// Adds what `op` names; with `auth`, also what has to be known to see whether it was allowed.
    pub(super) fn add(&mut self, op: &Op<'a>, auth: bool) {
        match op {
            Op::Put(put) => {
                self.keys.insert(put.key);
                self.lease(put.lease, auth);
            }
            Op::DeleteRange(delete) => self.range(delete.key, delete.range_end),
            Op::Txn(txn) => self.txn(*txn, auth),
            Op::LeaseRevoke { id } => self.lease(*id, true),
            _ => {}
        }
    }

    fn lease(&mut self, id: i64, named: bool) {
        if named && id != 0 {
            self.leases.insert(id);
        }
    }

    fn range(&mut self, key: &'a [u8], range_end: &'a [u8]) {
        match span(key, range_end) {
            Some(span) => self.spans.push(span),
            None => drop(self.keys.insert(key)),
        }
    }

    fn txn(&mut self, txn: Txn<'a>, auth: bool) {
        txn.compares().for_each(|compare| self.range(compare.key, compare.range_end));
        for step in txn.success().chain(txn.failure()) {
            match step {
                RequestOp::Put(put) => {
                    self.keys.insert(put.key);
                    self.lease(put.lease, auth);
                }
                RequestOp::DeleteRange(delete) => self.range(delete.key, delete.range_end),
                RequestOp::Txn(txn) => self.txn(txn, auth),
                RequestOp::Range(_) | RequestOp::Empty => {}
            }
        }
    }

    /// Looks all of it up in `snapshot`, in one pass over its records; in two when leases are named: which keys hang on
    /// a lease is known only when their newest records are.
    pub(super) fn find(mut self, snapshot: &Snapshot<'a>) -> Found<'a> {
        let (keyspace, walk) = (snapshot.keyspace, snapshot.fresh_walk());
        self.merge_spans();
        if !self.leases.is_empty() {
            let bound = keyspace.scan(
                &walk,
                || (),
                Vec::new,
                |(), _, _| {},
                |(), keys, record| {
                    if record.kv.lease != 0 && self.leases.contains(&record.kv.lease) && !self.holds(record.kv.key) {
                        keys.push(record.kv.key);
                    }
                },
            );
            self.keys.extend(bound.parts.into_iter().flatten());
        }
        let scan = keyspace.newest(&walk, Revision::default, |last, record| {
            *last = record.revision.max(*last);
            self.holds(record.kv.key) && !record.is_bump()
        });
        let mut found = Found { last: scan.parts.into_iter().max().unwrap_or_default(), ..Found::default() };
        found.attached = self.leases.iter().map(|id| (*id, BTreeSet::new())).collect();
        for newest in scan.shared.into_live() {
            let kv = newest.kv();
            if let Some(keys) = found.attached.get_mut(&kv.lease) {
                keys.insert(kv.key);
            }
            found.keys.insert(kv.key, kv);
        }
        found
    }

    /// Puts the spans in order and lets no two overlap, so that a key is looked up in them at once.
    fn merge_spans(&mut self) {
        self.spans.sort_unstable();
        let mut merged: Vec<Span<'a>> = Vec::new();
        for (start, end) in self.spans.drain(..) {
            match merged.last_mut() {
                Some((_, None)) => break,
                Some((_, Some(last))) if start <= *last => match end {
                    Some(end) => *last = end.max(*last),
                    None => {
                        if let Some(last) = merged.last_mut() {
                            last.1 = None;
                        }
                    }
                },
                _ => merged.push((start, end)),
            }
        }
        self.spans = merged;
    }

    fn holds(&self, key: &[u8]) -> bool {
        let behind = self.spans.partition_point(|(start, _)| *start <= key);
        let span = behind.checked_sub(1).and_then(|at| self.spans.get(at));
        span.is_some_and(|(_, end)| end.is_none_or(|end| key < end)) || self.keys.contains(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_merged_and_keys_are_found_in_them() {
        let mut named = Named::default();
        named.range(b"m", b"p");
        named.range(b"a", b"c");
        named.range(b"b", b"d");
        named.range(b"k", b"");
        let holds = |named: &Named<'_>, keys: &[u8]| keys.iter().map(|key| named.holds(&[*key])).collect::<Vec<_>>();
        named.merge_spans();
        assert_eq!(named.spans.len(), 2);
        assert_eq!(holds(&named, b"acdkmp"), [true, true, false, true, true, false]);
        named.range(b"n", b"\0");
        named.merge_spans();
        assert_eq!(holds(&named, b"dmpz"), [false, true, true, true]);
        named.range(b"z", b"a");
        named.merge_spans();
        assert_eq!(holds(&named, b"dz"), [false, true]);
    }
}
