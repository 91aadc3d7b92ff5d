//! A client of etcd's API that sends what it is given, wrong requests too.

use std::time::Duration;

use h2::{RecvStream, SendStream, client::SendRequest};
use hyper::{
    body::Bytes,
    http::{HeaderMap, Request},
};
use prost::Message;
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};

#[path = "../../../src/serve/etcd/proto/mod.rs"]
pub mod proto;

use proto::etcdserverpb::{WatchRequest, WatchResponse};

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An error of a server: code and message.
pub type Refused = (i32, String);

/// A connection.
pub struct Grpc {
    runtime: Runtime,
    send: SendRequest<Bytes>,
    address: String,
}

impl Grpc {
    /// A connection to `HOST:PORT`.
    pub fn connect(address: &str) -> Self {
        let address = address.trim_start_matches("http://").to_owned();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build().unwrap();
        let send = runtime.block_on(async {
            let stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (send, connection) = h2::client::Builder::new()
                .initial_window_size(16 << 20)
                .initial_connection_window_size(64 << 20)
                .handshake(stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            send
        });
        Self { runtime, send, address }
    }

    fn request(&self, method: &str) -> Request<()> {
        Request::post(format!("http://{}/etcdserverpb.{method}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap()
    }

    /// The answer to a request, such as `KV/Range`.
    pub fn call<A: Message + Default>(&self, method: &str, request: &impl Message) -> Result<A, Refused> {
        let answers = self.send(method, framed(&request.encode_to_vec()))?;
        Ok(answers.first().map(|answer| A::decode(&answer[..]).unwrap()).expect("an answer has a message"))
    }

    /// The messages that are answered to a body.
    pub fn send(&self, method: &str, body: Vec<u8>) -> Result<Vec<Vec<u8>>, Refused> {
        let request = self.request(method);
        // a timer is made inside of the runtime
        let _inside = self.runtime.enter();
        let answered = self.runtime.block_on(timeout(PATIENCE, async {
            let lost = |error: h2::Error| (-1, error.to_string());
            let mut send = self.send.clone().ready().await.map_err(lost)?;
            let (response, mut stream) = send.send_request(request, false).map_err(lost)?;
            // one that is refused early needs no more
            let _ = stream.send_data(body.into(), true);
            let (head, mut body) = response.await.map_err(lost)?.into_parts();
            refused(&head.headers)?;
            if head.status != 200 {
                return Err((-1, head.status.to_string()));
            }
            let mut bytes = Vec::new();
            while let Some(data) = body.data().await {
                let data = data.map_err(lost)?;
                body.flow_control().release_capacity(data.len()).unwrap();
                bytes.extend_from_slice(&data);
            }
            refused(&body.trailers().await.map_err(lost)?.unwrap_or_default())?;
            Ok(messages(&mut bytes))
        }));
        answered.expect("an answer in time")
    }

    /// A stream of watches.
    pub fn watch(&self) -> Watching<'_> {
        let request = self.request("Watch/Watch");
        let (send, receive) = self.runtime.block_on(async {
            let mut sender = self.send.clone().ready().await.unwrap();
            let (response, send) = sender.send_request(request, false).unwrap();
            (send, response)
        });
        Watching { grpc: self, send, response: Some(receive), receive: None, bytes: Vec::new(), got: Vec::new() }
    }
}

fn refused(headers: &HeaderMap) -> Result<(), Refused> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status").map(|status| status.parse().unwrap()) {
        None | Some(0) => Ok(()),
        Some(status) => Err((status, unescaped(&text("grpc-message").unwrap_or_default()))),
    }
}

/// The text of a message, in which some bytes are written as `%XX`.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = |at: std::ops::Range<usize>| u8::from_str_radix(std::str::from_utf8(tail.get(at)?).ok()?, 16).ok();
        match (first, hex(0..2)) {
            (b'%', Some(byte)) => (out.push(byte), rest = &tail[2..]).1,
            _ => (out.push(*first), rest = tail).1,
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A message with its length, as gRPC sends it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

/// Takes the whole messages from the front of `bytes`.
fn messages(bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some(size) = bytes.get(1..5) {
        let end = 5 + u32::from_be_bytes(size.try_into().unwrap()) as usize;
        let Some(message) = bytes.get(5..end) else { break };
        messages.push(message.to_vec());
        bytes.drain(..end);
    }
    messages
}

/// A stream of watches.
pub struct Watching<'g> {
    grpc: &'g Grpc,
    send: SendStream<Bytes>,
    response: Option<h2::client::ResponseFuture>,
    receive: Option<RecvStream>,
    bytes: Vec<u8>,
    got: Vec<WatchResponse>,
}

impl Watching<'_> {
    /// Sends a request.
    pub fn ask(&mut self, request: proto::etcdserverpb::watch_request::RequestUnion) {
        let request = WatchRequest { request_union: Some(request) };
        self.send.send_data(framed(&request.encode_to_vec()).into(), false).unwrap();
    }

    /// The next response, when there is one within the time.
    pub fn next(&mut self, within: Duration) -> Option<WatchResponse> {
        if self.got.is_empty() {
            let Self { grpc, response, receive, bytes, got, .. } = self;
            let _inside = grpc.runtime.enter();
            let received = grpc.runtime.block_on(timeout(within, async {
                if let Some(response) = response.as_mut() {
                    *receive = Some(response.await.unwrap().into_body());
                }
                *response = None;
                let body = receive.as_mut().unwrap();
                while got.is_empty() {
                    let data = body.data().await.expect("the stream goes on").unwrap();
                    body.flow_control().release_capacity(data.len()).unwrap();
                    bytes.extend_from_slice(&data);
                    got.extend(messages(bytes).iter().map(|message| WatchResponse::decode(&message[..]).unwrap()));
                }
            }));
            received.ok()?;
        }
        Some(self.got.remove(0))
    }

    /// The next response, which has to come.
    #[track_caller]
    pub fn must(&mut self) -> WatchResponse {
        self.next(PATIENCE).expect("a response of the watch")
    }
}
