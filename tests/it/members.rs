//! `members`: the permissions of roles are what `etcdctl role get` prints of the running etcd.

use serde_json::{Value, json};

use crate::common::{Etcd, Peers, etcdsnap};

#[test]
fn permissions_are_printed_as_by_role_get() {
    let Some(peers) = Peers::find("members") else { return };
    let etcd = Etcd::start(&peers, "36");
    for call in [
        "role add reader",
        "role grant-permission reader read /shop/ --prefix",
        "role grant-permission reader readwrite /one",
        "role grant-permission reader write /a /b",
        "role grant-permission reader read /z --from-key",
        "role add empty",
        "role add root",
    ] {
        etcd.ctl(&call.split(' ').collect::<Vec<_>>());
    }
    let file = etcd.data_dir().join("saved.db").display().to_string();
    etcd.ctl(&["snapshot", "save", &file]);
    // without users and auth, roles are printed too
    let text = String::from_utf8(etcdsnap(["members", &file]).stdout).unwrap();
    let roles: Value = serde_json::from_slice(&etcdsnap(["members", &file, "-o", "json"]).stdout).unwrap();
    for name in ["reader", "empty", "root"] {
        let theirs = etcd.ctl(&["role", "get", name]);
        let start = format!("role: {name}\n");
        let (_, ours) = text.split_once(&start).unwrap_or_else(|| panic!("{name}: {text}"));
        let ours: Vec<_> = ours.lines().map_while(|line| line.strip_prefix('\t')).collect();
        assert_eq!(ours, theirs.lines().skip(1).collect::<Vec<_>>(), "{name}");
        let theirs: Value = serde_json::from_str(&etcd.ctl(&["role", "get", name, "-w", "json"])).unwrap();
        let ours = roles["auth"]["roles"].as_array().unwrap().iter().find(|role| role["name"] == name).unwrap();
        let named = |perm: &Value| {
            let kind = ["READ", "WRITE", "READWRITE"][perm["permType"].as_u64().unwrap_or(0) as usize];
            let text = |field: &str| perm[field].as_str().unwrap_or("").to_owned();
            json!({"permType": kind, "key": text("key"), "range_end": text("range_end")})
        };
        let theirs: Vec<_> = theirs["perm"].as_array().into_iter().flatten().map(named).collect();
        assert_eq!(ours["perm"], json!(theirs), "{name}");
    }
}
