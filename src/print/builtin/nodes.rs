//! Nodes.

use std::collections::BTreeSet;

use super::{
    Clock, Row,
    fields::{Fields, or},
    row,
};
use crate::k8s::Value;

/// The columns of [`node`].
pub(super) const COLUMNS: &str = "Name, Status, Roles, Age, Version, +Internal-IP, +External-IP, +OS-Image, \
    +Kernel-Version, +Container-Runtime";

/// `printNode`.
pub(super) fn node(node: &Value<'_>, clock: Clock) -> Row {
    let info = |field: &str| node.text(&format!("status.nodeInfo.{field}")).to_owned();
    let mut kernel = or(&info("kernelVersion"), "<unknown>").to_owned();
    let architecture = info("architecture");
    if !architecture.is_empty() {
        kernel = format!("{kernel} ({architecture})");
    }
    row![
        node.name(),
        status(node),
        roles(node),
        clock.age(node),
        info("kubeletVersion"),
        address(node, "InternalIP"),
        address(node, "ExternalIP"),
        or(&info("osImage"), "<unknown>"),
        kernel,
        or(&info("containerRuntimeVersion"), "<unknown>"),
    ]
}

fn status(node: &Value<'_>) -> String {
    // the last condition of a type counts here
    let ready = node.list("status.conditions").iter().rev().find(|condition| condition.text("type") == "Ready");
    let status = match ready.map(|condition| condition.text("status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let cordoned = node.flag_at("spec.unschedulable") == Some(true);
    if cordoned { format!("{status},SchedulingDisabled") } else { status.to_owned() }
}

/// `findNodeRoles`: labels `node-role.kubernetes.io/ROLE` and `kubernetes.io/role=ROLE`.
fn roles(node: &Value<'_>) -> String {
    let labels = node.map("metadata.labels").into_iter().flatten();
    let roles = labels.filter_map(|(name, value)| match name.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role),
        None if name == "kubernetes.io/role" => value.as_str(),
        None => None,
    });
    let roles: BTreeSet<_> = roles.filter(|role| !role.is_empty()).collect();
    or(&roles.into_iter().collect::<Vec<_>>().join(","), "<none>").to_owned()
}

/// `getNodeInternalIP`, `getNodeExternalIP`.
fn address<'v>(node: &'v Value<'_>, kind: &str) -> &'v str {
    let address = node.list("status.addresses").iter().find(|address| address.text("type") == kind);
    address.map_or("<none>", |address| address.text("address"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn a_node_says_what_it_is_and_how() {
        let node = r#"{"metadata":{"name":"n","labels":{"node-role.kubernetes.io/worker":"","node-role.kubernetes.io/":"",
            "kubernetes.io/role":"edge","other":"x"}},"spec":{"unschedulable":true},"status":{
            "conditions":[{"type":"Ready","status":"False"},{"type":"Ready","status":"True"}],
            "addresses":[{"type":"Hostname","address":"n"},{"type":"InternalIP","address":"10.0.0.1"},
            {"type":"ExternalIP","address":"1.1.1.1"}],
            "nodeInfo":{"kubeletVersion":"v1.36.3","osImage":"Debian","architecture":"amd64"}}}"#;
        let want = [
            "n",
            "Ready,SchedulingDisabled",
            "edge,worker",
            "<unknown>",
            "v1.36.3",
            "10.0.0.1",
            "1.1.1.1",
            "Debian",
            "<unknown> (amd64)",
            "<unknown>",
        ];
        assert_eq!(row("nodes", node), want);
        let bare = row("nodes", r#"{"metadata":{"name":"n"},"status":{"conditions":[{"type":"Ready"}]}}"#);
        assert_eq!(bare[1..3], ["NotReady", "<none>"]);
        assert_eq!(row("nodes", "{}")[1], "Unknown");
    }
}
