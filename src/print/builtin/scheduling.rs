//! Scheduling and running of Pods: priorities, groups, runtimes (`node.k8s.io`).

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "podgroups" => Builtin("Name, Policy, Workload, Status, Age", pod_group),
        "priorityclasses" => {
            Builtin("Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy", priority_class)
        }
        "runtimeclasses" => Builtin("Name, Handler, Age", runtime_class),
        "workloads" => Builtin("Name, Age", workload),
        _ => return None,
    })
}

/// `printPriorityClass`.
fn priority_class(class: &Value<'_>, clock: Clock) -> Row {
    row![
        class.name(),
        class.int("value"),
        class.flag_at("globalDefault") == Some(true),
        clock.age(class),
        class.text_or("preemptionPolicy", "PreemptLowerPriority"),
    ]
}

/// `printRuntimeClass`.
fn runtime_class(class: &Value<'_>, clock: Clock) -> Row {
    // v1alpha1 had it in a spec
    row![class.name(), class.text_or("handler", class.text("spec.runtimeHandler")), clock.age(class)]
}

/// `printWorkload`.
fn workload(workload: &Value<'_>, clock: Clock) -> Row {
    row![workload.name(), clock.age(workload)]
}

/// `printPodGroup`.
fn pod_group(group: &Value<'_>, clock: Clock) -> Row {
    // the last condition of a type counts here
    let condition = |kind: &str| group.list("status.conditions").iter().rev().find(|c| c.text("type") == kind);
    let scheduled = condition("PodGroupScheduled").map(|condition| match condition.text("status") {
        "True" => "Scheduled",
        _ => "Unschedulable",
    });
    let disrupted = condition("DisruptionTarget").map(|condition| condition.text("reason"));
    let template = group.find("spec.podGroupTemplateRef").map(|template| template.text("workload.workloadName"));
    let workload = template.or_else(|| Some(group.find("spec.workloadRef")?.text("workloadName")));
    row![
        group.name(),
        if group.find("spec.schedulingPolicy.gang").is_some() { "Gang" } else { "Basic" },
        workload.unwrap_or("<none>"),
        disrupted.or(scheduled).unwrap_or("Pending"),
        clock.age(group),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn classes_and_groups() {
        let class = r#"{"metadata":{"name":"p"},"value":-5,"globalDefault":true,"preemptionPolicy":"Never"}"#;
        assert_eq!(row("priorityclasses.scheduling.k8s.io", class), ["p", "-5", "true", "<unknown>", "Never"]);
        let bare = row("priorityclasses.scheduling.k8s.io", "{}");
        assert_eq!(bare[1..], ["0", "false", "<unknown>", "PreemptLowerPriority"]);
        assert_eq!(row("runtimeclasses.node.k8s.io", r#"{"handler":"runc"}"#)[1], "runc");
        let group = |conditions: &str| {
            let text = format!(
                r#"{{"metadata":{{"name":"g"}},"spec":{{"schedulingPolicy":{{"gang":{{}}}},
                "podGroupTemplateRef":{{"workload":{{"workloadName":"w"}}}}}},"status":{{"conditions":[{conditions}]}}}}"#
            );
            row("podgroups.scheduling.k8s.io", &text)[1..4].to_vec()
        };
        let scheduled = |status: &str| format!(r#"{{"type":"PodGroupScheduled","status":"{status}"}}"#);
        assert_eq!(group(""), ["Gang", "w", "Pending"]);
        assert_eq!(group(&scheduled("True"))[2], "Scheduled");
        assert_eq!(group(&scheduled("False"))[2], "Unschedulable");
        let both = format!(r#"{},{{"type":"DisruptionTarget","reason":"Preempted"}}"#, scheduled("True"));
        assert_eq!(group(&both)[2], "Preempted");
        assert_eq!(row("podgroups.scheduling.k8s.io", "{}")[1..4], ["Basic", "<none>", "Pending"]);
    }
}
