//! The service `KV` (`v3rpc/key.go`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tonic::{Request, Response, Status, async_trait, codegen::BoxStream};

use super::{
    Etcd, check, header,
    listen::Sent,
    proto::etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
        RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse, kv_server::Kv,
    },
    stream,
    txn::is_read_only,
};

/// An answer with its share of the memory.
fn with<T>(response: T, room: Option<Arc<OwnedSemaphorePermit>>) -> Response<T> {
    let mut response = Response::new(response);
    if let Some(room) = room {
        response.extensions_mut().insert(room);
    }
    response
}

#[async_trait]
impl Kv for Arc<Etcd> {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        check::range(&request)?;
        let mut response = self.read(move |store| store.range(&request, store.head)).await?;
        response.header = self.fill(response.header);
        let room = self.room(&response).await?;
        Ok(with(response, room))
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<BoxStream<RangeStreamResponse>>, Status> {
        let request = request.into_inner();
        check::range_stream(&request)?;
        let (out, sent) = mpsc::channel(1);
        tokio::spawn(stream::send(Self::clone(self), request, out));
        Ok(Response::new(Sent::boxed(sent)))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        check::put(&request)?;
        check::size(&request)?;
        let mut response = self.write(move |store, limit| store.put(&request, limit)).await?;
        response.header = self.fill(response.header);
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        check::delete(&request)?;
        let mut response = self.write(move |store, _| Ok(store.delete(&request))).await?;
        response.header = self.fill(response.header);
        Ok(Response::new(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let request = request.into_inner();
        check::txn(&request)?;
        let mut response = if is_read_only(&request) {
            self.read(move |store| store.read(&request)).await?
        } else {
            check::size(&request)?;
            self.write(move |store, limit| store.txn(&request, limit)).await?
        };
        response.header = self.fill(response.header);
        let room = self.room(&response).await?;
        Ok(with(response, room))
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Result<Response<CompactionResponse>, Status> {
        let revision = request.into_inner().revision;
        let current = self
            .write(move |store, _| {
                store.compact(revision)?;
                Ok(store.head)
            })
            .await?;
        Ok(Response::new(CompactionResponse { header: self.fill(header(current)) }))
    }
}
