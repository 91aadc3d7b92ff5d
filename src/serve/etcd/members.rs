//! The service `Cluster` (`v3rpc/member.go`): it lists, and changes nothing.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::{
    Etcd,
    error::of_a_cluster,
    proto::etcdserverpb::{
        Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse, MemberPromoteRequest,
        MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse, MemberUpdateRequest, MemberUpdateResponse,
        cluster_server::Cluster,
    },
};

/// The members, and the URL at which each of them is asked: this server.
pub(super) struct Members {
    pub(super) etcd: Arc<Etcd>,
    pub(super) url: String,
}

#[async_trait]
impl Cluster for Members {
    async fn member_list(&self, _: Request<MemberListRequest>) -> Result<Response<MemberListResponse>, Status> {
        self.etcd.intact()?;
        let members = self.etcd.snapshot.state.members.iter().map(|member| Member {
            id: member.id.0,
            name: member.name.clone(),
            peer_ur_ls: member.peer_urls.clone(),
            // a client that asks every member has to ask this server, and never the cluster of the backup
            client_ur_ls: member.client_urls.iter().take(1).map(|_| self.url.clone()).collect(),
            is_learner: member.is_learner,
        });
        Ok(Response::new(MemberListResponse { header: self.etcd.fill(None), members: members.collect() }))
    }

    async fn member_add(&self, _: Request<MemberAddRequest>) -> Result<Response<MemberAddResponse>, Status> {
        Err(of_a_cluster())
    }

    async fn member_remove(&self, _: Request<MemberRemoveRequest>) -> Result<Response<MemberRemoveResponse>, Status> {
        Err(of_a_cluster())
    }

    async fn member_update(&self, _: Request<MemberUpdateRequest>) -> Result<Response<MemberUpdateResponse>, Status> {
        Err(of_a_cluster())
    }

    async fn member_promote(
        &self,
        _: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        Err(of_a_cluster())
    }
}
