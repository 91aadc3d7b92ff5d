//! Transactions (`server/etcdserver/txn/txn.go`).

use super::applier::{Applier, Caller, Done, No, Write};
use crate::etcd::request::{Compare, RequestOp, Txn};

impl<'a> Applier<'a> {
    /// `Txn`: first the branches are chosen, then all steps are checked, then they are executed.
    pub(super) fn txn_request(&mut self, caller: Caller<'a>, txn: Txn<'a>) -> Done {
        self.check_alarms(puts(txn))?;
        let reads = self.checks_reads();
        self.check_txn(caller, txn, reads)?;
        let mut path = Vec::new();
        self.decide(txn, &mut path);
        self.check_steps(txn, reads, &mut path.iter())?;
        let mut write = self.begin();
        self.execute(&mut write, txn, &mut path.iter())?;
        self.end(&write);
        Ok(())
    }

    /// Whether a transaction's own reads can make it fail: etcd before 3.7 leaves out reads whose answer no client
    /// waits for (`removeNeedlessRangeReqs`), but not those of nested transactions.
    fn checks_reads(&self) -> bool {
        self.cluster_is(7)
    }

    /// `compareToPath`: the branch of each transaction, the outer before the inner; all see the state before the first
    /// step.
    fn decide(&self, txn: Txn<'a>, path: &mut Vec<bool>) {
        let holds = txn.compares().all(|compare| self.compare(&compare));
        path.push(holds);
        steps(txn, holds, &mut |step| {
            if let RequestOp::Txn(inner) = step {
                self.decide(inner, path);
            }
            Ok(())
        })
        .unwrap_or_default();
    }

    /// `applyCompare`: the condition has to hold for every key.
    fn compare(&self, compare: &Compare<'a>) -> bool {
        let mut keys = self.live(compare.range()).peekable();
        if keys.peek().is_none() {
            return compare.holds_without_key();
        }
        keys.inspect(|_| self.charge(1)).all(|kv| compare.holds(kv))
    }

    /// `checkTxn`.
    fn check_steps<'p>(&self, txn: Txn<'a>, reads: bool, path: &mut impl Iterator<Item = &'p bool>) -> Done {
        let way = path.next().copied().unwrap_or_default();
        steps(txn, way, &mut |step| match step {
            RequestOp::Range(range) if reads && range.revision != 0 => {
                let known = range.revision >= self.compacted && range.revision <= self.revision;
                if known { Ok(()) } else { Err(No::Refused) }
            }
            RequestOp::Put(put) => {
                let lacks_old = (put.ignore_value || put.ignore_lease) && !self.found.keys.contains_key(put.key);
                let lacks_lease = put.lease != 0 && !self.leases.contains_key(&put.lease);
                if lacks_old || lacks_lease { Err(No::Refused) } else { Ok(()) }
            }
            RequestOp::Txn(inner) => self.check_steps(inner, true, path),
            RequestOp::Range(_) | RequestOp::DeleteRange(_) | RequestOp::Empty => Ok(()),
        })
    }

    /// `executeTxn`.
    fn execute<'p>(&mut self, write: &mut Write, txn: Txn<'a>, path: &mut impl Iterator<Item = &'p bool>) -> Done {
        let way = path.next().copied().unwrap_or_default();
        steps(txn, way, &mut |step| match step {
            RequestOp::Put(put) => self
                .put(write, &put)
                .map_err(|_| No::Panic("a transaction keeps a value or lease that it deleted before".to_owned())),
            RequestOp::DeleteRange(delete) => {
                self.delete_range(write, delete.range());
                Ok(())
            }
            RequestOp::Txn(inner) => self.execute(write, inner, path),
            RequestOp::Range(_) | RequestOp::Empty => Ok(()),
        })
    }
}

/// Each step of one branch.
fn steps<'a>(txn: Txn<'a>, way: bool, step: &mut dyn FnMut(RequestOp<'a>) -> Done) -> Done {
    if way { txn.success().try_for_each(step) } else { txn.failure().try_for_each(step) }
}

/// Whether a transaction may put a key in one of its branches (`BackendQuota.Cost`, which did not count nested
/// transactions before 3.6.14 and the releases of the other lines at that time).
fn puts(txn: Txn<'_>) -> bool {
    txn.success().chain(txn.failure()).any(|step| match step {
        RequestOp::Put(_) => true,
        RequestOp::Txn(inner) => puts(inner),
        RequestOp::Range(_) | RequestOp::DeleteRange(_) | RequestOp::Empty => false,
    })
}
