//! Objects that are left out, with the reason: a cluster creates them itself, they are only temporary, or are secret.

use std::{borrow::Cow, collections::HashSet, fmt};

use super::neighbours::{Neighbours, deleted_at};
use crate::k8s::{Map, ObjectKey, Value};

/// The ServiceAccounts that kube-controller-manager creates for its controllers in kube-system, of Kubernetes 1.17 to
/// 1.37 (`--use-service-account-credentials`).
const CONTROLLERS: &[&str] = &[
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
    "clusterrole-aggregation-controller",
    "controller-discovery",
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "kube-apiserver-serving-clustertrustbundle-publisher",
    "legacy-service-account-token-cleaner",
    "metadata-informers",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "podcertificaterequestcleaner",
    "podgroup-protection-controller",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcepoolstatusrequest-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "route-controller",
    "selinux-warning-controller",
    "service-account-controller",
    "service-cidrs-controller",
    "service-controller",
    "shared-informers",
    "statefulset-controller",
    "storage-version-garbage-collector",
    "storage-version-migrator-controller",
    "taint-eviction-controller",
    "token-cleaner",
    "tokens-controller",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];

/// The kind of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// The object cannot be read.
    Unreadable,
    /// The object is encrypted and no key opens it, and it was not asked for by its name or with `--reveal`.
    Encrypted,
    /// The object is secret, and `--reveal` was not given.
    Secret,
    /// A controller creates the object for another one.
    Owned,
    /// An API server or a controller creates the object in every cluster.
    Made,
    /// A kubelet, a driver or a leader election creates the object where it runs.
    Running,
    /// The object has ended: it would run again, or has no meaning any more.
    Over,
    /// The object was being deleted.
    Deleted,
    /// No cluster serves the object by default, neither in its version nor in one with the same schema.
    NotServed,
    /// The value is no object of the API.
    NoObject,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unreadable => "cannot be read",
            Self::Encrypted => "encrypted, and no key opens it: --encryption-config with --reveal exports it",
            Self::Secret => "secret, or stored encrypted: --reveal exports it",
            Self::Owned => "made by a controller for its owner",
            Self::Made => "made by every cluster itself",
            Self::Running => "made by components that run in the cluster",
            Self::Over => "ended, or valid only at the time of the backup",
            Self::Deleted => "being deleted",
            Self::NotServed => "not served by default: --exact exports it as it is stored",
            Self::NoObject => "not a Kubernetes object",
        })
    }
}

/// The reason why an object is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The kind of reason.
    pub why: Why,
    /// Details of the reason; may be empty.
    pub what: Cow<'static, str>,
}

impl LeftOut {
    pub(super) fn new(why: Why, what: impl Into<Cow<'static, str>>) -> Self {
        Self { why, what: what.into() }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.what.as_ref(), self.why) {
            ("", why) => write!(f, "{why}"),
            (what, Why::Unreadable | Why::Encrypted | Why::NotServed) => f.write_str(what),
            (what, why) => write!(f, "{why} ({what})"),
        }
    }
}

/// The objects that the user named. They are exported even when they were being deleted.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    /// The keys of etcd of the objects that were named.
    pub(super) keys: HashSet<&'a [u8]>,
    pub(super) namespace: Option<String>,
}

impl Named<'_> {
    /// Whether an object is named: by its name, or as the Namespace.
    pub(super) fn is_named(&self, etcd_key: &[u8], key: &ObjectKey<'_>) -> bool {
        let is_namespace = key.resource == "namespaces" && self.namespace.as_deref() == Some(key.name);
        is_namespace || self.keys.contains(etcd_key)
    }

    /// Whether an object is in the named Namespace.
    fn holds(&self, key: &ObjectKey<'_>) -> bool {
        key.namespace.is_some() && key.namespace == self.namespace.as_deref()
    }
}

/// The reason to leave out an object that was being deleted. One that is deleted with a named Namespace is exported.
fn deleted(
    neighbours: &Neighbours<'_, '_>,
    named: &Named<'_>,
    key: &ObjectKey<'_>,
    at: Option<&str>,
) -> Option<LeftOut> {
    match (at, neighbours.ends_since(key)) {
        (Some(at), Some(since)) if named.holds(key) && at >= since => None,
        (Some(_), _) => Some(LeftOut::new(Why::Deleted, "")),
        (None, Some(_)) if !named.holds(key) => Some(LeftOut::new(Why::Deleted, "its Namespace is")),
        (None, _) => None,
    }
}

/// The reason to leave out the object under `key`; `None` when it is exported.
pub(super) fn judge(
    neighbours: &Neighbours<'_, '_>,
    named: &Named<'_>,
    (etcd_key, key): (&[u8], &ObjectKey<'_>),
    object: &Value<'_>,
) -> Option<LeftOut> {
    if !named.is_named(etcd_key, key)
        && let Some(left_out) = deleted(neighbours, named, key, deleted_at(object))
    {
        return Some(left_out);
    }
    let made = match key.group.as_deref().unwrap_or_default() {
        "" => core(neighbours, key, object),
        "rbac.authorization.k8s.io" if label(object, "kubernetes.io/bootstrapping") == "rbac-defaults" => {
            Some((Why::Made, "one of its roles"))
        }
        "flowcontrol.apiserver.k8s.io" if annotation(object, "apf.kubernetes.io/autoupdate-spec") == "true" => {
            Some((Why::Made, "one of its priority levels"))
        }
        _ => others(key, object),
    };
    made.map(|(why, what)| LeftOut::new(why, what)).or_else(|| owned(key, object)).or_else(|| ended(key, object))
}

/// The rules for kinds of the core group.
fn core(neighbours: &Neighbours<'_, '_>, key: &ObjectKey<'_>, object: &Value<'_>) -> Option<(Why, &'static str)> {
    let system =
        matches!(key.namespace.unwrap_or(key.name), "default" | "kube-system" | "kube-public" | "kube-node-lease");
    match (&*key.resource, key.name) {
        ("events", _) => Some((Why::Over, "an Event")),
        ("nodes", _) => Some((Why::Running, "a kubelet registers its Node")),
        ("namespaces", name) if system && is_bare(object, &[("kubernetes.io/metadata.name", name)]) => {
            Some((Why::Made, "it has only default content"))
        }
        ("serviceaccounts", "default") if is_bare_account(object) => Some((Why::Made, "it has only default content")),
        ("serviceaccounts", name)
            if key.namespace == Some("kube-system") && CONTROLLERS.contains(&name) && is_bare_account(object) =>
        {
            Some((Why::Made, "the controller manager's own"))
        }
        ("services" | "endpoints", "kubernetes") if key.namespace == Some("default") => {
            Some((Why::Made, "the API server's own"))
        }
        ("configmaps", "kube-root-ca.crt" | "openshift-service-ca.crt") => Some((Why::Made, "this cluster's CA")),
        (
            "configmaps",
            "extension-apiserver-authentication" | "kube-apiserver-legacy-service-account-token-tracking",
        ) if key.namespace == Some("kube-system") => Some((Why::Made, "the API server's own")),
        ("configmaps", "cluster-info") if key.namespace == Some("kube-public") => {
            Some((Why::Made, "the address of this cluster"))
        }
        ("secrets", _) if text(object, &["type"]) == "kubernetes.io/service-account-token" => {
            Some((Why::Made, "a token that only this cluster accepts"))
        }
        ("endpoints" | "configmaps", _)
            if !annotation(object, "control-plane.alpha.kubernetes.io/leader").is_empty() =>
        {
            Some((Why::Running, "an election"))
        }
        ("endpoints", _) if has_selector(neighbours, key) => Some((Why::Owned, "its Service has a selector")),
        ("pods", _) if !annotation(object, "kubernetes.io/config.mirror").is_empty() => {
            Some((Why::Running, "a kubelet creates it for a static pod"))
        }
        _ => None,
    }
}

/// The rules for kinds of other groups.
fn others(key: &ObjectKey<'_>, object: &Value<'_>) -> Option<(Why, &'static str)> {
    match (&*key.resource, key.name) {
        ("leases" | "leasecandidates", _) => Some((Why::Running, "a heartbeat or an election")),
        ("csinodes" | "csistoragecapacities" | "resourceslices" | "volumeattachments" | "storageversions", _) => {
            Some((Why::Running, "it describes running nodes, drivers or servers"))
        }
        ("certificatesigningrequests" | "podcertificaterequests", _) => Some((Why::Over, "a request")),
        ("endpointslices", _) if !label(object, "endpointslice.kubernetes.io/managed-by").is_empty() => {
            let by = label(object, "endpointslice.kubernetes.io/managed-by");
            by.ends_with("controller.k8s.io").then_some((Why::Owned, "its Service has a selector"))
        }
        ("endpointslices", "kubernetes") if key.namespace == Some("default") => {
            Some((Why::Made, "the API server's own"))
        }
        ("ipaddresses", _) => Some((Why::Owned, "its Service has the address")),
        ("servicecidrs", "kubernetes") => Some((Why::Made, "the API server's own")),
        ("priorityclasses", "system-cluster-critical" | "system-node-critical") => {
            Some((Why::Made, "one of its classes"))
        }
        ("apiservices", _) if !label(object, "kube-aggregator.kubernetes.io/automanaged").is_empty() => {
            Some((Why::Made, "one of its groups"))
        }
        _ => None,
    }
}

/// The reason to leave out an object with an owner, whose controller creates it again.
fn owned(key: &ObjectKey<'_>, object: &Value<'_>) -> Option<LeftOut> {
    let owners = object.at(&["metadata", "ownerReferences"]).and_then(Value::as_list)?;
    let owner = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    let (kind, name) = (text(owner, &["kind"]), text(owner, &["name"]));
    match (&*key.resource, kind) {
        ("pods", "Node") => Some(LeftOut::new(Why::Running, "a kubelet creates it for a static pod")),
        // the claim names the volume with the data
        ("persistentvolumeclaims", "StatefulSet") => None,
        _ => Some(LeftOut::new(Why::Owned, format!("{kind} {name}"))),
    }
}

/// The reason to leave out a Job or Pod that has ended, and would run again.
fn ended(key: &ObjectKey<'_>, object: &Value<'_>) -> Option<LeftOut> {
    let is_met = |condition: &Value<'_>| {
        matches!(text(condition, &["type"]), "Complete" | "Failed") && text(condition, &["status"]) == "True"
    };
    let ended = match (key.group.as_deref().unwrap_or_default(), &*key.resource) {
        ("", "pods") => matches!(text(object, &["status", "phase"]), "Succeeded" | "Failed"),
        ("batch", "jobs") => {
            object.at(&["status", "conditions"]).and_then(Value::as_list).unwrap_or_default().iter().any(is_met)
        }
        _ => false,
    };
    ended.then(|| LeftOut::new(Why::Over, "it has ended, and would run again"))
}

/// Whether a controller creates the endpoints of this key for a Service.
fn has_selector(neighbours: &Neighbours<'_, '_>, key: &ObjectKey<'_>) -> bool {
    let service = neighbours.namesake(key, "services/specs");
    let selector = service.as_ref().and_then(|service| service.at(&["spec", "selector"])).and_then(Value::as_object);
    selector.is_some_and(|selector| !selector.is_empty())
}

/// Whether the object has only these labels, and no annotations.
fn is_bare(object: &Value<'_>, labels: &[(&str, &str)]) -> bool {
    let map = |name| object.at(&["metadata", name]).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let expected = |name: &str, value: &Value<'_>| labels.iter().any(|(n, v)| *n == name && value.as_str() == Some(v));
    map("labels").all(|(name, value)| expected(name, value)) && map("annotations").next().is_none()
}

/// Whether a ServiceAccount is as a controller creates it.
fn is_bare_account(object: &Value<'_>) -> bool {
    is_bare(object, &[]) && !has(object, "imagePullSecrets") && !has(object, "automountServiceAccountToken")
}

fn has(object: &Value<'_>, field: &str) -> bool {
    object.get(field).is_some_and(|value| *value != Value::Null)
}

fn label<'o>(object: &'o Value<'_>, name: &str) -> &'o str {
    text(object, &["metadata", "labels", name])
}

fn annotation<'o>(object: &'o Value<'_>, name: &str) -> &'o str {
    text(object, &["metadata", "annotations", name])
}

fn text<'o>(object: &'o Value<'_>, path: &[&str]) -> &'o str {
    object.at(path).and_then(Value::as_str).unwrap_or_default()
}
