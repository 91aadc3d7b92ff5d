//! The buckets `auth`, `authUsers` and `authRoles` (`schema/auth*.go`, `authpb/auth.proto`).

use super::{malformed, text};
use crate::{
    Finding,
    bytes::u64_be,
    proto::{Malformed, Reader},
};

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// `authEnabled`.
    pub enabled: bool,
    /// `authRevision`: counts changes to all of this.
    pub revision: Option<u64>,
    /// The users, by name.
    pub users: Vec<User>,
    /// The roles, by name.
    pub roles: Vec<Role>,
}

/// `authpb.User`. Its password's hash is a secret and stays in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The roles it has, by name.
    pub roles: Vec<String>,
    /// Whether it cannot log in by password.
    pub no_password: bool,
}

/// `authpb.Role`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// `authpb.Permission`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// What is allowed.
    pub kind: PermissionKind,
    /// The first key.
    pub key: Vec<u8>,
    /// The first key behind the range; empty for the one key, a zero byte for no end.
    pub range_end: Vec<u8>,
}

/// `authpb.Permission_Type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PermissionKind {
    /// To read.
    #[default]
    Read,
    /// To write.
    Write,
    /// Both.
    ReadWrite,
}

impl Auth {
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Finding> {
        match (key, value) {
            (b"authEnabled", [0 | 1]) => self.enabled = value == [1],
            (b"authRevision", _) if value.len() == 8 => self.revision = u64_be(value, 0),
            (b"authEnabled" | b"authRevision", _) => {
                let what = format!("a value of {} bytes that etcd does not write", value.len());
                return Err(Finding::error("auth-value", what));
            }
            _ => return Err(Finding::warning("unknown-key", "a key that etcd does not have in the bucket auth")),
        }
        Ok(())
    }
}

impl User {
    pub(super) fn read(value: &[u8]) -> Result<Self, Finding> {
        let wrong = malformed("auth-user", "User");
        let (mut reader, mut user) = (Reader::new(value), Self::default());
        while let Some(field) = reader.next_field().map_err(&wrong)? {
            match field.number {
                1 => user.name = text(field.bytes().map_err(&wrong)?),
                3 => user.roles.push(text(field.bytes().map_err(&wrong)?)),
                4 => {
                    let mut options = Reader::new(field.bytes().map_err(&wrong)?);
                    while let Some(option) = options.next_field().map_err(&wrong)? {
                        user.no_password |= option.number == 1 && option.varint().map_err(&wrong)? != 0;
                    }
                }
                _ => {}
            }
        }
        Ok(user)
    }
}

impl Role {
    pub(super) fn read(value: &[u8]) -> Result<Self, Finding> {
        let wrong = malformed("auth-role", "Role");
        let (mut reader, mut role) = (Reader::new(value), Self::default());
        while let Some(field) = reader.next_field().map_err(&wrong)? {
            match field.number {
                1 => role.name = text(field.bytes().map_err(&wrong)?),
                2 => role.permissions.push(field.message(Permission::decode).map_err(&wrong)?),
                _ => {}
            }
        }
        Ok(role)
    }
}

impl Permission {
    /// Decodes the message.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the message.
    pub(in crate::etcd) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut permission) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => {
                    permission.kind = match field.varint()? {
                        0 => PermissionKind::Read,
                        1 => PermissionKind::Write,
                        2 => PermissionKind::ReadWrite,
                        _ => {
                            return Err(Malformed {
                                what: "a permission of a type that etcd does not have",
                                at: field.at,
                            });
                        }
                    }
                }
                2 => permission.key = field.bytes()?.to_vec(),
                3 => permission.range_end = field.bytes()?.to_vec(),
                _ => {}
            }
        }
        Ok(permission)
    }
}
