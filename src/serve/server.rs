//! Sockets and HTTP.
//!
//! What a client can ask for is bounded: connections, streams in one, the size of headers and of what is sent, and the
//! time in which it has to send and to take.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use hyper::{
    Method, Response,
    body::{Body as _, Incoming},
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, IF_NONE_MATCH},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime,
    task::spawn_blocking,
    time,
};

use super::{
    access::Access,
    answer::Answer,
    api::Api,
    backup::Backup,
    body::Sent,
    etcd::{Etcd, Services},
    kubeconfig::{Credentials, Endpoint},
    request::Request,
    socket::{FIRST, Socket},
    status::Refusal,
};
use crate::{
    Error, Result,
    hash::{hex, random},
};

/// Connections at a time; further ones are refused.
const CONNECTIONS: usize = 512;
/// Requests at a time in one HTTP/2 connection.
const STREAMS: u32 = 128;
/// The size of all headers of a request.
const HEADERS: usize = 32 << 10;
/// The most that is read of what a client sends: a review is smaller.
const BODY: usize = 64 << 10;
/// The most that is taken and dropped of what is not wanted, so that the client reads the answer.
const DROPPED: usize = 4 << 20;
/// The time for headers and for what is sent with them.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the end of the run is looked for.
const TICK: Duration = Duration::from_millis(100);

/// What is told of the run while it lasts: an answer that broke off.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Addresses that listen, one for each backup: clients keep what they discover by address.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr)>,
    guard: Guard,
    /// The address of etcd's API.
    etcd: Option<(TcpListener, SocketAddr, Arc<Etcd>)>,
}

/// Who is let in.
#[derive(Debug)]
enum Guard {
    /// Who knows the secret with which each path begins.
    Path(String),
    /// Who shows the token.
    Token(Box<Access>),
}

/// What was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Requests that were answered with what they asked for.
    pub answered: u64,
    /// Requests that were refused, and those for what is not there.
    pub refused: u64,
}

impl Server {
    /// Listens on `address` for `count` backups: on this port and those after it, or, for port 0, on ports that the system
    /// chooses. Without `access` the address has to be loopback, and the path of each URL begins with a secret, which only
    /// the kubeconfig has.
    ///
    /// # Errors
    /// When the address cannot be listened on, or must not.
    pub fn bind(address: SocketAddr, count: u16, access: Option<Access>) -> Result<Self> {
        let mut listeners = Vec::new();
        for n in 0..count {
            let port = if address.port() == 0 { 0 } else { address.port().saturating_add(n) };
            listeners.push(listen(SocketAddr::new(address.ip(), port), access.is_some())?);
        }
        let guard = match access {
            Some(access) => Guard::Token(Box::new(access)),
            None => Guard::Path(secret()?),
        };
        Ok(Self { listeners, guard, etcd: None })
    }

    /// Serves etcd's API too, on the loopback `address`; returns the address with its port. Whoever reaches the address
    /// may use it: etcd's clients know no secret path.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn add_etcd(&mut self, address: SocketAddr, etcd: Arc<Etcd>) -> Result<SocketAddr> {
        let (listener, address) = listen(address, false)?;
        self.etcd = Some((listener, address, etcd));
        Ok(address)
    }

    /// Where the backups are served, in their order.
    ///
    /// # Errors
    /// When clients could not verify the certificate.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let endpoint = |(_, address): &(TcpListener, SocketAddr)| match &self.guard {
            Guard::Path(secret) => Ok(Endpoint { url: format!("http://{address}/{secret}"), server_name: None }),
            Guard::Token(access) => {
                let (host, server_name) = access.host(*address)?;
                Ok(Endpoint { url: format!("https://{host}"), server_name })
            }
        };
        self.listeners.iter().map(endpoint).collect()
    }

    /// What clients need besides the URL.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        match &self.guard {
            Guard::Path(_) => None,
            Guard::Token(access) => Some(access.credentials()),
        }
    }

    /// Serves the backups until `stop` is true.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn run(self, backups: Vec<Arc<Backup>>, stop: &AtomicBool, log: &Log) -> Result<Answered> {
        let fault = |source| Error::io("serve", "start", source);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(cores.clamp(2, 8))
            .max_blocking_threads(32)
            .enable_io()
            .enable_time()
            .build()
            .map_err(fault)?;
        let shared = Arc::new(Shared::default());
        let guard = Arc::new(self.guard);
        let ended = runtime.block_on(async {
            for ((listener, address), backup) in self.listeners.into_iter().zip(backups) {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(fault)?;
                let place = Place {
                    api: Api::new(backup, address.to_string()),
                    address,
                    guard: Arc::clone(&guard),
                    shared: Arc::clone(&shared),
                    log: Arc::clone(log),
                };
                tokio::spawn(accept(listener, Arc::clone(&shared), move |stream, counted| {
                    connection(stream, place.clone(), counted)
                }));
            }
            if let Some((listener, address, etcd)) = self.etcd {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(fault)?;
                let services = Services::new(&etcd, format!("http://{address}"));
                let counter = Arc::clone(&shared);
                tokio::spawn(accept(listener, Arc::clone(&shared), move |stream, counted| {
                    let (services, counter) = (services.clone(), Arc::clone(&counter));
                    async move {
                        services.connection(stream, move |refused| counter.count(refused)).await;
                        drop(counted);
                    }
                }));
                tokio::spawn(etcd.expire());
            }
            while !stop.load(SeqCst) {
                time::sleep(TICK).await;
            }
            Ok(())
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended.map(|()| Answered { answered: shared.answered.load(SeqCst), refused: shared.refused.load(SeqCst) })
    }
}

fn listen(address: SocketAddr, guarded: bool) -> Result<(TcpListener, SocketAddr)> {
    if !guarded && !address.ip().is_loopback() {
        return Err(Error::usage(format!("{address}: only a loopback address can be listened on without TLS"))
            .hinted("127.0.0.1:0, or [::1]:0; `ssh -L` reaches it from another machine"));
    }
    let fault = |source| Error::io(address.to_string(), "listen", source);
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    Ok((listener, address))
}

/// 128 random bits.
fn secret() -> Result<String> {
    Ok(hex(&random::<16>()?))
}

#[derive(Debug, Default)]
struct Shared {
    connections: AtomicUsize,
    answered: AtomicU64,
    refused: AtomicU64,
}

impl Shared {
    fn count(&self, refused: bool) {
        let counter = if refused { &self.refused } else { &self.answered };
        counter.fetch_add(1, SeqCst);
    }
}

/// One of the addresses.
#[derive(Clone)]
struct Place {
    api: Api,
    address: SocketAddr,
    guard: Arc<Guard>,
    shared: Arc<Shared>,
    log: Log,
}

/// A connection that is counted as long as it lives.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, SeqCst);
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    serve: impl Fn(TcpStream, Counted) -> F,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // no file is left for it: one may be soon
            time::sleep(TICK).await;
            continue;
        };
        let counted = Counted(Arc::clone(&shared));
        if shared.connections.fetch_add(1, SeqCst) >= CONNECTIONS {
            shared.count(true);
            // without waiting: what does not fit is not needed
            let _ =
                stream.try_write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            continue;
        }
        tokio::spawn(serve(stream, counted));
    }
}

async fn connection(stream: TcpStream, place: Place, _counted: Counted) {
    // only a matter of speed
    let _ = stream.set_nodelay(true);
    let guard = Arc::clone(&place.guard);
    match &*guard {
        Guard::Path(_) => http(stream, place).await,
        Guard::Token(access) => {
            // a client that cannot be spoken with has seen so itself
            if let Ok(Ok(stream)) = time::timeout(FIRST, access.acceptor.accept(stream)).await {
                http(stream, place).await;
            }
        }
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, place: Place) {
    let service = service_fn(move |request| {
        let place = place.clone();
        async move { Ok::<_, Infallible>(place.respond(request).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEADERS);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(HEADERS as u32);
    // a client that does not answer is gone
    builder.http2().keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
    // how a connection ends is the client's matter
    let _ = builder.serve_connection(TokioIo::new(Socket::new(stream)), service).await;
}

impl Place {
    async fn respond(self, request: hyper::Request<Incoming>) -> Response<Sent> {
        let head = request.method() == Method::HEAD;
        let answer = self.answer(request).await;
        self.shared.count(answer.code >= 400);
        let (code, content_type) = (answer.code, answer.content_type);
        let content = if head { super::Content::Whole(Vec::new()) } else { answer.content };
        let mut response = Response::new(Sent::new(content, self.log));
        *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in answer.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Answer {
        let uri = request.uri();
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let rest = match &*self.guard {
            Guard::Token(access) if access.admits(request.headers()) => path,
            Guard::Token(_) => return Refusal::unauthorized().into(),
            Guard::Path(secret) => {
                let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
                let host = host.or_else(|| uri.authority().map(hyper::http::uri::Authority::as_str));
                if !host.is_some_and(|host| self.is_own(host)) {
                    return Answer::text(403, "the Host header is not this server's address\n");
                }
                let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(secret));
                let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(['/', '?'])) else {
                    return Answer::text(404, "404 page not found\n");
                };
                rest
            }
        };
        let Some(asked) = Request::get(rest) else { return Refusal::bad_request("the path is not valid").into() };
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let (method, accept) = (request.method().to_string(), accepted(request.headers()));
        let etag = header(IF_NONE_MATCH).unwrap_or_default().to_owned();
        let body = match time::timeout(PATIENCE, received(request.into_body())).await {
            Ok(Some(body)) => body,
            Ok(None) => return Answer::text(413, "what was sent is too large\n").with("connection", "close"),
            Err(_) => return Answer::text(408, "what was sent did not arrive\n").with("connection", "close"),
        };
        let asked = Request { method, accept, etag, body, ..asked };
        let api = self.api.clone();
        let answer = spawn_blocking(move || api.answer(&asked)).await;
        answer.unwrap_or_else(|error| {
            (self.log)(&format!("a request was not answered: {error}"));
            Refusal::internal("etcdsnap has a bug, or the file changes; see its messages").into()
        })
    }

    /// Whether a client that was given this server's URL names it so: another name may be of a web page whose author
    /// made it point here.
    fn is_own(&self, host: &str) -> bool {
        host == self.address.to_string()
            || host.strip_prefix("localhost:").is_some_and(|port| port == self.address.port().to_string())
    }
}

/// All `Accept` headers as one.
fn accepted(headers: &hyper::HeaderMap) -> String {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

/// What was sent, up to the size of a review; what is more is dropped, and counts as nothing. `None` when it is far too
/// much.
async fn received(mut body: Incoming) -> Option<Vec<u8>> {
    let (mut kept, mut size) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // a client that goes away needs no answer
        let Ok(data) = frame.ok()?.into_data() else { continue };
        size = size.saturating_add(data.len());
        if size > DROPPED {
            return None;
        }
        if size <= BODY {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    Some(if size > BODY { Vec::new() } else { kept })
}
