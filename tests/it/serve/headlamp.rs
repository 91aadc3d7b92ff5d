//! What Headlamp 0.45 asks for, by its source: its frontend's requests (`clusterApi.ts`, `apiDiscovery.tsx`,
//! `useKubeObjectList.ts`, `KubeObject.ts`, `event.ts`), which its backend hands on, and the backend's own
//! (`multiplexer.go`).

use serde_json::{Value, json};

use super::websocket::Client;
use crate::common::serving::{Response, Serving};

/// A POST as the frontend sends it.
fn post(serving: &Serving, path: &str, body: &Value) -> Response {
    let (address, secret) = &serving.urls[0];
    let body = body.to_string();
    serving.raw(&format!(
        "POST {secret}{path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

#[test]
fn the_login_of_headlamp_is_answered() {
    let serving = Serving::start(&["fixtures/kube-later.db"]);
    assert_eq!(serving.get("/healthz").body, "ok");
    assert!(serving.json("/version")["gitVersion"].as_str().unwrap().starts_with("v1."));
    let answered = |path: &str, body: Value| {
        let response = post(&serving, path, &body);
        assert_eq!(response.code, 201, "{path}: {response:?}");
        serde_json::from_str::<Value>(&response.body).unwrap()["status"].take()
    };
    // without apiVersion and kind
    let rules =
        answered("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json!({"spec": {"namespace": "default"}}));
    assert_eq!(rules["resourceRules"][0]["verbs"], json!(["get", "list", "watch"]), "{rules}");
    let own = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let who = answered("/apis/authentication.k8s.io/v1/selfsubjectreviews", own);
    assert!(who["userInfo"]["username"].is_string(), "{who}");
    for (verb, want) in [("list", true), ("get", true), ("watch", true), ("update", false), ("delete", false)] {
        let attributes = json!({"verb": verb, "resource": "pods", "group": "", "namespace": "shop"});
        let body = json!({
            "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
            "spec": {"resourceAttributes": attributes},
        });
        let review = answered("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body);
        assert_eq!(review["allowed"], want, "{verb}: {review}");
    }
}

/// The path of every resource that can be listed, found as the frontend does, with its kind.
fn discovered(serving: &Serving) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for root in ["/api", "/apis"] {
        let answer = serving.ask(root, "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList");
        let groups: Value = serde_json::from_str(&answer.body).unwrap();
        for group in groups["items"].as_array().unwrap() {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            for version in group["versions"].as_array().unwrap() {
                let prefix = [root, name, version["version"].as_str().unwrap()].join("/").replace("//", "/");
                for resource in version["resources"].as_array().unwrap() {
                    let listed = resource["verbs"].as_array().unwrap().contains(&"list".into());
                    let kind = resource["responseKind"]["kind"].as_str().unwrap();
                    assert!(resource["scope"] == "Namespaced" || resource["scope"] == "Cluster", "{resource}");
                    if listed && !kind.ends_with("List") {
                        found.push((format!("{prefix}/{}", resource["resource"].as_str().unwrap()), kind.to_owned()));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn headlamp_lists_every_kind_and_watches_it_over_websocket() {
    let serving = Serving::start(&["fixtures/kube-later.db"]);
    let found = discovered(&serving);
    assert!(found.len() > 60 && found.iter().any(|(path, _)| path == "/apis/acme.io/v1/widgets"), "{found:?}");
    let origin = format!("Sec-WebSocket-Version: 13\r\nOrigin: http://{}{}\r\n", serving.urls[0].0, serving.urls[0].1);
    for (path, kind) in &found {
        let list = serving.json(&format!("{path}?limit=1000"));
        // which it makes the kind of the items of
        assert_eq!(list["kind"], format!("{kind}List"), "{path}");
        assert!(list["apiVersion"].is_string() && list["items"].is_array(), "{path}: {list}");
        assert_eq!(list["metadata"]["resourceVersion"], "505", "{path}");
        let (head, mut client) = Client::ask(&serving, &format!("{path}?resourceVersion=505&watch=1"), &origin);
        assert!(head.starts_with("http/1.1 101 "), "{path}: {head}");
        // the heartbeat of the backend
        client.send(0x89, b"");
        assert_eq!(client.frame(), (10, Vec::new()), "{path}");
    }
}

#[test]
fn headlamp_gets_events_in_each_of_its_two_ways() {
    let serving = Serving::start(&["fixtures/kube-later.db"]);
    let watch = "/api/v1/pods?resourceVersion=465&watch=1&timeoutSeconds=1";
    // the multiplexer asks for no subprotocol; the frontend by itself for two
    let plain = "Sec-WebSocket-Version: 13\r\n".to_owned();
    let protocols = "base64.binary.k8s.io, base64url.headlamp.authorization.k8s.io.dXNlcg";
    let own = format!("{plain}Sec-WebSocket-Protocol: {protocols}\r\n");
    for (headers, chosen) in [(plain, None), (own, Some("base64.binary.k8s.io"))] {
        let (head, client) = Client::ask(&serving, watch, &headers);
        let protocol = head.lines().find_map(|line| line.strip_prefix("sec-websocket-protocol: "));
        assert_eq!((head.starts_with("http/1.1 101 "), protocol), (true, chosen), "{head}");
        let (messages, status) = client.rest();
        let events: Vec<Value> = messages.iter().map(|message| serde_json::from_str(message).unwrap()).collect();
        let names: Vec<_> = events.iter().map(|event| (&event["type"], &event["object"]["metadata"]["name"])).collect();
        assert!(names.contains(&(&"ADDED".into(), &"once".into())) && names.len() > 3, "{names:?}");
        assert_eq!(status, 1000);
    }
    let selector = "involvedObject.kind%3DDeployment,involvedObject.name%3Dweb,involvedObject.namespace%3Dshop";
    let events = serving.json(&format!("/api/v1/namespaces/shop/events?fieldSelector={selector}&limit=2000"));
    assert_eq!(events["items"][0]["reason"], "ScalingReplicaSet");
    for (path, code) in [("/apis/metrics.k8s.io/v1beta1/nodes", 404), ("/openapi/v2", 200)] {
        assert_eq!(serving.get(path).code, code, "{path}");
    }
}
