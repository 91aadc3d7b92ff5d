//! The keys that the log names, with their state in the db: all that a replay needs of the db.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;

use crate::etcd::{
    KeyValue, Range, Revision, Snapshot,
    range::RangeSet,
    request::{Op, RequestOp, Txn},
};

/// The keys and leases that the log names.
#[derive(Debug, Default)]
pub(super) struct NamedInLog<'a> {
    keys: HashSet<&'a [u8]>,
    ranges: Vec<Range<'a>>,
    leases: BTreeSet<i64>,
}

/// The named keys that the db holds.
#[derive(Debug, Default)]
pub(super) struct NamedInDb<'a> {
    /// The live keys.
    pub(super) keys: BTreeMap<&'a [u8], KeyValue<'a>>,
    /// The keys that are attached to the named leases.
    pub(super) attached: BTreeMap<i64, BTreeSet<&'a [u8]>>,
    /// The last revision.
    pub(super) last: Revision,
}

impl<'a> NamedInLog<'a> {
    /// Adds the keys and leases that `op` names; with `auth`, also those that the check of its permissions needs.
    pub(super) fn add(&mut self, op: &Op<'a>, auth: bool) {
        match op {
            Op::Put(put) => {
                self.keys.insert(put.key);
                self.lease(put.lease, auth);
            }
            Op::DeleteRange(delete) => self.range(delete.key, delete.range()),
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

    fn range(&mut self, key: &'a [u8], range: Range<'a>) {
        if range.one().is_some() {
            self.keys.insert(key);
        } else {
            self.ranges.push(range);
        }
    }

    fn txn(&mut self, txn: Txn<'a>, auth: bool) {
        txn.compares().for_each(|compare| self.range(compare.key, compare.range()));
        for step in txn.success().chain(txn.failure()) {
            match step {
                RequestOp::Put(put) => {
                    self.keys.insert(put.key);
                    self.lease(put.lease, auth);
                }
                RequestOp::DeleteRange(delete) => self.range(delete.key, delete.range()),
                RequestOp::Txn(txn) => self.txn(txn, auth),
                RequestOp::Range(_) | RequestOp::Empty => {}
            }
        }
    }

    /// Finds all of them in `snapshot`, in one pass over its records; in two when leases are named: the keys of a lease
    /// are known only when their newest records are.
    pub(super) fn find(mut self, snapshot: &Snapshot<'a>) -> NamedInDb<'a> {
        let (keyspace, walk) = (snapshot.keyspace, snapshot.fresh_walk());
        let ranges: RangeSet<'_> = self.ranges.into_iter().collect();
        let holds = |keys: &HashSet<&[u8]>, key: &[u8]| ranges.contains(key) || keys.contains(key);
        if !self.leases.is_empty() {
            let bound = keyspace.scan(
                &walk,
                || (),
                Vec::new,
                |(), _, _| {},
                |(), keys, record| {
                    if record.kv.lease != 0
                        && self.leases.contains(&record.kv.lease)
                        && !holds(&self.keys, record.kv.key)
                    {
                        keys.push(record.kv.key);
                    }
                },
            );
            self.keys.extend(bound.parts.into_iter().flatten());
        }
        let scan = keyspace.newest(&walk, Revision::default, |last, record| {
            *last = record.revision.max(*last);
            holds(&self.keys, record.kv.key) && !record.is_bump()
        });
        let mut found = NamedInDb { last: scan.parts.into_iter().max().unwrap_or_default(), ..NamedInDb::default() };
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
}
