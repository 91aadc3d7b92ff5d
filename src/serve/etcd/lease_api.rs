//! The service `Lease` (`v3rpc/lease.go`).

use std::{pin::Pin, sync::Arc};

use tokio::sync::mpsc;
use tonic::{
    Request, Response, Status, Streaming, async_trait,
    codegen::{BoxStream, tokio_stream::Stream as _},
};

use super::{
    Etcd, header,
    listen::Sent,
    proto::etcdserverpb::{
        LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
        LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest,
        LeaseTimeToLiveResponse, lease_server::Lease,
    },
    version::OVERHEAD,
};
use crate::hash::random;

#[async_trait]
impl Lease for Arc<Etcd> {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Result<Response<LeaseGrantResponse>, Status> {
        let LeaseGrantRequest { ttl, mut id } = request.into_inner();
        self.limit()?;
        while id == 0 {
            let random = random::<8>().map_err(|error| Status::internal(error.to_string()))?;
            id = i64::from_le_bytes(random) & i64::MAX;
        }
        let (ttl, revision) = self
            .write(move |store, limit| {
                store.fits(OVERHEAD, limit)?;
                let ttl = store.lessor.grant(id, ttl)?;
                store.used = store.used.saturating_add(OVERHEAD);
                Ok((ttl, store.head))
            })
            .await?;
        let header = self.fill(header(revision));
        Ok(Response::new(LeaseGrantResponse { header, id, ttl, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let id = request.into_inner().id;
        let revision = self
            .write(move |store, _| {
                store.revoke(id)?;
                Ok(store.head)
            })
            .await?;
        Ok(Response::new(LeaseRevokeResponse { header: self.fill(header(revision)) }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<BoxStream<LeaseKeepAliveResponse>>, Status> {
        self.limit()?;
        let (etcd, mut incoming) = (Self::clone(self), request.into_inner());
        let (out, sent) = mpsc::channel(4);
        tokio::spawn(async move {
            let next = |incoming: &mut Streaming<_>, cx: &mut std::task::Context<'_>| Pin::new(incoming).poll_next(cx);
            while let Some(message) = std::future::poll_fn(|cx| next(&mut incoming, cx)).await {
                let answer = message.map(|message| {
                    let header = etcd.fill(None);
                    let ttl = etcd.store_mut().lessor.renew(message.id).unwrap_or(0);
                    LeaseKeepAliveResponse { header, id: message.id, ttl }
                });
                let failed = answer.is_err();
                if out.send(answer).await.is_err() || failed {
                    break;
                }
            }
        });
        Ok(Response::new(Sent::boxed(sent)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let mut response = self
            .read(move |store| {
                let header = header(store.head);
                Ok(match store.lessor.get(id) {
                    None => LeaseTimeToLiveResponse { header, id, ttl: -1, ..Default::default() },
                    Some(lease) => LeaseTimeToLiveResponse {
                        header,
                        id,
                        ttl: lease.remaining(),
                        granted_ttl: lease.ttl,
                        keys: lease.keys.iter().filter(|_| keys).cloned().collect(),
                    },
                })
            })
            .await?;
        response.header = self.fill(response.header);
        Ok(Response::new(response))
    }

    async fn lease_leases(&self, _: Request<LeaseLeasesRequest>) -> Result<Response<LeaseLeasesResponse>, Status> {
        let mut response = self
            .read(|store| {
                let mut leases: Vec<_> = store.lessor.iter().collect();
                leases.sort_by_key(|(_, lease)| lease.remaining());
                let leases = leases.into_iter().map(|(id, _)| LeaseStatus { id }).collect();
                Ok(LeaseLeasesResponse { header: header(store.head), leases })
            })
            .await?;
        response.header = self.fill(response.header);
        Ok(Response::new(response))
    }
}
