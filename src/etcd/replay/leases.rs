//! Leases granted, revoked and checkpointed (`server/lease/lessor.go`).

use super::applier::{Applier, Caller, Done, No};
use crate::etcd::{Range, state::Lease};

impl<'a> Applier<'a> {
    /// `lessor.Grant`.
    pub(super) fn grant(&mut self, id: i64, ttl: i64) -> Done {
        self.check_alarms(true)?;
        if id == 0 || ttl > Lease::MAX_TTL || self.leases.contains_key(&id) {
            return Err(No::Refused);
        }
        self.keep_lease(Lease { id, ttl: ttl.max(Lease::MIN_TTL), remaining_ttl: 0 });
        // keys of a former lease with this id are not attached to the new one
        self.found.attached.entry(id).or_default().clear();
        Ok(())
    }

    /// `lessor.Revoke`: its keys are deleted in order, all in one revision.
    pub(super) fn revoke(&mut self, caller: Caller<'a>, id: i64) -> Done {
        self.check_alarms(false)?;
        self.check_lease(caller, id)?;
        if self.leases.remove(&id).is_none() {
            return Err(No::Refused);
        }
        let keys = self.found.attached.get(&id).cloned().unwrap_or_default();
        let mut write = self.begin();
        for key in keys {
            self.delete_range(&mut write, Range::key(key));
        }
        self.end(&write);
        self.edits.delete("lease", id.to_be_bytes());
        Ok(())
    }

    /// `lessor.Checkpoint`: kept on disk since etcd 3.6.
    pub(super) fn checkpoint(&mut self, id: i64, remaining_ttl: i64) {
        if let Some(lease) = self.leases.get(&id).copied()
            && self.cluster_is(6)
        {
            self.keep_lease(Lease { remaining_ttl, ..lease });
        }
    }

    fn keep_lease(&mut self, lease: Lease) {
        self.leases.insert(lease.id, lease);
        self.edits.put("lease", lease.id.to_be_bytes(), lease.encode());
    }
}
