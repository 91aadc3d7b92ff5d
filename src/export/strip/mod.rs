//! Removal of fields that are not applied: those that a server sets, and those that are only valid in the original
//! cluster.

mod maps;
mod pods;

use self::maps::{child, remove_all, without};
use crate::k8s::{Map, Value};

/// Fields of `metadata` that a user sets.
const KEPT: [&str; 4] = ["annotations", "labels", "name", "namespace"];
/// Fields of `metadata` that have a meaning only in the original cluster.
const EXACT: [&str; 3] = ["finalizers", "ownerReferences", "uid"];
/// Annotations in which servers, controllers and kubectl record their work.
const NOTES: [&str; 5] = [
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "kubectl.kubernetes.io/last-applied-configuration",
];
/// Annotations that bind a claim and a volume.
const BOUND: [&str; 6] = [
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.alpha.kubernetes.io/selected-node",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
];

/// Strips an object; an `exact` one keeps the fields that are only valid in the original cluster.
pub(super) fn strip(object: &mut Value<'_>, exact: bool) {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, api_version) = (text("kind"), text("apiVersion"));
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let Some(root) = object.as_object_mut() else { return };
    root.remove("status");
    metadata(root, exact);
    match (group, kind.as_str()) {
        ("", "Pod") => pods::pod(root, exact),
        ("", "Namespace") => without(root, "spec", |spec| drop(spec.remove("finalizers"))),
        ("", "Service") if !exact => service(root),
        ("", "ServiceAccount") if !exact => service_account(root),
        ("", "PersistentVolume" | "PersistentVolumeClaim") if !exact => volume(root),
        ("apps", "StatefulSet") => claims(root),
        ("batch", "Job") => job(root),
        _ => {}
    }
}

fn metadata(root: &mut Map<'_>, exact: bool) {
    let Some(metadata) = child(root, "metadata") else { return };
    let goes = |name: &str| !(KEPT.contains(&name) || (exact && EXACT.contains(&name)));
    let names: Vec<_> = metadata.iter().map(|(name, _)| name.to_string()).filter(|name| goes(name)).collect();
    names.iter().for_each(|name| drop(metadata.remove(name)));
    remove_all(metadata, "annotations", &NOTES);
}

/// Strips a Service. Addresses of one cluster are outside another's range, or in use there. Ports are kept: firewalls
/// use them.
fn service(root: &mut Map<'_>) {
    let Some(spec) = child(root, "spec") else { return };
    if spec.get("clusterIP").and_then(Value::as_str) != Some("None") {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
}

/// Strips a ServiceAccount: the new cluster creates its own tokens, and OpenShift its own Secrets for each account.
fn service_account(root: &mut Map<'_>) {
    root.remove("secrets");
    let name = root.get("metadata").and_then(|m| m.get("name")).and_then(Value::as_str).unwrap_or_default();
    let made = format!("{name}-dockercfg-");
    let is_made =
        |secret: &Value<'_>| secret.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(&made));
    if let Some(Value::List(secrets)) = root.get_mut("imagePullSecrets") {
        secrets.retain(|secret| !is_made(secret));
        if secrets.is_empty() {
            root.remove("imagePullSecrets");
        }
    }
}

/// Strips a volume or a claim. They still refer to each other by name, and are bound once both exist; by uid they never
/// would be.
fn volume(root: &mut Map<'_>) {
    if let Some(metadata) = child(root, "metadata") {
        remove_all(metadata, "annotations", &BOUND);
    }
    if let Some(claim) = child(root, "spec").and_then(|spec| child(spec, "claimRef")) {
        claim.remove("uid");
        claim.remove("resourceVersion");
    }
}

fn claims(root: &mut Map<'_>) {
    let claims = child(root, "spec").and_then(|spec| spec.get_mut("volumeClaimTemplates"));
    if let Some(Value::List(claims)) = claims {
        claims.iter_mut().filter_map(Value::as_object_mut).for_each(|claim| drop(claim.remove("status")));
    }
}

/// Strips a Job: its selector is its uid, unless the user has set the selector.
fn job(root: &mut Map<'_>) {
    const LABELS: [&str; 4] =
        ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];
    let Some(spec) = child(root, "spec") else { return };
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    spec.remove("selector");
    if let Some(metadata) = child(spec, "template").and_then(|template| child(template, "metadata")) {
        remove_all(metadata, "labels", &LABELS);
    }
    if let Some(metadata) = child(root, "metadata") {
        remove_all(metadata, "labels", &LABELS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    /// The stripped object, without `kind` and `apiVersion`.
    fn left(kind: &str, rest: &str, exact: bool) -> String {
        let json = format!(
            "{{\"apiVersion\":\"{}\",\"kind\":\"{kind}\",{rest}}}",
            if kind == "Job" { "batch/v1" } else { "v1" }
        );
        let mut object = decode(json.as_bytes()).unwrap();
        strip(&mut object.value, exact);
        let root = object.value.as_object_mut().unwrap();
        root.remove("apiVersion");
        root.remove("kind");
        object.value.to_json()
    }

    #[test]
    fn what_a_server_sets_goes() {
        let rest = r#""metadata":{"annotations":{"deployment.kubernetes.io/revision":"3","kubectl.kubernetes.io/last-applied-configuration":"{}"},"creationTimestamp":"2026-01-01T00:00:00Z","finalizers":["a/b"],"generateName":"n-","generation":2,"labels":{"a":"b"},"managedFields":[],"name":"n","ownerReferences":[{"uid":"o"}],"resourceVersion":"1","selfLink":"/n","uid":"u"},"data":{"status":"kept"},"status":{"a":1}"#;
        assert_eq!(
            left("ConfigMap", rest, false),
            r#"{"data":{"status":"kept"},"metadata":{"labels":{"a":"b"},"name":"n"}}"#
        );
        assert_eq!(
            left("ConfigMap", rest, true),
            r#"{"data":{"status":"kept"},"metadata":{"finalizers":["a/b"],"labels":{"a":"b"},"name":"n","ownerReferences":[{"uid":"o"}],"uid":"u"}}"#
        );
        assert_eq!(
            left("Namespace", r#""metadata":{"name":"n"},"spec":{"finalizers":["kubernetes"]}"#, false),
            r#"{"metadata":{"name":"n"}}"#
        );
    }

    #[test]
    fn a_pod_is_on_no_node_and_has_no_token() {
        let token = r#"{"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","name":"kube-api-access-x2"}"#;
        let rest = format!(
            r#""metadata":{{"name":"n"}},"spec":{{"containers":[{{"name":"a","volumeMounts":[{{"mountPath":"/d","name":"d"}},{token}]}}],"ephemeralContainers":[{{"name":"e"}}],"initContainers":[{{"name":"b","volumeMounts":[{token}]}}],"nodeName":"node-a","preemptionPolicy":"Never","priority":7,"priorityClassName":"high","volumes":[{{"name":"d"}},{{"name":"kube-api-access-x2"}}]}}"#
        );
        let want = r#"{"metadata":{"name":"n"},"spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/d","name":"d"}]}],"initContainers":[{"name":"b"}],"priorityClassName":"high","volumes":[{"name":"d"}]}}"#;
        assert_eq!(left("Pod", &rest, false), want);
        let exact = left("Pod", &rest, true);
        assert!(
            exact.contains("node-a") && exact.contains("kube-api-access") && !exact.contains("ephemeral"),
            "{exact}"
        );
        // a volume that the user has mounted there
        let own = r#""spec":{"containers":[{"name":"a","volumeMounts":[{"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","name":"mine"}]}],"volumes":[{"name":"mine"}]}"#;
        assert_eq!(left("Pod", own, false), format!("{{{own}}}"));
    }

    #[test]
    fn claim_and_volume_still_name_each_other() {
        let volume = r#""metadata":{"annotations":{"pv.kubernetes.io/bound-by-controller":"yes","pv.kubernetes.io/provisioned-by":"csi"},"name":"v"},"spec":{"claimRef":{"name":"c","namespace":"n","resourceVersion":"7","uid":"u"}}"#;
        let want = r#"{"metadata":{"annotations":{"pv.kubernetes.io/provisioned-by":"csi"},"name":"v"},"spec":{"claimRef":{"name":"c","namespace":"n"}}}"#;
        assert_eq!(left("PersistentVolume", volume, false), want);
        let claim = r#""metadata":{"annotations":{"pv.kubernetes.io/bind-completed":"yes"},"name":"c"},"spec":{"volumeName":"v"}"#;
        assert_eq!(
            left("PersistentVolumeClaim", claim, false),
            r#"{"metadata":{"name":"c"},"spec":{"volumeName":"v"}}"#
        );
        assert!(left("PersistentVolume", volume, true).contains("\"uid\":\"u\""));
    }

    #[test]
    fn a_service_keeps_its_ports() {
        let service = |ip: &str| {
            format!(
                r#""metadata":{{"name":"s"}},"spec":{{"clusterIP":"{ip}","clusterIPs":["{ip}"],"ports":[{{"nodePort":30443,"port":443}}]}}"#
            )
        };
        let want = r#"{"metadata":{"name":"s"},"spec":{"ports":[{"nodePort":30443,"port":443}]}}"#;
        assert_eq!(left("Service", &service("10.96.1.2"), false), want);
        for (ip, exact) in [("None", false), ("10.96.1.2", true)] {
            assert_eq!(left("Service", &service(ip), exact), format!("{{{}}}", service(ip)));
        }
    }

    #[test]
    fn a_job_and_an_account_make_their_own() {
        let job = |manual: bool| {
            format!(
                r#""metadata":{{"labels":{{"a":"b","job-name":"j"}},"name":"j"}},"spec":{{"manualSelector":{manual},"selector":{{"matchLabels":{{"controller-uid":"u"}}}},"template":{{"metadata":{{"labels":{{"controller-uid":"u","job-name":"j"}}}}}}}}"#
            )
        };
        let want = r#"{"metadata":{"labels":{"a":"b"},"name":"j"},"spec":{"manualSelector":false,"template":{"metadata":{}}}}"#;
        assert_eq!(left("Job", &job(false), false), want);
        assert_eq!(left("Job", &job(true), false), format!("{{{}}}", job(true)));
        let account = r#""imagePullSecrets":[{"name":"a-dockercfg-x"},{"name":"pull"}],"metadata":{"name":"a"},"secrets":[{"name":"a-token-x"}]"#;
        assert_eq!(
            left("ServiceAccount", account, false),
            r#"{"imagePullSecrets":[{"name":"pull"}],"metadata":{"name":"a"}}"#
        );
    }
}
