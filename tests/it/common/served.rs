//! Whether what is shown of a data directory is what a real etcd serves.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use etcdsnap::{
    etcd::{Load, Snapshot, state::PermissionKind},
    source::{Options, Source},
};
use serde_json::{Value, json};

use super::{
    Etcd, etcdsnap,
    gateway::{Gateway, b64},
};

/// What `etcdsnap COMMAND DATA -o json` prints.
#[track_caller]
pub fn ours(data: &Path, command: &str, more: &[&str]) -> Value {
    let output = etcdsnap([command, data.to_str().unwrap(), "-o", "json"].iter().chain(more));
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn theirs(etcd: &Etcd<'_>, user: &[&str], args: &[&str]) -> Value {
    serde_json::from_str(&etcd.ctl(&[user, args, &["-w", "json"]].concat())).unwrap()
}

/// The keys and values, HashKV and members that `etcdsnap` shows of `data` are those that `etcd` serves.
#[track_caller]
pub fn shown_as_served(data: &Path, more: &[&str], etcd: &Etcd<'_>, user: &[&str], what: &str) {
    let (a, b) = (ours(data, "kv", more), theirs(etcd, user, &["get", "", "--from-key"]));
    assert_eq!(a["header"]["revision"], b["header"]["revision"], "{what}: revision");
    assert_eq!(a["kvs"], b["kvs"], "{what}: keys");
    let hashkv = ours(data, "hashkv", more);
    // A member that has just compacted at its last revision returns the sum that it took then, from before.
    if hashkv["compactRevision"] != hashkv["hashRevision"] {
        let sum = &theirs(etcd, user, &["endpoint", "hashkv"])[0]["HashKV"];
        assert_eq!(hashkv["hash"], sum["hash"], "{what}: HashKV");
        assert_eq!(hashkv["compactRevision"], sum["compact_revision"], "{what}: compacted");
    }
    let by_id = |list: &Value| -> BTreeMap<u64, Value> {
        list["members"].as_array().unwrap().iter().map(|m| (m["ID"].as_u64().unwrap(), m.clone())).collect()
    };
    let members = ours(data, "members", more);
    assert_eq!(by_id(&members), by_id(&theirs(etcd, user, &["member", "list"])), "{what}: members");
    let alarms = theirs(etcd, user, &["alarm", "list"]);
    let ids = |list: &Value| -> BTreeSet<u64> {
        list["alarms"].as_array().into_iter().flatten().map(|alarm| alarm["memberID"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&members), ids(&alarms), "{what}: alarms");
}

/// So are the leases, the users, the roles and what they allow.
#[track_caller]
pub fn known_as_served(data: &Path, load: &Load, gateway: &Gateway, what: &str) {
    let source = Source::open(data, &Options::default()).unwrap();
    let snapshot = Snapshot::load(&source, load).unwrap();
    // of etcd 3.4, which puts passwords as they are into its log
    let told = snapshot.findings.list().iter().filter(|finding| finding.code != etcdsnap::Code::AuthPassword);
    assert_eq!(told.collect::<Vec<_>>(), Vec::<&etcdsnap::Finding>::new(), "{what}");
    let state = &snapshot.state;
    let ask = |path: &str, request: Value| gateway.ask(path, &request).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let strings = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let leases = ask("/v3/lease/leases", json!({}));
    let mut served: Vec<_> = leases["leases"].as_array().into_iter().flatten().map(|l| text(&l["ID"])).collect();
    served.sort_by_key(|id| id.parse::<i64>().unwrap());
    let ids: Vec<_> = state.leases.iter().map(|lease| lease.id.to_string()).collect();
    assert_eq!(ids, served, "{what}: leases");
    for lease in &state.leases {
        let one = ask("/v3/lease/timetolive", json!({"ID": lease.id}));
        assert_eq!(text(&one["grantedTTL"]), lease.ttl.to_string(), "{what}: lease {}", lease.id);
    }
    let users: Vec<_> = state.auth.users.iter().map(|user| user.name.clone()).collect();
    assert_eq!(users, strings(&ask("/v3/auth/user/list", json!({}))["users"]), "{what}: users");
    for user in &state.auth.users {
        let roles = &ask("/v3/auth/user/get", json!({"name": user.name}))["roles"];
        assert_eq!(user.roles, strings(roles), "{what}: user {}", user.name);
    }
    let roles: Vec<_> = state.auth.roles.iter().map(|role| role.name.clone()).collect();
    assert_eq!(roles, strings(&ask("/v3/auth/role/list", json!({}))["roles"]), "{what}: roles");
    for role in state.auth.roles.iter().filter(|role| role.name != "root") {
        let served = ask("/v3/auth/role/get", json!({"role": role.name}));
        let served: Vec<_> = served["perm"].as_array().into_iter().flatten().cloned().collect();
        let known = role.permissions.iter().map(|permission| {
            let kind = match permission.kind {
                PermissionKind::Read => Value::Null,
                PermissionKind::Write => "WRITE".into(),
                PermissionKind::ReadWrite => "READWRITE".into(),
            };
            let bytes = |bytes: &[u8]| Value::from(b64(std::str::from_utf8(bytes).unwrap()));
            (kind, bytes(&permission.key), bytes(&permission.range_end))
        });
        let served: Vec<_> = served
            .iter()
            .map(|p| {
                let kind = p.get("permType").filter(|kind| *kind != "READ").cloned().unwrap_or_default();
                (kind, p["key"].clone(), p.get("range_end").cloned().unwrap_or("".into()))
            })
            .collect();
        assert_eq!(known.collect::<Vec<_>>(), served, "{what}: role {}", role.name);
    }
}
