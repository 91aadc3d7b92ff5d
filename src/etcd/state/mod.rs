//! Content of the small buckets: members, leases, alarms, auth, cluster, and the last applied entry. Owned and small.
//!
//! One file for each bucket's meaning, as etcd's `server/storage/schema` has it.

mod alarm;
mod auth;
mod cluster;
mod document;
mod lease;
mod members;
mod meta;
mod values;

pub use alarm::{Alarm, AlarmKind};
pub(super) use auth::StoredUser;
pub use auth::{Auth, Permission, PermissionKind, Role, User};
pub use cluster::{Cluster, Downgrade};
pub use document::ListedMember;
pub use lease::Lease;
pub use members::Member;
pub(crate) use members::cluster_id;
pub(crate) use meta::compacted;
pub use meta::{ConfState, Meta};
pub(super) use values::text;

use crate::{Code, Finding, bolt::Item, document::Id, error::Severity};

/// Content of the small buckets of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// `meta`.
    pub meta: Meta,
    /// `members`, ascending by id.
    pub members: Vec<Member>,
    /// `members_removed`, ascending.
    pub removed: Vec<Id>,
    /// `cluster`.
    pub cluster: Cluster,
    /// `lease`, ascending by id.
    pub leases: Vec<Lease>,
    /// `alarm`.
    pub alarms: Vec<Alarm>,
    /// `auth`, `authUsers`, `authRoles`.
    pub auth: Auth,
}

impl State {
    /// Adds one item of `bucket`.
    ///
    /// # Errors
    /// A finding about the item, without its place; the item is left out.
    pub(super) fn take(&mut self, bucket: &[u8], item: &Item<'_>) -> Result<(), Finding> {
        let Item { key, value, bucket: nested, .. } = *item;
        if nested {
            return Err(Finding::error(Code::NestedBucket, "a bucket inside a bucket: etcd has no such bucket"));
        }
        match bucket {
            b"meta" => self.meta.take(key, value)?,
            b"members" => self.members.push(Member::read(key, value)?),
            b"members_removed" => self.removed.push(members::removed(key)?),
            b"cluster" => self.cluster.take(key, value)?,
            b"lease" => self.leases.push(Lease::read(key, value)?),
            b"alarm" => self.alarms.push(Alarm::read(key)?),
            b"auth" => self.auth.take(key, value)?,
            b"authUsers" => self.auth.users.push(User::read(key, value)?),
            b"authRoles" => self.auth.roles.push(Role::read(key, value)?),
            _ => return Err(Finding::warning(Code::UnknownBucket, "a key in a bucket that etcd does not have")),
        }
        Ok(())
    }

    /// Whether an item of `bucket`, one of the small ones, can be read. What etcd ignores can be.
    #[must_use]
    pub(crate) fn is_readable(bucket: &str, key: &[u8], value: &[u8]) -> bool {
        let item = Item { key, value, bucket: false, offset: 0 };
        !Self::default().take(bucket.as_bytes(), &item).is_err_and(|finding| finding.severity == Severity::Error)
    }

    /// This state with `bucket` holding these items and nothing else; it is one of the small ones. Items that cannot be
    /// read are left out, as they are when the bucket is loaded.
    #[must_use]
    pub(crate) fn with_bucket(mut self, bucket: &str, items: &[(Vec<u8>, Vec<u8>)]) -> Self {
        match bucket {
            "meta" => self.meta = Meta::default(),
            "members" => self.members.clear(),
            "members_removed" => self.removed.clear(),
            "cluster" => self.cluster = Cluster::default(),
            "lease" => self.leases.clear(),
            "alarm" => self.alarms.clear(),
            "auth" => self.auth = Auth { users: self.auth.users, roles: self.auth.roles, ..Auth::default() },
            "authUsers" => self.auth.users.clear(),
            "authRoles" => self.auth.roles.clear(),
            _ => {}
        }
        for (key, value) in items {
            let _ = self.take(bucket.as_bytes(), &Item { key, value, bucket: false, offset: 0 });
        }
        self.settle();
        self
    }

    /// Sorts the items: hex ids without padding do not sort as numbers do.
    pub(super) fn settle(&mut self) {
        self.members.sort_by_key(|member| member.id);
        self.removed.sort_unstable();
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: Id) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Whether the member with this id is in the cluster, or was removed from it.
    #[must_use]
    pub(crate) fn has_listed(&self, id: Id) -> bool {
        self.member(id).is_some() || self.removed.contains(&id)
    }
}
