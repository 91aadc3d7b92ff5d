//! Watches, which a client holds open.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::common::serving::Serving;

/// The events of a watch, until it ends or has so many.
fn events(serving: &Serving, path: &str, accept: &str, most: usize) -> Vec<Value> {
    let (address, secret) = &serving.urls[0];
    let mut stream: TcpStream = serving.connect();
    write!(stream, "GET {secret}{path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    // sizes of chunks are between them
    lines.filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(&line).unwrap()).take(most).collect()
}

fn brief(events: &[Value]) -> Vec<String> {
    let text = |event: &Value| {
        let metadata = &event["object"]["metadata"];
        let (name, revision) =
            (metadata["name"].as_str().unwrap_or("-"), metadata["resourceVersion"].as_str().unwrap_or("-"));
        format!("{} {name} {revision}", event["type"].as_str().unwrap())
    };
    events.iter().map(text).collect()
}

#[test]
fn a_watch_from_a_revision_replays_what_the_file_holds() {
    let serving = Serving::start(&["fixtures/kube-later.db"]);
    let watched = |query: &str| {
        brief(&events(&serving, &format!("/api/v1/pods?watch=1&timeoutSeconds=1&{query}"), "application/json", 1000))
    };
    let all = watched("resourceVersion=465");
    assert_eq!(
        all[..3].iter().map(|event| event.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["MODIFIED", "DELETED", "ADDED"]
    );
    let revisions: Vec<i64> = all.iter().map(|event| event.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(revisions.starts_with(&[466, 467, 468]) && revisions.is_sorted(), "{all:?}");
    // each change as `timeline` has it
    let timeline = crate::common::etcdsnap([
        "timeline",
        "fixtures/kube-later.db",
        "pods",
        "--all",
        "--since",
        "466",
        "-o",
        "ndjson",
    ]);
    let lines = String::from_utf8(timeline.stdout).unwrap();
    assert_eq!(all.len(), lines.lines().filter(|line| line.contains("\"revision\"")).count(), "{all:?}\n{lines}");
    // what is selected decides
    assert_eq!(watched("resourceVersion=465&labelSelector=app%3Ddb"), all[..3]);
    assert_eq!(watched("resourceVersion=465&fieldSelector=metadata.name%3Donce"), all[3..]);
    assert_eq!(watched("resourceVersion=505"), Vec::<String>::new());
    assert_eq!(serving.get("/api/v1/pods?watch=1&resourceVersion=100000").code, 504);
    let gone = events(&serving, "/api/v1/pods?watch=1&resourceVersion=1", "application/json", 10);
    assert_eq!((gone.len(), &gone[0]["type"], &gone[0]["object"]["reason"]), (1, &"ERROR".into(), &"Expired".into()));
}

#[test]
fn an_informer_gets_all_objects_and_then_a_bookmark() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let path =
        "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let seen = events(&serving, path, "application/json", 8);
    let kinds: Vec<_> = seen.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, [["ADDED"; 7].as_slice(), &["BOOKMARK"]].concat());
    let bookmark = &seen[7]["object"];
    assert_eq!((&bookmark["kind"], &bookmark["metadata"]["resourceVersion"]), (&"Pod".into(), &"455".into()));
    assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let table = events(&serving, "/api/v1/pods?watch=true", "application/json;as=Table;v=v1;g=meta.k8s.io", 2);
    let columns = |event: &Value| event["object"]["columnDefinitions"].as_array().unwrap().len();
    assert_eq!((columns(&table[0]) > 5, columns(&table[1])), (true, 0));
    assert_eq!(table[1]["object"]["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[test]
fn reviews_are_answered() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let (address, secret) = &serving.urls[0];
    let post = |kind: &str, group: &str, body: &str| {
        let path = format!("{secret}/apis/{group}/v1/{kind}");
        let length = body.len();
        serving.raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    };
    let review = post(
        "selfsubjectaccessreviews",
        "authorization.k8s.io",
        r#"{"spec":{"resourceAttributes":{"verb":"delete"}}}"#,
    );
    let document: Value = serde_json::from_str(&review.body).unwrap();
    assert_eq!((review.code, &document["status"]["allowed"]), (201, &false.into()));
    assert_eq!(post("selfsubjectrulesreviews", "authorization.k8s.io", r#"{"spec":{}}"#).code, 201);
    assert_eq!(post("selfsubjectreviews", "authentication.k8s.io", "k8s\0broken").code, 400);
    assert_eq!(post("subjectaccessreviews", "authorization.k8s.io", "{}").code, 403);
}
