//! Kinds of the core group without a file of their own.

use super::{
    Builtin, Clock, Row, containers, events, fields::Fields, format_labels, nodes, pods, row, services, volumes,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "pods" => Builtin(pods::COLUMNS, pods::pod),
        "services" => Builtin(services::COLUMNS, services::service),
        "nodes" => Builtin(nodes::COLUMNS, nodes::node),
        "events" => Builtin(events::COLUMNS, events::event),
        "persistentvolumes" => Builtin(volumes::VOLUME_COLUMNS, volumes::volume),
        "persistentvolumeclaims" => Builtin(volumes::CLAIM_COLUMNS, volumes::claim),
        "configmaps" => Builtin("Name, Data, Age", config_map),
        "endpoints" => Builtin("Name, Endpoints, Age", services::endpoints),
        "namespaces" => Builtin("Name, Status, Age", namespace),
        "podtemplates" => Builtin("Name, Containers, Images, Pod Labels", pod_template),
        "replicationcontrollers" => {
            let columns = "Name, Desired:integer, Current:integer, Ready:integer, Age, +Containers, +Images, +Selector";
            Builtin(columns, replication_controller)
        }
        "resourcequotas" => Builtin("Name, Request, Limit, Age", resource_quota),
        "secrets" => Builtin("Name, Type, Data, Age", secret),
        "serviceaccounts" => Builtin("Name, Age", service_account),
        _ => return None,
    })
}

/// `printConfigMap`.
fn config_map(map: &Value<'_>, clock: Clock) -> Row {
    row![map.name(), map.len_of("data").saturating_add(map.len_of("binaryData")), clock.age(map)]
}

/// `printNamespace`.
fn namespace(namespace: &Value<'_>, clock: Clock) -> Row {
    row![namespace.name(), namespace.text_or("status.phase", "Active"), clock.age(namespace)]
}

/// `printPodTemplate`.
fn pod_template(template: &Value<'_>, _: Clock) -> Row {
    let [names, images] = containers::names_and_images(template.list("template.spec.containers"));
    row![template.name(), names, images, format_labels(template.map("template.metadata.labels"))]
}

/// `printReplicationController`.
fn replication_controller(controller: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(controller);
    row![
        controller.name(),
        controller.int_at("spec.replicas").unwrap_or(1),
        controller.int("status.replicas"),
        controller.int("status.readyReplicas"),
        clock.age(controller),
        names,
        images,
        format_labels(controller.map("spec.selector")),
    ]
}

/// `printResourceQuota`.
fn resource_quota(quota: &Value<'_>, clock: Clock) -> Row {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    let quantity = |amount: Option<&Value<'_>>| match amount {
        Some(Value::Str(text)) => text.to_string(),
        Some(Value::Int(int)) => int.to_string(),
        _ => "0".to_owned(),
    };
    for (resource, hard) in quota.map("status.hard").into_iter().flatten() {
        let used = quota.map("status.used").and_then(|used| used.get(resource));
        let column = if resource.starts_with("limits.") { &mut limits } else { &mut requests };
        column.push(format!("{resource}: {}/{}", quantity(used), quantity(Some(hard))));
    }
    row![quota.name(), requests.join(", "), limits.join(", "), clock.age(quota)]
}

/// `printSecret`.
fn secret(secret: &Value<'_>, clock: Clock) -> Row {
    row![secret.name(), secret.text_or("type", "Opaque"), secret.len_of("data"), clock.age(secret)]
}

/// `printServiceAccount`.
fn service_account(account: &Value<'_>, clock: Clock) -> Row {
    row![account.name(), clock.age(account)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn quotas_list_requests_and_limits_apart() {
        let quota = r#"{"metadata":{"name":"q","creationTimestamp":"2026-01-01T00:00:00Z"},"status":{
            "hard":{"requests.cpu":"2","limits.cpu":"4","pods":"9"},"used":{"requests.cpu":"500m","limits.cpu":"1"}}}"#;
        assert_eq!(row("resourcequotas", quota), ["q", "pods: 0/9, requests.cpu: 500m/2", "limits.cpu: 1/4", "24h"]);
    }

    #[test]
    fn the_small_ones() {
        let map = r#"{"metadata":{"name":"m"},"data":{"a":"1","b":"2"},"binaryData":{"c":"AA=="}}"#;
        assert_eq!(row("configmaps", map), ["m", "3", "<unknown>"]);
        assert_eq!(row("secrets", r#"{"metadata":{"name":"s"},"type":5}"#), ["s", "Opaque", "0", "<unknown>"]);
        assert_eq!(row("limitranges", r#"{"metadata":{"name":"l"}}"#), ["l", "0001-01-01T00:00:00Z"]);
        let template = r#"{"metadata":{"name":"t"},"template":{"metadata":{"labels":{"k":"v"}},
            "spec":{"containers":[{"name":"a","image":"i"},{"name":"b"}]}}}"#;
        assert_eq!(row("podtemplates", template), ["t", "a,b", "i,", "k=v"]);
        let controller = r#"{"metadata":{"name":"rc"},"spec":{"replicas":5,"selector":{"a":"1"},"template":{"spec":{
            "containers":[{"name":"c","image":"i"}]}}},"status":{"replicas":3,"readyReplicas":1}}"#;
        let want = ["rc", "5", "3", "1", "<unknown>", "c", "i", "a=1"];
        assert_eq!(row("replicationcontrollers", controller), want);
    }
}
