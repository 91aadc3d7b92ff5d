//! Checks of permissions (`authApplierV3`, `auth/store.go`, `auth/range_perm_cache.go`), as in the newest release of
//! each line: older ones require fewer permissions, and none for a nested transaction.

use super::applier::{Applier, Caller, Done, No};
use crate::etcd::{
    Range,
    range::RangeSet,
    request::{DeleteRange, Put, RequestOp, Txn},
    state::{Permission, PermissionKind, Role, StoredUser},
};

/// The user, and the role, with all permissions.
pub(super) const ROOT: &[u8] = b"root";

impl<'a> Applier<'a> {
    /// `checkPutAuth`.
    pub(super) fn check_put(&self, caller: Caller<'a>, put: &Put<'a>) -> Done {
        let key = Range::key(put.key);
        self.permits(caller, &key, PermissionKind::Write)?;
        self.check_lease(caller, put.lease)?;
        if put.prev_kv { self.permits(caller, &key, PermissionKind::Read) } else { Ok(()) }
    }

    pub(super) fn check_delete(&self, caller: Caller<'a>, delete: &DeleteRange<'a>) -> Done {
        let range = delete.range();
        self.permits(caller, &range, PermissionKind::Write)?;
        if delete.prev_kv { self.permits(caller, &range, PermissionKind::Read) } else { Ok(()) }
    }

    /// `checkTxnPermission`: of both branches, whichever is taken. Reads of the outermost transaction may not count
    /// (`reads`).
    pub(super) fn check_txn(&self, caller: Caller<'a>, txn: Txn<'a>, reads: bool) -> Done {
        for compare in txn.compares() {
            self.permits(caller, &compare.range(), PermissionKind::Read)?;
        }
        for step in txn.success().chain(txn.failure()) {
            match step {
                RequestOp::Range(read) if reads => self.permits(caller, &read.range(), PermissionKind::Read)?,
                RequestOp::Put(put) => self.check_put(caller, &put)?,
                RequestOp::DeleteRange(delete) => self.check_delete(caller, &delete)?,
                RequestOp::Txn(inner) => self.check_txn(caller, inner, true)?,
                RequestOp::Range(_) | RequestOp::Empty => {}
            }
        }
        Ok(())
    }

    /// `checkLeasePuts`: a user may revoke a lease, or attach a key to it, with write permission for all its keys.
    pub(super) fn check_lease(&self, caller: Caller<'a>, id: i64) -> Done {
        if !self.leases.contains_key(&id) || self.is_admin(caller).is_ok() {
            return Ok(());
        }
        let mut keys = self.found.attached.get(&id).into_iter().flatten();
        keys.try_for_each(|key| self.permits(caller, &Range::key(*key), PermissionKind::Write))
    }

    /// `IsAdminPermitted`.
    pub(super) fn is_admin(&self, caller: Caller<'a>) -> Done {
        let allowed = !self.state.auth.enabled || self.user(caller).is_some_and(is_root);
        if allowed { Ok(()) } else { Err(No::Refused) }
    }

    fn user(&self, caller: Caller<'a>) -> Option<&StoredUser> {
        self.users.get(caller.username)
    }

    /// The role of that name.
    pub(super) fn known_role(&self, name: &[u8]) -> Option<&Role> {
        let (name, roles) = (String::from_utf8_lossy(name), &self.state.auth.roles);
        let at = roles.binary_search_by(|known| known.name.as_str().cmp(&name)).ok()?;
        roles.get(at)
    }

    /// `isOpPermitted`.
    fn permits(&self, caller: Caller<'a>, range: &Range<'_>, kind: PermissionKind) -> Done {
        let auth = &self.state.auth;
        if !auth.enabled {
            return Ok(());
        }
        if caller.auth_revision == 0 || caller.auth_revision < auth.revision.unwrap_or_default() {
            return Err(No::Refused);
        }
        let user = self.user(caller).ok_or(No::Refused)?;
        if is_root(user) || self.covers(user, range, kind) { Ok(()) } else { Err(No::Refused) }
    }

    /// Whether the roles of a user together allow all of the range. For a range that ends before it begins, its first
    /// key counts; where there are several permissions, etcd may miss that one, by the shape of its tree
    /// (`adt.IntervalTree.Contains`).
    fn covers(&self, user: &StoredUser, range: &Range<'_>, kind: PermissionKind) -> bool {
        let permissions = user.roles.iter().filter_map(|role| self.known_role(role)).flat_map(|role: &Role| {
            self.charge(role.permissions.len());
            &role.permissions
        });
        let allowed = permissions.filter(|allowed| allowed.kind == kind || allowed.kind == PermissionKind::ReadWrite);
        allowed.map(Permission::range).collect::<RangeSet<'_>>().covers(range)
    }
}

fn is_root(user: &StoredUser) -> bool {
    user.roles.iter().any(|role| role == ROOT)
}
