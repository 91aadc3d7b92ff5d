//! The small buckets as JSON: what `members -w json` prints.

use serde::{Serialize, Serializer};

use super::{Alarm, Auth, Member, State};
use crate::{document::Id, snap::V2Member};

/// A member as Go writes `etcdserverpb.Member`: empty fields are left out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ListedMember<'m> {
    /// The id of the member.
    #[serde(rename = "ID", serialize_with = "Id::number")]
    pub id: Id,
    /// The name; empty until the member has started.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub name: &'m str,
    /// The peer URLs.
    #[serde(rename = "peerURLs", skip_serializing_if = "<[_]>::is_empty")]
    pub peer_urls: &'m [String],
    /// The client URLs.
    #[serde(rename = "clientURLs", skip_serializing_if = "<[_]>::is_empty")]
    pub client_urls: &'m [String],
    /// Whether the member is a learner, which does not vote.
    #[serde(rename = "isLearner", skip_serializing_if = "crate::document::is_false")]
    pub is_learner: bool,
}

impl<'m> From<&'m Member> for ListedMember<'m> {
    fn from(member: &'m Member) -> Self {
        let Member { id, name, peer_urls, client_urls, is_learner } = member;
        Self { id: *id, name, peer_urls, client_urls, is_learner: *is_learner }
    }
}

impl<'m> From<&'m V2Member> for ListedMember<'m> {
    fn from(member: &'m V2Member) -> Self {
        let V2Member { id, name, peer_urls, client_urls, is_learner } = member;
        Self { id: *id, name, peer_urls, client_urls, is_learner: *is_learner }
    }
}

#[derive(Serialize)]
struct Document<'s> {
    members: Vec<ListedMember<'s>>,
    #[serde(rename = "memberIDsHex")]
    member_ids_hex: Vec<Id>,
    removed: Vec<u64>,
    #[serde(rename = "removedHex")]
    removed_hex: &'s [Id],
    alarms: &'s [Alarm],
    auth: &'s Auth,
}

/// Serializes members, alarms and auth, without leases and permissions.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            members: self.members.iter().map(ListedMember::from).collect(),
            member_ids_hex: self.members.iter().map(|member| member.id).collect(),
            removed: Id::numbers(&self.removed),
            removed_hex: &self.removed,
            alarms: &self.alarms,
            auth: &self.auth,
        }
        .serialize(serializer)
    }
}

impl Serialize for Alarm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            #[serde(rename = "memberID", serialize_with = "Id::number")]
            member: Id,
            #[serde(rename = "memberIDHex")]
            hex: Id,
            alarm: String,
        }
        Fields { member: self.member, hex: self.member, alarm: self.kind.to_string() }.serialize(serializer)
    }
}
