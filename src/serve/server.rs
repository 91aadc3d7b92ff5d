//! Sockets and HTTP.
//!
//! What a client can ask for is bounded: connections, streams in one, the size of headers and of what is sent, and the
//! time in which it has to send and to take.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime, time,
};

use super::{
    access::Access,
    api::Api,
    backup::Backup,
    etcd::{Etcd, Services},
    kubeconfig::{Credentials, Endpoint},
    place::{Guard, PATIENCE, Place},
    socket::{FIRST, Socket},
    tally::{Answered, Counted, Log, Shared},
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
/// How often the end of the run is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Addresses that listen, one for each backup: clients keep what they discover by address.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(TcpListener, SocketAddr)>,
    guard: Guard,
    /// The address of etcd's API.
    etcd: Option<(TcpListener, SocketAddr, Arc<Etcd>)>,
}

impl Server {
    /// Listens on `address` for `count` backups: on this port and those after it, or, for port 0, on ports that the
    /// system chooses. Without `access` the address has to be loopback, and the path of each URL begins with a secret,
    /// which only the kubeconfig has.
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
                tokio::spawn(accept(listener, Arc::clone(&shared), Arc::clone(log), move |stream, counted| {
                    connection(stream, place.clone(), counted)
                }));
            }
            if let Some((listener, address, etcd)) = self.etcd {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(fault)?;
                let services = Services::new(&etcd, format!("http://{address}"));
                let counter = Arc::clone(&shared);
                tokio::spawn(accept(listener, Arc::clone(&shared), Arc::clone(log), move |stream, counted| {
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

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    log: Log,
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
            // once in a run: who was refused asks again
            if !shared.was_full.swap(true, SeqCst) {
                log(&format!("{CONNECTIONS} connections are open; further ones are refused until some are closed"));
            }
            // without waiting: what does not fit is not needed
            let _ =
                stream.try_write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            continue;
        }
        tokio::spawn(serve(stream, counted));
    }
}

async fn connection(stream: TcpStream, place: Place, counted: Counted) {
    let counted = Arc::new(counted);
    // only a matter of speed
    let _ = stream.set_nodelay(true);
    let guard = Arc::clone(&place.guard);
    match &*guard {
        Guard::Path(_) => http(stream, place, counted).await,
        Guard::Token(access) => {
            // a client that cannot be spoken with has seen so itself
            if let Ok(Ok(stream)) = time::timeout(FIRST, access.acceptor.accept(stream)).await {
                http(stream, place, counted).await;
            }
        }
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, place: Place, counted: Arc<Counted>) {
    let service = service_fn(move |request| {
        let (place, counted) = (place.clone(), Arc::clone(&counted));
        async move { Ok::<_, Infallible>(place.respond(request, counted).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEADERS);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(HEADERS as u32);
    // a client that does not answer is gone
    builder.http2().keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
    // how a connection ends is the client's matter
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(Socket::new(stream)), service).await;
}
