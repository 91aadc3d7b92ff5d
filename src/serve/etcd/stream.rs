//! Ranges in parts (`EtcdServer.rangeStream`), as etcd has them since 3.7.

use std::sync::Arc;

use hyper::body::Bytes;
use prost::Message as _;
use tokio::sync::mpsc::Sender;
use tonic::Status;

use super::{
    Etcd, header,
    proto::{
        etcdserverpb::{RangeRequest, RangeResponse, RangeStreamResponse},
        mvccpb::KeyValue,
    },
    store::Store,
};
use crate::etcd::Range;

/// The size from which on a part is full.
const PART: usize = 1 << 20;

/// A part, and the key with which the next one begins.
struct Part {
    kvs: Vec<KeyValue>,
    next: Option<Bytes>,
}

impl Store {
    /// What of a range at a revision fits into one part, `most` keys at most.
    fn part(&self, request: &RangeRequest, most: usize) -> Result<Part, Status> {
        let revision = self.readable(request.revision, self.head)?;
        let (mut kvs, mut size) = (Vec::new(), 0_usize);
        for (key, versions) in self.within(&Range::new(&request.key[..], &request.range_end[..])) {
            let Some(version) = Self::at(versions, revision) else { continue };
            if kvs.len() >= most || size >= PART {
                return Ok(Part { kvs, next: Some(key.clone()) });
            }
            if let Some(mut kv) = self.kv(key, version) {
                if request.keys_only {
                    kv.value = Bytes::new();
                }
                size = size.saturating_add(kv.encoded_len());
                kvs.push(kv);
            }
        }
        Ok(Part { kvs, next: None })
    }
}

/// Sends a range at one revision. The last message alone has the header, and how many keys there are.
pub(super) async fn send(etcd: Arc<Etcd>, request: RangeRequest, out: Sender<Result<RangeStreamResponse, Status>>) {
    if let Err(status) = parts(&etcd, request, &out).await {
        // a client that is gone needs no reason
        let _ = out.send(Err(status)).await;
    }
}

async fn parts(
    etcd: &Arc<Etcd>,
    mut request: RangeRequest,
    out: &Sender<Result<RangeStreamResponse, Status>>,
) -> Result<(), Status> {
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let (mut sent, mut head) = (0_usize, 0);
    loop {
        let (asked, most) = (request.clone(), if request.count_only { 0 } else { limit.saturating_sub(sent) });
        let read = move |store: &Store| Ok((store.part(&asked, most)?, store.head));
        let (part, current) = etcd.read(read).await?;
        if head == 0 {
            head = current;
            if request.revision <= 0 {
                request.revision = head;
            }
        }
        sent = sent.saturating_add(part.kvs.len());
        let mut response = RangeResponse { kvs: part.kvs, ..Default::default() };
        let is_last = part.next.is_none() || request.count_only || sent >= limit;
        if is_last {
            let mut count = i64::try_from(sent).unwrap_or(i64::MAX);
            if let Some(next) = part.next.clone() {
                let rest = RangeRequest { key: next, count_only: true, limit: 0, ..request.clone() };
                count = count.saturating_add(etcd.read(move |store| store.range(&rest, store.head)).await?.count);
            }
            response.header = etcd.fill(header(head));
            response.more = part.next.is_some() && !request.count_only;
            response.count = count;
        }
        let message = RangeStreamResponse { range_response: Some(response) };
        let room = etcd.room(&message).await?;
        // until the client takes it: a second part without the first one's place could wait for it without an end
        let is_gone = out.send(Ok(message)).await.is_err() || out.reserve().await.is_err();
        drop(room);
        let (false, Some(next)) = (is_gone || is_last, part.next) else { return Ok(()) };
        request.key = next;
    }
}
