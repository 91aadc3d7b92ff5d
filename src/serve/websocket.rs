//! Watches over WebSocket (RFC 6455): each event is a text message, as an API server sends it.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use hyper::{
    HeaderMap,
    header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::{
    io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    task::yield_now,
    time::timeout,
};

use super::{
    answer::{Content, Pieces, Step},
    status::Refusal,
    tally::Log,
};

/// What RFC 6455 appends to the client's key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// A subprotocol by which a client without headers of its own, such as a web page, shows its token.
const BEARER: &str = "base64url.bearer.authorization.k8s.io.";
/// The most pings that wait for their answer.
const PINGS: usize = 8;
/// The largest content of a control frame.
const CONTROL: u64 = 125;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const INTERNAL_ERROR: u16 = 1011;

/// Whether a request asks for a WebSocket (`IsWebSocketRequest`).
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| words(headers, name).any(|have| have.eq_ignore_ascii_case(word));
    has(UPGRADE, "websocket") && has(CONNECTION, "upgrade")
}

/// The token that a request shows as a subprotocol.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let shown = words(headers, SEC_WEBSOCKET_PROTOCOL).find_map(|word| word.strip_prefix(BEARER))?;
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(shown).ok()?).ok()
}

/// The words of a header that is a list.
fn words(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

/// How a WebSocket begins.
pub(super) struct Handshake {
    accept: String,
    protocol: Option<String>,
}

impl Handshake {
    /// Reads what the client has sent.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let key = text(SEC_WEBSOCKET_KEY).trim();
        if text(SEC_WEBSOCKET_VERSION).trim() != "13" || key.is_empty() {
            return Err(Refusal::bad_request("a WebSocket needs version 13 and a key"));
        }
        let accept = BASE64_STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
        let protocol = words(headers, SEC_WEBSOCKET_PROTOCOL).find(|word| !word.starts_with(BEARER));
        Ok(Self { accept, protocol: protocol.map(str::to_owned) })
    }

    /// The headers of the answer.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("upgrade", "websocket".to_owned()),
            ("connection", "Upgrade".to_owned()),
            ("sec-websocket-accept", self.accept.clone()),
        ];
        headers.extend(self.protocol.clone().map(|protocol| ("sec-websocket-protocol", protocol)));
        headers
    }
}

/// What a client sends that has to be answered.
enum Control {
    Ping(Vec<u8>),
    /// The end, with this status.
    Close(u16),
}

/// Sends the events of a watch until it ends, the client closes, or the answer breaks off.
pub(super) async fn send(connection: Upgraded, content: Content, log: &Log) {
    let (read, mut write) = io::split(TokioIo::new(connection));
    let (controls, received) = mpsc::channel(PINGS);
    let reader = tokio::spawn(async move {
        // when it fails the client is gone
        let status = receive(read, &controls).await.unwrap_or(NORMAL);
        let _ = controls.send(Control::Close(status)).await;
    });
    let mut events = match content {
        Content::Whole(bytes) => Box::new(Whole(bytes)),
        Content::Pieces(pieces) => pieces,
    };
    // a client that goes away needs no more
    let _ = events_to(&mut write, &mut *events, received, log).await;
    let _ = write.shutdown().await;
    reader.abort();
}

/// Content that is there already.
struct Whole(Vec<u8>);

impl Pieces for Whole {
    fn next(&mut self) -> Step {
        Step::Last(std::mem::take(&mut self.0))
    }
}

async fn events_to(
    to: &mut (impl AsyncWrite + Unpin),
    events: &mut dyn Pieces,
    mut received: mpsc::Receiver<Control>,
    log: &Log,
) -> io::Result<()> {
    let (mut status, mut why) = (NORMAL, String::new());
    loop {
        let (mut last, mut control) = (false, received.try_recv().ok());
        if control.is_none() {
            match events.next() {
                Step::Piece(bytes) => messages(to, &bytes).await?,
                Step::Last(bytes) => {
                    messages(to, &bytes).await?;
                    last = true;
                }
                Step::Wait(time) => control = timeout(time, received.recv()).await.ok().flatten(),
                Step::Broken(reason) => {
                    log(&reason);
                    (status, why, last) = (INTERNAL_ERROR, reason, true);
                }
            }
        }
        match control {
            Some(Control::Ping(content)) => frame(to, PONG, &content).await?,
            Some(Control::Close(asked)) => (status, last) = (asked, true),
            // others have their turn
            None => yield_now().await,
        }
        if last {
            break;
        }
    }
    let reason: String = why.chars().take(30).collect();
    frame(to, CLOSE, &[&status.to_be_bytes(), reason.as_bytes()].concat()).await
}

/// Sends each line as a message.
async fn messages(to: &mut (impl AsyncWrite + Unpin), lines: &[u8]) -> io::Result<()> {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        frame(to, TEXT, line).await?;
    }
    to.flush().await
}

/// Sends a frame that is a message by itself.
async fn frame(to: &mut (impl AsyncWrite + Unpin), kind: u8, content: &[u8]) -> io::Result<()> {
    let mut head = vec![0x80 | kind];
    match (u8::try_from(content.len()), u16::try_from(content.len())) {
        (Ok(length @ 0..=125), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend_from_slice(&(content.len() as u64).to_be_bytes());
        }
    }
    to.write_all(&head).await?;
    to.write_all(content).await?;
    if kind == TEXT { Ok(()) } else { to.flush().await }
}

/// Reads what the client sends; returns the status for its end. Messages are dropped: a watch takes none.
async fn receive(mut from: impl AsyncRead + Unpin, controls: &mpsc::Sender<Control>) -> io::Result<u16> {
    loop {
        let [first, second] = exact(&mut from).await?;
        let (kind, is_last, is_masked) = (first & 0x0f, first & 0x80 != 0, second & 0x80 != 0);
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(exact(&mut from).await?)),
            127 => u64::from_be_bytes(exact(&mut from).await?),
            length => u64::from(length),
        };
        let is_control = kind >= CLOSE;
        if !is_masked || first & 0x70 != 0 || is_control && (length > CONTROL || !is_last) {
            return Ok(PROTOCOL_ERROR);
        }
        let mask: [u8; 4] = exact(&mut from).await?;
        if !is_control {
            io::copy(&mut (&mut from).take(length), &mut io::sink()).await?;
            continue;
        }
        let mut content = Vec::new();
        (&mut from).take(length).read_to_end(&mut content).await?;
        content.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match kind {
            CLOSE => return Ok(content.first_chunk().map_or(NORMAL, |status| u16::from_be_bytes(*status))),
            PING if controls.send(Control::Ping(content)).await.is_err() => return Ok(NORMAL),
            PING | PONG => {}
            _ => return Ok(PROTOCOL_ERROR),
        }
    }
}

async fn exact<const N: usize>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).await?;
    Ok(bytes)
}
