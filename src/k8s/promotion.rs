//! Versions of built-in kinds that every cluster serves, and whether an object of another version has their fields.
//!
//! Since Kubernetes 1.24 an API server serves stable versions only, unless `--runtime-config` adds others
//! (`controlplane.DefaultAPIResourceConfigSource`); since 1.32 no older beta version is left.

use super::{
    table::{Field, Shape, Table, Type, table},
    value::Value,
    version::{is_stable, precedence},
};

/// Fields that every kind has, or that are not applied.
const COMMON: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// The fate of an object's `apiVersion` in a cluster with default settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// The version is served; or the kind is not built in, and nothing is known about it.
    Served,
    /// The version is not served. This one is, and has each field of the object.
    To(&'static str),
    /// The version is not served, and the one that is lacks a field.
    Differs {
        /// The newest version that is served.
        served: &'static str,
        /// The first field that it lacks, or has with another type.
        field: String,
    },
    /// No version of the kind is served.
    Unserved,
}

impl Promotion {
    /// Compares the fields of `object` with those of each stable version of its kind, newest first.
    #[must_use]
    pub fn of(object: &Value<'_>) -> Self {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let (table, group, version) = (table(), group(text("apiVersion")), version(text("apiVersion")));
        let Some(stored) = table.kind(text("apiVersion"), text("kind")) else { return Self::Served };
        if is_stable(version) {
            return Self::Served;
        }
        let moved = |to: &str| to == group || matches!(group, "extensions" | "events.k8s.io");
        let mut served: Vec<_> = table
            .kinds()
            .iter()
            .filter(|kind| kind.kind == stored.kind && kind.plural == stored.plural)
            .filter(|kind| is_stable(self::version(kind.api_version)) && moved(self::group(kind.api_version)))
            .collect();
        served.sort_by_key(|kind| precedence(self::version(kind.api_version)));
        let mut differs = Self::Unserved;
        for kind in served {
            match compare(table, (stored.message, kind.message), object, "") {
                Ok(()) => return Self::To(kind.api_version),
                Err(field) if differs == Self::Unserved => differs = Self::Differs { served: kind.api_version, field },
                Err(_) => {}
            }
        }
        differs
    }
}

/// Compares the fields of `value` in two messages.
///
/// # Errors
/// The path of the first field that the second message lacks, or has with another type.
fn compare(table: &Table, (from, to): (u32, u32), value: &Value<'_>, path: &str) -> Result<(), String> {
    let Some(map) = value.as_object().filter(|_| from != to) else { return Ok(()) };
    for (name, value) in map {
        if *value == Value::Null || (path.is_empty() && COMMON.contains(&name.as_ref())) {
            continue;
        }
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let (Some(from), Some(to)) = (field(table, from, name), field(table, to, name)) else { return Err(path) };
        match (from.of, to.of) {
            _ if from.shape != to.shape => return Err(path),
            (Type::Message(one), Type::Message(other)) => inner(table, (one, other), from.shape, value, &path)?,
            (one, other) if one == other => {}
            _ => return Err(path),
        }
    }
    Ok(())
}

/// Compares the fields of one message, or of each message in a list or map.
fn inner(table: &Table, both: (u32, u32), shape: Shape, value: &Value<'_>, path: &str) -> Result<(), String> {
    match (shape, value) {
        (Shape::List, Value::List(list)) => {
            let mut items = list.iter().enumerate();
            items.try_for_each(|(n, item)| compare(table, both, item, &format!("{path}[{n}]")))
        }
        (Shape::Map, Value::Object(map)) => {
            map.iter().try_for_each(|(name, item)| compare(table, both, item, &format!("{path}.{name}")))
        }
        _ => compare(table, both, value, path),
    }
}

/// The field of this name, in the message or in one that is inlined into it.
fn field<'t>(table: &'t Table, message: u32, name: &str) -> Option<&'t Field> {
    let fields = &table.message(message)?.fields;
    let inlined = || {
        fields.iter().filter(|field| field.name.is_empty()).find_map(|field| match field.of {
            Type::Message(inner) if inner != message => self::field(table, inner, name),
            _ => None,
        })
    };
    fields.iter().find(|field| field.name == name).or_else(inlined)
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn version(api_version: &str) -> &str {
    api_version.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn of(api_version: &str, kind: &str, rest: &str) -> String {
        let json = format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"n"}}{rest}}}"#);
        match Promotion::of(&decode(json.as_bytes()).unwrap().value) {
            Promotion::Served => "served".to_owned(),
            Promotion::To(version) => version.to_owned(),
            Promotion::Differs { served, field } => format!("{served} lacks {field}"),
            Promotion::Unserved => "unserved".to_owned(),
        }
    }

    #[test]
    fn the_newest_stable_version_with_the_same_fields() {
        for (api_version, kind, rest, want) in [
            ("v1", "Pod", "", "served"),
            ("autoscaling/v1", "HorizontalPodAutoscaler", "", "served"),
            ("acme.io/v1alpha1", "Widget", r#","spec":{"a":1}"#, "served"),
            ("batch/v1beta1", "CronJob", r#","spec":{"jobTemplate":{"spec":{"parallelism":1}}}"#, "batch/v1"),
            (
                "autoscaling/v2beta2",
                "HorizontalPodAutoscaler",
                r#","spec":{"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization"}}}]}"#,
                "autoscaling/v2",
            ),
            (
                "autoscaling/v2beta1",
                "HorizontalPodAutoscaler",
                r#","spec":{"metrics":[{"type":"Resource","resource":{"targetAverageUtilization":5}}]}"#,
                "autoscaling/v2 lacks spec.metrics[0].resource.targetAverageUtilization",
            ),
            ("extensions/v1beta1", "NetworkPolicy", r#","spec":{"podSelector":{}}"#, "networking.k8s.io/v1"),
            ("apps/v1beta2", "Deployment", r#","spec":{"replicas":1}"#, "apps/v1"),
            ("extensions/v1beta1", "Deployment", r#","spec":{"rollbackTo":{}}"#, "apps/v1 lacks spec.rollbackTo"),
            (
                "networking.k8s.io/v1beta1",
                "Ingress",
                r#","spec":{"rules":[{"http":{"paths":[{"backend":{"serviceName":"a"}}]}}]}"#,
                "networking.k8s.io/v1 lacks spec.rules[0].http.paths[0].backend.serviceName",
            ),
            (
                "admissionregistration.k8s.io/v1beta1",
                "ValidatingWebhookConfiguration",
                r#","webhooks":[{"name":"w","rules":[{"operations":["*"],"apiGroups":[""]}],"sideEffects":"None"}]"#,
                "admissionregistration.k8s.io/v1",
            ),
            (
                "rbac.authorization.k8s.io/v1beta1",
                "Role",
                r#","rules":[{"verbs":["get"]}]"#,
                "rbac.authorization.k8s.io/v1",
            ),
            (
                "rbac.authorization.k8s.io/v1alpha1",
                "RoleBinding",
                r#","subjects":[{"apiVersion":"v1"}]"#,
                "rbac.authorization.k8s.io/v1 lacks subjects[0].apiVersion",
            ),
            ("policy/v1beta1", "PodSecurityPolicy", "", "unserved"),
            (
                "flowcontrol.apiserver.k8s.io/v1beta1",
                "PriorityLevelConfiguration",
                r#","spec":{"limited":{"assuredConcurrencyShares":5}}"#,
                "flowcontrol.apiserver.k8s.io/v1 lacks spec.limited.assuredConcurrencyShares",
            ),
            ("batch/v1beta1", "CronJob", r#","status":{"x":1},"more":1"#, "batch/v1 lacks more"),
        ] {
            assert_eq!(of(api_version, kind, rest), want, "{api_version} {kind}");
        }
    }

    /// Versions of which the stable version has all fields. Check each one that is added: a field may mean something
    /// else there, or have another default (see `export::version`).
    #[test]
    fn kinds_whose_fields_are_all_in_the_stable_version_are_known() {
        let table = table();
        let mut same: Vec<_> = table
            .kinds()
            .iter()
            .filter(|kind| kind.plural.is_some())
            .filter(|kind| matches!(of(kind.api_version, kind.kind, ""), to if to.contains('/')))
            .filter(|kind| {
                let to = of(kind.api_version, kind.kind, "");
                let to = table.kind(&to, kind.kind).unwrap();
                lacks(table, kind.message, to.message, &mut Vec::new()).is_none()
            })
            .map(|kind| format!("{}: {}", kind.api_version, kind.kind))
            .collect();
        let known: Vec<_> = SAME
            .lines()
            .filter_map(|line| line.split_once(": "))
            .flat_map(|(version, kinds)| kinds.split(' ').map(move |kind| format!("{version}: {kind}")))
            .collect();
        same.retain(|kind| !known.contains(kind));
        assert!(same.is_empty(), "does each field mean the same? {same:?}");
    }

    const SAME: &str = "\
admissionregistration.k8s.io/v1alpha1: MutatingAdmissionPolicy MutatingAdmissionPolicyBinding ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
admissionregistration.k8s.io/v1beta1: MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration
apiregistration.k8s.io/v1beta1: APIService
apps/v1beta1: ControllerRevision StatefulSet
apps/v1beta2: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
autoscaling/v2beta2: HorizontalPodAutoscaler
batch/v1beta1: CronJob
batch/v2alpha1: CronJob
certificates.k8s.io/v1alpha1: ClusterTrustBundle
certificates.k8s.io/v1beta1: CertificateSigningRequest ClusterTrustBundle
coordination.k8s.io/v1beta1: Lease
extensions/v1beta1: NetworkPolicy ReplicaSet
flowcontrol.apiserver.k8s.io/v1alpha1: FlowSchema
flowcontrol.apiserver.k8s.io/v1beta1: FlowSchema
flowcontrol.apiserver.k8s.io/v1beta2: FlowSchema
flowcontrol.apiserver.k8s.io/v1beta3: FlowSchema PriorityLevelConfiguration
networking.k8s.io/v1alpha1: ServiceCIDR
networking.k8s.io/v1beta1: IPAddress IngressClass ServiceCIDR
node.k8s.io/v1beta1: RuntimeClass
policy/v1beta1: Eviction PodDisruptionBudget
rbac.authorization.k8s.io/v1alpha1: ClusterRole Role
rbac.authorization.k8s.io/v1beta1: ClusterRole ClusterRoleBinding Role RoleBinding
resource.k8s.io/v1alpha3: DeviceClass
resource.k8s.io/v1beta1: DeviceClass
resource.k8s.io/v1beta2: DeviceClass DeviceTaintRule ResourceClaim ResourceClaimTemplate ResourceSlice
scheduling.k8s.io/v1alpha1: PriorityClass
scheduling.k8s.io/v1beta1: PriorityClass
storage.k8s.io/v1alpha1: CSIStorageCapacity VolumeAttachment VolumeAttributesClass
storage.k8s.io/v1beta1: CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass
storagemigration.k8s.io/v1beta1: StorageVersionMigration
";

    /// A field of one message that another lacks; `status` is not compared.
    fn lacks(table: &Table, from: u32, to: u32, seen: &mut Vec<(u32, u32)>) -> Option<String> {
        if from == to || seen.contains(&(from, to)) {
            return None;
        }
        seen.push((from, to));
        table.message(from)?.fields.iter().filter(|of| of.name != "status").find_map(|of| {
            let to = if of.name.is_empty() { None } else { Some(field(table, to, of.name)) };
            match (of.of, to) {
                (_, Some(None)) => Some(of.name.to_owned()),
                (Type::Message(from), Some(Some(Field { of: Type::Message(to), .. }))) => lacks(table, from, *to, seen),
                _ => None,
            }
        })
    }
}
