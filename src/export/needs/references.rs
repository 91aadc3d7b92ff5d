//! References of an object to others, by kind and field.
//!
//! References in the own fields of a custom resource are not known.

use super::fields::{CLAIM, CONTAINER, Field, OTHERS, POD, VOLUME};
use crate::{
    k8s::{ObjectKey, Resources, Value},
    objects::Cluster,
};

/// A reference to another object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The key in etcd of the other object.
    pub key: Vec<u8>,
    /// Whether the object requires it. An optional one counts only where the backup holds it.
    pub must: bool,
}

/// Prefix of the keys of CustomResourceDefinitions.
const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";

/// Finds the references of the object under `key`.
pub(in crate::export) fn references(cluster: &Cluster<'_>, key: &ObjectKey<'_>, object: &Value<'_>) -> Vec<Reference> {
    // objects of OpenShift's own API server refer to those of the other one
    let prefix = if key.prefix == "/openshift.io" { "/kubernetes.io" } else { key.prefix };
    let mut found = References { prefix, namespace: key.namespace.unwrap_or_default(), references: Vec::new() };
    if let Some(namespace) = key.namespace {
        found.add("namespaces", "", namespace, true);
    }
    let group = key.group.as_deref().unwrap_or_default();
    let is_custom = |group: &str, plural: &str| {
        let resource = cluster.resources.get(group, plural);
        resource.map_or(group.contains('.'), |of| of.versions.iter().any(|version| version.stored))
    };
    if key.group.is_some() && is_custom(group, &key.resource) && !group.ends_with(".openshift.io") {
        found.add(DEFINITIONS, "", &format!("{}.{group}", key.resource), true);
        return found.references;
    }
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    if let Some(spec) = pod_spec(kind).and_then(|path| object.at(path)) {
        found.fields(POD, spec);
        for name in ["containers", "initContainers"] {
            let containers = spec.get(name).and_then(Value::as_list).unwrap_or_default();
            containers.iter().for_each(|container| found.fields(CONTAINER, container));
        }
    }
    let spec = object.get("spec").unwrap_or(&Value::Null);
    match kind {
        "PersistentVolumeClaim" => found.claim(spec),
        "PersistentVolume" => found.fields(VOLUME, spec),
        "StatefulSet" => {
            let claims = spec.get("volumeClaimTemplates").and_then(Value::as_list).unwrap_or_default();
            claims.iter().filter_map(|claim| claim.get("spec")).for_each(|spec| found.claim(spec));
        }
        "StorageClass" => found.storage_class(object),
        "RoleBinding" | "ClusterRoleBinding" => found.binding(object),
        "HorizontalPodAutoscaler" => found.typed(&cluster.resources, spec.get("scaleTargetRef")),
        "IngressClass" => found.typed(&cluster.resources, spec.get("parameters")),
        _ => OTHERS.iter().filter(|(of, _)| *of == kind).for_each(|(_, fields)| found.fields(fields, object)),
    }
    found.references
}

/// The path of the Pod spec in an object that is or creates Pods.
pub(in crate::export) fn pod_spec(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "PodTemplate" => Some(&["template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        "DaemonSet"
        | "Deployment"
        | "DeploymentConfig"
        | "Job"
        | "ReplicaSet"
        | "ReplicationController"
        | "StatefulSet" => Some(&["spec", "template", "spec"]),
        _ => None,
    }
}

/// The references of one object.
struct References<'k> {
    prefix: &'k str,
    namespace: &'k str,
    references: Vec<Reference>,
}

impl References<'_> {
    /// Adds the object of this name, in the namespace if `stored` ends with a slash.
    fn add(&mut self, stored: &str, namespace: &str, name: &str, must: bool) {
        if name.is_empty() || name.contains('/') || namespace.contains('/') {
            return;
        }
        let key = match stored.strip_suffix('/') {
            Some(stored) => format!("{}/{stored}/{namespace}/{name}", self.prefix),
            None => format!("{}/{stored}/{name}", self.prefix),
        };
        self.references.push(Reference { key: key.into_bytes(), must });
    }

    fn fields(&mut self, fields: &[Field], value: &Value<'_>) {
        for (path, stored, must) in fields {
            each(value, path, &mut |value| self.named(stored, value, *must));
        }
    }

    /// Adds the object of a name or a reference; a reference may be optional, or have a namespace.
    fn named(&mut self, stored: &str, value: &Value<'_>, must: bool) {
        let (namespace, field) = (self.namespace, |names: &[&str]| {
            names.iter().find_map(|name| value.get(name).and_then(Value::as_str)).filter(|text| !text.is_empty())
        });
        let name = value.as_str().or_else(|| field(&["name", "secretName", "claimName"])).unwrap_or_default();
        let namespace = field(&["namespace", "secretNamespace"]).unwrap_or(namespace);
        self.add(stored, namespace, name, must && value.get("optional") != Some(&Value::Bool(true)));
    }

    fn claim(&mut self, spec: &Value<'_>) {
        let is_bound = spec.get("volumeName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        for (path, stored, must) in CLAIM {
            each(spec, path, &mut |value| {
                self.named(stored, value, *must && !(is_bound && *path == "storageClassName"));
            });
        }
    }

    /// Secrets of a CSI driver: `csi.storage.k8s.io/provisioner-secret-name` and `-namespace`, without templates.
    fn storage_class(&mut self, object: &Value<'_>) {
        let Some(parameters) = object.get("parameters").and_then(Value::as_object) else { return };
        for (parameter, name) in parameters {
            let of = parameter.strip_prefix("csi.storage.k8s.io/").and_then(|of| of.strip_suffix("-name"));
            let namespace = of.and_then(|of| parameters.get(&format!("csi.storage.k8s.io/{of}-namespace")));
            if let (Some(name), Some(namespace)) = (name.as_str(), namespace.and_then(Value::as_str))
                && !name.contains('$')
                && !namespace.contains('$')
            {
                self.add("secrets/", namespace, name, true);
            }
        }
    }

    fn binding(&mut self, object: &Value<'_>) {
        let text =
            |value: &Value<'_>, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let role = object.get("roleRef").unwrap_or(&Value::Null);
        let stored = if text(role, "kind") == "Role" { "roles/" } else { "clusterroles" };
        self.add(stored, self.namespace, &text(role, "name"), true);
        for subject in object.get("subjects").and_then(Value::as_list).unwrap_or_default() {
            if text(subject, "kind") == "ServiceAccount" {
                self.named("serviceaccounts/", subject, false);
            }
        }
    }

    /// Adds the object of a reference with `apiVersion` or `apiGroup`, and `kind`.
    fn typed(&mut self, resources: &Resources, reference: Option<&Value<'_>>) {
        let Some(reference) = reference else { return };
        let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or_else(|| text("apiGroup"), |(group, _)| group);
        let is_meant = |have: &&crate::k8s::Resource| have.kind == text("kind") && have.group == group;
        if let Some(resource) = resources.all().iter().find(is_meant) {
            let slash = if resource.namespaced { "/" } else { "" };
            self.named(&format!("{}{slash}", resource.stored), reference, true);
        }
    }
}

/// Calls `each` with every value at the end of a path.
fn each(value: &Value<'_>, path: &str, found: &mut impl FnMut(&Value<'_>)) {
    let Some((name, rest)) = path.split_once('.').or(Some((path, ""))).filter(|(name, _)| !name.is_empty()) else {
        return found(value);
    };
    match name.strip_suffix("[]") {
        Some(name) => {
            let items = value.get(name).and_then(Value::as_list).unwrap_or_default();
            items.iter().for_each(|item| each(item, rest, found));
        }
        None => {
            if let Some(inner) = value.get(name) {
                each(inner, rest, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        etcd::{Load, Snapshot},
        k8s::{Key, Ring, decode},
        objects::At,
        source::{Options, Source},
    };

    #[test]
    fn each_kind_names_others() {
        let source = Source::open("fixtures/kube.db".as_ref(), &Options::default()).unwrap();
        let snapshot = Snapshot::load(&source, &Load::default()).unwrap();
        let cluster = Cluster::open(&snapshot, Ring::default(), At::Last).unwrap();
        let of = |key: &str, kind: &str, rest: &str| {
            let (key, json) = (format!("/registry/{key}"), format!(r#"{{"kind":"{kind}",{rest}}}"#));
            let (key, object) = (Key::new(key.as_bytes()), decode(json.as_bytes()).unwrap());
            let found = references(&cluster, key.object().unwrap(), &object.value);
            let short = |of: &Reference| {
                let key = std::str::from_utf8(&of.key).unwrap();
                format!("{}{}", key.strip_prefix("/registry/").unwrap(), if of.must { "" } else { "?" })
            };
            found.iter().map(short).filter(|name| name != "namespaces/a").collect::<Vec<_>>()
        };
        for (key, kind, rest, want) in [
            (
                "ingress/a/n",
                "Ingress",
                r#""spec":{"ingressClassName":"c","tls":[{"secretName":"t"},{}],"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s"}}}]}}]}"#,
                &["ingressclasses/c", "secrets/a/t", "services/specs/a/s?"] as &[&str],
            ),
            (
                "rolebindings/a/n",
                "RoleBinding",
                r#""roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},{"kind":"ServiceAccount","name":"s","namespace":"b"}]"#,
                &["roles/a/r", "serviceaccounts/b/s?"],
            ),
            (
                "clusterrolebindings/n",
                "ClusterRoleBinding",
                r#""roleRef":{"kind":"ClusterRole","name":"r"}"#,
                &["clusterroles/r"],
            ),
            (
                "validatingwebhookconfigurations/n",
                "ValidatingWebhookConfiguration",
                r#""webhooks":[{"clientConfig":{"service":{"name":"s","namespace":"b"}}},{"clientConfig":{"url":"u"}}]"#,
                &["services/specs/b/s"],
            ),
            (
                "apiregistration.k8s.io/apiservices/n",
                "APIService",
                r#""spec":{"service":{"name":"s","namespace":"b"}}"#,
                &["services/specs/b/s"],
            ),
            (
                "horizontalpodautoscalers/a/n",
                "HorizontalPodAutoscaler",
                r#""spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}"#,
                &["deployments/a/d"],
            ),
            (
                "persistentvolumes/n",
                "PersistentVolume",
                r#""spec":{"storageClassName":"c","csi":{"nodeStageSecretRef":{"name":"s","namespace":"b"}},"azureFile":{"secretName":"z","secretNamespace":"y"}}"#,
                &["storageclasses/c?", "secrets/y/z", "secrets/b/s"],
            ),
            (
                "persistentvolumeclaims/a/n",
                "PersistentVolumeClaim",
                r#""spec":{"storageClassName":"c"}"#,
                &["storageclasses/c"],
            ),
            (
                "statefulsets/a/n",
                "StatefulSet",
                r#""spec":{"template":{"spec":{"initContainers":[{"envFrom":[{"secretRef":{"name":"e"}},{"configMapRef":{"name":"f","optional":true}}]}]}},"volumeClaimTemplates":[{"spec":{"storageClassName":"c"}}]}"#,
                &["configmaps/a/f?", "secrets/a/e", "storageclasses/c"],
            ),
            (
                "cronjobs/a/n",
                "CronJob",
                r#""spec":{"jobTemplate":{"spec":{"template":{"spec":{"volumes":[{"projected":{"sources":[{"secret":{"name":"p"}}]}},{"secret":{"secretName":"v","optional":true}}]}}}}}"#,
                &["secrets/a/v?", "secrets/a/p"],
            ),
            (
                "acme.io/widgets/a/n",
                "Widget",
                r#""spec":{"secretName":"x"}"#,
                &["apiextensions.k8s.io/customresourcedefinitions/widgets.acme.io"],
            ),
            (
                "gone.example.com/things/n",
                "Thing",
                r#""spec":{}"#,
                &["apiextensions.k8s.io/customresourcedefinitions/things.gone.example.com"],
            ),
            ("configmaps/a/n", "ConfigMap", r#""data":{"secretName":"x"}"#, &[]),
        ] {
            assert_eq!(of(key, kind, rest), want, "{key}");
        }
    }
}
