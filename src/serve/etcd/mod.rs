//! etcd's v3 API on a backup, for etcdctl, kube-apiserver and other clients.
//!
//! ```text
//!  listen: HTTP/2, one service for each part of the API ──> kv, watch, lease_api, maintenance, members, auth
//!                                                               │
//!  Store: keys and their revisions, of the file and of the overlay: range, txn, lease, log
//! ```
//!
//! `proto` is generated from etcd's own files. Revisions, transactions, watches and leases are those of
//! `go.etcd.io/etcd/server/v3` 3.6. Without an overlay nothing can be written; with one, writes are kept in memory, and
//! the file is only read.

mod auth;
mod check;
mod error;
mod kv;
mod lease;
mod lease_api;
mod listen;
mod log;
mod maintenance;
mod members;
mod proto;
mod range;
mod save;
mod store;
mod stream;
mod txn;
mod version;
mod watch;
mod watcher;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use prost::Message;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch as changed},
    task::spawn_blocking,
    time::sleep,
};
use tonic::Status;

pub(super) use self::listen::Services;
pub use self::save::saved_path;
use self::{error::read_only, proto::etcdserverpb::ResponseHeader, store::Store};
use crate::{
    Result,
    document::Id,
    etcd::{Snapshot, state::cluster_id},
    k8s::Ring,
    source::Source,
};

/// The bytes of answers that are counted as one.
const UNIT: usize = 64 << 10;
/// How often leases that expire are looked for.
const EXPIRY: Duration = Duration::from_millis(500);

/// A backup that is served as etcd. What it borrows lives as long as the server: `Box::leak` gives that.
pub struct Etcd {
    source: &'static Source,
    snapshot: &'static Snapshot<'static>,
    store: RwLock<Store>,
    /// The current revision, for watches.
    head: changed::Sender<i64>,
    /// The memory for answers on their way, in units.
    answers: Arc<Semaphore>,
    /// The bytes that the overlay may take; none when nothing may be written.
    overlay: Option<u64>,
    cluster_id: Id,
    member_id: Id,
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Etcd").field("source", &self.source.name()).field("overlay", &self.overlay).finish()
    }
}

impl Etcd {
    /// Serves a backup, its values opened with the keys in `ring`; with an `overlay` of so many bytes, writes are
    /// taken.
    #[must_use]
    pub fn new(
        source: &'static Source,
        snapshot: &'static Snapshot<'static>,
        ring: Ring,
        overlay: Option<u64>,
    ) -> Arc<Self> {
        let store = Store::load(snapshot, ring);
        let members = &snapshot.state.members;
        // an answer may be as large as the file
        let room = source.db().image().len().saturating_mul(2).saturating_add(256 << 20) / UNIT;
        Arc::new(Self {
            source,
            snapshot,
            head: changed::Sender::new(store.head),
            store: RwLock::new(store),
            answers: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize))),
            overlay,
            cluster_id: cluster_id(members.iter().map(|member| member.id)),
            member_id: members.first().map_or(Id::NONE, |member| member.id),
        })
    }

    /// The current revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        *self.head.borrow()
    }

    /// Whether something was written.
    #[must_use]
    pub(crate) fn is_changed(&self) -> bool {
        let store = self.store();
        store.head != store.file_head
            || store.lessor.is_changed()
            || store.compacted > self.snapshot.keyspace.compacted()
    }

    fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limit of the overlay.
    ///
    /// # Errors
    /// When there is none.
    fn limit(&self) -> Result<u64, Status> {
        self.overlay.ok_or_else(read_only)
    }

    /// Checks that the file is what was opened.
    fn intact(&self) -> Result<(), Status> {
        self.source.intact().map_err(|error| Status::data_loss(error.to_string()))
    }

    /// Reads the store on a thread of its own; the file has to be intact after it.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Store) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let etcd = Arc::clone(self);
        let answer = spawn_blocking(move || {
            let answer = read(&etcd.store());
            etcd.intact().and(answer)
        });
        answer.await.map_err(bug)?
    }

    /// Writes to the store, and wakes the watches.
    async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        write: impl FnOnce(&mut Store, u64) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let (limit, etcd) = (self.limit()?, Arc::clone(self));
        let answer = spawn_blocking(move || {
            etcd.intact()?;
            let (answer, head) = {
                let mut store = etcd.store_mut();
                (write(&mut store, limit), store.head)
            };
            etcd.head.send_if_modified(|have| std::mem::replace(have, head) != head);
            answer
        });
        answer.await.map_err(bug)?
    }

    /// Revokes the leases that expire, for as long as the server runs.
    pub(super) async fn expire(self: Arc<Self>) {
        while self.overlay.is_some() {
            sleep(EXPIRY).await;
            let expired = self.store().lessor.expired();
            if !expired.is_empty() {
                // one that was renewed or revoked meanwhile stays as it is
                let revoked = self.write(|store, _| {
                    store.lessor.expired().into_iter().for_each(|id| drop(store.revoke(id)));
                    Ok(())
                });
                let _ = revoked.await;
            }
        }
    }

    /// A share of the memory for answers, for a large one.
    async fn room(&self, response: &impl Message) -> Result<Option<Arc<OwnedSemaphorePermit>>, Status> {
        let units = response.encoded_len() / UNIT;
        if units == 0 {
            return Ok(None);
        }
        let units = units.try_into().unwrap_or(u32::MAX);
        let room = Arc::clone(&self.answers).acquire_many_owned(units).await;
        room.map(|room| Some(Arc::new(room))).map_err(|_| Status::resource_exhausted("etcdserver: too many requests"))
    }

    /// The header with what is the same in every answer.
    fn fill(&self, header: Option<ResponseHeader>) -> Option<ResponseHeader> {
        let revision = header.map(|header| header.revision).filter(|revision| *revision != 0);
        Some(ResponseHeader {
            cluster_id: self.cluster_id.0,
            member_id: self.member_id.0,
            revision: revision.unwrap_or_else(|| self.revision()),
            raft_term: self.snapshot.state.meta.term.unwrap_or(1),
        })
    }
}

fn bug(_: tokio::task::JoinError) -> Status {
    Status::internal("etcdsnap has a bug, or the file changes; see its messages")
}

/// A header with a revision.
fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..Default::default() })
}
