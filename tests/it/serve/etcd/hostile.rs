//! Requests that are made to do harm.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use prost::Message as _;

use crate::common::{
    eventually,
    grpc::{
        Grpc, framed,
        proto::etcdserverpb::{
            PutRequest, PutResponse, RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
            request_op::Request,
        },
    },
    serving::Serving,
};

fn is_alive(grpc: &Grpc) -> bool {
    let request = RangeRequest { key: "/".into(), range_end: "0".into(), limit: 1, ..Default::default() };
    grpc.call::<RangeResponse>("KV/Range", &request).is_ok_and(|response| response.kvs.len() == 1)
}

#[test]
fn what_is_no_request_is_refused() {
    let serving = Serving::start(&["fixtures/kube.db", "--reveal", "--etcd", "--overlay"]);
    let grpc = Grpc::connect(&serving.etcd());
    let body = framed(&RangeRequest { key: "/".into(), ..Default::default() }.encode_to_vec());
    let compressed = [&[1], &body[1..]].concat();
    let cut = body[..body.len() - 1].to_vec();
    let long = [&[0][..], &u32::MAX.to_be_bytes(), &[0; 100]].concat();
    for (method, body, code) in [
        ("KV/Range", framed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 13),
        ("KV/Range", framed(b"\x0a\x7fshort"), 13),
        ("KV/Range", compressed, 13),
        ("KV/Range", cut, 13),
        ("KV/Range", long, 11),
        ("KV/Range", framed(&vec![0; 3 << 20]), 11),
        ("KV/Range", Vec::new(), 13),
        ("KV/Nothing", body.clone(), 12),
        ("Nothing/Range", body.clone(), 12),
        ("Auth/AuthEnable", framed(b""), 9),
        ("KV/Range", framed(b""), 3),
    ] {
        let refused = grpc.send(method, body).unwrap_err();
        assert_eq!(refused.0, code, "{method}: {refused:?}");
        assert!(is_alive(&grpc), "{method}");
    }
    // deep, wide and large ones
    let mut deep = TxnRequest::default();
    for _ in 0..60 {
        let inner = RequestOp { request: Some(Request::RequestTxn(deep)) };
        deep = TxnRequest { success: vec![inner], ..Default::default() };
    }
    assert_eq!(grpc.call::<TxnResponse>("KV/Txn", &deep).unwrap_err().0, 13);
    let put = || RequestOp { request: Some(Request::RequestPut(PutRequest { key: "a".into(), ..Default::default() })) };
    let wide = TxnRequest { success: (0..129).map(|_| put()).collect(), ..Default::default() };
    assert!(grpc.call::<TxnResponse>("KV/Txn", &wide).unwrap_err().1.contains("too many operations"));
    let twice = TxnRequest { success: vec![put(), put()], ..Default::default() };
    assert!(grpc.call::<TxnResponse>("KV/Txn", &twice).unwrap_err().1.contains("duplicate key"));
    let large = PutRequest { key: "a".into(), value: vec![0; 1_600_000].into(), ..Default::default() };
    assert!(grpc.call::<PutResponse>("KV/Put", &large).unwrap_err().1.contains("request is too large"));
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn other_protocols_many_streams_and_connections_are_bounded() {
    let serving = Serving::start(&["fixtures/kube.db", "--reveal", "--etcd"]);
    let address = serving.etcd();
    for request in
        ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame of HTTP/2", "\0\0\r\n"]
    {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("200"), "{request:?}");
    }
    let grpc = Grpc::connect(&address);
    let streams: Vec<_> = (0..900).map(|_| grpc.watch()).collect();
    assert!(is_alive(&grpc));
    drop(streams);
    let connections: Vec<_> = (0..700).map_while(|_| TcpStream::connect(&address).ok()).collect();
    assert!(connections.len() > 600 && is_alive(&grpc), "{}", connections.len());
    drop(connections);
    eventually("it accepts connections again", || is_alive(&Grpc::connect(&address)));
}
