//! `--audit-log` with the log of a real kube-apiserver that holds requests without effect, whose answers have the
//! revision of a change that another request made.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
    etcdsnap, eventually,
};

const KEPT: &str =
    r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kept","finalizers":["example.com/kept"]}}"#;
const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bound"},
"spec":{"containers":[{"name":"main","image":"registry.example/main:1"}]}}"#;
const BINDING: &str =
    r#"{"apiVersion":"v1","kind":"Binding","metadata":{"name":"bound"},"target":{"kind":"Node","name":"n"}}"#;

/// Who is named for the changes of an object with these events: `update by alice or bob, unsure`.
fn named(snapshot: &str, what: &str, events: &[Value]) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("audit.log");
    fs::write(&log, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
    let args = ["timeline", snapshot, what, "-n", "default", "--all", "-o", "ndjson", "--audit-log"];
    let output = etcdsnap(args.iter().copied().chain([log.to_str().unwrap()]));
    let lines = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let change: Value = serde_json::from_str(line).unwrap();
        let requests = change["request"]["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let user = |of: &Value| of["impersonatedUser"].as_str().or(of["user"].as_str()).unwrap().to_owned();
        let users = requests.iter().map(user).collect::<Vec<_>>().join(" or ");
        let users =
            change["request"]["known"].as_str().map_or("nobody".to_owned(), |known| format!("{users}, {known}"));
        format!("{} by {users}", change["verb"].as_str().unwrap())
    };
    lines.lines().map(line).collect()
}

#[test]
fn a_request_without_effect_is_not_named() {
    let Some(peers) = Peers::find_kube("a_request_without_effect_is_not_named") else { return };
    let dir = TempDir::new().unwrap();
    let etcd = Etcd::start(&peers, "36");
    let flags = ["--disable-admission-plugins", "ServiceAccount"];
    let server = Apiserver::start_audited_at(&peers, &etcd, "RequestResponse", &flags);
    let by = |user: &str, args: &[&str], input: &str| {
        let who = ["--as", user, "--as-group", "system:masters"];
        succeeded(&server.try_kubectl(&[args, &who].concat(), input));
    };
    by("alice", &["create", "-f", "-"], KEPT);
    by("alice", &["delete", "configmap", "kept", "--wait=false"], "");
    by("bob", &["patch", "configmap", "kept", "--type", "merge", "-p", r#"{"data":{"a":"1"}}"#], "");
    by("mallory", &["delete", "configmap", "kept", "--wait=false"], "");
    by("alice", &["create", "-f", "-"], POD);
    by("carol", &["create", "--raw", "/api/v1/namespaces/default/pods/bound/binding", "-f", "-"], BINDING);
    by("mallory", &["patch", "pod", "bound", "-p", "{}"], "");
    let is_about = |event: &Value, name: &str| event["objectRef"]["name"] == name;
    let count = |name: &str| server.audit_log().iter().filter(|event| is_about(event, name)).count();
    eventually("the log is written", || count("kept") == 4 && count("bound") == 3);
    let snapshot = dir.path().join("backup.db");
    let snapshot = snapshot.to_str().unwrap();
    etcd.ctl(&["snapshot", "save", snapshot]);
    let log = server.audit_log();
    // the second deletion is answered with the revision of the update before it
    let about: Vec<_> = log.iter().filter(|event| is_about(event, "kept")).collect();
    let revision = |at: usize| about[at]["responseObject"]["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    assert_eq!(revision(2), revision(3), "{about:?}");
    let all = ["create by alice, exact", "update by alice, exact", "update by bob, exact"];
    assert_eq!(named(snapshot, "configmap/kept", &log), all);
    let without: Vec<_> = log.iter().filter(|event| event["impersonatedUser"]["username"] != "bob").cloned().collect();
    let lacking = ["create by alice, exact", "update by alice, exact", "update by nobody"];
    assert_eq!(named(snapshot, "configmap/kept", &without), lacking);
    // a binding is answered without a revision, and what changes nothing after it with that of the binding
    let bound = ["create by alice, exact", "update by mallory or carol, unsure"];
    assert_eq!(named(snapshot, "pod/bound", &log), bound);
}
