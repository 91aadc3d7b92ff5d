//! What is exported is taken by a new cluster, and still there after its controllers have looked at it. A real cluster
//! confirms it: what it makes of the files is exported again, and is the same.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
    etcdsnap, eventually,
};
use serde_json::{Value, json};

/// So long controllers get: the garbage collector takes seconds for an owner that it does not know, a Pod on a node
/// that is not there 40 seconds. `.ci/export_stays.sh` waits longer.
fn stays() -> Duration {
    let named = std::env::var("ETCDSNAP_STAYS").ok();
    Duration::from_secs(named.map_or(75, |seconds| seconds.parse().unwrap()))
}

/// What the fixture has none of: things that are bound, owned, finished, on their way out, or called oddly.
const MORE: &str = r#"
{kind: Pod, apiVersion: v1, metadata: {name: alone, namespace: shop}, spec: {nodeName: node-a, containers: [{name: c, image: i, volumeMounts: [{name: tmp, mountPath: /tmp}]}], initContainers: [{name: d, image: i}], volumes: [{name: tmp, emptyDir: {}}]}}
---
{kind: PersistentVolume, apiVersion: v1, metadata: {name: bound}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /b}, storageClassName: slow}}
---
{kind: PersistentVolumeClaim, apiVersion: v1, metadata: {name: bound, namespace: pay}, spec: {accessModes: [ReadWriteOnce], storageClassName: slow, volumeName: bound, resources: {requests: {storage: 1Gi}}}}
---
{kind: Service, apiVersion: v1, metadata: {name: headless, namespace: pay}, spec: {clusterIP: None, selector: {a: b}, ports: [{port: 1}]}}
---
{kind: Service, apiVersion: v1, metadata: {name: by-hand, namespace: pay}, spec: {ports: [{port: 1}]}}
---
{kind: Endpoints, apiVersion: v1, metadata: {name: by-hand, namespace: pay}, subsets: [{addresses: [{ip: 10.9.8.7}], ports: [{port: 1}]}]}
---
{kind: Job, apiVersion: batch/v1, metadata: {name: done, namespace: pay}, spec: {completions: 0, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
---
{kind: Job, apiVersion: batch/v1, metadata: {name: manual, namespace: pay}, spec: {manualSelector: true, selector: {matchLabels: {mine: "yes"}}, template: {metadata: {labels: {mine: "yes"}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
---
{kind: ServiceAccount, apiVersion: v1, metadata: {name: puller, namespace: pay}, imagePullSecrets: [{name: pull}]}
---
{kind: Secret, apiVersion: v1, metadata: {name: token, namespace: pay, annotations: {kubernetes.io/service-account.name: puller}}, type: kubernetes.io/service-account-token}
---
{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: "system:of:people"}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
{kind: ReplicaSet, apiVersion: apps/v1, metadata: {name: bare, namespace: pay}, spec: {replicas: 0, selector: {matchLabels: {r: s}}, template: {metadata: {labels: {r: s}}, spec: {containers: [{name: c, image: i}]}}}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: held, namespace: pay, finalizers: [example.com/hold], annotations: {a: "é \u0001 \\ \""}}, data: {"n": "y", "multi": "a\n b\n\n"}, binaryData: {b: /w==}}
---
{kind: Namespace, apiVersion: v1, metadata: {name: going}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: held, namespace: going, finalizers: [example.com/hold]}}
---
{kind: ValidatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: closed}, webhooks: [{name: w.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Fail, clientConfig: {url: "https://127.0.0.1:1/x"}, rules: [{operations: [CREATE], apiGroups: [""], apiVersions: ["*"], resources: [configmaps]}]}]}
"#;

/// The lines of MANIFEST about some.
const LEFT_OUT: [(&str, &str); 13] = [
    ("jobs pay/done", "it has ended"),
    ("secrets pay/token", "only this cluster accepts"),
    ("endpoints pay/headless", "its Service has a selector"),
    ("namespaces going", "being deleted"),
    ("configmaps going/held", "being deleted"),
    ("configmaps pay/kube-root-ca.crt", "CA"),
    ("replicasets shop/web-546f5ff66b", "Deployment web"),
    ("pods shop/db-0", "StatefulSet db"),
    ("clusterroles cluster-admin", "one of its roles"),
    ("serviceaccounts pay/default", "only default content"),
    ("serviceaccounts kube-system/node-controller", "the controller manager's own"),
    ("services default/kubernetes", "the API server's own"),
    ("nodes node-a", "kubelet"),
];

/// What `get SNAPSHOT -o json` has of every object, by kind, namespace and name.
fn objects(snapshot: &Path) -> BTreeMap<String, Value> {
    let list: Value =
        serde_json::from_slice(&ours(&["get", path(snapshot), "--show-managed-fields", "-o", "json"])).unwrap();
    let mut objects = BTreeMap::new();
    for object in list["items"].as_array().unwrap() {
        objects.insert(called(object), object.clone());
    }
    objects
}

fn called(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the program prints; that the fixture holds what is no object does not count.
fn ours(args: &[&str]) -> Vec<u8> {
    let output = etcdsnap(args);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The files of an export by their names without the number, and the next steps that it prints.
fn export(snapshot: &Path, to: &Path, more: &[&str]) -> (BTreeMap<String, String>, String) {
    let line = ["export", path(snapshot), "--reveal", "-o", "json", "--to", path(to)];
    let said = succeeded(&etcdsnap([&line[..], more].concat()));
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(to).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some((_, rest)) = name.split_once('-') {
            files.insert(rest.to_owned(), fs::read_to_string(to.join(&name)).unwrap());
        }
    }
    (files, said.split_once("next\n").unwrap().1.to_owned())
}

/// A cluster that has lived: the fixture, with more in it. Saved to `file`.
fn lived(peers: &Peers, dir: &Path, file: &Path) {
    let data = dir.join("data");
    let args = ["--member", "m1", "--bump-revision", "1000000", "--data-dir", path(&data)];
    crate::common::restore(["fixtures/kube.db"].iter().chain(&args));
    let etcd = Etcd::start_on(peers, "36", Some(&data), &[]).unwrap();
    let (server, _controllers) = Apiserver::start_with_controllers(peers, &etcd);
    server.apply(MORE);
    let uid = server.kubectl(&["get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]);
    let owner = r#"{kind: ConfigMap, apiVersion: v1, metadata: {name: owned, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: UID}]}}"#;
    // the webhook that nobody answers is there already
    server.kubectl(&["delete", "validatingwebhookconfiguration", "closed"]);
    eventually("it is forgotten", || {
        server.try_kubectl(&["apply", "-f", "-"], &owner.replace("UID", &uid)).status.success()
    });
    // more than the annotation of an apply without --server-side may hold
    let big = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "big", "namespace": "pay"}, "data": {"a": "x".repeat(300 << 10)}});
    succeeded(&server.try_kubectl(&["create", "-f", "-"], &big.to_string()));
    renamed(&server);
    let webhook = MORE.rsplit("---").next().unwrap();
    server.apply(webhook);
    server.kubectl(&["delete", "namespace", "going", "--wait=false"]);
    eventually("what is in it is being deleted", || {
        let at = "jsonpath={.metadata.deletionTimestamp}";
        !server.kubectl(&["get", "configmap", "held", "-n", "going", "-o", at]).is_empty()
    });
    eventually("the claim is bound", || {
        server.kubectl(&["get", "pvc", "bound", "-n", "pay", "-o", "jsonpath={.status.phase}"]) == "Bound"
    });
    eventually("the Job is done", || {
        server
            .kubectl(&["get", "job", "done", "-n", "pay", "-o", "jsonpath={.status.conditions[*].type}"])
            .contains("Complete")
    });
    eventually("the token is there", || {
        !server.kubectl(&["get", "secret", "token", "-n", "pay", "-o", "jsonpath={.data.token}"]).is_empty()
    });
    etcd.ctl(&["snapshot", "save", path(file)]);
}

/// An object in a version that its definition once stored, and no longer serves.
fn renamed(server: &Apiserver<'_>) {
    let version = |name: &str, served: bool, storage: bool| {
        let spec = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
        let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}});
        json!({"name": name, "served": served, "storage": storage, "schema": schema})
    };
    let definition = |versions: Value| {
        json!({
            "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1", "metadata": {"name": "things.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": versions},
        })
        .to_string()
    };
    server.apply(&definition(json!([version("v1alpha1", true, true)])));
    server.kubectl(&["wait", "--for=condition=Established", "crd/things.example.com"]);
    server.apply(
        r#"{kind: Thing, apiVersion: example.com/v1alpha1, metadata: {name: old, namespace: pay}, spec: {size: 3}}"#,
    );
    server.apply(&definition(json!([version("v1alpha1", false, false), version("v1", true, true)])));
}

/// What a new cluster has otherwise, by JSON pointer.
fn differs(kind: &str) -> &'static [&'static str] {
    match kind {
        "Service" => &["/spec/clusterIP", "/spec/clusterIPs"],
        "Thing" => &["/apiVersion"],
        "Job" => &["/spec/selector/matchLabels", "/spec/template/metadata/labels"],
        "Pod" => &[
            "/spec/nodeName",
            "/spec/volumes",
            "/spec/containers/0/volumeMounts",
            "/spec/initContainers/0/volumeMounts",
        ],
        "PersistentVolume" => &["/spec/claimRef/uid", "/spec/claimRef/resourceVersion"],
        _ => &[],
    }
}

/// All of an object but what a server sets.
fn said_by_people(object: &Value) -> Value {
    let mut object = object.clone();
    let mut metadata = serde_json::json!({});
    for name in ["name", "namespace", "labels"] {
        metadata[name] = object["metadata"][name].clone();
    }
    let notes = |name: &str| {
        ["last-applied", "/revision", "template.generation", "pv.kubernetes.io/"].iter().any(|note| name.contains(note))
    };
    let annotations = object["metadata"]["annotations"].as_object();
    metadata["annotations"] = annotations
        .into_iter()
        .flatten()
        .filter(|(name, _)| !notes(name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if object["kind"] == "Job" {
        metadata["labels"] = Value::Null;
    }
    object["metadata"] = metadata;
    object["status"] = Value::Null;
    for pointer in differs(object["kind"].as_str().unwrap()) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|parent| parent.remove(name));
    }
    object
}

/// Runs the commands that an export prints as next; each of the files is applied, and definitions before that, too.
fn apply(server: &Apiserver<'_>, next: &str, files: &BTreeMap<String, String>) {
    let command = server.command(&[]);
    let words: Vec<_> = command.get_args().map(|arg| format!("'{}'", arg.to_str().unwrap())).collect();
    let kubectl = format!("kubectl() {{ {} {} \"$@\"; }}", command.get_program().to_str().unwrap(), words.join(" "));
    let script: Vec<_> = next.lines().map(str::trim).filter(|line| line.starts_with("kubectl ")).collect();
    let applied = Command::new("sh").args(["-ec", &format!("{kubectl}\n{}", script.join("\n"))]).output().unwrap();
    let said = succeeded(&applied);
    let definitions = files.keys().filter(|name| name.starts_with("customresourcedefinition-")).count();
    assert_eq!(script.len(), if definitions > 0 { 3 } else { 1 }, "{next}");
    let applied = said.lines().filter(|line| line.ends_with(" serverside-applied")).count();
    assert_eq!(applied, files.len() + definitions, "{said}");
}

#[test]
fn what_is_exported_applies_and_stays() {
    let Some(peers) = Peers::find_kube("what_is_exported_applies_and_stays") else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    lived(&peers, dir.path(), &at("a.db"));
    let (files, next) = export(&at("a.db"), &at("of a"), &[]);
    let manifest = fs::read_to_string(at("of a").join("MANIFEST")).unwrap();
    assert!(!files.keys().any(|name| name.starts_with("serviceaccount-kube-system-")), "{:?}", files.keys());

    let etcd = Etcd::start(&peers, "36");
    let (server, _controllers) = Apiserver::start_with_controllers(&peers, &etcd);
    // some with what they need come first, into a cluster that holds nothing yet; then what was being deleted
    let (some, next_of_some) = export(&at("a.db"), &at("some"), &["deploy,sts,widgets,things", "--with-deps"]);
    apply(&server, &next_of_some, &some);
    let (going, next_of_going) = export(&at("a.db"), &at("going"), &["-n", "going"]);
    apply(&server, &next_of_going, &going);
    assert_eq!(going.keys().collect::<Vec<_>>(), ["configmap-going-held.json", "namespace-going.json"]);
    apply(&server, &next, &files);

    let start = Instant::now();
    sleep(stays());
    eprintln!("{} objects applied, looked at after {} s", files.len() + going.len(), start.elapsed().as_secs());
    etcd.ctl(&["snapshot", "save", path(&at("b.db"))]);
    let (a, b) = (objects(&at("a.db")), objects(&at("b.db")));
    for file in files.values() {
        let name = called(&serde_json::from_str(file).unwrap());
        let now = b.get(&name).unwrap_or_else(|| panic!("{name} is gone"));
        assert_eq!(now["metadata"]["deletionTimestamp"], Value::Null, "{name}");
        assert_ne!(now["metadata"]["uid"], a[&name]["metadata"]["uid"], "{name}");
        assert_eq!(said_by_people(now), said_by_people(&a[&name]), "{name}");
    }
    // they are alive, too
    assert_eq!(b["PersistentVolumeClaim pay/bound"]["status"]["phase"], "Bound");
    assert_eq!(b["Deployment shop/web"]["status"]["replicas"], 3);
    assert_eq!(b["Endpoints pay/by-hand"]["subsets"], a["Endpoints pay/by-hand"]["subsets"]);
    assert_eq!(b["ConfigMap shop/owned"]["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(b["Thing pay/old"]["apiVersion"], "example.com/v1");
    for called in ["Namespace /going", "ConfigMap going/held"] {
        assert_ne!(a[called]["metadata"]["deletionTimestamp"], Value::Null, "{called}");
        assert_eq!(b[called]["metadata"]["deletionTimestamp"], Value::Null, "{called}");
    }
    for (called, why) in LEFT_OUT {
        let line = manifest.lines().find(|line| line.starts_with(&format!("# {called}: ")));
        assert!(line.is_some_and(|line| line.contains(why)), "{called}: {line:?}");
    }
    let (mut again, _) = export(&at("b.db"), &at("of b"), &[]);
    again.retain(|name, _| !going.contains_key(name));
    assert_eq!(again.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (name, file) in &files {
        assert_eq!(&again[name], file, "{name}");
    }
}
