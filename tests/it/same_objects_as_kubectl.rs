//! Promise 4: every object as kubectl shows it. A real kube-apiserver serves the Kubernetes fixture and more; what kubectl
//! says about each resource is held against what a snapshot of its etcd says.

use std::{collections::BTreeMap, process::Command};

use crate::common::{Etcd, Peers, apiserver::Apiserver};
use serde_json::Value;

/// Kinds that the fixture has no object of.
const MORE: &str = r#"
{kind: RuntimeClass, apiVersion: node.k8s.io/v1, metadata: {name: fast}, handler: runc, overhead: {podFixed: {cpu: 250m, memory: 64Mi}}, scheduling: {nodeSelector: {disk: ssd}, tolerations: [{key: a, operator: Exists}]}}
---
{kind: PodTemplate, apiVersion: v1, metadata: {name: more, namespace: default}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i, resources: {limits: {cpu: "1", memory: 1.5Gi}}, env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}], restartPolicy: Always}}}
---
{kind: ReplicationController, apiVersion: v1, metadata: {name: more, namespace: default}, spec: {replicas: 0, selector: {a: b}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}
---
{kind: ResourceQuota, apiVersion: v1, metadata: {name: more, namespace: default}, spec: {hard: {pods: "10", requests.cpu: "1.5", count/configmaps: 100}, scopeSelector: {matchExpressions: [{operator: Exists, scopeName: PriorityClass}]}}}
---
{kind: VolumeAttachment, apiVersion: storage.k8s.io/v1, metadata: {name: more}, spec: {attacher: csi.example, nodeName: "n", source: {persistentVolumeName: pv}}}
---
{kind: CSIDriver, apiVersion: storage.k8s.io/v1, metadata: {name: more.csi.example}, spec: {attachRequired: false, podInfoOnMount: true, tokenRequests: [{audience: a, expirationSeconds: 3600}], volumeLifecycleModes: [Persistent, Ephemeral]}}
---
{kind: PersistentVolume, apiVersion: v1, metadata: {name: more}, spec: {capacity: {storage: 1.5Gi}, accessModes: [ReadWriteOnce], csi: {driver: d, volumeHandle: h, volumeAttributes: {a: b}}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: k, operator: In, values: [v]}]}]}}, persistentVolumeReclaimPolicy: Retain}}
---
{kind: HorizontalPodAutoscaler, apiVersion: autoscaling/v2, metadata: {name: more, namespace: default}, spec: {maxReplicas: 9, scaleTargetRef: {kind: Deployment, name: d, apiVersion: apps/v1}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}, {type: External, external: {metric: {name: q, selector: {matchLabels: {a: b}}}, target: {type: Value, value: 1500m}}}], behavior: {scaleDown: {stabilizationWindowSeconds: 0, policies: [{type: Percent, value: 10, periodSeconds: 60}]}}}}
---
{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: more, namespace: default}, spec: {podSelector: {}, ingress: [{}, {from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: web}, {port: 80, endPort: 90, protocol: UDP}]}], policyTypes: [Ingress, Egress]}}
---
{kind: FlowSchema, apiVersion: flowcontrol.apiserver.k8s.io/v1, metadata: {name: more}, spec: {matchingPrecedence: 9000, priorityLevelConfiguration: {name: global-default}, distinguisherMethod: {type: ByUser}, rules: [{subjects: [{kind: Group, group: {name: g}}], resourceRules: [{verbs: ["*"], apiGroups: [""], resources: [pods], namespaces: ["*"]}]}]}}
---
{kind: ValidatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: more}, webhooks: [{name: w.example.com, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore, clientConfig: {url: "https://w.example.com/x"}, rules: [{operations: [CREATE], apiGroups: [example.com], apiVersions: ["*"], resources: [things]}], matchConditions: [{name: c, expression: "true"}]}]}
---
{kind: IngressClass, apiVersion: networking.k8s.io/v1, metadata: {name: more}, spec: {controller: example.com/c, parameters: {kind: P, name: p, apiGroup: example.com, scope: Cluster}}}
---
{kind: Endpoints, apiVersion: v1, metadata: {name: more, namespace: default}, subsets: [{addresses: [{ip: 10.2.3.4, hostname: h}], notReadyAddresses: [{ip: 10.2.3.5}], ports: [{name: p, port: 80, protocol: TCP, appProtocol: h2c}]}]}
---
{kind: PriorityClass, apiVersion: scheduling.k8s.io/v1, metadata: {name: more}, value: -5, preemptionPolicy: Never, description: "<&> \u2028"}
---
{kind: CronJob, apiVersion: batch/v1, metadata: {name: more, namespace: default}, spec: {schedule: "*/5 * * * *", timeZone: Etc/UTC, suspend: true, concurrencyPolicy: Replace, jobTemplate: {spec: {backoffLimitPerIndex: 1, completionMode: Indexed, completions: 3, parallelism: 2, podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget, status: "True"}]}]}, template: {spec: {restartPolicy: Never, containers: [{name: c, image: i, command: ["sh", "-c", "echo 'a\n\tb'"]}]}}}}}}
---
{kind: Secret, apiVersion: v1, metadata: {name: more, namespace: default}, type: kubernetes.io/basic-auth, data: {username: YQ==, password: AAEC/w==}}
---
{kind: ConfigMap, apiVersion: v1, metadata: {name: more, namespace: default, annotations: {a: "é 日本 \u0001 \\ \""}}, immutable: true, data: {"n": "y", "multi": "a\n b\n\n"}, binaryData: {b: /w==}}
"#;

/// Objects by namespace and name.
fn items(list: &Value) -> BTreeMap<(String, String), Value> {
    let of = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| ((of(item, "namespace"), of(item, "name")), item.clone())).collect()
}

#[test]
fn every_object_is_what_kubectl_says() {
    let Some(peers) = Peers::find_kube("every_object_is_what_kubectl_says") else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let ours = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_etcdsnap")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    ours(&["restore", "fixtures/kube.db", "--data-dir", &at("data"), "--member", "m1", "--bump-revision", "1000000"]);
    let etcd = Etcd::start_on(&peers, "36", Some(&dir.path().join("data")), &[]).unwrap();
    let server = Apiserver::start(&peers, &etcd);
    server.apply(MORE);
    let resources = server.kubectl(&["api-resources", "--verbs", "list", "--output", "name"]);
    let mut theirs = BTreeMap::new();
    for resource in resources.lines() {
        // Events are stored as v1; ComponentStatuses are not stored.
        if !matches!(resource, "componentstatuses" | "events.events.k8s.io") {
            let list = server.kubectl(&["get", resource, "--all-namespaces", "--output", "json"]);
            theirs.insert(resource, items(&serde_json::from_str(&list).unwrap()));
        }
    }
    let saved = at("saved.db");
    etcd.ctl(&["snapshot", "save", &saved]);
    let (mut same, mut kinds, mut moved) = (0, 0, Vec::new());
    for (resource, theirs) in theirs {
        let mine = items(&serde_json::from_slice(&ours(&["get", &saved, resource, "-o", "json"])).unwrap());
        kinds += usize::from(!theirs.is_empty());
        for (name, want) in &theirs {
            let have = mine.get(name).unwrap_or_else(|| panic!("{resource} {name:?} is missing"));
            if want["metadata"]["resourceVersion"] == have["metadata"]["resourceVersion"] {
                assert!(have == want, "{resource} {name:?}:\n{have}\n{want}");
                same += 1;
            } else {
                moved.push(format!("{resource} {name:?}"));
            }
        }
        let surplus: Vec<_> = mine.keys().filter(|name| !theirs.contains_key(name)).collect();
        assert!(
            surplus.is_empty() || matches!(resource, "events" | "leases.coordination.k8s.io"),
            "{resource} {surplus:?}"
        );
    }
    assert!(moved.len() < 20, "too many moved on: {moved:?}");
    assert!(same > 200 && kinds > 45, "{same} objects of {kinds} resources");
}
