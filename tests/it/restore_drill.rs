//! The drill: a Kubernetes cluster is lost and comes back from its backup, with a real kube-apiserver in front.

use std::{
    path::Path,
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
};
use tempfile::TempDir;

impl Apiserver<'_> {
    /// Every object with its uid, but those that the control plane writes again and again.
    fn objects(&self) -> Vec<String> {
        let kinds = self.kubectl(&["api-resources", "--verbs", "list", "--output", "name"]);
        let lasting = |kind: &&str| {
            !["componentstatuses", "events", "events.events.k8s.io"].contains(kind) && !kind.starts_with("leases.")
        };
        let kinds = kinds.lines().filter(lasting).collect::<Vec<_>>().join(",");
        let each =
            r#"jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.uid}{"\n"}{end}"#;
        let mut objects: Vec<String> =
            self.kubectl(&["get", &kinds, "--all-namespaces", "--output", each]).lines().map(str::to_owned).collect();
        objects.sort();
        objects
    }

    /// A watch of `resource` from `revision` on, which ends after five seconds.
    fn watch(&self, resource: &str, revision: u64) -> Child {
        let path = format!("/api/v1/namespaces/drill/{resource}?watch=1&timeoutSeconds=5&resourceVersion={revision}");
        self.command(&["get", "--raw", &path]).spawn().unwrap()
    }

    /// The revision that a list of what is there now carries.
    fn revision(&self) -> u64 {
        let list = "/api/v1/namespaces/drill/configmaps?limit=1";
        let list: serde_json::Value = serde_json::from_str(&self.kubectl(&["get", "--raw", list])).unwrap();
        list.pointer("/metadata/resourceVersion").unwrap().as_str().unwrap().parse().unwrap()
    }
}

const OBJECTS: &str = r#"
{kind: Namespace, apiVersion: v1, metadata: {name: drill}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: settings, namespace: drill}, data: {color: blue}}
---
{kind: Secret, apiVersion: v1, metadata: {name: password, namespace: drill}, stringData: {password: hunter2}}
---
{kind: Pod, apiVersion: v1, metadata: {name: worker, namespace: drill}, spec: {containers: [{name: c, image: i}]}}
---
kind: CustomResourceDefinition
apiVersion: apiextensions.k8s.io/v1
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
"#;
const WIDGET: &str = "{kind: Widget, apiVersion: acme.io/v1, metadata: {name: one, namespace: drill}, spec: {size: 5}}";

fn config_map(name: &str) -> String {
    format!("{{kind: ConfigMap, apiVersion: v1, metadata: {{name: {name}, namespace: drill}}}}")
}

fn event(name: &str) -> String {
    let involved = "involvedObject: {kind: Pod, name: worker, namespace: drill}";
    format!("{{kind: Event, apiVersion: v1, metadata: {{name: {name}, namespace: drill}}, {involved}}}")
}

/// All that a watch said until it ended.
#[track_caller]
fn said(watch: Child) -> String {
    let output = watch.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{}{stderr}", String::from_utf8_lossy(&output.stdout))
}

fn restore(snapshot: &Path, data_dir: &Path, flags: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcdsnap"));
    command.arg("restore").arg(snapshot).arg("--data-dir").arg(data_dir).args(["--member", "m1"]).args(flags);
    succeeded(&command.output().unwrap());
}

/// Tries until it holds, or 60 seconds are over.
fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() && start.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_secs(2));
    }
}

#[test]
fn a_cluster_comes_back_from_its_backup() {
    let Some(peers) = Peers::find_kube("a_cluster_comes_back_from_its_backup") else { return };
    let home = TempDir::new().unwrap();
    let snapshot = home.path().join("backup.db");

    let etcd = Etcd::start(&peers, "36");
    let server = Apiserver::start(&peers, &etcd);
    server.apply(OBJECTS);
    server.kubectl(&["wait", "--for", "condition=established", "crd/widgets.acme.io"]);
    server.apply(WIDGET);
    let mut backed_up = Vec::new();
    until(|| std::mem::replace(&mut backed_up, server.objects()) == backed_up); // it goes on writing after its start
    etcd.ctl(&["snapshot", "save", snapshot.to_str().unwrap()]);

    server.kubectl(&["delete", "pod", "worker", "--namespace", "drill"]);
    server.apply(&config_map("late"));
    let head = server.revision();
    etcd.try_ctl(&["check", "datascale"]); // thousands of puts, more than a start of the apiserver makes
    let handed_out = server.revision();
    assert!(handed_out > head + 5000, "{head} to {handed_out}");
    drop(server);
    etcd.kill();

    for (name, version, flags) in [
        ("as it was", "36", [].as_slice()),
        ("bumped", "37", ["--bump-revision", "1000000", "--mark-compacted"].as_slice()),
    ] {
        let data_dir = home.path().join(name);
        restore(&snapshot, &data_dir, flags);
        let etcd = Etcd::start_on(&peers, version, Some(&data_dir), &[]).unwrap();
        let server = Apiserver::start(&peers, &etcd);

        let mut restored = Vec::new();
        until(|| {
            restored = server.objects();
            restored == backed_up
        });
        assert_eq!(restored, backed_up, "{name}");
        let pods = server.kubectl(&["get", "pods", "--namespace", "drill", "--output", "name"]);
        assert_eq!(pods, "pod/worker\n", "{name}");

        // one that the apiserver answers from its watch cache, one for which it asks etcd each time
        for (resource, object) in [("configmaps", config_map("new")), ("events", event("new"))] {
            let now = server.revision();
            let old = server.watch(resource, handed_out);
            sleep(Duration::from_secs(1));
            server.apply(&object);
            let fresh = server.watch(resource, now);
            let (old, fresh) = (said(old), said(fresh));
            if flags.is_empty() {
                assert!(server.revision() < handed_out, "{name}: no longer a revision to come");
                assert_eq!(old, "", "{name}, {resource}");
            } else {
                assert!(old.contains(r#""reason":"Expired","code":410"#), "{name}, {resource}: {old}");
            }
            assert!(fresh.contains(r#""type":"ADDED""#) && fresh.contains(r#""name":"new""#), "{name}: {fresh}");
        }
    }
}
