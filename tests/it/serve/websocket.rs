//! Watches over WebSocket, by a client that knows the frames of RFC 6455.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::common::serving::Serving;

/// The key of the RFC's example, and its answer.
const KEY: [&str; 2] = ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="];

pub struct Client(TcpStream);

impl Client {
    /// Asks for a WebSocket; the head of the answer.
    pub fn ask(serving: &Serving, path: &str, headers: &str) -> (String, Self) {
        let (address, secret) = &serving.urls[0];
        let mut stream = serving.connect();
        write!(
            stream,
            "GET {secret}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Key: {}\r\n{headers}\r\n",
            KEY[0]
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend_from_slice(&byte);
        }
        (String::from_utf8(head).unwrap().to_lowercase(), Self(stream))
    }

    fn open(serving: &Serving, path: &str) -> Self {
        let (head, client) = Self::ask(serving, path, "Sec-WebSocket-Version: 13\r\n");
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains(&format!("sec-websocket-accept: {}\r\n", KEY[1].to_lowercase())), "{head}");
        assert!(!head.contains("sec-websocket-protocol"), "{head}");
        client
    }

    fn exact<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next frame: its kind and content.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let [first, second] = self.exact();
        assert_eq!((first & 0xf0, second & 0x80), (0x80, 0), "a whole message without a mask");
        let length = match second {
            126 => u16::from_be_bytes(self.exact()).into(),
            127 => u64::from_be_bytes(self.exact()),
            length => length.into(),
        };
        let mut content = vec![0; length.try_into().unwrap()];
        self.0.read_exact(&mut content).unwrap();
        (first & 0x0f, content)
    }

    pub fn send(&mut self, first: u8, content: &[u8]) {
        let mask = [1, 2, 3, 4];
        let masked = content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let head = [first, 0x80 | u8::try_from(content.len()).unwrap(), 1, 2, 3, 4];
        self.0.write_all(&[&head[..], &masked.collect::<Vec<_>>()].concat()).unwrap();
    }

    /// The messages until the end, and the status of the end.
    pub fn rest(mut self) -> (Vec<String>, u16) {
        let mut messages = Vec::new();
        loop {
            match self.frame() {
                (1, content) => messages.push(String::from_utf8(content).unwrap()),
                (8, content) => {
                    assert_eq!(self.0.read(&mut [0; 1]).unwrap(), 0, "nothing after the end");
                    return (messages, u16::from_be_bytes(content[..2].try_into().unwrap()));
                }
                (kind, content) => panic!("{kind}: {content:?}"),
            }
        }
    }
}

#[test]
fn a_watch_over_websocket_has_the_events_of_one_over_http() {
    let serving = Serving::start(&["fixtures/kube-later.db"]);
    for query in [
        "/api/v1/pods?watch=1&resourceVersion=465&timeoutSeconds=1",
        "/api/v1/configmaps?watch=true&timeoutSeconds=1",
        "/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&timeoutSeconds=1",
        "/api/v1/pods?watch=1&resourceVersion=1",
    ] {
        let (messages, status) = Client::open(&serving, query).rest();
        assert_eq!((messages.concat(), status), (serving.get(query).body, 1000), "{query}");
        assert!(!messages.is_empty(), "{query}");
        let kinds = messages.iter().map(|message| serde_json::from_str::<Value>(message).unwrap()["type"].take());
        assert!(kinds.into_iter().all(|kind| kind.is_string()), "{query}");
    }
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn what_a_client_sends_is_answered_as_the_rfc_has_it() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let held = "/api/v1/pods?watch=1&resourceVersion=455";
    let mut client = Client::open(&serving, held);
    client.send(0x89, b"are you there");
    assert_eq!(client.frame(), (10, b"are you there".to_vec()));
    // a message, which a watch does not take, and the end
    client.send(0x81, b"{\"type\":\"ADDED\"}");
    client.send(0x88, &[&1001_u16.to_be_bytes()[..], b"bye"].concat());
    assert_eq!(client.rest(), (Vec::new(), 1001));
    for (wrong, sent) in [
        ("without a mask", &[0x89, 0][..]),
        ("a long ping", &[0x89, 0xfe, 0, 126, 0, 0, 0, 0]),
        ("an unknown kind", &[0x8b, 0x80, 0, 0, 0, 0]),
        ("an extension", &[0xc1, 0x80, 0, 0, 0, 0]),
        ("a part of a ping", &[0x09, 0x80, 0, 0, 0, 0]),
    ] {
        let mut client = Client::open(&serving, held);
        client.0.write_all(sent).unwrap();
        assert_eq!(client.rest(), (Vec::new(), 1002), "{wrong}");
    }
    // who goes away without a word
    drop(Client::open(&serving, held));
    assert_eq!(serving.get("/version").code, 200);
}

#[test]
fn only_watches_are_sent_over_websocket() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let version = "Sec-WebSocket-Version: 13\r\n";
    let watch = "/api/v1/pods?watch=1&resourceVersion=455";
    for (path, headers, want) in [
        ("/api/v1/pods", version, "200"),
        ("/api/v1/namespaces/shop/pods/db-0/exec?command=sh", version, "404"),
        ("/api/v1/pods?watch=1&resourceVersion=100000", version, "504"),
        (watch, "", "400"),
        (watch, "Sec-WebSocket-Version: 8\r\n", "400"),
    ] {
        let (head, _) = Client::ask(&serving, path, headers);
        assert!(head.starts_with(&format!("http/1.1 {want} ")), "{path}: {head}");
    }
    let protocols =
        format!("{version}Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YQ, base64.binary.k8s.io\r\n");
    let (head, _) = Client::ask(&serving, watch, &protocols);
    assert!(
        head.starts_with("http/1.1 101 ") && head.contains("sec-websocket-protocol: base64.binary.k8s.io\r\n"),
        "{head}"
    );
}
