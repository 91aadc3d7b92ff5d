//! One of the addresses: from a request as HTTP has it to an answer, and whom it lets in.

use std::{future::poll_fn, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, IF_NONE_MATCH},
    upgrade::OnUpgrade,
};
use tokio::{task::spawn_blocking, time};

use super::{
    access::Access,
    answer::{Answer, Content},
    api::Api,
    body::Sent,
    request::Request,
    status::Refusal,
    tally::{Counted, Log, Shared},
    websocket::{self, Handshake},
};

/// The most that is read of what a client sends: a review is smaller.
const BODY: usize = 64 << 10;
/// The most that is taken and dropped of what is not wanted, so that the client reads the answer.
const DROPPED: usize = 4 << 20;
/// The time for headers and for what is sent with them.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Who is let in.
#[derive(Debug)]
pub(super) enum Guard {
    /// Who knows the secret with which each path begins.
    Path(String),
    /// Who shows the token.
    Token(Box<Access>),
}

/// One of the addresses.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) api: Api,
    pub(super) address: SocketAddr,
    pub(super) guard: Arc<Guard>,
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
}

impl Place {
    /// Answers a request of a connection that is `counted`.
    pub(super) async fn respond(self, mut request: hyper::Request<Incoming>, counted: Arc<Counted>) -> Response<Sent> {
        let head = request.method() == Method::HEAD;
        let upgrade = websocket::is_asked(request.headers()).then(|| hyper::upgrade::on(&mut request));
        let handshake = upgrade.as_ref().map(|_| Handshake::of(request.headers()));
        let answer = self.answer(request).await;
        self.shared.count(answer.code >= 400);
        let answer = match (upgrade, handshake) {
            (Some(upgrade), Some(handshake)) if answer.is_watch && !head => match handshake {
                Ok(handshake) => return self.switch(upgrade, &handshake, answer, counted),
                Err(refusal) => refusal.into(),
            },
            _ => answer,
        };
        let content = if head { Content::Whole(Vec::new()) } else { answer.content };
        let mut response = Response::new(Sent::new(content, self.log));
        *response.status_mut() = StatusCode::from_u16(answer.code).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        append(headers, answer.headers);
        response
    }

    /// Hands the connection over to the WebSocket on which a watch is sent.
    fn switch(
        self,
        upgrade: OnUpgrade,
        handshake: &Handshake,
        answer: Answer,
        counted: Arc<Counted>,
    ) -> Response<Sent> {
        let mut response = Response::new(Sent::new(Content::Whole(Vec::new()), Arc::clone(&self.log)));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        append(response.headers_mut(), handshake.headers());
        append(response.headers_mut(), answer.headers);
        tokio::spawn(async move {
            // a client that goes away needs no answer
            if let Ok(connection) = upgrade.await {
                websocket::send(connection, answer.content, &self.log).await;
            }
            drop(counted);
        });
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
                let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(&**secret));
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

fn append(headers: &mut HeaderMap, more: Vec<(&'static str, String)>) {
    for (name, value) in more {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
}

/// All `Accept` headers as one.
fn accepted(headers: &HeaderMap) -> String {
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
