//! Changes of the members and of the cluster version (`membership/cluster.go`, `EtcdServer.applyConfChange`).

use serde::Deserialize;

use super::{
    applier::{Applier, Done, No},
    context::{Context, context},
};
use crate::{
    document::Id,
    etcd::{
        request::{V2Method, V2Request},
        state::{Downgrade, Member, text},
    },
    wal::{ConfChangeKind, Entry},
};

/// The attributes that a member publishes (`membership.Attributes`), as in the v2 API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    name: String,
    #[serde(rename = "clientURLs")]
    client_urls: Vec<String>,
}

impl<'a> Applier<'a> {
    /// Changes the members. A change that does not fit the members is refused (`ValidateConfigurationChange`).
    pub(super) fn conf_change(&mut self, entry: &Entry<'a>) -> Done {
        let change = entry.conf_change().map_err(|malformed| No::Panic(malformed.to_string()))?;
        let id = change.node_id;
        self.charge(self.state.members.len().saturating_add(self.state.removed.len()));
        if self.state.removed.binary_search(&id).is_ok() {
            return Err(No::Refused);
        }
        match change.kind {
            ConfChangeKind::AddNode | ConfChangeKind::AddLearner => {
                let Context { member, promote } = context(&change).map_err(No::Panic)?;
                if promote {
                    let member = self.state.member(id).filter(|member| member.is_learner).ok_or(No::Refused)?;
                    self.keep_member(Member { is_learner: false, ..member.clone() });
                } else if self.state.member(id).is_some() {
                    return Err(No::Refused);
                } else {
                    self.check_urls(&member)?;
                    self.keep_member(member);
                }
            }
            ConfChangeKind::RemoveNode => {
                let key = self.state.member(id).ok_or(No::Refused)?.key();
                self.edits.delete("members", key.clone());
                self.edits.put("members_removed", key, b"removed");
                self.state.members.retain(|member| member.id != id);
                self.state.removed.push(id);
            }
            ConfChangeKind::UpdateNode => {
                let member = self.state.member(id).ok_or(No::Refused)?.clone();
                let peer_urls = context(&change).map_err(No::Panic)?.member.peer_urls;
                let member = Member { peer_urls, ..member };
                self.check_urls(&member)?;
                self.keep_member(member);
            }
            ConfChangeKind::Unknown(kind) => {
                return Err(No::Panic(format!("unknown kind of change of the members: {kind}")));
            }
        }
        self.state.settle();
        Ok(())
    }

    /// Whether no other member has one of the URLs.
    fn check_urls(&self, member: &Member) -> Done {
        let mut others = self.state.members.iter().filter(|other| other.id != member.id);
        let taken = others.any(|other| other.peer_urls.iter().any(|url| member.peer_urls.contains(url)));
        if taken { Err(No::Refused) } else { Ok(()) }
    }

    fn keep_member(&mut self, member: Member) {
        self.edits.put("members", member.key(), member.json());
        self.state.members.retain(|other| other.id != member.id);
        self.state.members.push(member);
        self.state.settle();
    }

    /// `RaftCluster.UpdateAttributes`.
    pub(super) fn attributes(&mut self, id: Id, name: &[u8], client_urls: &[&[u8]]) -> Done {
        let client_urls = client_urls.iter().map(|url| text(url)).collect();
        self.publish(id, Attributes { name: text(name), client_urls })
    }

    fn publish(&mut self, id: Id, attributes: Attributes) -> Done {
        let Attributes { name, client_urls } = attributes;
        self.charge(self.state.members.len());
        match self.state.member(id) {
            Some(member) => {
                self.keep_member(Member { name, client_urls, ..member.clone() });
                Ok(())
            }
            None if self.state.removed.binary_search(&id).is_ok() => Ok(()),
            None => Err(No::Panic(format!("member {id:x} publishes its attributes, but is not listed"))),
        }
    }

    pub(super) fn cluster_version(&mut self, version: &[u8]) {
        self.state.cluster.version = Some(text(version));
        self.edits.put("cluster", b"clusterVersion", version);
    }

    pub(super) fn downgrade(&mut self, enabled: bool, version: &[u8]) {
        let target_version = if enabled { text(version) } else { String::new() };
        let downgrade = Downgrade { target_version, enabled };
        self.edits.put("cluster", b"downgrade", downgrade.json());
        self.state.cluster.downgrade = Some(downgrade);
    }

    /// `applierV2store.Put`: of the v2 API only the members' attributes and the cluster version are stored in the
    /// backend.
    pub(super) fn v2(&mut self, request: &V2Request<'a>) -> Done {
        if request.method != V2Method::Put {
            return Ok(());
        }
        if request.path == b"/0/version" {
            self.cluster_version(request.val);
            return Ok(());
        }
        let path = std::str::from_utf8(request.path).unwrap_or_default();
        let member = path.strip_prefix("/0/members/").and_then(|rest| rest.strip_suffix("/attributes"));
        let Some(id) = member.and_then(|hex| u64::from_str_radix(hex, 16).ok()).map(Id) else { return Ok(()) };
        let attributes = serde_json::from_slice(request.val)
            .map_err(|e| No::Panic(format!("the attributes of member {id:x} are not JSON: {e}")))?;
        self.publish(id, attributes)
    }
}
