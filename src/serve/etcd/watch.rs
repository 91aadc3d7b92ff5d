//! The service `Watch` (`v3rpc/watch.go`): one stream has any number of watchers.
//!
//! A stream sends the changes of one revision in one message for each watcher, in order, and answers a request for
//! progress when all its watchers have sent everything up to the revision that it names.

use std::{
    collections::BTreeMap,
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use prost::Message as _;
use tokio::{
    sync::mpsc,
    task::block_in_place,
    time::{Instant, sleep_until},
};
use tonic::{
    Request, Response, Status, Streaming, async_trait,
    codegen::{BoxStream, tokio_stream::Stream as _},
};

use super::{
    Etcd,
    listen::Sent,
    proto::etcdserverpb::{
        ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse, watch_request::RequestUnion,
        watch_server::Watch,
    },
    watcher::{Next, Watcher},
};

/// The id of what is of no watcher, or of all (`clientv3.InvalidWatchID`).
const NONE: i64 = -1;
/// The watchers of one stream.
const WATCHERS: usize = 10_000;
/// How often a quiet watcher that wants it is told how far it is.
const PROGRESS: Duration = Duration::from_secs(600);
/// The size of a message that is sent in fragments (`MaxRequestBytesWithOverhead`).
const FRAGMENT: usize = (1_572_864) + (512 << 10);

type Sender = mpsc::Sender<Result<WatchResponse, Status>>;

#[async_trait]
impl Watch for Arc<Etcd> {
    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<BoxStream<WatchResponse>>, Status> {
        let (out, sent) = mpsc::channel(4);
        let stream = Stream { etcd: Self::clone(self), out, watchers: BTreeMap::new(), next_id: 0, asked: false };
        tokio::spawn(stream.run(request.into_inner()));
        Ok(Response::new(Sent::boxed(sent)))
    }
}

/// A stream of a client.
struct Stream {
    etcd: Arc<Etcd>,
    out: Sender,
    /// The watchers by their ids; one that could not continue keeps its id until the client cancels it.
    watchers: BTreeMap<i64, Option<Watcher>>,
    next_id: i64,
    /// Whether the client asked for progress.
    asked: bool,
}

/// The client is gone.
struct Gone;

/// Why a stream wakes up.
enum Woken {
    Asked(Box<WatchRequest>),
    AllAsked,
    Changed,
    Time,
    Gone,
}

impl Stream {
    async fn run(mut self, mut incoming: Streaming<WatchRequest>) {
        let mut changed = self.etcd.head.subscribe();
        let mut open = true;
        let mut ticks = Instant::now().checked_add(PROGRESS);
        loop {
            changed.mark_unchanged();
            if self.deliver().await.is_err() {
                return;
            }
            let woken = {
                let mut change = pin!(changed.changed());
                let mut gone = pin!(self.out.closed());
                let mut tick = pin!(sleep_until(ticks.unwrap_or_else(Instant::now)));
                poll_fn(|cx| {
                    if gone.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Woken::Gone);
                    }
                    if open && let Poll::Ready(message) = Pin::new(&mut incoming).poll_next(cx) {
                        return Poll::Ready(match message {
                            Some(Ok(message)) => Woken::Asked(Box::new(message)),
                            Some(Err(_)) => Woken::Gone,
                            None => Woken::AllAsked,
                        });
                    }
                    match change.as_mut().poll(cx) {
                        Poll::Ready(Ok(())) => return Poll::Ready(Woken::Changed),
                        Poll::Ready(Err(_)) => return Poll::Ready(Woken::Gone),
                        Poll::Pending => {}
                    }
                    tick.as_mut().poll(cx).map(|()| Woken::Time)
                })
                .await
            };
            let handled = match woken {
                Woken::Asked(request) => self.asked(*request).await,
                Woken::AllAsked => {
                    open = false;
                    Ok(())
                }
                Woken::Changed => Ok(()),
                Woken::Time => {
                    ticks = Instant::now().checked_add(PROGRESS);
                    self.tick().await
                }
                Woken::Gone => Err(Gone),
            };
            if handled.is_err() {
                return;
            }
        }
    }

    async fn send(&self, revision: i64, mut response: WatchResponse) -> Result<(), Gone> {
        // as in etcd, 0 where it is of no revision
        response.header = self.etcd.fill(None).map(|header| ResponseHeader { revision, ..header });
        self.out.send(Ok(response)).await.map_err(|_| Gone)
    }

    async fn asked(&mut self, request: WatchRequest) -> Result<(), Gone> {
        match request.request_union {
            Some(RequestUnion::CreateRequest(request)) => self.create(request).await,
            Some(RequestUnion::CancelRequest(request)) => {
                let watch_id = request.watch_id;
                match self.watchers.remove(&watch_id) {
                    Some(_) => {
                        let canceled = WatchResponse { watch_id, canceled: true, ..Default::default() };
                        self.send(self.etcd.revision(), canceled).await
                    }
                    None => Ok(()),
                }
            }
            Some(RequestUnion::ProgressRequest(_)) => {
                self.asked = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn create(&mut self, request: WatchCreateRequest) -> Result<(), Gone> {
        let (head, wanted) = (self.etcd.store().head, request.watch_id);
        let is_negative = request.start_revision < 0;
        let refused = if is_negative {
            Err("etcdserver: mvcc: required revision has been compacted")
        } else if self.watchers.len() >= WATCHERS {
            Err("etcdserver: too many requests")
        } else {
            Watcher::new(request, head).ok_or("mvcc: watcher range is empty").and_then(|watcher| {
                if wanted != 0 && self.watchers.contains_key(&wanted) {
                    Err("mvcc: duplicate watch ID provided on the WatchStream")
                } else {
                    Ok(watcher)
                }
            })
        };
        let response = match refused {
            Ok(watcher) => {
                let id = if wanted == 0 { self.free_id() } else { wanted };
                self.watchers.insert(id, Some(watcher));
                WatchResponse { watch_id: id, created: true, ..Default::default() }
            }
            Err(why) => WatchResponse {
                watch_id: NONE,
                created: true,
                canceled: true,
                cancel_reason: why.to_owned(),
                ..Default::default()
            },
        };
        self.send(head, response).await
    }

    fn free_id(&mut self) -> i64 {
        while self.watchers.contains_key(&self.next_id) {
            self.next_id = self.next_id.saturating_add(1);
        }
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        id
    }

    /// Sends all that there is.
    async fn deliver(&mut self) -> Result<(), Gone> {
        let etcd = Arc::clone(&self.etcd);
        let head = etcd.store().head;
        let ids: Vec<i64> = self.watchers.keys().copied().collect();
        for id in ids {
            loop {
                let watcher = self.watchers.get_mut(&id).and_then(Option::as_mut);
                let Some(watcher) = watcher.filter(|watcher| watcher.next <= head) else { break };
                let fragment = watcher.fragment;
                let next = block_in_place(|| {
                    let next = watcher.advance(&etcd, &etcd.store(), head);
                    etcd.intact().map(|()| next)
                });
                let next = match next {
                    Ok(next) => next,
                    Err(changed) => {
                        // the client sees why, if it is there
                        let _ = self.out.send(Err(changed)).await;
                        return Err(Gone);
                    }
                };
                match next {
                    Next::Done => break,
                    Next::Compacted(revision) => {
                        self.watchers.insert(id, None);
                        let response = WatchResponse {
                            watch_id: id,
                            canceled: true,
                            compact_revision: revision,
                            ..Default::default()
                        };
                        self.send(0, response).await?;
                    }
                    Next::Events(events, revision) => {
                        let response = WatchResponse { watch_id: id, events, ..Default::default() };
                        if fragment {
                            self.send_fragments(revision, response).await?;
                        } else {
                            self.send(revision, response).await?;
                        }
                    }
                }
            }
        }
        if self.asked {
            self.asked = false;
            // as etcd: of a watcher that has not begun there is no progress
            let mut watchers = self.watchers.values().flatten().peekable();
            if watchers.peek().is_some() && watchers.all(|watcher| watcher.start <= head.saturating_add(1)) {
                self.send(head, WatchResponse { watch_id: NONE, ..Default::default() }).await?;
            }
        }
        Ok(())
    }

    async fn send_fragments(&self, revision: i64, whole: WatchResponse) -> Result<(), Gone> {
        if whole.encoded_len() < FRAGMENT || whole.events.len() < 2 {
            return self.send(revision, whole).await;
        }
        let (watch_id, mut events) = (whole.watch_id, whole.events.into_iter().peekable());
        while events.peek().is_some() {
            let (mut part, mut size) = (Vec::new(), 0_usize);
            while let Some(event) = events.peek() {
                size = size.saturating_add(event.encoded_len()).saturating_add(16);
                if !part.is_empty() && size >= FRAGMENT {
                    break;
                }
                part.extend(events.next());
            }
            let fragment = events.peek().is_some();
            let response = WatchResponse { watch_id, fragment, events: part, ..Default::default() };
            self.send(revision, response).await?;
        }
        Ok(())
    }

    /// Sends progress to the watchers that were quiet.
    async fn tick(&mut self) -> Result<(), Gone> {
        let head = self.etcd.store().head;
        let mut due = Vec::new();
        let watchers = self.watchers.iter_mut().filter_map(|(id, watcher)| Some((id, watcher.as_mut()?)));
        for (id, watcher) in watchers.filter(|(_, watcher)| watcher.progress) {
            if watcher.quiet && watcher.start <= head && watcher.next > head {
                due.push(*id);
            }
            watcher.quiet = true;
        }
        for watch_id in due {
            self.send(head, WatchResponse { watch_id, ..Default::default() }).await?;
        }
        Ok(())
    }
}
