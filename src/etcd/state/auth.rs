//! The buckets `auth`, `authUsers` and `authRoles` (`schema/auth*.go`, `authpb/auth.proto`).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Serialize, Serializer};

use super::values::{malformed, text};
use crate::{
    Code, Finding,
    bytes::{escape, excerpt, u64_be},
    etcd::Range,
    proto::{Malformed, Reader, Writer},
};

/// Users, roles and permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// `authEnabled`.
    pub enabled: bool,
    /// `authRevision`: counts changes of users, roles and permissions.
    pub revision: Option<u64>,
    /// The users, by name.
    pub users: Vec<User>,
    /// The roles, by name.
    pub roles: Vec<Role>,
}

/// `authpb.User`. Its password's hash is a secret and stays in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The names of the user's roles.
    pub roles: Vec<String>,
    /// Whether the user cannot log in by password.
    #[serde(skip)]
    pub no_password: bool,
}

/// `authpb.Role`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Role {
    /// The name.
    pub name: String,
    /// The permissions of the role.
    #[serde(rename = "perm")]
    pub permissions: Vec<Permission>,
}

/// `authpb.Permission`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// The kind of access.
    #[serde(rename = "permType")]
    pub kind: PermissionKind,
    /// The first key of the range.
    #[serde(serialize_with = "base64")]
    pub key: Vec<u8>,
    /// The end, as [`Range::new`] takes it.
    #[serde(serialize_with = "base64")]
    pub range_end: Vec<u8>,
}

/// Bytes as JSON holds them in etcd's answers.
fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

impl Role {
    /// What the role may do: `root` everything, whatever is stored.
    #[must_use]
    pub fn granted(&self) -> Vec<Permission> {
        if self.name == "root" {
            return vec![Permission { kind: PermissionKind::ReadWrite, key: Vec::new(), range_end: vec![0] }];
        }
        self.permissions.clone()
    }

    /// The keys that the role may read, and those that it may write, as `etcdctl role get` prints them; keys are
    /// escaped.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let all = self.granted();
        let of = |kind: PermissionKind| {
            let is_of = move |granted: &&Permission| [kind, PermissionKind::ReadWrite].contains(&granted.kind);
            all.iter().filter(is_of).map(Permission::line)
        };
        let both = [("KV Read:", PermissionKind::Read), ("KV Write:", PermissionKind::Write)];
        both.into_iter().flat_map(|(title, kind)| std::iter::once(title.to_owned()).chain(of(kind))).collect()
    }
}

impl Permission {
    fn line(&self) -> String {
        let (key, end) = (escape(&self.key), escape(&self.range_end));
        let prefix = match self.range() == Range::prefix(&self.key) && !self.key.is_empty() {
            true => format!(" (prefix {key})"),
            false => String::new(),
        };
        match self.range_end.as_slice() {
            [] => format!("\t{key}"),
            [0] => format!("\t[{key}, <open ended>{prefix}"),
            _ => format!("\t[{key}, {end}){prefix}"),
        }
    }
}

impl Permission {
    /// The keys that the permission is for.
    #[must_use]
    pub(crate) fn range(&self) -> Range<'_> {
        Range::new(&self.key, &self.range_end)
    }
}

/// `authpb.Permission_Type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PermissionKind {
    /// Reading.
    #[default]
    Read,
    /// Writing.
    Write,
    /// Reading and writing.
    ReadWrite,
}

impl Auth {
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Finding> {
        match (key, value) {
            (b"authEnabled", [0 | 1]) => self.enabled = value == [1],
            (b"authRevision", _) if value.len() == 8 => self.revision = u64_be(value, 0),
            (b"authEnabled" | b"authRevision", _) => {
                let what = format!("a value of {} bytes that etcd does not write", value.len());
                return Err(Finding::error(Code::AuthValue, what));
            }
            _ => return Err(Finding::warning(Code::UnknownKey, "a key that etcd does not have in the bucket auth")),
        }
        Ok(())
    }
}

/// `authpb.User` as stored, its password's hash included: for writing it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::etcd) struct StoredUser {
    pub(in crate::etcd) name: Vec<u8>,
    pub(in crate::etcd) password: Vec<u8>,
    pub(in crate::etcd) roles: Vec<Vec<u8>>,
    /// `options.no_password`; etcd before 3.4 writes no options.
    pub(in crate::etcd) no_password: Option<bool>,
}

impl StoredUser {
    pub(in crate::etcd) fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut user) = (Reader::new(value), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => user.name = field.bytes()?.to_vec(),
                2 => user.password = field.bytes()?.to_vec(),
                3 => user.roles.push(field.bytes()?.to_vec()),
                4 => {
                    let mut options = Reader::new(field.bytes()?);
                    let set = user.no_password.get_or_insert(false);
                    while let Some(option) = options.next_field()? {
                        *set |= option.number == 1 && option.varint()? != 0;
                    }
                }
                _ => {}
            }
        }
        Ok(user)
    }

    pub(in crate::etcd) fn encode(&self) -> Vec<u8> {
        let message = Writer::new().bytes(1, &self.name);
        let message = if self.password.is_empty() { message } else { message.bytes(2, &self.password) };
        let message = self.roles.iter().fold(message, |message, role| message.bytes(3, role));
        match self.no_password {
            None => message.finish(),
            Some(set) => message.bytes(4, if set { b"\x08\x01" } else { b"" }).finish(),
        }
    }

    /// The user without the role; `None` when the user does not have it.
    pub(in crate::etcd) fn without(&self, role: &[u8]) -> Option<Self> {
        let kept: Vec<_> = self.roles.iter().filter(|known| *known != role).cloned().collect();
        (kept.len() < self.roles.len()).then(|| Self { roles: kept, ..self.clone() })
    }

    /// The user without the password's hash.
    pub(in crate::etcd) fn user(&self) -> User {
        let roles = self.roles.iter().map(|role| text(role)).collect();
        User { name: text(&self.name), roles, no_password: self.no_password.unwrap_or_default() }
    }
}

/// The error that a record of the key `key` has another name.
fn named(code: Code, what: &str, key: &[u8], name: &[u8]) -> Result<(), Finding> {
    if key == name {
        return Ok(());
    }
    let what = format!("the key is {what} {}, but its value is {what} {}", excerpt(key), excerpt(name));
    Err(Finding::error(code, what))
}

impl User {
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Self, Finding> {
        let user = StoredUser::decode(value).map_err(malformed(Code::AuthUser, "User"))?;
        named(Code::AuthUser, "user", key, &user.name)?;
        Ok(user.user())
    }
}

impl Role {
    pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Self, Finding> {
        let wrong = malformed(Code::AuthRole, "Role");
        let (mut reader, mut role, mut name) = (Reader::new(value), Self::default(), &b""[..]);
        while let Some(field) = reader.next_field().map_err(&wrong)? {
            match field.number {
                1 => name = field.bytes().map_err(&wrong)?,
                2 => role.permissions.push(field.message(Permission::decode).map_err(&wrong)?),
                _ => {}
            }
        }
        named(Code::AuthRole, "role", key, name)?;
        role.name = text(name);
        Ok(role)
    }

    pub(in crate::etcd) fn encode(&self) -> Vec<u8> {
        let message = Writer::new().bytes(1, self.name.as_bytes());
        self.permissions.iter().fold(message, |message, permission| message.bytes(2, &permission.encode())).finish()
    }

    /// Adds a permission in the order of the keys, or changes the first one with that key when it has the same range.
    pub(in crate::etcd) fn grant(&mut self, permission: Permission) {
        let at = self.permissions.partition_point(|known| known.key < permission.key);
        match self.permissions.get_mut(at) {
            Some(known) if (&known.key, &known.range_end) == (&permission.key, &permission.range_end) => {
                known.kind = permission.kind;
            }
            _ => {
                self.permissions.push(permission);
                self.permissions.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
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

    fn encode(&self) -> Vec<u8> {
        let kind = self.kind as u64;
        let message = if kind == 0 { Writer::new() } else { Writer::new().varint(1, kind) };
        let message = message.bytes(2, &self.key);
        if self.range_end.is_empty() { message.finish() } else { message.bytes(3, &self.range_end).finish() }
    }
}
