//! Deployments and the other kinds that keep Pods running.

use super::{
    Builtin, Clock, Row, containers,
    fields::{Fields, qualified},
    format_labels,
    labels::{as_selector, format_selector},
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "controllerrevisions" => Builtin("Name, Controller, Revision, Age", controller_revision),
        "daemonsets" => {
            let columns = "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, \
                Available:integer, Node Selector, Age, +Containers, +Images, +Selector";
            Builtin(columns, daemon_set)
        }
        "deployments" => {
            let columns = "Name, Ready, Up-to-date, Available, Age, +Containers, +Images, +Selector";
            Builtin(columns, deployment)
        }
        "replicasets" => {
            let columns = "Name, Desired:integer, Current:integer, Ready:integer, Age, +Containers, +Images, +Selector";
            Builtin(columns, replica_set)
        }
        "statefulsets" => Builtin("Name, Ready, Age, +Containers, +Images", stateful_set),
        _ => return None,
    })
}

/// `printDeployment`.
fn deployment(deployment: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(deployment);
    row![
        deployment.name(),
        format!("{}/{}", deployment.int("status.readyReplicas"), replicas(deployment)),
        deployment.int("status.updatedReplicas"),
        deployment.int("status.availableReplicas"),
        clock.age(deployment),
        names,
        images,
        as_selector(deployment.find("spec.selector")).unwrap_or_else(|| "<invalid>".to_owned()),
    ]
}

/// `printReplicaSet`.
fn replica_set(set: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(set);
    row![
        set.name(),
        replicas(set),
        set.int("status.replicas"),
        set.int("status.readyReplicas"),
        clock.age(set),
        names,
        images,
        format_selector(set.find("spec.selector")),
    ]
}

/// `printStatefulSet`.
fn stateful_set(set: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(set);
    let ready = format!("{}/{}", set.int("status.readyReplicas"), replicas(set));
    row![set.name(), ready, clock.age(set), names, images]
}

/// `printDaemonSet`.
fn daemon_set(set: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(set);
    row![
        set.name(),
        set.int("status.desiredNumberScheduled"),
        set.int("status.currentNumberScheduled"),
        set.int("status.numberReady"),
        set.int("status.updatedNumberScheduled"),
        set.int("status.numberAvailable"),
        format_labels(set.map("spec.template.spec.nodeSelector")),
        clock.age(set),
        names,
        images,
        format_selector(set.find("spec.selector")),
    ]
}

/// `printControllerRevision`.
fn controller_revision(revision: &Value<'_>, clock: Clock) -> Row {
    let owners = revision.list("metadata.ownerReferences").iter();
    let controller = owners.filter(|owner| owner.flag_at("controller") == Some(true)).map(|owner| {
        let group = owner.text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        format!("{}/{}", qualified(owner.text("kind"), group).to_lowercase(), owner.text("name"))
    });
    let controller = controller.into_iter().next().unwrap_or_else(|| "<none>".to_owned());
    row![revision.name(), controller, revision.int("revision"), clock.age(revision)]
}

/// The desired number of replicas: 1 where it is not set, the API server's default.
fn replicas(object: &Value<'_>) -> i64 {
    object.int_at("spec.replicas").unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    const TEMPLATE: &str = r#""selector":{"matchLabels":{"app":"web"}},"template":{"spec":{"nodeSelector":{"disk":"ssd"},
        "containers":[{"name":"a","image":"x:1"},{"name":"b","image":"y:2"}]}}"#;

    #[test]
    fn what_keeps_pods_running() {
        let object = |spec: &str, status: &str| {
            format!(
                r#"{{"metadata":{{"name":"w","creationTimestamp":"2026-01-01T00:00:00Z"}},
                "spec":{{{spec}{TEMPLATE}}},"status":{{{status}}}}}"#
            )
        };
        let set =
            object(r#""replicas":5,"#, r#""replicas":4,"readyReplicas":3,"updatedReplicas":2,"availableReplicas":1"#);
        let wide = ["a,b", "x:1,y:2", "app=web"];
        assert_eq!(row("deployments.apps", &set), [&["w", "3/5", "2", "1", "24h"][..], &wide].concat());
        assert_eq!(row("replicasets.apps", &set), [&["w", "5", "4", "3", "24h"][..], &wide].concat());
        assert_eq!(row("statefulsets.apps", &set), ["w", "3/5", "24h", "a,b", "x:1,y:2"]);
        assert_eq!(row("deployments.apps", &object("", ""))[1..4], ["0/1", "0", "0"]);
        let daemons = object(
            "",
            r#""desiredNumberScheduled":5,"currentNumberScheduled":4,"numberReady":3,
            "updatedNumberScheduled":2,"numberAvailable":1"#,
        );
        let want = [&["w", "5", "4", "3", "2", "1", "disk=ssd", "24h"][..], &wide].concat();
        assert_eq!(row("daemonsets.apps", &daemons), want);
        assert_eq!(row("deployments.apps", "{}")[7], "");
        assert_eq!(row("replicasets.apps", "{}")[7], "<none>");
    }

    #[test]
    fn a_revision_names_its_controller() {
        let revision = r#"{"metadata":{"name":"r","ownerReferences":[{"kind":"Pod","name":"no"},
            {"apiVersion":"apps/v1","kind":"DaemonSet","name":"d","controller":true}]},"revision":7}"#;
        assert_eq!(row("controllerrevisions.apps", revision), ["r", "daemonset.apps/d", "7", "<unknown>"]);
        assert_eq!(row("controllerrevisions.apps", "{}")[1..3], ["<none>", "0"]);
    }
}
