//! What is named is exported, even when it was being deleted; and what kube-controller-manager makes for itself is not.

use std::{fs, path::Path};

use crate::common::{Etcd, Peers, etcdsnap, tree::ended};
use serde_json::{Value, json};

/// When the Namespace `going` was deleted.
const DELETED: &str = "2026-11-20T10:00:00Z";

fn config_map(namespace: &str, name: &str, deleted: Option<&str>) -> (String, Value) {
    let mut metadata = json!({"name": name, "namespace": namespace, "uid": "u"});
    if let Some(at) = deleted {
        metadata["deletionTimestamp"] = at.into();
        metadata["finalizers"] = json!(["example.com/hold"]);
    }
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}});
    (format!("configmaps/{namespace}/{name}"), object)
}

fn account(namespace: &str, name: &str, more: &Value) -> (String, Value) {
    let mut object =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}});
    for (name, value) in more.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    (format!("serviceaccounts/{namespace}/{name}"), object)
}

fn backup(peers: &Peers, file: &Path) {
    let etcd = Etcd::start(peers, "36");
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": ["kubernetes"]},
        "metadata": {"name": "going", "deletionTimestamp": DELETED}, "status": {"phase": "Terminating"},
    });
    let stays = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    for (key, object) in [
        ("namespaces/going".to_owned(), namespace),
        ("namespaces/shop".to_owned(), stays),
        (
            "namespaces/empty".to_owned(),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "empty"}}),
        ),
        config_map("going", "held", Some("2026-11-20T10:00:03Z")),
        config_map("going", "earlier", Some("2026-11-19T00:00:00Z")),
        config_map("going", "untouched", None),
        config_map("shop", "held", Some(DELETED)),
        config_map("shop", "kept", None),
        account("kube-system", "node-controller", &Value::Null),
        account("kube-system", "job-controller", &json!({"imagePullSecrets": [{"name": "pull"}]})),
        account("kube-system", "mine", &Value::Null),
        account("shop", "node-controller", &Value::Null),
    ] {
        etcd.store(&key, &object);
    }
    etcd.ctl(&["snapshot", "save", file.to_str().unwrap()]);
}

/// What is exported, as `KIND NAME`, and what is printed besides.
fn exported(args: &[&str]) -> (Vec<String>, String) {
    let output = etcdsnap([&["export"], args, &["--to", "-", "-o", "json"]].concat());
    let stream = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let text = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let names = stream.map(|object| {
        let object = object.unwrap();
        let metadata = object["metadata"].as_object().unwrap();
        assert!(!metadata.contains_key("deletionTimestamp") && !metadata.contains_key("finalizers"), "{object}");
        assert!(object["spec"]["finalizers"].is_null() && object["status"].is_null(), "{object}");
        format!("{} {}", text(&object, "/kind"), text(&object, "/metadata/name"))
    });
    (names.collect(), ended(&output).1)
}

#[test]
fn what_is_named_is_exported_though_it_was_being_deleted() {
    let Some(peers) = Peers::find("what_is_named_is_exported_though_it_was_being_deleted") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.db");
    backup(&peers, &file);
    let file = file.to_str().unwrap();

    // by its name
    let (names, said) = exported(&[file, "cm/held", "-n", "shop"]);
    assert_eq!(names, ["ConfigMap held"]);
    assert!(said.contains("1 object being deleted, exported without deletionTimestamp and finalizers\n"), "{said}");
    let (names, _) = exported(&[file, "ns", "going"]);
    assert_eq!(names, ["Namespace going"]);
    // with its Namespace, but for what was being deleted before that was
    let (names, said) = exported(&[file, "-n", "going"]);
    assert_eq!(names, ["Namespace going", "ConfigMap held", "ConfigMap untouched"]);
    assert!(said.contains("2 objects being deleted, exported") && said.contains("1 being deleted\n"), "{said}");
    // not when nothing is named
    let (names, said) = exported(&[file, "cm,ns"]);
    assert_eq!(names, ["Namespace empty", "Namespace shop", "ConfigMap kept"]);
    assert!(said.contains("5 being deleted"), "{said}");
    let (names, _) = exported(&[file, "-n", "empty"]);
    assert_eq!(names, ["Namespace empty"]);
    // nor when another Namespace is
    let (names, _) = exported(&[file, "cm", "-n", "shop"]);
    assert_eq!(names, ["ConfigMap kept"]);

    let to = dir.path().join("out");
    let output = etcdsnap(["export", file, "-n", "going", "--to", to.to_str().unwrap()]);
    assert!(output.status.success(), "{}", ended(&output).1);
    let manifest = fs::read_to_string(to.join("MANIFEST")).unwrap();
    let note = format!(
        "# changed:\n# namespaces going: being deleted since {DELETED}: exported without deletionTimestamp and finalizers\n"
    );
    assert!(manifest.contains(&note), "{manifest}");
    assert!(manifest.ends_with("# left out:\n# configmaps going/earlier: being deleted\n"), "{manifest}");
}

#[test]
fn the_controller_manager_makes_its_own_accounts() {
    let Some(peers) = Peers::find("the_controller_manager_makes_its_own_accounts") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.db");
    backup(&peers, &file);
    let (names, said) = exported(&[file.to_str().unwrap(), "sa"]);
    assert_eq!(names, ["ServiceAccount job-controller", "ServiceAccount mine", "ServiceAccount node-controller"]);
    assert!(said.contains("1 made by every cluster itself"), "{said}");
}

#[test]
fn a_namespace_that_is_named_is_exported_without_its_objects() {
    let call = "etcdsnap export fixtures/kube.db -n shop";
    let note = |args: &[&str]| {
        let output = etcdsnap([&["export", "fixtures/kube.db", "--to", "-"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", ended(&output).1);
        let lines = ended(&output).1;
        lines.lines().find(|line| line.contains("only the Namespace")).map(str::to_owned)
    };
    let want =
        |rest: &str| Some(format!("note: only the Namespace shop itself is exported; with its objects: {call}{rest}"));
    assert_eq!(note(&["ns/shop"]), want(" --to -"));
    assert_eq!(note(&["deploy/web", "namespaces/shop", "-n", "shop", "--rev", "450"]), want(" --rev 450 --to -"));
    assert_eq!(note(&["-n", "shop"]), None);
    assert_eq!(note(&["ns"]), None);
    assert_eq!(note(&["deploy/web", "-n", "shop"]), None);
}
