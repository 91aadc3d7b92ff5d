//! `--audit-log` with the log of a real kube-apiserver whose policy has the level `Metadata`, as most have: no object and no
//! revision is in it.

use std::{collections::HashMap, thread::sleep, time::Duration};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Etcd, Peers, apiserver::Apiserver, etcdsnap, eventually};

#[test]
fn a_log_without_answers_is_joined_by_time_and_object() {
    let Some(peers) = Peers::find_kube("a_log_without_answers_is_joined_by_time_and_object") else { return };
    let dir = TempDir::new().unwrap();
    let etcd = Etcd::start(&peers, "36");
    let flags = ["--disable-admission-plugins", "ServiceAccount"];
    let server = Apiserver::start_audited_at(&peers, &etcd, "Metadata", &flags);
    // Kubernetes' times are of whole seconds: another write bounds the time of each
    let second = || sleep(Duration::from_millis(1100));
    let pause = |n: usize| {
        second();
        server.kubectl(&["create", "configmap", &format!("clock-{n}")]);
        second();
    };
    let alice = ["--as", "alice", "--as-group", "system:masters"];
    pause(0);
    let steps = [
        (["create", "configmap", "notes", "--from-literal=a=1"].as_slice(), &[][..]),
        (&["create", "secret", "generic", "password", "--from-literal=a=1"], &[]),
        (&["patch", "configmap", "notes", "--type", "merge", "-p", r#"{"data":{"a":"2"}}"#], &alice),
        (&["annotate", "secret", "password", "b=1"], &[]),
        (&["delete", "configmap", "notes"], &alice),
        (&["create", "configmap", "last"], &[]),
        (&["annotate", "configmap", "last", "b=1"], &[]),
    ];
    for (n, (args, by)) in steps.into_iter().enumerate() {
        server.kubectl(&[args, by].concat());
        pause(n + 1);
    }
    let is_about = |event: &Value, name: &str| event["objectRef"]["name"] == name;
    eventually("the log is written", || server.audit_log().iter().filter(|event| is_about(event, "last")).count() == 2);
    let snapshot = dir.path().join("backup.db");
    let snapshot = snapshot.to_str().unwrap();
    etcd.ctl(&["snapshot", "save", snapshot]);
    let log = server.audit_log();
    assert!(log.iter().all(|event| event["level"] == "Metadata" && event["responseObject"].is_null()));
    let by_id: HashMap<&str, &Value> = log.iter().map(|event| (event["auditID"].as_str().unwrap(), event)).collect();

    let path = server.audit_path();
    let args = ["timeline", snapshot, "configmaps,secrets", "-n", "default", "-o", "ndjson", "--audit-log"];
    let output = etcdsnap(args.iter().copied().chain([path.to_str().unwrap()]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let mut seen = Vec::new();
    for change in lines.map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let name = change["name"].as_str().unwrap();
        if !["notes", "password", "last"].contains(&name) {
            continue;
        }
        let (verb, request) = (change["verb"].as_str().unwrap(), &change["request"]);
        assert_eq!(request["known"], "by time and object", "{change}");
        let requests = request["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 1, "{change}");
        let event = by_id[requests[0]["auditID"].as_str().unwrap()];
        assert!(is_about(event, name), "{change} {event}");
        let is_one = |verb: &str| event["verb"] == verb;
        assert!(is_one(verb) || verb == "update" && is_one("patch"), "{change} {event}");
        assert!(requests[0]["userAgent"].as_str().unwrap().starts_with("kubectl/"), "{change}");
        seen.push(format!("{verb} {name} by {}", event["impersonatedUser"]["username"].as_str().unwrap_or("admin")));
        assert!(change.to_string().contains(seen.last().unwrap().rsplit(' ').next().unwrap()), "{change}");
    }
    seen.sort();
    let want = [
        "create last by admin",
        "create notes by admin",
        "create password by admin",
        "delete notes by alice",
        "update last by admin",
        "update notes by alice",
        "update password by admin",
    ];
    assert_eq!(seen, want, "{said}");
}
