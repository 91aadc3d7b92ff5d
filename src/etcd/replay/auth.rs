//! Users, roles and their rights, changed (`auth/store.go`).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    applier::{Applier, Caller, Done, No},
    rights::ROOT,
};
use crate::{
    Code, Finding,
    etcd::{
        request::AuthOp,
        state::{Permission, Role, StoredUser, text},
    },
};

impl<'a> Applier<'a> {
    pub(super) fn auth(&mut self, caller: Caller<'a>, op: &AuthOp<'a>) -> Done {
        self.is_admin(caller)?;
        match op {
            AuthOp::Enable => return self.enable(),
            AuthOp::Disable if !self.state.auth.enabled => return Ok(()),
            AuthOp::Disable => self.set_enabled(false),
            AuthOp::UserAdd { name, password, hashed_password, no_password } => {
                if name.is_empty() || self.users.contains_key(*name) {
                    return Err(No::Refused);
                }
                let no_password = no_password.unwrap_or_default();
                let password =
                    if no_password { Vec::new() } else { self.select_password(name, password, hashed_password)? };
                let (name, roles) = (name.to_vec(), Vec::new());
                self.keep_user(StoredUser { name, password, roles, no_password: Some(no_password) });
            }
            AuthOp::UserDelete { name } => {
                if self.state.auth.enabled && *name == ROOT {
                    return Err(No::Refused);
                }
                self.users.remove(*name).ok_or(No::Refused)?;
                self.edits.delete("authUsers", *name);
            }
            AuthOp::UserChangePassword { name, password, hashed_password } => {
                let mut user = self.stored_user(name)?;
                let no_password = user.no_password.unwrap_or_default();
                user.password =
                    if no_password { Vec::new() } else { self.select_password(name, password, hashed_password)? };
                self.keep_user(user);
            }
            AuthOp::UserGrantRole { user, role } => {
                let mut user = self.stored_user(user)?;
                if *role != ROOT {
                    self.role(role)?;
                }
                let Err(at) = user.roles.binary_search_by(|known| known.as_slice().cmp(role)) else { return Ok(()) };
                user.roles.insert(at, role.to_vec());
                self.keep_user(user);
            }
            AuthOp::UserRevokeRole { name, role } => {
                if self.state.auth.enabled && *name == ROOT && *role == ROOT {
                    return Err(No::Refused);
                }
                let user = self.stored_user(name)?;
                self.keep_user(user.without(role).ok_or(No::Refused)?);
            }
            AuthOp::RoleAdd { name } => {
                if name.is_empty() || self.role(name).is_ok() {
                    return Err(No::Refused);
                }
                self.keep_role(Role { name: text(name), permissions: Vec::new() });
            }
            AuthOp::RoleDelete { role } => self.delete_role(role)?,
            AuthOp::RoleGrantPermission { name, permission } => {
                let permission = permission.as_ref().filter(|permission| is_range(permission)).ok_or(No::Refused)?;
                let mut role = self.role(name)?;
                role.grant(permission.clone());
                self.keep_role(role);
            }
            AuthOp::RoleRevokePermission { role, key, range_end } => {
                let mut role = self.role(role)?;
                let before = role.permissions.len();
                role.permissions.retain(|permission| permission.key != *key || permission.range_end != *range_end);
                if role.permissions.len() == before {
                    return Err(No::Refused);
                }
                self.keep_role(role);
            }
            AuthOp::Authenticate { .. }
            | AuthOp::Status
            | AuthOp::UserGet { .. }
            | AuthOp::RoleGet { .. }
            | AuthOp::UserList
            | AuthOp::RoleList => return Ok(()),
        }
        self.count();
        Ok(())
    }

    /// `AuthEnable`, which does not count as a change.
    fn enable(&mut self) -> Done {
        let root = self.users.get(ROOT).ok_or(No::Refused)?;
        if !root.roles.iter().any(|role| role == ROOT) {
            return Err(No::Refused);
        }
        self.set_enabled(true);
        Ok(())
    }

    fn set_enabled(&mut self, enabled: bool) {
        self.state.auth.enabled = enabled;
        self.edits.put("auth", b"authEnabled", [u8::from(enabled)]);
    }

    /// `commitRevision`.
    fn count(&mut self) {
        let revision = self.state.auth.revision.unwrap_or_default().saturating_add(1);
        self.state.auth.revision = Some(revision);
        self.edits.put("auth", b"authRevision", revision.to_be_bytes());
    }

    fn stored_user(&self, name: &[u8]) -> Done<StoredUser> {
        let user = self.users.get(name).ok_or(No::Refused)?;
        self.charge(user.roles.len());
        Ok(user.clone())
    }

    fn keep_user(&mut self, user: StoredUser) {
        self.edits.put("authUsers", user.name.clone(), user.encode());
        self.users.insert(user.name.clone(), user);
    }

    fn role(&self, name: &[u8]) -> Done<Role> {
        let role = self.known_role(name).ok_or(No::Refused)?;
        self.charge(role.permissions.len());
        Ok(role.clone())
    }

    fn keep_role(&mut self, role: Role) {
        self.charge(self.state.auth.roles.len());
        self.edits.put("authRoles", role.name.as_bytes(), role.encode());
        let roles = &mut self.state.auth.roles;
        match roles.binary_search_by(|known| known.name.cmp(&role.name)) {
            Ok(at) => roles.get_mut(at).into_iter().for_each(|known| known.clone_from(&role)),
            Err(at) => roles.insert(at, role),
        }
    }

    /// `selectPassword`. A password in plain text, from an etcd before 3.5, would be hashed by each member with its own
    /// salt.
    fn select_password(&mut self, user: &[u8], password: &[u8], hashed: &[u8]) -> Done<Vec<u8>> {
        if !password.is_empty() && hashed.is_empty() {
            let what = format!("user {}: the log does not hold the hash of the password that etcd stores", text(user));
            let hint = "etcd hashes the password when it starts on the directory; after a restore, set it again";
            self.findings.push(Finding::warning(Code::AuthPassword, what).hint(hint));
            return Ok(Vec::new());
        }
        STANDARD.decode(hashed).map_err(|_| No::Refused)
    }

    fn delete_role(&mut self, name: &[u8]) -> Done {
        if self.state.auth.enabled && name == ROOT {
            return Err(No::Refused);
        }
        let role = self.role(name)?;
        self.edits.delete("authRoles", name);
        self.state.auth.roles.retain(|known| known.name != role.name);
        self.charge(self.users.len());
        for user in self.users.values().filter_map(|user| user.without(name)).collect::<Vec<_>>() {
            self.keep_user(user);
        }
        Ok(())
    }
}

/// `isValidPermissionRange`.
fn is_range(permission: &Permission) -> bool {
    !permission.key.is_empty() && !permission.range().is_empty()
}
