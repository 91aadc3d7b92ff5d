//! The API server's flow control.

use super::{
    Builtin, Cell, Clock, Row,
    fields::{Fields, condition},
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "flowschemas" => {
            Builtin("Name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL", flow_schema)
        }
        "prioritylevelconfigurations" => {
            let columns = "Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age";
            Builtin(columns, priority_level)
        }
        _ => return None,
    })
}

/// `printFlowSchema`.
fn flow_schema(schema: &Value<'_>, clock: Clock) -> Row {
    let dangling = condition(schema.list("status.conditions"), "Dangling");
    row![
        schema.name(),
        schema.text("spec.priorityLevelConfiguration.name"),
        schema.int("spec.matchingPrecedence"),
        schema.find("spec.distinguisherMethod").map_or("<none>", |method| method.text("type")),
        clock.age(schema),
        dangling.map_or("?", |condition| condition.text("status")),
    ]
}

/// `FlowSchemaSequence.Less`: the order in which schemas are tried.
pub(super) fn precedence(schema: &Value<'_>) -> i64 {
    schema.int("spec.matchingPrecedence")
}

/// `printPriorityLevelConfiguration`.
fn priority_level(level: &Value<'_>, clock: Clock) -> Row {
    let limited = level.find("spec.limited");
    let none = |number: Option<i64>| number.map_or_else(|| Cell::from("<none>"), Cell::from);
    let shares = limited.map(|limited| {
        let before_v1beta3 = || limited.int_at("assuredConcurrencyShares");
        limited.int_at("nominalConcurrencyShares").or_else(before_v1beta3).unwrap_or(30)
    });
    let queuing = limited.and_then(|limited| limited.find("limitResponse.queuing"));
    let queuing = |field: &str| none(queuing.map(|queuing| queuing.int(field)));
    row![
        level.name(),
        level.text("spec.type"),
        none(shares),
        queuing("queues"),
        queuing("handSize"),
        queuing("queueLengthLimit"),
        clock.age(level),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn levels_and_schemas() {
        let level = |limited: &str| {
            let text = format!(r#"{{"spec":{{"type":"T"{limited}}}}}"#);
            row("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", &text)[1..6].to_vec()
        };
        assert_eq!(level(""), ["T", "<none>", "<none>", "<none>", "<none>"]);
        let reject = r#","limited":{"nominalConcurrencyShares":0,"limitResponse":{"type":"Reject"}}"#;
        assert_eq!(level(reject), ["T", "0", "<none>", "<none>", "<none>"]);
        let queue = r#","limited":{"assuredConcurrencyShares":5,"limitResponse":{"queuing":{"queues":64,"handSize":6,
            "queueLengthLimit":50}}}"#;
        assert_eq!(level(queue), ["T", "5", "64", "6", "50"]);
        let schema = r#"{"spec":{"matchingPrecedence":9,"priorityLevelConfiguration":{"name":"l"},
            "distinguisherMethod":{"type":"ByUser"}},"status":{"conditions":[{"type":"Dangling","status":"True"}]}}"#;
        let of = "flowschemas.flowcontrol.apiserver.k8s.io";
        assert_eq!(row(of, schema)[1..], ["l", "9", "ByUser", "<unknown>", "True"]);
        assert_eq!(row(of, "{}")[1..], ["", "0", "<none>", "<unknown>", "?"]);
    }
}
