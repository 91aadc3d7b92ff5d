//! Leases (`lease.lessor`). Those of the backup never expire: the time that they had left is over since long.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use tonic::Status;

use super::{
    error::{lease_exists, lease_not_found, lease_too_large},
    version::OVERHEAD,
};
use crate::etcd::state;

/// All leases.
#[derive(Debug, Default)]
pub(super) struct Lessor {
    leases: BTreeMap<i64, Lease>,
    changed: bool,
}

/// A lease.
#[derive(Debug)]
pub(super) struct Lease {
    /// The time to live that was granted, in seconds.
    pub(super) ttl: i64,
    /// The time that is left of a lease of the backup; it stays so.
    pub(super) left: i64,
    /// When it expires; never for one of the backup.
    pub(super) expires: Option<Instant>,
    /// The keys that it is attached to.
    pub(super) keys: BTreeSet<Bytes>,
}

impl Lease {
    /// The seconds that are left.
    pub(super) fn remaining(&self) -> i64 {
        let left = |expires: Instant| expires.saturating_duration_since(Instant::now()).as_secs();
        self.expires.map_or(self.left, |expires| left(expires).try_into().unwrap_or(i64::MAX))
    }
}

impl Lessor {
    /// The leases of a backup.
    pub(super) fn of_backup(leases: &[state::Lease]) -> Self {
        let lease = |lease: &state::Lease| {
            let left = if lease.remaining_ttl > 0 { lease.remaining_ttl } else { lease.ttl };
            (lease.id, Lease { ttl: lease.ttl, left, expires: None, keys: BTreeSet::new() })
        };
        Self { leases: leases.iter().map(lease).collect(), changed: false }
    }

    /// Whether one was granted or revoked.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    pub(super) fn get(&self, id: i64) -> Option<&Lease> {
        self.leases.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &Lease)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// Grants a lease; returns the time to live.
    pub(super) fn grant(&mut self, id: i64, ttl: i64) -> Result<i64, Status> {
        if ttl > state::Lease::MAX_TTL {
            return Err(lease_too_large());
        }
        if self.leases.contains_key(&id) {
            return Err(lease_exists());
        }
        let ttl = ttl.max(state::Lease::MIN_TTL);
        let lease = Lease { ttl, left: ttl, expires: expiry(ttl), keys: BTreeSet::new() };
        self.leases.insert(id, lease);
        self.changed = true;
        Ok(ttl)
    }

    /// Renews a lease; returns its time to live.
    pub(super) fn renew(&mut self, id: i64) -> Result<i64, Status> {
        let lease = self.leases.get_mut(&id).ok_or_else(lease_not_found)?;
        lease.expires = lease.expires.and_then(|_| expiry(lease.ttl));
        Ok(lease.ttl)
    }

    /// Removes a lease; returns its keys, in order.
    pub(super) fn remove(&mut self, id: i64) -> Option<BTreeSet<Bytes>> {
        let removed = self.leases.remove(&id).map(|lease| lease.keys);
        self.changed |= removed.is_some();
        removed
    }

    pub(super) fn attach(&mut self, id: i64, key: Bytes) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key);
        }
    }

    pub(super) fn detach(&mut self, id: i64, key: &[u8]) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    /// The leases that have expired.
    pub(super) fn expired(&self) -> Vec<i64> {
        let now = Instant::now();
        let is_expired = |lease: &Lease| lease.expires.is_some_and(|expires| expires <= now);
        self.leases.iter().filter(|(_, lease)| is_expired(lease)).map(|(id, _)| *id).collect()
    }

    /// The bytes that the overlay takes for them, about.
    pub(super) fn cost(&self) -> u64 {
        OVERHEAD.saturating_mul(self.leases.values().filter(|lease| lease.expires.is_some()).count() as u64)
    }
}

fn expiry(ttl: i64) -> Option<Instant> {
    let now = Instant::now();
    // one that is too far away is never
    let far = || now.checked_add(Duration::from_secs(u64::from(u32::MAX)));
    now.checked_add(Duration::from_secs(ttl.try_into().unwrap_or_default())).or_else(far)
}
