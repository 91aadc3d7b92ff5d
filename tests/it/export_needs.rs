//! What exported objects need and the export does not hold is listed, and `--with-deps` exports it.

use std::{fs, path::Path};

use crate::common::{Etcd, Peers, apiserver::succeeded, etcdsnap, tree::ended};
use serde_json::{Value, json};

const KUBE: &str = "fixtures/kube.db";

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The kinds and names of the files of a folder, in order.
fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.iter().filter_map(|name| Some(name.split_once('-')?.1.trim_end_matches(".yaml").to_owned())).collect()
}

#[test]
fn what_is_needed_is_listed_and_exported_with_its_needs() {
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| dir.path().join(name);
    let said = succeeded(&etcdsnap(["export", KUBE, "deploy/web", "-n", "shop", "--to", path(&to("a"))]));
    let needs = "configmaps shop/web-cfg: needed by deployments shop/web: in the backup: --with-deps exports it";
    assert!(said.contains("needs       2 objects that are not in the export\n") && said.contains(needs), "{said}");
    let manifest = fs::read_to_string(to("a").join("MANIFEST")).unwrap();
    let lines = format!(
        "\n# needs:\n# {needs}\n# namespaces shop: needed by deployments shop/web: in the backup: --with-deps exports it\n# left out:\n"
    );
    assert!(manifest.ends_with(&lines), "{manifest}");

    let said =
        succeeded(&etcdsnap(["export", KUBE, "deploy/web", "-n", "shop", "--with-deps", "--to", path(&to("b"))]));
    assert!(!said.contains("needs"), "{said}");
    assert_eq!(files(&to("b")), ["namespace-shop", "configmap-shop-web-cfg", "deployment-shop-web"]);
    assert!(said.ends_with(&format!("next\n  kubectl apply --server-side -f {}\n", path(&to("b")))), "{said}");

    // a stream reports them on stderr
    let output = etcdsnap(["export", KUBE, "deploy/web", "-n", "shop", "--to", "-"]);
    let (code, said) = ended(&output);
    assert!(code == Some(0) && said.contains(needs), "{said}");

    // a custom resource and its definition
    let output = etcdsnap(["export", KUBE, "widgets", "--with-deps", "--to", path(&to("c"))]);
    succeeded(&output);
    let files = files(&to("c"));
    assert!(files.contains(&"customresourcedefinition-widgets.acme.io".to_owned()), "{files:?}");
}

#[test]
fn needs_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("out");
    let line = ["export", KUBE, "deploy/web", "-n", "shop", "--summary", "json", "--to"];
    let said = succeeded(&etcdsnap([&line[..], &[path(&to)]].concat()));
    let document: Value = serde_json::from_str(&said).unwrap();
    let web = json!({"group": "apps", "resource": "deployments", "namespace": "shop", "name": "web"});
    let why = "in the backup: --with-deps exports it";
    let want = json!([
        {"resource": "configmaps", "namespace": "shop", "name": "web-cfg", "neededBy": web, "count": 1, "inBackup": true, "why": why},
        {"resource": "namespaces", "name": "shop", "neededBy": web, "count": 1, "inBackup": true, "why": why},
    ]);
    assert_eq!(document["needs"], want);
    assert_eq!((&document["exported"], &document["schemaVersion"]), (&json!(1), &json!(1)));
    assert_eq!(document["next"], json!([format!("kubectl apply --server-side -f {}", path(&to))]));
    let (code, said) = ended(&etcdsnap([&line[..], &["-"]].concat()));
    assert!(code == Some(2) && said.contains("stdout has the objects"), "{said}");
}

/// A Pod that needs about everything.
fn backup(peers: &Peers, file: &Path) {
    let etcd = Etcd::start(peers, "36");
    let store = |key: &str, kind: &str, more: Value| {
        let mut parts = key.rsplit('/');
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": parts.next().unwrap()}});
        if parts.next() == Some("shop") {
            object["metadata"]["namespace"] = "shop".into();
        }
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
        }
        etcd.store(key, &object);
    };
    store("namespaces/shop", "Namespace", json!({}));
    store(
        "pods/shop/web",
        "Pod",
        json!({"spec": {
            "serviceAccountName": "web", "priorityClassName": "high", "runtimeClassName": "gone",
            "containers": [{"name": "c", "image": "i", "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "password", "key": "p"}}},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "nowhere", "key": "p", "optional": true}}},
            ]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        }}),
    );
    store("serviceaccounts/shop/web", "ServiceAccount", json!({"imagePullSecrets": [{"name": "pull"}]}));
    store("secrets/shop/password", "Secret", json!({"data": {"p": "aHVudGVyMg=="}}));
    store("secrets/shop/pull", "Secret", json!({"data": {"p": "aHVudGVyMg=="}}));
    store("priorityclasses/high", "PriorityClass", json!({"apiVersion": "scheduling.k8s.io/v1", "value": 3}));
    store(
        "persistentvolumeclaims/shop/data",
        "PersistentVolumeClaim",
        json!({"spec": {"volumeName": "v1", "storageClassName": "fast"}}),
    );
    store("persistentvolumes/v1", "PersistentVolume", json!({"spec": {"storageClassName": "fast"}}));
    store(
        "storageclasses/fast",
        "StorageClass",
        json!({"apiVersion": "storage.k8s.io/v1", "provisioner": "p", "parameters": {
            "csi.storage.k8s.io/provisioner-secret-name": "csi", "csi.storage.k8s.io/provisioner-secret-namespace": "storage",
        }}),
    );
    etcd.ctl(&["snapshot", "save", path(file)]);
}

#[test]
fn secrets_are_needed_and_only_revealed_on_demand() {
    let Some(peers) = Peers::find("secrets_are_needed_and_only_revealed_on_demand") else { return };
    let dir = tempfile::tempdir().unwrap();
    let to = |name: &str| dir.path().join(name);
    backup(&peers, &to("a.db"));
    let export = |name: &str, more: &[&str]| {
        let db = to("a.db");
        let line = ["export", path(&db), "pods", "-n", "shop", "--to"];
        let said = succeeded(&etcdsnap([&line[..], &[path(&to(name))], more].concat()));
        let manifest = fs::read_to_string(to(name).join("MANIFEST")).unwrap();
        let needs = manifest.split_once("# needs:\n").map_or(String::new(), |(_, rest)| rest.to_owned());
        (files(&to(name)), needs.split_once("# left out:").map_or(needs.clone(), |(needs, _)| needs.to_owned()), said)
    };
    let held = "in the backup: --with-deps exports it";
    let secret = "in the backup: secret, or stored encrypted: --reveal exports it";
    let absent = "not in the backup";
    let lines = |needs: &[(&str, &str, &str)]| -> String {
        needs.iter().map(|(what, by, why)| format!("# {what}: needed by {by}: {why}\n")).collect()
    };
    let web = "pods shop/web";

    let (files, needs, _) = export("alone", &[]);
    assert_eq!(files, ["pod-shop-web"]);
    assert_eq!(
        needs,
        lines(&[
            ("namespaces shop", web, held),
            ("persistentvolumeclaims shop/data", web, held),
            ("priorityclasses high", web, held),
            ("runtimeclasses gone", web, absent),
            ("secrets shop/password", web, secret),
            ("serviceaccounts shop/web", web, held),
        ])
    );

    let (files, needs, said) = export("deps", &["--with-deps"]);
    let without_secrets = [
        "namespace-shop",
        "priorityclass-high",
        "storageclass-fast",
        "serviceaccount-shop-web",
        "persistentvolume-v1",
        "persistentvolumeclaim-shop-data",
        "pod-shop-web",
    ];
    assert_eq!(files, without_secrets);
    assert_eq!(
        needs,
        lines(&[
            ("runtimeclasses gone", web, absent),
            ("secrets shop/password", web, secret),
            ("secrets shop/pull", "serviceaccounts shop/web", secret),
            ("secrets storage/csi", "storageclasses fast", absent),
        ])
    );
    assert!(said.contains("needs       4 objects that are not in the export\n"), "{said}");

    let (files, needs, _) = export("revealed", &["--with-deps", "--reveal"]);
    assert_eq!(files.len(), without_secrets.len() + 2);
    assert_eq!(
        needs,
        lines(&[("runtimeclasses gone", web, absent), ("secrets storage/csi", "storageclasses fast", absent)])
    );
    let text: String =
        fs::read_dir(to("deps")).unwrap().map(|e| fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    assert!(!text.contains("aHVudGVyMg"));
}
