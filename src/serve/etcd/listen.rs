//! HTTP/2 and gRPC: which method is whose, and what a client may take.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming, SizeHint},
    header::CONTENT_TYPE,
    server::conn::http2::Builder,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, mpsc},
};
use tonic::{
    Status,
    body::Body,
    codegen::{BoxStream, Service as _, tokio_stream::Stream},
};

use super::{
    Etcd,
    error::of_a_cluster,
    members::Members,
    proto::etcdserverpb::{
        auth_server::AuthServer, cluster_server::ClusterServer, kv_server::KvServer, lease_server::LeaseServer,
        maintenance_server::MaintenanceServer, watch_server::WatchServer,
    },
};
use crate::serve::socket::Socket;

/// Requests at a time in one connection: an API server watches each resource by itself.
const STREAMS: u32 = 1000;
/// The size of all headers of a request.
const HEADERS: u32 = 32 << 10;
/// The size of a message that a client sends (`MaxRequestBytesWithOverhead`).
const MESSAGE: usize = 2 << 20;
/// The time in which a client answers a ping.
const PATIENCE: Duration = Duration::from_secs(30);

/// The methods that are not etcd's reading ones, and that a backup refuses.
const REFUSED: &str = "/etcdserverpb.Auth/";

/// All services of a backup.
#[derive(Clone)]
pub(in crate::serve) struct Services {
    kv: KvServer<Arc<Etcd>>,
    watch: WatchServer<Arc<Etcd>>,
    lease: LeaseServer<Arc<Etcd>>,
    members: ClusterServer<Members>,
    maintenance: MaintenanceServer<Arc<Etcd>>,
    auth: AuthServer<Arc<Etcd>>,
}

impl Services {
    /// The services of `etcd`, which clients reach at `url`.
    pub(in crate::serve) fn new(etcd: &Arc<Etcd>, url: String) -> Self {
        let own = || Arc::clone(etcd);
        Self {
            kv: KvServer::new(own()).max_decoding_message_size(MESSAGE),
            watch: WatchServer::new(own()).max_decoding_message_size(MESSAGE),
            lease: LeaseServer::new(own()).max_decoding_message_size(MESSAGE),
            members: ClusterServer::new(Members { etcd: own(), url }).max_decoding_message_size(MESSAGE),
            maintenance: MaintenanceServer::new(own()).max_decoding_message_size(MESSAGE),
            auth: AuthServer::new(own()).max_decoding_message_size(MESSAGE),
        }
    }

    /// Serves one connection until it ends; `answered` is called with whether an answer is a refusal.
    pub(in crate::serve) async fn connection(
        self,
        stream: TcpStream,
        answered: impl Fn(bool) + Clone + Send + 'static,
    ) {
        // only a matter of speed
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let (services, answered) = (self.clone(), answered.clone());
            async move {
                let response = services.respond(request).await;
                let status = response.headers().get("grpc-status");
                answered(response.status() != 200 || status.is_some_and(|status| status != "0"));
                Ok::<_, Infallible>(response.map(Held::new))
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(HEADERS);
        builder.keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
        // how a connection ends is the client's matter
        let _ = builder.serve_connection(TokioIo::new(Socket::new(stream)), service).await;
    }

    async fn respond(mut self, request: Request<Incoming>) -> Response<(Body, Permit)> {
        let is_grpc =
            request.headers().get(CONTENT_TYPE).is_some_and(|is| is.as_bytes().starts_with(b"application/grpc"));
        if !is_grpc {
            let mut response = Response::new((Body::empty(), None));
            *response.status_mut() = hyper::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let path = request.uri().path();
        let service = path.strip_prefix("/etcdserverpb.").and_then(|path| path.split('/').next()).unwrap_or_default();
        let answer: Result<_, Infallible> = match service {
            "KV" => self.kv.call(request).await,
            "Watch" => self.watch.call(request).await,
            "Lease" => self.lease.call(request).await,
            "Cluster" => self.members.call(request).await,
            "Maintenance" => self.maintenance.call(request).await,
            "Auth" if is_read(path) => self.auth.call(request).await,
            "Auth" => Ok(of_a_cluster().into_http()),
            _ => Ok(Status::unimplemented(format!("unknown service {service}")).into_http()),
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let permit = response.extensions_mut().remove::<Arc<OwnedSemaphorePermit>>();
        response.map(|body| (body, permit))
    }
}

/// Whether a method of `Auth` only reads.
fn is_read(path: &str) -> bool {
    let method = path.strip_prefix(REFUSED).unwrap_or_default();
    matches!(method, "AuthStatus" | "Authenticate" | "UserGet" | "UserList" | "RoleGet" | "RoleList")
}

type Permit = Option<Arc<OwnedSemaphorePermit>>;

/// An answer with what it holds of the memory for all answers, until it is sent.
struct Held {
    body: Body,
    _permit: Permit,
}

impl Held {
    fn new((body, permit): (Body, Permit)) -> Self {
        Self { body, _permit: permit }
    }
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a task sends, as the stream that gRPC takes.
pub(super) struct Sent<T>(mpsc::Receiver<Result<T, Status>>);

impl<T: Send + 'static> Sent<T> {
    pub(super) fn boxed(receiver: mpsc::Receiver<Result<T, Status>>) -> BoxStream<T> {
        Box::pin(Self(receiver))
    }
}

impl<T> Stream for Sent<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
