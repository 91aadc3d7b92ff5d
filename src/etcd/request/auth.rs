//! Requests about users, roles and rights: `Auth*Request` of `rpc.proto`, fields 1000 to 1204 of `InternalRaftRequest`.

use super::fields::{numbers, strings};
use crate::{
    etcd::state::Permission,
    proto::{Field, Malformed, Reader},
};

/// Request about users, roles and rights. Passwords are bcrypt hashes, except in logs of etcd before 3.4.1, which hold
/// them in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthOp<'a> {
    /// 1000: enables auth.
    Enable,
    /// 1011: disables auth.
    Disable,
    /// 1012: records that a user has logged in.
    Authenticate {
        /// Name of the user.
        name: &'a [u8],
        /// The password: empty since etcd 3.1, which checks it before it proposes the request.
        password: &'a [u8],
        /// The token that was issued.
        simple_token: &'a [u8],
    },
    /// 1013: asks whether auth is enabled.
    Status,
    /// 1100: adds a user.
    UserAdd {
        /// Name of the user.
        name: &'a [u8],
        /// The password in plain text, of an old etcd.
        password: &'a [u8],
        /// The password's bcrypt hash, base64.
        hashed_password: &'a [u8],
        /// Whether the user cannot log in by password; `None` without options.
        no_password: Option<bool>,
    },
    /// 1101: deletes a user.
    UserDelete {
        /// Name of the user.
        name: &'a [u8],
    },
    /// 1102: reads a user.
    UserGet {
        /// Name of the user.
        name: &'a [u8],
    },
    /// 1103: changes a user's password.
    UserChangePassword {
        /// Name of the user.
        name: &'a [u8],
        /// The password in plain text, of an old etcd.
        password: &'a [u8],
        /// The password's bcrypt hash, base64.
        hashed_password: &'a [u8],
    },
    /// 1104: grants a role to a user.
    UserGrantRole {
        /// Name of the user.
        user: &'a [u8],
        /// Name of the role.
        role: &'a [u8],
    },
    /// 1105: revokes a role from a user.
    UserRevokeRole {
        /// Name of the user.
        name: &'a [u8],
        /// Name of the role.
        role: &'a [u8],
    },
    /// 1106: lists the users.
    UserList,
    /// 1107: lists the roles.
    RoleList,
    /// 1200: adds a role.
    RoleAdd {
        /// Name of the role.
        name: &'a [u8],
    },
    /// 1201: deletes a role.
    RoleDelete {
        /// Name of the role.
        role: &'a [u8],
    },
    /// 1202: reads a role.
    RoleGet {
        /// Name of the role.
        role: &'a [u8],
    },
    /// 1203: grants a permission to a role.
    RoleGrantPermission {
        /// Name of the role.
        name: &'a [u8],
        /// The permission; etcd refuses `None`.
        permission: Option<Permission>,
    },
    /// 1204: revokes a permission from a role.
    RoleRevokePermission {
        /// Name of the role.
        role: &'a [u8],
        /// The first key of the range.
        key: &'a [u8],
        /// The first key after the range; empty for the one key, a zero byte for no end.
        range_end: &'a [u8],
    },
}

impl<'a> AuthOp<'a> {
    /// The request in a field of `InternalRaftRequest`; `None` for a number that is none of these.
    pub(super) fn decode(field: &Field<'a>) -> Result<Option<Self>, Malformed> {
        let empty = |op: Self| field.message(strings(&[], |[]| op));
        Ok(Some(match field.number {
            1000 => empty(Self::Enable)?,
            1011 => empty(Self::Disable)?,
            1012 => field.message(strings(&[1, 2, 3], |[name, password, simple_token]| Self::Authenticate {
                name,
                password,
                simple_token,
            }))?,
            1013 => empty(Self::Status)?,
            1100 => field.message(user_add)?,
            1101 => field.message(strings(&[1], |[name]| Self::UserDelete { name }))?,
            1102 => field.message(strings(&[1], |[name]| Self::UserGet { name }))?,
            1103 => field.message(strings(&[1, 2, 3], |[name, password, hashed_password]| {
                Self::UserChangePassword { name, password, hashed_password }
            }))?,
            1104 => field.message(strings(&[1, 2], |[user, role]| Self::UserGrantRole { user, role }))?,
            1105 => field.message(strings(&[1, 2], |[name, role]| Self::UserRevokeRole { name, role }))?,
            1106 => empty(Self::UserList)?,
            1107 => empty(Self::RoleList)?,
            1200 => field.message(strings(&[1], |[name]| Self::RoleAdd { name }))?,
            1201 => field.message(strings(&[1], |[role]| Self::RoleDelete { role }))?,
            1202 => field.message(strings(&[1], |[role]| Self::RoleGet { role }))?,
            1203 => field.message(grant)?,
            1204 => field.message(strings(&[1, 2, 3], |[role, key, range_end]| Self::RoleRevokePermission {
                role,
                key,
                range_end,
            }))?,
            _ => return Ok(None),
        }))
    }

    /// The name of its field of `InternalRaftRequest`.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Enable => "auth_enable",
            Self::Disable => "auth_disable",
            Self::Authenticate { .. } => "authenticate",
            Self::Status => "auth_status",
            Self::UserAdd { .. } => "auth_user_add",
            Self::UserDelete { .. } => "auth_user_delete",
            Self::UserGet { .. } => "auth_user_get",
            Self::UserChangePassword { .. } => "auth_user_change_password",
            Self::UserGrantRole { .. } => "auth_user_grant_role",
            Self::UserRevokeRole { .. } => "auth_user_revoke_role",
            Self::UserList => "auth_user_list",
            Self::RoleList => "auth_role_list",
            Self::RoleAdd { .. } => "auth_role_add",
            Self::RoleDelete { .. } => "auth_role_delete",
            Self::RoleGet { .. } => "auth_role_get",
            Self::RoleGrantPermission { .. } => "auth_role_grant_permission",
            Self::RoleRevokePermission { .. } => "auth_role_revoke_permission",
        }
    }
}

fn user_add(message: &[u8]) -> Result<AuthOp<'_>, Malformed> {
    let (mut reader, mut no_password) = (Reader::new(message), None);
    let [mut name, mut password, mut hashed_password] = [&[][..]; 3];
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => password = field.bytes()?,
            3 => no_password = Some(field.message(numbers(&[1], |[set]| set != 0))?),
            4 => hashed_password = field.bytes()?,
            _ => {}
        }
    }
    Ok(AuthOp::UserAdd { name, password, hashed_password, no_password })
}

fn grant(message: &[u8]) -> Result<AuthOp<'_>, Malformed> {
    let (mut reader, mut name, mut permission) = (Reader::new(message), &[][..], None);
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => permission = Some(field.message(Permission::decode)?),
            _ => {}
        }
    }
    Ok(AuthOp::RoleGrantPermission { name, permission })
}
