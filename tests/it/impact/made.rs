//! Objects for the tests of `impact`.

use serde_json::{Value, json};

pub fn volume(name: &str, claim: Option<&str>) -> Value {
    let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Delete",
        "csi": {"driver": "d.example", "volumeHandle": format!("disk-{name}")}}});
    if let Some(claim) = claim {
        volume["spec"]["claimRef"] = json!({"namespace": "default", "name": claim});
    }
    volume
}

pub fn attachment(name: &str, volume: &str, node: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": name},
        "spec": {"attacher": "d.example", "nodeName": node, "source": {"persistentVolumeName": volume}}})
}

pub fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
}

pub fn pod(name: &str, node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}})
}

pub fn secret(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"},
        "stringData": {"a": value}})
}

pub fn certificate(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "default"},
        "type": "kubernetes.io/tls", "stringData": {"tls.crt": value, "tls.key": value}})
}

pub fn bootstrap_token() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
        "stringData": {"token-id": "abcdef", "token-secret": "0123456789abcdef"}})
}

pub fn token(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": name, "namespace": "default",
        "annotations": {"kubernetes.io/service-account.name": "kept"}}})
}

pub fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}})
}

pub fn service(name: &str, kind: &str, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "nodePort": port}]}})
}

pub fn lease(holder: &str) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader", "namespace": "default"},
        "spec": {"holderIdentity": holder}})
}

pub fn definition(plural: &str, versions: &[&str], webhook: bool) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let version =
        |(n, name): (usize, &&str)| json!({"name": name, "served": true, "storage": n == 0, "schema": schema});
    let versions: Vec<_> = versions.iter().enumerate().map(version).collect();
    let kind = plural.trim_end_matches('s').to_uppercase();
    let mut definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.acme.io")}, "spec": {"group": "acme.io", "scope": "Namespaced",
        "versions": versions, "names": {"plural": plural, "kind": kind}}});
    if webhook {
        let client = json!({"service": {"name": "nowhere", "namespace": "default"}});
        definition["spec"]["conversion"] =
            json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}});
    }
    definition
}

/// A webhook about a kind that the tests write on the restored cluster alone.
pub fn webhook(service: &str, policy: &str, bundle: &str) -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": format!("hook-{service}")}, "webhooks": [{"name": "a.acme.io", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "failurePolicy": policy,
        "clientConfig": {"service": {"name": service, "namespace": "default"}, "caBundle": bundle},
        "rules": [{"apiGroups": ["acme.io"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["widgets"]}]}]})
}

pub fn api_service() -> Value {
    json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.late.example"},
        "spec": {"group": "late.example", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 1,
        "insecureSkipTLSVerify": true, "service": {"name": "backend", "namespace": "default"}}})
}

pub fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
