//! Who may do what (`authApplierV3`, `auth/store.go`, `auth/range_perm_cache.go`), as the newest release of each line has
//! it: older ones ask for fewer rights, of a transaction in a transaction for none.

use super::{
    apply::{Applier, Caller, Done, No},
    named::span,
};
use crate::etcd::{
    request::{DeleteRange, Put, RequestOp, Txn},
    state::{PermissionKind, Role, StoredUser},
};

/// The user, and the role, that may do all.
pub(super) const ROOT: &[u8] = b"root";

impl<'a> Applier<'a> {
    /// `checkPutAuth`.
    pub(super) fn check_put(&self, caller: Caller<'a>, put: &Put<'a>) -> Done {
        self.permits(caller, put.key, b"", PermissionKind::Write)?;
        self.check_lease(caller, put.lease)?;
        if put.prev_kv { self.permits(caller, put.key, b"", PermissionKind::Read) } else { Ok(()) }
    }

    pub(super) fn check_delete(&self, caller: Caller<'a>, delete: &DeleteRange<'a>) -> Done {
        let DeleteRange { key, range_end, prev_kv } = *delete;
        self.permits(caller, key, range_end, PermissionKind::Write)?;
        if prev_kv { self.permits(caller, key, range_end, PermissionKind::Read) } else { Ok(()) }
    }

    /// `checkTxnPermission`: of both ways, whichever it goes. What the outermost transaction `reads` may not count.
    pub(super) fn check_txn(&self, caller: Caller<'a>, txn: Txn<'a>, reads: bool) -> Done {
        for compare in txn.compares() {
            self.permits(caller, compare.key, compare.range_end, PermissionKind::Read)?;
        }
        for step in txn.success().chain(txn.failure()) {
            match step {
                RequestOp::Range(range) if reads => {
                    self.permits(caller, range.key, range.range_end, PermissionKind::Read)?;
                }
                RequestOp::Put(put) => self.check_put(caller, &put)?,
                RequestOp::DeleteRange(delete) => self.check_delete(caller, &delete)?,
                RequestOp::Txn(inner) => self.check_txn(caller, inner, true)?,
                RequestOp::Range(_) | RequestOp::Empty => {}
            }
        }
        Ok(())
    }

    /// `checkLeasePuts`: who may end a lease, or hang a key on it, may write all its keys.
    pub(super) fn check_lease(&self, caller: Caller<'a>, id: i64) -> Done {
        if !self.leases.contains_key(&id) || self.is_admin(caller).is_ok() {
            return Ok(());
        }
        let mut keys = self.found.attached.get(&id).into_iter().flatten();
        keys.try_for_each(|key| self.permits(caller, key, b"", PermissionKind::Write))
    }

    /// `IsAdminPermitted`.
    pub(super) fn is_admin(&self, caller: Caller<'a>) -> Done {
        let allowed = !self.state.auth.enabled || self.user(caller).is_some_and(is_root);
        if allowed { Ok(()) } else { Err(No::Refused) }
    }

    fn user(&self, caller: Caller<'a>) -> Option<&StoredUser> {
        self.users.get(caller.username)
    }

    /// `isOpPermitted`.
    fn permits(&self, caller: Caller<'a>, key: &'a [u8], range_end: &'a [u8], kind: PermissionKind) -> Done {
        let auth = &self.state.auth;
        if !auth.enabled {
            return Ok(());
        }
        if caller.auth_revision == 0 || caller.auth_revision < auth.revision.unwrap_or_default() {
            return Err(No::Refused);
        }
        let user = self.user(caller).ok_or(No::Refused)?;
        if is_root(user) || self.covers(user, key, range_end, kind) { Ok(()) } else { Err(No::Refused) }
    }

    /// Whether what a user's roles allow together holds all of the range.
    fn covers(&self, user: &StoredUser, key: &[u8], range_end: &[u8], kind: PermissionKind) -> bool {
        let permissions = user.roles.iter().filter_map(|role| self.known_role(role)).flat_map(|role: &Role| {
            self.charge(role.permissions.len());
            &role.permissions
        });
        let mut allowed: Vec<(&[u8], Option<Vec<u8>>)> = permissions
            .filter(|permission| permission.kind == kind || permission.kind == PermissionKind::ReadWrite)
            .map(|permission| bounds(&permission.key, &permission.range_end))
            .collect();
        allowed.sort_unstable();
        let (start, end) = bounds(key, range_end);
        let (mut at, mut begun) = (start.to_vec(), false);
        for (from, to) in allowed {
            if from > at.as_slice() {
                break;
            }
            match to {
                None => return true,
                Some(to) if to > at => (at, begun) = (to, true),
                Some(_) => {}
            }
        }
        // A range that ends before it begins takes the right to where it begins. Where there are several permissions, etcd
        // may miss that one, by the shape of its tree (`adt.IntervalTree.Contains`).
        begun && end.is_some_and(|end| at >= end)
    }
}

fn is_root(user: &StoredUser) -> bool {
    user.roles.iter().any(|role| role == ROOT)
}

/// The first key of a range and the first behind it; `None` for no end.
fn bounds<'k>(key: &'k [u8], range_end: &'k [u8]) -> (&'k [u8], Option<Vec<u8>>) {
    match span(key, range_end) {
        Some((key, end)) => (key, end.map(<[u8]>::to_vec)),
        None => (key, Some([key, b"\0"].concat())),
    }
}
