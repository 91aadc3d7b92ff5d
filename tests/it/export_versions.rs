//! The version of an exported object is one that a default cluster serves, and means there what it meant before: a real
//! API server reads the old version from its etcd, takes the exported one, and has the same of both.

use std::{collections::BTreeMap, fs, path::Path};

use crate::common::{
    Etcd, Peers,
    apiserver::{Apiserver, succeeded},
    etcdsnap,
    tree::ended,
};
use etcdsnap::k8s::Resources;
use serde_json::{Value, json};

/// An object of this key, version, kind and name, with more fields.
fn object(key: &str, api_version: &str, kind: &str, more: &Value) -> (String, Value) {
    let mut parts = key.rsplit('/');
    let name = parts.next().unwrap();
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": "2022-01-01T00:00:00Z"},
    });
    if parts.next() == Some("default") {
        object["metadata"]["namespace"] = "default".into();
    }
    for (name, value) in more.as_object().unwrap() {
        match name.as_str() {
            "annotations" => object["metadata"][name] = value.clone(),
            _ => object[name] = value.clone(),
        }
    }
    (key.to_owned(), object)
}

/// A CustomResourceDefinition with the versions v1alpha1, no longer served, and v1.
fn definition(plural: &str, more: &Value) -> (String, Value) {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}});
    let mut spec = json!({
        "group": "example.com", "scope": "Cluster", "names": {"plural": plural, "kind": plural, "listKind": format!("{plural}list"), "singular": plural},
        "versions": [
            {"name": "v1alpha1", "served": false, "storage": false, "schema": schema},
            {"name": "v1", "served": true, "storage": true, "schema": schema},
        ],
    });
    for (name, value) in more.as_object().unwrap() {
        spec[name] = value.clone();
    }
    let key = format!("apiextensions.k8s.io/customresourcedefinitions/{plural}.example.com");
    object(&key, "apiextensions.k8s.io/v1", "CustomResourceDefinition", &json!({"spec": spec}))
}

fn budget(name: &str, selector: &Value) -> (String, Value) {
    let spec = json!({"spec": {"minAvailable": 1, "selector": selector}});
    object(&format!("poddisruptionbudgets/default/{name}"), "policy/v1beta1", "PodDisruptionBudget", &spec)
}

fn level(name: &str, annotations: &Value, limited: &Value) -> (String, Value) {
    let more = json!({"annotations": annotations, "spec": {"type": "Limited", "limited": limited}});
    let key = format!("prioritylevelconfigurations/{name}");
    object(&key, "flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration", &more)
}

fn webhook(name: &str, kind: &str, more: &Value) -> (String, Value) {
    let mut webhook = json!({
        "name": "w.example.com", "sideEffects": "None", "clientConfig": {"url": "https://127.0.0.1:1/x"},
        "rules": [{"operations": ["CREATE"], "apiGroups": ["nobody.example.com"], "apiVersions": ["*"], "resources": ["x"]}],
    });
    for (name, value) in more.as_object().unwrap() {
        webhook[name] = value.clone();
    }
    let key = format!("{}s/{name}", kind.to_lowercase());
    object(&key, "admissionregistration.k8s.io/v1beta1", kind, &json!({"webhooks": [webhook]}))
}

/// What another version has, with the same meaning.
fn same() -> Vec<(String, Value)> {
    let none = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";
    let job = json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}});
    let zero = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
    let flow = json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 900}});
    vec![
        budget("nothing", &json!({})),
        budget("all", &json!({"matchExpressions": [{"key": none, "operator": "DoesNotExist"}]})),
        budget("some", &json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": none, "operator": "Exists"}]})),
        budget("null", &Value::Null),
        level(
            "default-shares",
            &json!({}),
            &json!({"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}),
        ),
        level(
            "zero-shares",
            &json!({zero: ""}),
            &json!({"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}),
        ),
        level("no-shares", &json!({}), &json!({"limitResponse": {"type": "Reject"}})),
        level(
            "some-shares",
            &json!({}),
            &json!({"nominalConcurrencyShares": 5, "limitResponse": {"type": "Queue", "queuing": {}}}),
        ),
        object("flowschemas/flow", "flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", &flow),
        webhook("defaults", "ValidatingWebhookConfiguration", &json!({})),
        webhook("defaults", "MutatingWebhookConfiguration", &json!({})),
        webhook(
            "own",
            "MutatingWebhookConfiguration",
            &json!({"failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 3, "admissionReviewVersions": ["v1"], "reinvocationPolicy": "IfNeeded"}),
        ),
        object(
            "cronjobs/default/nightly",
            "batch/v1beta1",
            "CronJob",
            &json!({"spec": {"schedule": "0 3 * * *", "jobTemplate": job}}),
        ),
        object("runtimeclasses/gvisor", "node.k8s.io/v1beta1", "RuntimeClass", &json!({"handler": "runsc"})),
        object("priorityclasses/high", "scheduling.k8s.io/v1beta1", "PriorityClass", &json!({"value": 5})),
        object(
            "storageclasses/fast",
            "storage.k8s.io/v1beta1",
            "StorageClass",
            &json!({"provisioner": "csi.example.com"}),
        ),
        object(
            "csidrivers/csi.example.com",
            "storage.k8s.io/v1beta1",
            "CSIDriver",
            &json!({"spec": {"attachRequired": false}}),
        ),
        object(
            "roles/default/reader",
            "rbac.authorization.k8s.io/v1beta1",
            "Role",
            &json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        object(
            "clusterrolebindings/readers",
            "rbac.authorization.k8s.io/v1beta1",
            "ClusterRoleBinding",
            &json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "readers"}],
            }),
        ),
        object(
            "networkpolicies/default/none",
            "extensions/v1beta1",
            "NetworkPolicy",
            &json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
        ),
        object(
            "deployments/default/old",
            "apps/v1beta2",
            "Deployment",
            &json!({"spec": {
                "replicas": 0, "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            }}),
        ),
        object("example.com/plain/one", "example.com/v1alpha1", "plain", &json!({"spec": {"size": 3}})),
        object("example.com/plain/two", "example.com/v1", "plain", &json!({"spec": {"size": 4, "colour": "red"}})),
    ]
}

/// What no other version has, and why.
fn differs() -> Vec<((String, Value), &'static str)> {
    let ingress =
        json!({"spec": {"rules": [{"http": {"paths": [{"backend": {"serviceName": "web", "servicePort": 80}}]}}]}});
    let shares = json!({"spec": {"type": "Limited", "limited": {"assuredConcurrencyShares": 5}}});
    let scaler = json!({"spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "old", "apiVersion": "apps/v1"}, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 5}}]}});
    let webhooks = json!({"conversion": {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/x"}}}});
    let unserved = json!({"versions": [{"name": "v1alpha1", "served": false, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]});
    let lacks = |plural: &str| {
        object(&format!("example.com/{plural}/one"), "example.com/v1alpha1", plural, &json!({"spec": {"size": 3}}))
    };
    vec![
        (
            object("ingress/default/web", "networking.k8s.io/v1beta1", "Ingress", &ingress),
            "stored as networking.k8s.io/v1beta1; networking.k8s.io/v1 has no field spec.rules[0].http.paths[0].backend.serviceName",
        ),
        (
            object("podsecuritypolicy/restricted", "policy/v1beta1", "PodSecurityPolicy", &json!({"spec": {}})),
            "stored as policy/v1beta1, and no version of the kind is stable",
        ),
        (
            object(
                "prioritylevelconfigurations/old",
                "flowcontrol.apiserver.k8s.io/v1beta1",
                "PriorityLevelConfiguration",
                &shares,
            ),
            "flowcontrol.apiserver.k8s.io/v1 has no field spec.limited.assuredConcurrencyShares",
        ),
        (
            object("horizontalpodautoscalers/default/old", "autoscaling/v2beta1", "HorizontalPodAutoscaler", &scaler),
            "autoscaling/v2 has no field spec.metrics[0].resource.targetAverageUtilization",
        ),
        (
            webhook("unknown", "ValidatingWebhookConfiguration", &json!({"sideEffects": "Unknown"})),
            "admissionregistration.k8s.io/v1 refuses sideEffects Unknown of a webhook",
        ),
        (definition("converted", &webhooks), ""),
        (
            lacks("converted"),
            "stored as example.com/v1alpha1; only the conversion webhook of its CustomResourceDefinition converts it to a version that is served",
        ),
        (definition("unserved", &unserved), ""),
        (lacks("unserved"), "stored as example.com/v1alpha1; its CustomResourceDefinition serves no version"),
        (
            definition("free", &json!({"preserveUnknownFields": true})),
            "apiextensions.k8s.io/v1 refuses it: its preserveUnknownFields is true",
        ),
        (
            definition("schemaless", &json!({"versions": [{"name": "v1", "served": true, "storage": true}]})),
            "apiextensions.k8s.io/v1 refuses it: its version v1 has no schema",
        ),
    ]
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn backup(etcd: &Etcd<'_>, objects: impl IntoIterator<Item = (String, Value)>, file: &Path) {
    objects.into_iter().for_each(|(key, object)| etcd.store(&key, &object));
    etcd.ctl(&["snapshot", "save", path(file)]);
}

/// What an API server answers for an object, without what differs in each: by path of its API.
fn answers(server: &Apiserver<'_>, objects: &[(String, Value)]) -> BTreeMap<String, Value> {
    let answer = |(key, _): &(String, Value)| {
        let mut parts = key.rsplit('/');
        let (name, place) = (parts.next().unwrap(), parts.next().unwrap());
        let resource = if place == "default" { parts.next().unwrap() } else { place };
        let group = if key.starts_with("example.com/") { ".example.com" } else { "" };
        let call = format!("{resource}{group}/{name}");
        let mut object: Value =
            serde_json::from_str(&server.kubectl(&["get", "-n", "default", "-o", "json", &call])).unwrap();
        for name in ["uid", "creationTimestamp", "resourceVersion", "generation", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(name);
        }
        if object["metadata"]["annotations"] == json!({}) {
            object["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        object["status"] = Value::Null;
        (call, object)
    };
    objects.iter().map(answer).collect()
}

#[test]
fn what_an_api_server_makes_of_both_versions_is_the_same() {
    let Some(peers) = Peers::find_kube("what_an_api_server_makes_of_both_versions_is_the_same") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("a.db"), dir.path().join("out"));
    let etcd = Etcd::start(&peers, "36");
    let server = Apiserver::start(&peers, &etcd);
    server.apply(&definition("plain", &json!({})).1.to_string());
    server.kubectl(&["wait", "--for=condition=Established", "crd/plain.example.com"]);
    let objects = same();
    backup(&etcd, objects.clone(), &file);
    let before = answers(&server, &objects);

    let output = etcdsnap(["export", path(&file), "-o", "json", "--to", path(&to)]);
    let said = succeeded(&output);
    assert!(said.contains("1 object stored as example.com/v1alpha1, exported as example.com/v1\n"), "{said}");
    assert!(
        said.contains(
            "3 objects stored as admissionregistration.k8s.io/v1beta1, exported as admissionregistration.k8s.io/v1\n"
        ),
        "{said}"
    );
    // which the API server does not show either
    assert!(said.contains("1 object exported without fields that their definitions do not have\n"), "{said}");
    let manifest = fs::read_to_string(to.join("MANIFEST")).unwrap();
    let line = "# plain two: exported without fields that its definition does not have: spec.colour\n";
    assert!(manifest.contains(line), "{manifest}");
    for (key, _) in &objects {
        etcd.ctl(&["del", &format!("/registry/{key}")]);
    }
    server.kubectl(&["apply", "--server-side", "-f", path(&to)]);
    let after = answers(&server, &objects);
    for (name, object) in &before {
        assert_eq!(&after[name], object, "{name}");
    }

    discovered(&server);
    refused_by_server_side_apply(&server, &etcd, dir.path());
}

/// What is stable is served by default, and nothing else is: that is the rule.
fn discovered(server: &Apiserver<'_>) {
    let versions = server.kubectl(&["api-versions"]);
    let is_stable = |version: &str| version.rsplit('/').next().unwrap()[1..].parse::<u32>().is_ok();
    let unstable: Vec<_> = versions.lines().filter(|version| !is_stable(version)).collect();
    assert_eq!(unstable, [""; 0]);
    let resources = server.kubectl(&["api-resources", "--no-headers", "-o", "name"]);
    let lacking: Vec<_> = Resources::default()
        .all()
        .iter()
        .filter(|resource| resource.versions.iter().any(|version| is_stable(&format!("x/{}", version.name))))
        .map(etcdsnap::k8s::Resource::full_name)
        .filter(|name| !resources.lines().any(|served| served == name))
        .collect();
    // kubectl and Kubernetes 1.36 are asked, and these became stable later
    let later = [
        "clustertrustbundles.certificates.k8s.io",
        "devicetaintrules.resource.k8s.io",
        "podcertificaterequests.certificates.k8s.io",
        "storageversionmigrations.storagemigration.k8s.io",
    ];
    assert!(lacking.iter().all(|name| later.contains(&name.as_str())), "{lacking:?}");
}

/// What `--server-side` refuses is accepted without it, as the export prints.
fn refused_by_server_side_apply(server: &Apiserver<'_>, etcd: &Etcd<'_>, dir: &Path) {
    let spec = json!({
        "replicas": 0, "selector": {"matchLabels": {"t": "w"}},
        "template": {"metadata": {"labels": {"t": "w"}}, "spec": {"containers": [
            {"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        ]}},
    });
    let (_, twice) = object("deployments/default/twice", "apps/v1", "Deployment", &json!({"spec": spec}));
    server.apply(&twice.to_string());
    etcd.ctl(&["snapshot", "save", path(&dir.join("twice.db"))]);
    server.kubectl(&["delete", "deployment", "twice", "-n", "default"]);
    let to = dir.join("twice");
    let said = succeeded(&etcdsnap(["export", path(&dir.join("twice.db")), "deploy/twice", "--to", path(&to)]));
    assert!(said.contains("1 object to apply without --server-side"), "{said}");
    let refused = server.try_kubectl(&["apply", "--server-side", "-f", path(&to)], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("duplicate entries"), "{refused:?}");
    server.kubectl(&["apply", "-f", path(&to)]);
}

#[test]
fn what_has_no_version_that_is_served_is_left_out() {
    let Some(peers) = Peers::find("what_has_no_version_that_is_served_is_left_out") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (file, to) = (dir.path().join("a.db"), dir.path().join("out"));
    let etcd = Etcd::start(&peers, "36");
    let objects = differs();
    backup(&etcd, objects.iter().map(|(object, _)| object.clone()), &file);
    drop(etcd);
    let said = succeeded(&etcdsnap(["export", path(&file), "--to", path(&to)]));
    assert!(said.contains("9 not served by default: --exact exports it as it is stored\n"), "{said}");
    let manifest = fs::read_to_string(to.join("MANIFEST")).unwrap();
    for ((key, _), why) in objects.iter().filter(|(_, why)| !why.is_empty()) {
        let name = key.rsplit('/').next().unwrap();
        let line = manifest
            .lines()
            .find(|line| line.starts_with("# ") && line.contains(&format!("{name}: ")) && line.ends_with(why));
        assert!(line.is_some(), "{key}: {why}\n{manifest}");
    }
    // for the cluster that it is from, and with everything, each is as it is stored
    for flag in ["--exact", "--all"] {
        let output = etcdsnap(["export", path(&file), flag, "--to", "-", "-o", "json"]);
        let stream = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
        let mut versions: Vec<_> =
            stream.map(|object| object.unwrap()["apiVersion"].as_str().unwrap().to_owned()).collect();
        let mut stored: Vec<_> =
            objects.iter().map(|((_, of), _)| of["apiVersion"].as_str().unwrap().to_owned()).collect();
        versions.sort();
        stored.sort();
        assert_eq!(versions, stored, "{flag}");
        let (_, said) = ended(&output);
        assert_eq!(
            said.contains("9 objects exported in a version that no cluster serves by default"),
            flag == "--all",
            "{said}"
        );
    }
}
