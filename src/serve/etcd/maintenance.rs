//! The service `Maintenance` (`v3rpc/maintenance.go`).

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::{sync::mpsc, task::spawn_blocking};
use tonic::{Request, Response, Status, async_trait, codegen::BoxStream};

use super::{
    Etcd, bug,
    error::{of_a_cluster, read_only},
    header,
    listen::Sent,
    proto::etcdserverpb::{
        AlarmMember, AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse, DowngradeInfo,
        DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest, HashResponse,
        MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
        alarm_request::AlarmAction, maintenance_server::Maintenance,
    },
};
use crate::source::Part;

/// The version of etcd that this is as: what clients look at to find out what it can do.
const VERSION: &str = "3.6.0";
/// The bytes of the file in one message.
const CHUNK: usize = 64 << 10;

impl Etcd {
    fn part(&self) -> &'static Part {
        self.snapshot.received.unwrap_or_else(|| self.source.db())
    }

    fn alarms(&self) -> Vec<AlarmMember> {
        let alarms = self.snapshot.state.alarms.iter();
        let number = |kind: crate::etcd::state::AlarmKind| kind.number().try_into().unwrap_or_default();
        alarms.map(|alarm| AlarmMember { member_id: alarm.member.0, alarm: number(alarm.kind) }).collect()
    }
}

#[async_trait]
impl Maintenance for Arc<Etcd> {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        self.intact()?;
        let state = &self.snapshot.state;
        let index = state.meta.consistent_index.unwrap_or(0);
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let (used, revision) = {
            let store = self.store();
            (store.used, store.head)
        };
        let db = self.part().image().len() as u64;
        let downgrade = state.cluster.downgrade.clone().unwrap_or_default();
        Ok(Response::new(StatusResponse {
            header: self.fill(header(revision)),
            version: VERSION.to_owned(),
            db_size: size(db.saturating_add(used)),
            leader: self.member_id.0,
            raft_index: index,
            raft_term: state.meta.term.unwrap_or(1),
            raft_applied_index: index,
            errors: state.alarms.iter().map(|of| format!("memberID:{} alarm:{} ", of.member.0, of.kind)).collect(),
            db_size_in_use: size(self.snapshot.db().size().saturating_add(used)),
            is_learner: false,
            storage_version: state.meta.storage_version.clone().unwrap_or_default(),
            db_size_quota: size(self.overlay.unwrap_or(0)),
            downgrade_info: Some(DowngradeInfo {
                enabled: downgrade.enabled,
                target_version: downgrade.target_version,
            }),
        }))
    }

    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        self.intact()?;
        if request.get_ref().action != AlarmAction::Get as i32 {
            return Err(of_a_cluster());
        }
        let wanted = request.into_inner().alarm;
        let mut alarms = self.alarms();
        alarms.retain(|alarm| wanted == 0 || alarm.alarm == wanted);
        Ok(Response::new(AlarmResponse { header: self.fill(None), alarms }))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        if self.is_changed() {
            return Err(Status::failed_precondition("the hash of the file does not include the writes of this server"));
        }
        let etcd = Self::clone(self);
        let hash = spawn_blocking(move || {
            let hash = etcd.snapshot.survey().hash;
            etcd.intact().map(|()| hash)
        });
        Ok(Response::new(HashResponse { header: self.fill(None), hash: hash.await.map_err(bug)?? }))
    }

    async fn hash_kv(&self, request: Request<HashKvRequest>) -> Result<Response<HashKvResponse>, Status> {
        let revision = request.into_inner().revision;
        let mut response = self
            .read(move |store| {
                let hash = store.hashkv(revision)?;
                Ok(HashKvResponse {
                    header: header(store.head),
                    hash: hash.hash,
                    compact_revision: store.compacted,
                    hash_revision: hash.revision,
                })
            })
            .await?;
        response.header = self.fill(response.header);
        Ok(Response::new(response))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<BoxStream<SnapshotResponse>>, Status> {
        if self.is_changed() {
            return Err(Status::failed_precondition(
                "the file does not hold the writes of this server; `--save-overlay FILE` saves them when the server ends",
            ));
        }
        let log = &self.snapshot.keyspace.log_records;
        if !log.is_empty() || self.snapshot.edited().next().is_some() {
            return Err(Status::failed_precondition(
                "the db does not hold the entries of its log; `etcdsnap restore DIR --to-snapshot FILE` saves both",
            ));
        }
        let (etcd, part) = (Self::clone(self), self.part());
        let (out, sent) = mpsc::channel(4);
        let version = self.snapshot.state.meta.storage_version.clone().unwrap_or_default();
        tokio::spawn(async move {
            let image = part.image();
            let mut remaining = image.len();
            for chunk in image.chunks(CHUNK) {
                remaining = remaining.saturating_sub(chunk.len());
                // what the client gets of a file that changes must not look whole
                let response = etcd.intact().map(|()| SnapshotResponse {
                    header: None,
                    remaining_bytes: remaining as u64,
                    blob: Bytes::from_static(chunk),
                    version: version.clone(),
                });
                let failed = response.is_err();
                if out.send(response).await.is_err() || failed {
                    return;
                }
            }
            let sum = spawn_blocking(move || match part.trailer() {
                Some(trailer) => Ok(trailer),
                None => part.digests(|_| {}).map(|digests| digests.image),
            });
            let sum = sum.await.map_err(bug).and_then(|sum| sum.map_err(|error| Status::data_loss(error.to_string())));
            let response = sum.and_then(|sum| {
                etcd.intact()?;
                Ok(SnapshotResponse { header: None, remaining_bytes: 0, blob: sum.to_vec().into(), version })
            });
            // a client that is gone needs no end
            let _ = out.send(response).await;
        });
        Ok(Response::new(Sent::boxed(sent)))
    }

    async fn defragment(&self, _: Request<DefragmentRequest>) -> Result<Response<DefragmentResponse>, Status> {
        // there is nothing that it would move
        self.overlay.map(|_| Response::new(DefragmentResponse { header: self.fill(None) })).ok_or_else(read_only)
    }

    async fn move_leader(&self, _: Request<MoveLeaderRequest>) -> Result<Response<MoveLeaderResponse>, Status> {
        Err(of_a_cluster())
    }

    async fn downgrade(&self, _: Request<DowngradeRequest>) -> Result<Response<DowngradeResponse>, Status> {
        Err(of_a_cluster())
    }
}
