//! Requests that are made to do harm: each is refused, and the server continues.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::common::serving::Serving;

#[test]
fn who_does_not_know_the_secret_or_the_address_sees_nothing() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let (address, secret) = &serving.urls[0];
    let get = |path: &str, host: &str| {
        serving.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    let short = &secret[..secret.len() - 1];
    for path in ["/", "/api/v1/pods", "/version", short, &format!("{secret}0/api"), &format!("/x{secret}/api"), "/../"]
    {
        let response = get(path, address);
        assert!((response.code, &*response.body) == (404, "404 page not found\n"), "{path}: {response:?}");
    }
    for host in ["example.com", "", "127.0.0.1", "localhost", "example.com:80", &format!("{address}.example.com")] {
        assert_eq!(get(&format!("{secret}/version"), host).code, 403, "{host}");
    }
    let port = address.rsplit(':').next().unwrap();
    assert_eq!(get(&format!("{secret}/version"), &format!("localhost:{port}")).code, 200);
}

#[test]
fn what_is_no_request_is_refused() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let (address, secret) = &serving.urls[0];
    let head = format!("Host: {address}\r\nConnection: close\r\n");
    let long = "a".repeat(100_000);
    for (request, codes) in [
        (format!("GET {secret}/api/../../etc/passwd HTTP/1.1\r\n{head}\r\n"), &[400_u16][..]),
        (format!("GET {secret}/api/%2e%2e/x HTTP/1.1\r\n{head}\r\n"), &[400]),
        (format!("GET {secret}/api/v1/namespaces/a%2fb/pods HTTP/1.1\r\n{head}\r\n"), &[400]),
        (format!("GET {secret}/api/v1/pods?limit=%zz HTTP/1.1\r\n{head}\r\n"), &[400]),
        (format!("GET {secret}/api/v1/pods?continue={long} HTTP/1.1\r\n{head}\r\n"), &[0, 400, 414, 431]),
        (format!("GET {secret}/version HTTP/1.1\r\n{head}X: {long}\r\n\r\n"), &[0, 431]),
        (format!("GET {secret}/version HTTP/9.9\r\n{head}\r\n"), &[0, 400]),
        (format!("POST {secret}/api HTTP/1.1\r\n{head}Content-Length: 99999999999999999999\r\n\r\n"), &[0, 400]),
        (
            format!("POST {secret}/api HTTP/1.1\r\n{head}Content-Length: 5000000\r\n\r\n{}", "x".repeat(5_000_000)),
            &[0, 413],
        ),
        ("\0\0\0\0\r\n\r\n".to_owned(), &[0, 400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame of HTTP/2 at all".to_owned(), &[0]),
    ] {
        let mut stream = serving.connect();
        // it may close before all is sent
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        let code = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0);
        assert!(codes.contains(&code), "{}: {text}", &request[..request.len().min(100)]);
        assert_eq!(serving.get("/version").code, 200);
    }
}

/// A SelfSubjectAccessReview as client-go sends it: `k8s\0` and a `runtime.Unknown`.
fn review() -> Vec<u8> {
    let message =
        |field: u8, content: &[u8]| [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat();
    let kind = [message(1, b"authorization.k8s.io/v1"), message(2, b"SelfSubjectAccessReview")].concat();
    let attributes = [message(1, b"shop"), message(2, b"list"), message(5, b"pods")].concat();
    let review = message(2, &message(1, &attributes));
    [&b"k8s\0"[..], &message(1, &kind), &message(2, &review)].concat()
}

#[test]
fn reviews_in_broken_protobuf_are_refused() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let (address, secret) = &serving.urls[0];
    let post = |body: &[u8]| {
        let mut stream = serving.connect();
        let path = format!("{secret}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/vnd.kubernetes.protobuf\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let whole = review();
    let answer = post(&whole);
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"allowed\":true"), "{answer}");
    let mut bodies = Vec::new();
    bodies.extend((0..whole.len()).map(|end| whole[..end].to_vec()));
    for at in 0..whole.len() {
        for byte in [0, 0x7f, 0x80, 0xff, whole[at] ^ 1] {
            let mut body = whole.clone();
            body[at] = byte;
            bodies.push(body);
        }
    }
    // a length beyond all, messages in messages, a group that does not end, a varint that does not end
    bodies.push([&b"k8s\0"[..], &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat());
    let nested = (0..20_000).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut length = inner.len();
        let mut out = vec![0x12];
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        if out.len() + inner.len() > 60_000 { inner } else { [out, inner].concat() }
    });
    bodies.push([&b"k8s\0"[..], &nested].concat());
    bodies.push([&b"k8s\0"[..], &[0x13; 60_000]].concat());
    bodies.push([&b"k8s\0"[..], &[0xff; 60_000]].concat());
    bodies.push(b"[".repeat(60_000));
    bodies.push(b"{\"spec\":".repeat(6_000));
    for body in &bodies {
        let answer = post(body);
        let known = ["201 ", "400 "].iter().any(|code| answer.starts_with(&format!("HTTP/1.1 {code}")));
        assert!(known, "{:?}: {answer}", &body[..body.len().min(100)]);
    }
    assert_eq!(serving.get("/version").code, 200);
}

#[test]
fn a_thousand_connections_are_bounded() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let connections: Vec<TcpStream> = (0..1000).map_while(|_| TcpStream::connect(&serving.urls[0].0).ok()).collect();
    assert!(connections.len() > 600, "{}", connections.len());
    let mut last = connections.last().unwrap();
    last.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    let _ = last.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    drop(connections);
    crate::common::eventually("the server answers again", || serving.get("/version").code == 200);
    let said = serving.said();
    let full = "error: 512 connections are open; further ones are refused until some are closed\n";
    assert_eq!(said.matches(full).count(), 1, "{said}");
}
