//! `serve`: the Kubernetes API on a backup, asked with plain HTTP.

mod clients;
pub mod etcd;
mod headlamp;
mod hostile;
pub mod kubectl;
mod tls;
mod watch;
mod websocket;

use std::fs;

use crate::{
    common::{made, serving::Serving},
    encryption::{configuration, seal},
};

#[test]
fn objects_are_answered_in_every_form() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let deployment = serving.json("/apis/apps/v1/namespaces/shop/deployments/web");
    assert_eq!((&deployment["kind"], &deployment["metadata"]["name"]), (&"Deployment".into(), &"web".into()));
    let pods = serving.json("/api/v1/pods");
    assert_eq!((&pods["kind"], pods["items"].as_array().unwrap().len()), (&"PodList".into(), 7));
    assert_eq!(pods["metadata"]["resourceVersion"], "455");
    let table = serving.ask("/api/v1/namespaces/shop/pods", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: serde_json::Value = serde_json::from_str(&table.body).unwrap();
    assert_eq!(table["columnDefinitions"][0]["name"], "Name");
    assert_eq!((&table["rows"][0]["cells"][0], table["rows"].as_array().unwrap().len()), (&"db-0".into(), 5));
    assert_eq!(table["rows"][0]["object"]["metadata"]["namespace"], "shop");
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let metadata: serde_json::Value =
        serde_json::from_str(&serving.ask("/apis/acme.io/v1/widgets", metadata).body).unwrap();
    assert_eq!(
        (&metadata["kind"], &metadata["items"][1]["metadata"]["name"]),
        (&"PartialObjectMetadataList".into(), &"one".into())
    );
    assert!(metadata["items"][0].get("spec").is_none());
    let only_protobuf = serving.ask("/api/v1/pods", "application/vnd.kubernetes.protobuf");
    assert_eq!(only_protobuf.code, 406);
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let groups = serving.ask("/apis", &format!("{aggregated},application/json"));
    assert!(
        groups.head.contains(&format!("content-type: {aggregated}")) && groups.head.contains("etag: "),
        "{}",
        groups.head
    );
    let event = &serving.json("/apis/events.k8s.io/v1/events")["items"][0];
    assert!(event["regarding"]["kind"].is_string() && event.get("involvedObject").is_none(), "{event}");
    let scale = serving.json("/apis/apps/v1/namespaces/shop/deployments/web/scale");
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&3.into(), &"app=web".into()));
}

#[test]
fn all_objects_are_those_that_get_prints() {
    let serving = Serving::start(&["fixtures/kube.db", "--reveal"]);
    let printed = crate::common::etcdsnap(["get", "fixtures/kube.db", "-o", "json", "--show-managed-fields"]);
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let id = |object: &serde_json::Value| {
        let text = |path: &str| object.pointer(path).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        [text("/apiVersion"), text("/kind"), text("/metadata/namespace"), text("/metadata/name")]
    };
    let mut want: Vec<_> =
        printed["items"].as_array().unwrap().iter().map(|object| (id(object), object.clone())).collect();
    let mut have = Vec::new();
    let mut paths = vec!["/api/v1".to_owned()];
    for group in serving.json("/apis")["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            paths.push(format!("/apis/{}", version["groupVersion"].as_str().unwrap()));
        }
    }
    // the same Events as in the core group, and the same autoscalers as in v2
    paths.retain(|path| path != "/apis/events.k8s.io/v1" && path != "/apis/autoscaling/v1");
    for path in paths {
        for resource in serving.json(&path)["resources"].as_array().unwrap() {
            let name = resource["name"].as_str().unwrap();
            if !name.contains('/') && resource["verbs"][1] == "list" {
                let list = serving.json(&format!("{path}/{name}"));
                have.extend(list["items"].as_array().unwrap().iter().map(|object| (id(object), object.clone())));
            }
        }
    }
    want.sort_by(|a, b| a.0.cmp(&b.0));
    have.sort_by(|a, b| a.0.cmp(&b.0));
    want.retain(|(id, _)| id[1] != "RangeAllocation" && (id[1] != "Endpoints" || !id[2].is_empty()));
    let names =
        |objects: &[([String; 4], serde_json::Value)]| objects.iter().map(|(id, _)| id.join(" ")).collect::<Vec<_>>();
    assert_eq!(names(&have), names(&want));
    for (have, want) in have.iter().zip(&want) {
        assert_eq!(have, want);
    }
    assert!(have.len() > 250, "{}", have.len());
}

#[test]
fn lists_are_continued_and_selected() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let names = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = names(&serving.json("/api/v1/pods"));
    let (mut got, mut path) = (Vec::new(), "/api/v1/pods?limit=3".to_owned());
    loop {
        let list = serving.json(&path);
        got.extend(names(&list));
        let Some(token) = list["metadata"]["continue"].as_str() else { break };
        assert_eq!(list["metadata"]["remainingItemCount"], all.len() - got.len());
        path = format!("/api/v1/pods?limit=3&continue={token}");
    }
    assert_eq!(got, all);
    for (query, want) in [
        ("labelSelector=app%3Ddb", &["db-0", "db-1"][..]),
        ("labelSelector=app%21%3Dweb&fieldSelector=metadata.namespace%3Dshop", &["db-0", "db-1"]),
        ("fieldSelector=metadata.name%3Ddb-1", &["db-1"]),
        ("fieldSelector=status.phase%3DPending,metadata.namespace%3Dshop", &["db-1"]),
        ("fieldSelector=metadata.name%3Dnone", &[]),
    ] {
        assert_eq!(names(&serving.json(&format!("/api/v1/pods?{query}"))), want, "{query}");
    }
    let refused = serving.get("/api/v1/pods?fieldSelector=spec.nodName%3Dx");
    assert!(refused.code == 400 && refused.body.contains("field label not supported: spec.nodName"), "{refused:?}");
}

#[test]
fn other_states_are_asked_for_by_revision() {
    let serving = Serving::start(&["fixtures/kube-later.db", "--context", "before=470"]);
    let replicas = |at: &str| {
        let list = serving.json(&format!(
            "/apis/apps/v1/namespaces/shop/deployments?resourceVersionMatch=Exact&resourceVersion={at}"
        ));
        (list["metadata"]["resourceVersion"].clone(), list["items"][0]["spec"]["replicas"].clone())
    };
    assert_eq!(replicas("470"), ("470".into(), 3.into()));
    assert_eq!(replicas("505"), ("505".into(), 5.into()));
    let gone = serving.get("/api/v1/pods?resourceVersionMatch=Exact&resourceVersion=2");
    assert!(gone.code == 410 && gone.body.contains("\"Expired\""), "{gone:?}");
    let future = serving.get("/api/v1/pods?resourceVersion=100000");
    assert!(future.code == 504 && future.body.contains("ResourceVersionTooLarge"), "{future:?}");
    assert_eq!(serving.urls.len(), 2);
    assert_ne!(serving.urls[0].0, serving.urls[1].0, "clients keep what they discover by address");
    assert!(fs::read_to_string(&serving.kubeconfig).unwrap().contains("- name: \"before\"\n"));
}

#[test]
fn secrets_are_masked_in_what_a_client_can_decode() {
    let masked = Serving::start(&["fixtures/kube.db"]).get("/api/v1/namespaces/shop/secrets/plain-secret");
    let revealed =
        Serving::start(&["fixtures/kube.db", "--reveal"]).get("/api/v1/namespaces/shop/secrets/plain-secret");
    let password = |body: &str| {
        let secret: serde_json::Value = serde_json::from_str(body).unwrap();
        secret["data"]["password"].as_str().unwrap().to_owned()
    };
    assert!(password(&masked.body).starts_with("bWFza2VkO"), "base64 of `masked:`: {}", masked.body);
    assert!(!masked.body.contains(&password(&revealed.body)));
}

#[test]
fn what_has_to_be_known_of_an_answer_is_in_its_head() {
    let (masked, revealed) = (Serving::start(&["fixtures/kube.db"]), Serving::start(&["fixtures/kube.db", "--reveal"]));
    let warnings = |serving: &Serving, path: &str| {
        let head = serving.get(path).head;
        let warnings = head.lines().filter_map(|line| line.strip_prefix("warning: "));
        warnings.map(str::to_owned).collect::<Vec<_>>()
    };
    let endpoints = r#"299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice""#;
    for path in
        ["/api/v1/endpoints", "/api/v1/namespaces/default/endpoints/kubernetes", "/api/v1/namespaces/x/endpoints/y"]
    {
        assert_eq!(warnings(&revealed, path), [endpoints], "{path}");
    }
    let secrets = r#"299 - "Secrets are masked; `etcdsnap serve --reveal` serves what is stored""#;
    assert_eq!(warnings(&masked, "/api/v1/secrets"), [secrets]);
    assert_eq!(warnings(&revealed, "/api/v1/secrets"), [""; 0]);
    assert_eq!(warnings(&masked, "/api/v1/pods"), [""; 0]);
}

#[test]
fn writes_are_refused_and_the_end_is_clean() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let (address, secret) = &serving.urls[0];
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let path = "/api/v1/namespaces/shop/pods/db-0";
        let refused = serving.raw(&format!(
            "{method} {secret}{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        ));
        assert!(refused.code == 403 && refused.body.contains("nothing was changed"), "{method}: {refused:?}");
    }
    assert!(serving.get("/api/v1/namespaces/shop/pods/none").body.contains("pods \\\"none\\\" not found"));
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("note: 0 requests were answered, 5 refused"), "{said}");
}

#[test]
fn no_number_of_signals_leaves_the_kubeconfig() {
    use rustix::process::Signal;
    for signals in [&[Signal::INT, Signal::TERM][..], &[Signal::TERM; 20], &[Signal::HUP, Signal::INT, Signal::HUP]] {
        let serving = Serving::start(&["fixtures/kube.db"]);
        signals.iter().for_each(|signal| serving.signal(*signal));
        let (_, said) = serving.stop();
        assert!(said.contains("0 requests were answered"), "{said}");
    }
}

#[test]
fn evidence_has_what_was_served() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = dir.path().join("record.ndjson");
    let args = ["fixtures/kube-later.db", "--context", "before=470", "--evidence", evidence.to_str().unwrap()];
    let serving = Serving::start(&args);
    serving.get("/api/v1/pods");
    serving.get("/api/v1/nothing");
    let (status, said) = serving.stop();
    assert!(status.success(), "{said}");
    let record: serde_json::Value = serde_json::from_str(&fs::read_to_string(&evidence).unwrap()).unwrap();
    let path = "fixtures/kube-later.db";
    let want = serde_json::json!({
        "contexts": [
            {"name": "kube-later.db", "path": path, "revision": 505}, {"name": "before", "path": path, "revision": 470},
        ],
        "revealed": false, "answered": 1, "refused": 1,
    });
    assert_eq!(record["served"], want);
    assert_eq!(record["inputs"][0]["sha256Before"], record["inputs"][0]["sha256After"]);
    let checked = crate::common::etcdsnap(["evidence", "check", evidence.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn encrypted_objects_are_served_open_where_there_are_keys() {
    let serving =
        Serving::start(&["fixtures/encrypted.db", "--encryption-config", "fixtures/encryption.yaml", "--reveal"]);
    for (resource, path) in [
        ("secrets", "/api/v1/secrets"),
        ("configmaps", "/api/v1/configmaps"),
        ("deployments", "/apis/apps/v1/deployments"),
    ] {
        let printed = fs::read_to_string(format!("fixtures/encrypted.{resource}.json")).unwrap();
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let mut served = serving.json(path)["items"].take();
        for object in served.as_array_mut().unwrap() {
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
        }
        assert_eq!(served, printed["items"], "{resource}");
    }
    let closed = Serving::start(&["fixtures/encrypted.db", "--reveal"]);
    let secret = &closed.json("/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Dgcm")["items"][0];
    let why = secret["metadata"]["annotations"]["etcdsnap/unreadable"].as_str().unwrap();
    assert!(why.contains("encrypted by aesgcm") && secret.get("data").is_none(), "{secret}");
    assert_eq!(closed.get("/api/v1/namespaces/shop/secrets/gcm").code, 500);
}

#[test]
fn what_was_stored_encrypted_is_masked_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let (file, keys) = (dir.path().join("b.db"), dir.path().join("keys.json"));
    let (file, key) = (file.to_str().unwrap(), [5; 32]);
    fs::write(&keys, configuration("*.*", &key)).unwrap();
    let values = [
        (
            "/registry/apiregistration.k8s.io/apiservices/v1.autoscaling",
            r#"{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.autoscaling"},"spec":{"group":"autoscaling","version":"v1"}}"#,
        ),
        (
            "/registry/horizontalpodautoscalers/shop/web",
            r#"{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web","namespace":"shop","annotations":{"note":"hunter2"}},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"hunter2"},"maxReplicas":7171,"metrics":[{"type":"Pods","pods":{"metric":{"name":"hunter2"},"target":{"type":"AverageValue","averageValue":"5"}}}]}}"#,
        ),
        (
            "/registry/deployments/shop/web",
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":7171,"selector":{"matchLabels":{"app":"hunter2"}}}}"#,
        ),
        (
            "/registry/pods/shop/web",
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","labels":{"app":"web"}},"spec":{"nodeName":"hunter2"}}"#,
        ),
    ];
    let values = values
        .map(|(at, plain)| (at.as_bytes(), [&b"k8s:enc:aesgcm:v1:1:"[..], &seal(&key, at, plain.as_bytes())].concat()));
    made::snapshot(file.as_ref(), &values);
    let tells = |body: &str| body.contains("hunter2") || body.contains("7171");
    let keys = ["--encryption-config", keys.to_str().unwrap()];
    let (masked, revealed) =
        (Serving::start(&[file, keys[0], keys[1]]), Serving::start(&[file, keys[0], keys[1], "--reveal"]));
    let json = "application/json";
    for (path, accept, code) in [
        ("/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/web", json, 200),
        ("/apis/autoscaling/v1/horizontalpodautoscalers", json, 200),
        (
            "/apis/autoscaling/v1/horizontalpodautoscalers",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            200,
        ),
        (
            "/apis/autoscaling/v1/horizontalpodautoscalers?includeObject=Object",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            200,
        ),
        ("/apis/autoscaling/v1/horizontalpodautoscalers?watch=1&timeoutSeconds=1", json, 200),
        ("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web", json, 200),
        ("/apis/apps/v1/namespaces/shop/deployments/web", json, 200),
        ("/apis/apps/v1/namespaces/shop/deployments/web/scale", json, 403),
    ] {
        let (masked, revealed) = (masked.ask(path, accept), revealed.ask(path, accept));
        assert!(masked.code == code && masked.body.contains("masked") && !tells(&masked.body), "{path}: {masked:?}");
        assert!(revealed.code == 200 && tells(&revealed.body), "{path}: {revealed:?}");
    }
    // nor can it be guessed with a selector
    for (query, of_masked) in [
        ("fieldSelector=spec.nodeName%3Dhunter2", false),
        ("fieldSelector=metadata.name%3Dweb,metadata.namespace%3Dshop", true),
        ("labelSelector=app%3Dweb", true),
    ] {
        for watch in ["", "&watch=1&timeoutSeconds=1"] {
            let path = format!("/api/v1/pods?{query}{watch}");
            let [masked, revealed] =
                [&masked, &revealed].map(|serving| serving.ask(&path, json).body.contains("\"name\":\"web\""));
            assert_eq!([masked, revealed], [of_masked, true], "{path}");
        }
    }
}

#[test]
fn openapi_v2_has_the_kinds_that_are_served() {
    let serving = Serving::start(&["fixtures/kube.db"]);
    let document = serving.json("/openapi/v2");
    let reference = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    assert_eq!(document["swagger"], "2.0");
    assert_eq!(document["definitions"]["io.acme.v1.Widget"]["properties"]["metadata"]["$ref"], reference);
    let list = &document["paths"]["/apis/acme.io/v1/namespaces/{namespace}/widgets"]["get"];
    assert_eq!(list["x-kubernetes-group-version-kind"]["kind"], "Widget");
    assert!(!document.to_string().contains("#/components/"));
    let protobuf = serving.ask("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
    assert!(protobuf.head.contains("content-type: application/com.github.proto-openapi.spec.v2.v1.0+protobuf\r\n"));
    assert!(protobuf.body.starts_with("\n\u{3}2.0\u{12}"), "{:?}", &protobuf.body[..20]);
}

#[test]
fn a_changed_file_is_an_error_and_never_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kube.db");
    fs::copy("fixtures/kube.db", &file).unwrap();
    let serving = Serving::start(&[file.to_str().unwrap()]);
    assert_eq!(serving.get("/api/v1/pods").code, 200);
    let old = fs::metadata(&file).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(old.len() / 2).unwrap();
    for path in ["/api/v1/pods", "/api/v1/namespaces/shop/pods/db-0", "/apis", "/readyz", "/version"] {
        let response = serving.get(path);
        assert!(response.code == 500 && response.body.contains("changed while it was read"), "{path}: {response:?}");
    }
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(3), "{said}");
}

#[test]
fn a_damaged_backup_is_served_as_far_as_it_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kube.db");
    let mut image = fs::read("fixtures/kube.db").unwrap();
    let leaf = crate::common::key_leaf(&image);
    image[leaf] ^= 1;
    fs::write(&file, &image).unwrap();
    let serving = Serving::start(&[file.to_str().unwrap()]);
    assert!(serving.said().contains("damaged; what can be read is served"), "{}", serving.said());
    assert_eq!(serving.get("/readyz").body, "ok");
    let verbose = serving.get("/readyz?verbose").body;
    assert!(verbose.contains("[-]content failed: the backup is damaged") && verbose.contains("page"), "{verbose}");
    assert_eq!(serving.get("/api/v1/namespaces").code, 200);
    let (status, said) = serving.stop();
    assert_eq!(status.code(), Some(1), "{said}");
}
