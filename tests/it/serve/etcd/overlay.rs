//! Writes in memory over a backup.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use sha2::{Digest as _, Sha256};

use super::restored;
use crate::common::{
    Peers,
    apiserver::Apiserver,
    eventually,
    grpc::{
        Grpc,
        proto::etcdserverpb::{
            LeaseGrantRequest, LeaseGrantResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, RequestOp,
            TxnRequest, TxnResponse, WatchCreateRequest, WatchProgressRequest, WatchResponse, request_op,
            watch_request::RequestUnion,
        },
    },
    serving::Serving,
    skipped,
};

/// What a file holds, and when it was changed.
fn state(file: &Path) -> (Vec<u8>, i64, i64) {
    let of = fs::metadata(file).unwrap();
    (Sha256::digest(fs::read(file).unwrap()).to_vec(), of.mtime(), of.mtime_nsec())
}

#[test]
fn what_is_saved_starts_on_a_real_etcd_with_all_that_was_written() {
    let Some(peers) = Peers::find("what_is_saved_starts_on_a_real_etcd_with_all_that_was_written") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (file, saved) = (dir.path().join("kube-later.db"), dir.path().join("saved.db"));
    fs::copy("fixtures/kube-later.db", &file).unwrap();
    let before = state(&file);
    let args = [file.to_str().unwrap(), "--reveal", "--etcd", "--overlay", "--save-overlay", saved.to_str().unwrap()];
    let serving = Serving::start(&args);
    let ctl = |line: &str| {
        let endpoint = serving.etcd();
        peers.ask("etcdctl36", ["--endpoints", &endpoint].into_iter().chain(line.split(' ')))
    };
    for line in ["put /new/1 one", "put /new/2 two", "del /registry/pods/shop/db-0", "put /new/1 three", "compact 506"]
    {
        ctl(line);
    }
    let lease = ctl("lease grant 5000").split(' ').nth(1).unwrap().to_owned();
    ctl(&format!("put /leased x --lease {lease}"));
    let first = ctl("lease list").lines().find(|line| *line != lease && !line.starts_with("found")).unwrap().to_owned();
    ctl(&format!("lease revoke {first}"));
    let (all, leases) = (ctl("get  --from-key -w json"), ctl("lease list"));
    let refused = peers.run("etcdctl36", ["--endpoints", &serving.etcd(), "snapshot", "save", "/dev/null/x"]);
    assert!(!refused.status.success());
    let (status, said) = serving.stop();
    assert!(status.success() && said.contains("saved at revision"), "{said}");
    assert_eq!(state(&file), before);
    let verdict = crate::common::etcdsnap(["verify", saved.to_str().unwrap()]);
    assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stdout));
    let (_dir, etcd) = restored(&peers, "36", &saved);
    let kvs = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["kvs"].clone();
    assert_eq!(kvs(&etcd.ctl(&["get", "", "--from-key", "-w", "json"])), kvs(&all));
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&etcd.ctl(&["lease", "list"])), sorted(&leases));
    let compacted = etcd.try_ctl(&["get", "/new/1", "--rev", "505"]);
    assert!(String::from_utf8_lossy(&compacted.stderr).contains("compacted"));
}

#[test]
fn a_kube_apiserver_runs_on_the_overlay() {
    let Some(peers) = Peers::find_kube("a_kube_apiserver_runs_on_the_overlay") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (file, saved) = (dir.path().join("kube.db"), dir.path().join("saved.db"));
    fs::copy("fixtures/kube.db", &file).unwrap();
    let before = state(&file);
    let args = [file.to_str().unwrap(), "--reveal", "--etcd", "--overlay", "--save-overlay", saved.to_str().unwrap()];
    let serving = Serving::start(&args);
    let server = Apiserver::start_at(&peers, &format!("http://{}", serving.etcd()));
    let get =
        |what: &str, path: &str| server.kubectl(&["get", what, "-n", "shop", "-o", &format!("jsonpath={{{path}}}")]);
    assert_eq!(get("deploy/web", ".spec.replicas"), "3");
    server.kubectl(&["create", "deployment", "new", "--image", "nginx", "--replicas", "2", "-n", "shop"]);
    server.kubectl(&["scale", "deploy/web", "--replicas", "7", "-n", "shop"]);
    server.kubectl(&["delete", "pod/db-0", "-n", "shop", "--now"]);
    assert_eq!((get("deploy/web", ".spec.replicas"), get("deploy/new", ".spec.replicas")), ("7".into(), "2".into()));
    assert!(!server.try_kubectl(&["get", "pod/db-0", "-n", "shop"], "").status.success());
    drop(server);
    let (status, said) = serving.stop();
    assert!(status.success(), "{said}");
    assert_eq!(state(&file), before);
    let replicas = crate::common::etcdsnap(["get", saved.to_str().unwrap(), "deploy", "-n", "shop", "--no-headers"]);
    let replicas = String::from_utf8(replicas.stdout).unwrap();
    assert!(replicas.contains("new") && replicas.contains("/7"), "{replicas}");
}

#[test]
fn a_kube_apiserver_without_keys_reads_values_that_the_overlay_opens() {
    let Some(peers) = Peers::find_kube("a_kube_apiserver_without_keys_reads_values_that_the_overlay_opens") else {
        return;
    };
    let args = ["fixtures/encrypted.db", "--reveal", "--etcd", "--overlay", "--encryption-config"];
    let serving = Serving::start(&[&args[..], &["fixtures/encryption.yaml"]].concat());
    let server = Apiserver::start_at(&peers, &format!("http://{}", serving.etcd()));
    let printed: serde_json::Value =
        serde_json::from_str(&server.kubectl(&["get", "secrets", "-A", "-o", "json"])).unwrap();
    let want: serde_json::Value =
        serde_json::from_str(&fs::read_to_string("fixtures/encrypted.secrets.json").unwrap()).unwrap();
    assert_eq!(printed["items"], want["items"]);
    server.kubectl(&["create", "secret", "generic", "new", "-n", "shop", "--from-literal", "a=b"]);
    assert_eq!(server.kubectl(&["get", "secret", "new", "-n", "shop", "-o", "jsonpath={.data.a}"]), "Yg==");
}

/// What a stream of watches shows of two transactions that write the same keys with large values, and of progress.
fn large_events(endpoint: &str, fragment: bool) -> Vec<(i64, bool, usize, i64)> {
    let grpc = Grpc::connect(endpoint);
    let get = RangeRequest { key: "nothing".into(), ..Default::default() };
    let before = grpc.call::<RangeResponse>("KV/Range", &get).unwrap().header.unwrap().revision;
    let mut watch = grpc.watch();
    let create = WatchCreateRequest {
        key: "large/".into(),
        range_end: "large0".into(),
        prev_kv: true,
        fragment,
        ..Default::default()
    };
    watch.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    watch.ask(RequestUnion::CreateRequest(create));
    let mut seen = Vec::new();
    let mut note = |response: WatchResponse| {
        let revision = response.header.unwrap().revision - before;
        seen.push((response.watch_id, response.fragment, response.events.len(), revision));
    };
    note(watch.must());
    for value in [1, 2] {
        let put = |n: u8| {
            let put = PutRequest {
                key: format!("large/{n}").into(),
                value: vec![value; 140_000].into(),
                ..Default::default()
            };
            RequestOp { request: Some(request_op::Request::RequestPut(put)) }
        };
        let txn = TxnRequest { success: (0..10).map(put).collect(), ..Default::default() };
        grpc.call::<TxnResponse>("KV/Txn", &txn).unwrap();
    }
    let mut events = 0;
    while events < 20 {
        let response = watch.must();
        events += response.events.len();
        note(response);
    }
    watch.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    note(watch.must());
    assert_eq!(watch.next(std::time::Duration::from_millis(300)), None);
    seen
}

#[test]
fn large_changes_come_in_the_fragments_of_a_real_etcd() {
    let Some(peers) = Peers::find("large_changes_come_in_the_fragments_of_a_real_etcd") else { return };
    let (_dir, etcd) = restored(&peers, "36", Path::new("fixtures/small.db"));
    let serving = Serving::start(&["fixtures/small.db", "--reveal", "--etcd", "--overlay"]);
    let [ours, theirs] = [&*serving.etcd(), &*etcd.endpoint]
        .map(|endpoint| [true, false].map(|fragment| large_events(endpoint, fragment)));
    assert_eq!(ours, theirs);
    assert!(ours[0].iter().any(|response| response.1) && ours[1].iter().all(|response| !response.1), "{ours:?}");
    assert_eq!(ours[0].last(), Some(&(-1, false, 0, 2)));
}

#[test]
fn other_kube_apiservers_run_on_the_overlay_with_their_controllers() {
    let test = "other_kube_apiservers_run_on_the_overlay_with_their_controllers";
    let Some(peers) = Peers::find_kube(test) else { return };
    if peers.releases().is_empty() {
        skipped(test, ".ci/versions.sh builds them");
    }
    for release in peers.releases() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kube.db");
        fs::copy("fixtures/kube.db", &file).unwrap();
        let before = state(&file);
        let serving = Serving::start(&[file.to_str().unwrap(), "--reveal", "--etcd", "--overlay"]);
        let of_release = peers.of_release(&release);
        let (server, _controllers) =
            Apiserver::start_at_with_controllers(&of_release, &format!("http://{}", serving.etcd()));
        server.kubectl(&["create", "deployment", "new", "--image", "nginx", "--replicas", "2", "-n", "shop"]);
        let pods = || server.kubectl(&["get", "pods", "-n", "shop", "-l", "app=new", "-o", "name"]).lines().count();
        eventually(&format!("{release}: the controllers make two pods"), || pods() == 2);
        server.kubectl(&["scale", "deploy/new", "--replicas", "5", "-n", "shop"]);
        eventually(&format!("{release}: the controllers make three more"), || pods() == 5);
        server.kubectl(&["delete", "deploy/new", "-n", "shop"]);
        eventually(&format!("{release}: the garbage collector deletes all"), || pods() == 0);
        drop(server);
        let (status, said) = serving.stop();
        assert!(status.success(), "{release}: {said}");
        assert_eq!(state(&file), before, "{release}");
    }
}

#[test]
fn new_leases_expire_and_those_of_the_backup_do_not() {
    let serving = Serving::start(&["fixtures/etcd-3.6.db", "--reveal", "--etcd", "--overlay"]);
    let grpc = Grpc::connect(&serving.etcd());
    let granted: LeaseGrantResponse = grpc.call("Lease/LeaseGrant", &LeaseGrantRequest { ttl: 1, id: 0 }).unwrap();
    assert!(granted.ttl == 2 && granted.id > 0);
    let put = PutRequest { key: "brief".into(), lease: granted.id, ..Default::default() };
    let revision = grpc.call::<PutResponse>("KV/Put", &put).unwrap().header.unwrap().revision;
    let get = |key: &str| {
        let request = RangeRequest { key: key.to_owned().into(), ..Default::default() };
        grpc.call::<RangeResponse>("KV/Range", &request).unwrap()
    };
    eventually("the key expires", || get("brief").count == 0);
    assert_eq!(get("brief").header.unwrap().revision, revision + 1);
}

#[test]
fn the_overlay_takes_no_more_than_its_limit() {
    let args = ["fixtures/small.db", "--reveal", "--etcd", "--overlay", "--overlay-limit", "100000"];
    let serving = Serving::start(&args);
    let grpc = Grpc::connect(&serving.etcd());
    let put = |n: usize| {
        let request = PutRequest { key: format!("{n}").into(), value: vec![0; 1000].into(), ..Default::default() };
        grpc.call::<PutResponse>("KV/Put", &request)
    };
    let taken = (0..200).take_while(|n| put(*n).is_ok()).count();
    assert!((60..100).contains(&taken), "{taken}");
    let refused = put(1000).unwrap_err();
    assert_eq!(refused, (8, "etcdserver: mvcc: database space exceeded".to_owned()));
}

#[test]
fn a_damaged_backup_is_not_saved_with_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (file, saved) = (dir.path().join("kube.db"), dir.path().join("saved.db"));
    let mut image = fs::read("fixtures/kube.db").unwrap();
    let leaf = crate::common::key_leaf(&image);
    image[leaf] ^= 1;
    fs::write(&file, &image).unwrap();
    let (file, saved) = (file.to_str().unwrap(), saved.to_str().unwrap());
    let output = crate::common::etcdsnap(["serve", file, "--reveal", "--etcd", "--overlay", "--save-overlay", saved]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("damaged"), "{said}");
}
