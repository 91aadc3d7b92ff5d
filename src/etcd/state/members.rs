//! The buckets `members` and `members_removed` (`schema/membership.go`).

use serde::{Deserialize, Deserializer, Serialize};
use sha1::{Digest as _, Sha1};

use crate::{
    Code, Finding,
    bytes::{escape, go_json},
    document::Id,
    etcd::urls::is_peer_url,
};

/// A member (`membership.Member`), as JSON in the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Member {
    /// The id of the member.
    #[serde(serialize_with = "Id::number")]
    pub id: Id,
    /// The peer URLs.
    #[serde(rename = "peerURLs", deserialize_with = "nullable")]
    pub peer_urls: Vec<String>,
    /// Whether the member is a learner, which does not vote.
    #[serde(rename = "isLearner", skip_serializing_if = "crate::document::is_false")]
    pub is_learner: bool,
    /// The name; empty until the member has started for the first time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The client URLs; empty until the member has started for the first time.
    #[serde(rename = "clientURLs", deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub client_urls: Vec<String>,
}

fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Member {
    pub(in crate::etcd) fn read(key: &[u8], value: &[u8]) -> Result<Self, Finding> {
        let id = hex_id(key)?;
        let member: Self = serde_json::from_slice(value)
            .map_err(|e| Finding::error(Code::Member, format!("member {id:x} is not a Member: {e}")))?;
        if member.peer_urls.is_empty() {
            Err(Finding::error(Code::Member, format!("member {id:x} has no peer URL")))
        } else if let Some(url) = member.peer_urls.iter().find(|url| !is_peer_url(url)) {
            // rafthttp's AddPeer panics on the URLs of other members
            let what = format!("member {id:x} has a peer URL that no etcd takes: {}", escape(url.as_bytes()));
            Err(Finding::error(Code::Member, what))
        } else if member.id == id {
            Ok(member)
        } else {
            Err(Finding::error(
                Code::Member,
                format!("the key is member {id:x}, but its value is member {:x}", member.id),
            ))
        }
    }

    /// The member's key in the bucket.
    #[must_use]
    pub(crate) fn key(&self) -> Vec<u8> {
        self.id.to_string().into_bytes()
    }

    /// The member as JSON, as in the backend and in raft's conf changes.
    #[must_use]
    pub(crate) fn json(&self) -> Vec<u8> {
        // A struct of numbers and strings can always be written.
        go_json(&serde_json::to_string(self).unwrap_or_default()).into_bytes()
    }

    /// Whether the member has ever started: only then it has published its name.
    #[must_use]
    pub fn started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// The id of the cluster of these members (`RaftCluster.genID`), whose ids are ascending.
#[must_use]
pub(crate) fn cluster_id(members: impl Iterator<Item = Id>) -> Id {
    let sha = members.fold(Sha1::new(), |sha, id| sha.chain_update(id.0.to_be_bytes())).finalize();
    Id(sha.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
}

/// An entry of `members_removed`: only an id.
pub(super) fn removed(key: &[u8]) -> Result<Id, Finding> {
    hex_id(key)
}

/// Lowercase hex without padding, as Go's `%x` writes it.
fn hex_id(key: &[u8]) -> Result<Id, Finding> {
    std::str::from_utf8(key)
        .ok()
        .and_then(Id::parse)
        .ok_or_else(|| Finding::error(Code::MemberId, format!("{} is not a member id", escape(key))))
}
