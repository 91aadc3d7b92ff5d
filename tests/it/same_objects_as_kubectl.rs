//! Promise 4: every object as kubectl shows it. A real kube-apiserver serves the Kubernetes fixture and more; what
//! kubectl prints for each resource is compared with what a snapshot of its etcd holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    thread::sleep,
    time::Duration,
};

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
    etcdsnap, restore,
};
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

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Compared {
    /// How many objects are the same.
    pub same: usize,
    /// Resources that have objects.
    pub kinds: BTreeSet<String>,
    /// Objects that were written between kubectl's answer and the snapshot.
    pub moved: Vec<String>,
    /// Resources that are stored in another version than discovery prefers; they are compared in this one.
    pub elsewhere: BTreeSet<String>,
    /// Those of a version that the server does not serve.
    pub unserved: BTreeSet<String>,
    /// Resources whose whole list is the same text.
    pub texts: usize,
}

/// Compares each object that `server` lists with what a snapshot of its etcd, saved as `saved`, has.
#[track_caller]
pub fn compare(server: &Apiserver<'_>, etcd: &Etcd<'_>, saved: &str) -> Compared {
    let list = |resource: &str| server.try_kubectl(&["get", resource, "--all-namespaces", "--output", "json"], "");
    let resources = server.kubectl(&["api-resources", "--verbs", "list", "--output", "name"]);
    let mut theirs = BTreeMap::new();
    for resource in resources.lines() {
        // Events are stored as v1; ComponentStatuses are not stored.
        if !matches!(resource, "componentstatuses" | "events.events.k8s.io") {
            theirs.insert(resource, succeeded(&list(resource)));
        }
    }
    etcd.ctl(&["snapshot", "save", saved]);
    let mut compared = Compared::default();
    for (resource, text) in theirs {
        let output = etcdsnap(["get", saved, resource, "-o", "json"]);
        compared.texts += usize::from(text.as_bytes() == output.stdout);
        let mut theirs = items(&serde_json::from_str(&text).unwrap());
        let mine = items(&serde_json::from_slice(&output.stdout).unwrap());
        assert!(output.stderr.is_empty(), "{resource}: {}", String::from_utf8_lossy(&output.stderr));
        compared.kinds.extend((!theirs.is_empty()).then(|| resource.to_owned()));
        // kubectl lists the version that discovery prefers, which need not be the one that is stored
        let versions =
            mine.iter().filter(|(name, have)| theirs.get(*name).is_some_and(|w| w["apiVersion"] != have["apiVersion"]));
        let versions: BTreeSet<String> =
            versions.map(|(_, have)| have["apiVersion"].as_str().unwrap().to_owned()).collect();
        for version in versions {
            let (plural, group) = resource.split_once('.').unwrap();
            let output = list(&format!("{plural}.{}.{group}", version.rsplit('/').next().unwrap()));
            if output.status.success() {
                compared.elsewhere.insert(format!("{resource} {version}"));
                let all = items(&serde_json::from_slice(&output.stdout).unwrap());
                theirs.extend(
                    all.into_iter()
                        .filter(|(name, _)| mine.get(name).is_some_and(|have| have["apiVersion"] == *version)),
                );
            } else {
                compared.unserved.insert(format!("{resource} {version}"));
                theirs.retain(|name, _| mine.get(name).is_none_or(|have| have["apiVersion"] != *version));
            }
        }
        for (name, want) in &theirs {
            let have = mine.get(name).unwrap_or_else(|| panic!("{resource} {name:?} is missing"));
            if want["metadata"]["resourceVersion"] == have["metadata"]["resourceVersion"] {
                assert!(have == want, "{resource} {name:?}:\n{have}\n{want}");
                compared.same += 1;
            } else {
                compared.moved.push(format!("{resource} {name:?}"));
            }
        }
        let surplus: Vec<_> = mine.keys().filter(|name| !theirs.contains_key(name)).collect();
        let comes_and_goes = matches!(resource, "events" | "leases.coordination.k8s.io");
        assert!(surplus.is_empty() || comes_and_goes || !compared.unserved.is_empty(), "{resource} {surplus:?}");
    }
    compared
}

#[test]
fn every_object_is_what_kubectl_says() {
    let Some(peers) = Peers::find_kube("every_object_is_what_kubectl_says") else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let data = at("data");
    restore(["fixtures/kube.db", "--data-dir", &data, "--member", "m1", "--bump-revision", "1000000"]);
    let etcd = Etcd::start_on(&peers, "36", Some(data.as_ref()), &[]).unwrap();
    let server = Apiserver::start(&peers, &etcd);
    server.apply(MORE);
    let Compared { same, kinds, moved, unserved, texts, .. } = compare(&server, &etcd, &at("saved.db"));
    assert!(moved.len() < 20, "too many moved on: {moved:?}");
    assert!(unserved.is_empty() && same > 200 && kinds.len() > 45, "{same} objects of {kinds:?}, {unserved:?}");
    assert!(texts > 40, "{texts} lists are the same text");
}

/// Those that are there of the releases that `.ci/versions.sh` builds; without any, this is no test.
#[test]
fn every_object_of_other_releases_is_what_their_kubectl_says() {
    let Some(peers) = Peers::find_kube("every_object_of_other_releases_is_what_their_kubectl_says") else { return };
    for release in peers.releases() {
        let of_release = peers.of_release(&release);
        let dir = tempfile::tempdir().unwrap();
        let etcd = Etcd::start(&peers, "36");
        let (server, controllers) = Apiserver::start_with_all(&of_release, &etcd);
        let fixture = fs::read_to_string("fixtures/objects.yaml").unwrap();
        let custom = fs::read_to_string("fixtures/custom-objects.yaml").unwrap();
        // what these have none of, in each version that a release between 1.29 and 1.37 serves
        let rest = fs::read_to_string("tests/it/rest.yaml").unwrap();
        // without the comment an older kubectl takes it for JSON
        let more = format!("# YAML\n{MORE}");
        // a Namespace has its ServiceAccount, and a definition its resource, after a moment
        for objects in [&fixture, &fixture, &custom, &more, &rest] {
            let output = server.try_kubectl(&["apply", "--validate=warn", "-f", "-"], objects);
            let refused = String::from_utf8_lossy(&output.stderr).into_owned();
            refused.lines().for_each(|line| println!("{release}: {line}"));
            sleep(Duration::from_secs(5));
        }
        sleep(Duration::from_secs(20)); // the controllers write for a while
        drop(controllers);
        let compared = compare(&server, &etcd, &dir.path().join("saved.db").display().to_string());
        println!("{release}: {compared:#?}");
        assert!(compared.moved.len() < 20, "too many moved on: {:?}", compared.moved);
        assert!(compared.same > 200 && compared.kinds.len() > 45, "{}", compared.kinds.len());
    }
}
