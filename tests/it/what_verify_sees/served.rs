//! What a real etcd serves of a backup.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Etcd, Peers, free_ports, gateway::Gateway};

/// How the reason begins that an etcd does not start.
pub const NO_START: &str = "does not start";

/// All that clients can see of an etcd that is started on what is restored from `file`; `Err` is why it does not start,
/// or what it refuses.
pub fn restored(peers: &Peers, version: &'static str, file: &Path, password: Option<&str>) -> Result<Value, String> {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    restore(peers, version, file, &data)?;
    started(peers, version, &data, password)
}

/// Restores a data directory from `file`.
pub fn restore(peers: &Peers, version: &str, file: &Path, data: &Path) -> Result<(), String> {
    let tool = if version == "34" { "etcdctl34".to_owned() } else { format!("etcdutl{version}") };
    let url = "http://127.0.0.1:1";
    let cluster = format!("m1={url}");
    let restore = ["snapshot", "restore", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap(), "--name", "m1"];
    let named = ["--initial-cluster", &cluster, "--initial-advertise-peer-urls", url];
    let output = peers.run(&tool, restore.iter().chain(&named));
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{NO_START}: {tool}: {said}")) }
}

/// The same of an etcd that is started on a data directory.
pub fn started(peers: &Peers, version: &'static str, data: &Path, password: Option<&str>) -> Result<Value, String> {
    let mut etcd = Etcd::spawn(peers, version, "m1", Some(data), free_ports(), &[]);
    if !etcd.wait_for_health() {
        let log = format!("{NO_START}: {}", etcd.log());
        return if etcd.lacks_a_port() { started(peers, version, data, password) } else { Err(log) };
    }
    let mut gateway = Gateway::new(&etcd.endpoint);
    if let Some(password) = password {
        gateway.try_log_in("root", password)?;
    }
    seen(&etcd, &gateway, password)
}

/// The keys, HashKV, compaction, leases, alarms, users and roles.
fn seen(etcd: &Etcd<'_>, gateway: &Gateway, password: Option<&str>) -> Result<Value, String> {
    let names = |value: &Value| {
        let mut all = value.as_array().cloned().unwrap_or_default();
        all.sort_by_key(Value::to_string);
        all
    };
    let keys = gateway.ask("/v3/kv/range", &json!({"key": "AA==", "range_end": "AA=="}))?;
    let user = password.map(|password| format!("root:{password}"));
    let user = user.iter().flat_map(|user| ["--user", user]).chain(["endpoint", "hashkv", "-w", "json"]);
    let hash = etcd.try_ctl(&user.collect::<Vec<_>>());
    let hash: Value = serde_json::from_slice(&hash.stdout).map_err(|_| String::from_utf8_lossy(&hash.stderr))?;
    let hash = &hash[0]["HashKV"];
    let members = names(&gateway.ask("/v3/cluster/member/list", &json!({}))?["members"]);
    let members = members.iter().map(|m| json!([m["ID"], m["name"], m["peerURLs"], m["isLearner"]]));
    let leases = names(&gateway.ask("/v3/lease/leases", &json!({}))?["leases"]);
    let leases = leases.iter().map(|lease| {
        let asked = gateway.ask("/v3/lease/timetolive", &json!({"ID": lease["ID"], "keys": true}))?;
        Ok(json!([lease["ID"], asked["grantedTTL"], names(&asked["keys"])]))
    });
    let users = names(&gateway.ask("/v3/auth/user/list", &json!({}))?["users"]);
    let users = users.into_iter().map(|user| {
        let asked = gateway.ask("/v3/auth/user/get", &json!({"name": user}))?;
        Ok(json!([user, asked["roles"]]))
    });
    let roles = names(&gateway.ask("/v3/auth/role/list", &json!({}))?["roles"]);
    let roles = roles.into_iter().map(|role| {
        let asked = gateway.ask("/v3/auth/role/get", &json!({"role": role}))?;
        Ok(json!([role, asked["perm"]]))
    });
    let mut seen = json!({
        "revision": keys["header"]["revision"],
        "keys": keys["kvs"],
        "hash": [hash["hash"], hash["compact_revision"]],
        "leases": leases.collect::<Result<Vec<_>, String>>()?,
        "users": users.collect::<Result<Vec<_>, String>>()?,
        "roles": roles.collect::<Result<Vec<_>, String>>()?,
        "members": members.collect::<Vec<_>>(),
        "alarms": gateway.ask("/v3/maintenance/alarm", &json!({"action": "GET"}))?["alarms"],
    });
    // what was before, where it is still to be seen
    let last: i64 = keys["header"]["revision"].as_str().unwrap_or_default().parse().unwrap_or_default();
    for revision in [last - 3, last - 20] {
        let earlier = gateway.ask("/v3/kv/range", &json!({"key": "AA==", "range_end": "AA==", "revision": revision}));
        seen[format!("at {revision}")] = earlier.map_or_else(Value::String, |earlier| earlier["kvs"].clone());
    }
    Ok(seen)
}
