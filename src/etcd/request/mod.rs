//! The request in an entry of the log: `etcdserverpb.InternalRaftRequest`, every kind that an etcd has ever proposed.
//!
//! ```text
//! mod      kind and user of a request        keys     range, put, delete_range, txn
//! auth     users, roles, permissions         v2       requests of the v2 API, which carried the member list
//! fields   messages of a few fields
//! ```
//!
//! Requests borrow from the log. Malformed ones are errors with their place: a field of the wrong type, two requests in
//! one, none. Fields that a later etcd has added to a request are ignored, as etcd itself does.

mod auth;
mod fields;
mod keys;
mod v2;

pub use auth::AuthOp;
pub(crate) use keys::{Compare, CompareResult, CompareTarget, RequestOp};
pub use keys::{DeleteRange, Put, RangeRead, Txn};
pub use v2::{V2Method, V2Request};

use self::fields::{checkpoints, numbers, strings};
use super::state::AlarmKind;
use crate::{
    document::Id,
    proto::{Field, Malformed, Reader},
    wal::{Entry, EntryKind},
};

/// `etcdserverpb.InternalRaftRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The number that the proposer gave the request, to find the client that waits for the answer.
    pub id: u64,
    /// The header with the user. etcd has sent it since 3.0, except where there is no client, as for an expired lease.
    pub header: Option<Header<'a>>,
    /// The operation.
    pub op: Op<'a>,
}

/// `etcdserverpb.RequestHeader`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header<'a> {
    /// The number, as [`Request::id`]; one of the two is set.
    pub id: u64,
    /// The user, when auth was enabled; else empty.
    pub username: &'a [u8],
    /// The revision of users and roles at which the user's permission was checked.
    pub auth_revision: u64,
}

/// The operation of a request. The names are those of the fields of `InternalRaftRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op<'a> {
    /// 3: read keys; nothing changes.
    Range(RangeRead<'a>),
    /// 4: write one key.
    Put(Put<'a>),
    /// 5: delete keys.
    DeleteRange(DeleteRange<'a>),
    /// 6: a transaction: one of two lists of operations, by the state of some keys.
    Txn(Txn<'a>),
    /// 7: compact the keyspace.
    Compaction {
        /// The revision that is compacted at.
        revision: i64,
        /// Whether the client waits until the compaction is finished.
        physical: bool,
    },
    /// 8: grant a lease.
    LeaseGrant {
        /// The id of the lease.
        id: i64,
        /// Time to live in seconds, without a keepalive.
        ttl: i64,
    },
    /// 9: revoke a lease and delete its keys; etcd also revokes an expired lease so.
    LeaseRevoke {
        /// The id of the lease.
        id: i64,
    },
    /// 10: raise or disarm an alarm.
    Alarm {
        /// The action.
        action: AlarmAction,
        /// The member; none with [`AlarmAction::Get`] for all.
        member: Id,
        /// The type of the alarm.
        kind: AlarmKind,
    },
    /// 11: the remaining time to live of leases: id and seconds.
    LeaseCheckpoint(Vec<(i64, i64)>),
    /// 1000 to 1204: users, roles and permissions.
    Auth(AuthOp<'a>),
    /// 1300: the cluster version.
    ClusterVersionSet {
        /// A version such as `3.6.0`.
        version: &'a [u8],
    },
    /// 1301: the attributes that a member publishes when it starts.
    ClusterMemberAttrSet {
        /// The id of the member.
        member: Id,
        /// The name of the member.
        name: &'a [u8],
        /// The client URLs of the member.
        client_urls: Vec<&'a [u8]>,
    },
    /// 1302: start or cancel a downgrade of the cluster.
    DowngradeInfoSet {
        /// Whether the downgrade is enabled.
        enabled: bool,
        /// The target version.
        version: &'a [u8],
    },
    /// 9900: no operation; only etcd's own tests send it.
    DowngradeVersionTest {
        /// A version.
        version: &'a [u8],
    },
    /// 2, or the whole entry: a request of the v2 API.
    V2(V2Request<'a>),
    /// A request of a later etcd, by its field number: the versions known here panic when they apply it.
    Unknown(u32),
}

/// `etcdserverpb.AlarmRequest_AlarmAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmAction {
    /// 0: list alarms.
    Get,
    /// 1: raise an alarm.
    Activate,
    /// 2: disarm an alarm.
    Deactivate,
    /// Another number; etcd ignores it.
    Unknown(i32),
}

impl<'a> Request<'a> {
    /// The request in `entry`; `None` for an entry without one: a new leader's first entry, or a change of the members
    /// ([`Entry::conf_change`]).
    ///
    /// # Errors
    /// [`Malformed`], with the place in the entry's data.
    pub fn of(entry: &Entry<'a>) -> Result<Option<Self>, Malformed> {
        match entry.kind {
            EntryKind::Normal if !entry.data.is_empty() => Self::decode(entry.data).map(Some),
            _ => Ok(None),
        }
    }

    /// Decodes the data of a normal entry. Data that are not an `InternalRaftRequest` may be a request of the v2 API:
    /// etcd before 3.6 distinguishes the two in the same way.
    ///
    /// # Errors
    /// [`Malformed`], with the place in the data.
    pub(crate) fn decode(data: &'a [u8]) -> Result<Self, Malformed> {
        Self::internal(data).or_else(|malformed| match V2Request::decode(data) {
            Ok(request) => Ok(Self { id: request.id, header: None, op: Op::V2(request) }),
            Err(_) => Err(malformed),
        })
    }

    fn internal(data: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut id, mut header, mut op) = (Reader::new(data), 0, None, None);
        let mut unknown = None;
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => id = field.varint()?,
                100 => header = Some(field.message(Header::decode)?),
                _ => match Op::decode(&field)? {
                    Op::Unknown(number) => unknown = unknown.or(Some(number)),
                    _ if op.is_some() => return Err(Malformed { what: "two requests in one", at: field.at }),
                    known => op = Some(known),
                },
            }
        }
        let op = op.or(unknown.map(Op::Unknown)).ok_or(Malformed { what: "no request", at: data.len() })?;
        Ok(Self { id, header, op })
    }

    /// The user, when auth was enabled.
    #[must_use]
    pub(crate) fn username(&self) -> Option<&'a [u8]> {
        self.header.map(|header| header.username).filter(|name| !name.is_empty())
    }
}

impl<'a> Header<'a> {
    fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut header) = (Reader::new(message), Self::default());
        while let Some(field) = reader.next_field()? {
            match field.number {
                1 => header.id = field.varint()?,
                2 => header.username = field.bytes()?,
                3 => header.auth_revision = field.varint()?,
                _ => {}
            }
        }
        Ok(header)
    }
}

impl<'a> Op<'a> {
    fn decode(field: &Field<'a>) -> Result<Self, Malformed> {
        Ok(match field.number {
            2 => Self::V2(field.message(V2Request::decode)?),
            3 => Self::Range(field.message(RangeRead::decode)?),
            4 => Self::Put(field.message(Put::decode)?),
            5 => Self::DeleteRange(field.message(DeleteRange::decode)?),
            6 => Self::Txn(field.message(Txn::decode)?),
            7 => field.message(numbers(&[1, 2], |[revision, physical]| Self::Compaction {
                revision: revision.cast_signed(),
                physical: physical != 0,
            }))?,
            8 => field.message(numbers(&[1, 2], |[ttl, id]| Self::LeaseGrant {
                id: id.cast_signed(),
                ttl: ttl.cast_signed(),
            }))?,
            9 => field.message(numbers(&[1], |[id]| Self::LeaseRevoke { id: id.cast_signed() }))?,
            10 => field.message(numbers(&[1, 2, 3], |[action, member, kind]| Self::Alarm {
                action: AlarmAction::of(action),
                member: Id(member),
                kind: AlarmKind::of(kind),
            }))?,
            11 => Self::LeaseCheckpoint(field.message(checkpoints)?),
            1000..=1204 => AuthOp::decode(field)?.map_or(Self::Unknown(field.number), Self::Auth),
            1300 => field.message(strings(&[1], |[version]| Self::ClusterVersionSet { version }))?,
            1301 => field.message(member_attributes)?,
            1302 => field.message(downgrade)?,
            9900 => field.message(strings(&[1], |[version]| Self::DowngradeVersionTest { version }))?,
            other => Self::Unknown(other),
        })
    }

    /// The name of its field of `InternalRaftRequest`, such as `delete_range`.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Range(_) => "range",
            Self::Put(_) => "put",
            Self::DeleteRange(_) => "delete_range",
            Self::Txn(_) => "txn",
            Self::Compaction { .. } => "compaction",
            Self::LeaseGrant { .. } => "lease_grant",
            Self::LeaseRevoke { .. } => "lease_revoke",
            Self::Alarm { .. } => "alarm",
            Self::LeaseCheckpoint(_) => "lease_checkpoint",
            Self::Auth(op) => op.name(),
            Self::ClusterVersionSet { .. } => "cluster_version_set",
            Self::ClusterMemberAttrSet { .. } => "cluster_member_attr_set",
            Self::DowngradeInfoSet { .. } => "downgrade_info_set",
            Self::DowngradeVersionTest { .. } => "downgrade_version_test",
            Self::V2(_) => "v2",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl AlarmAction {
    fn of(number: u64) -> Self {
        match number as i32 {
            0 => Self::Get,
            1 => Self::Activate,
            2 => Self::Deactivate,
            other => Self::Unknown(other),
        }
    }
}

fn member_attributes(message: &[u8]) -> Result<Op<'_>, Malformed> {
    let (mut reader, mut member, mut name, mut client_urls) = (Reader::new(message), 0, &[][..], Vec::new());
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => member = field.varint()?,
            2 => field.message(|attributes| {
                let mut reader = Reader::new(attributes);
                while let Some(field) = reader.next_field()? {
                    match field.number {
                        1 => name = field.bytes()?,
                        2 => client_urls.push(field.bytes()?),
                        _ => {}
                    }
                }
                Ok(())
            })?,
            _ => {}
        }
    }
    Ok(Op::ClusterMemberAttrSet { member: Id(member), name, client_urls })
}

fn downgrade(message: &[u8]) -> Result<Op<'_>, Malformed> {
    let (mut reader, mut enabled, mut version) = (Reader::new(message), false, &[][..]);
    while let Some(field) = reader.next_field()? {
        match field.number {
            1 => enabled = field.varint()? != 0,
            2 => version = field.bytes()?,
            _ => {}
        }
    }
    Ok(Op::DowngradeInfoSet { enabled, version })
}

#[cfg(test)]
mod tests;
