//! PodDisruptionBudgets.

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    let columns = "Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age";
    (plural == "poddisruptionbudgets").then_some(Builtin(columns, budget))
}

/// `printPodDisruptionBudget`.
fn budget(budget: &Value<'_>, clock: Clock) -> Row {
    let or_not = |path: &str| budget.scalar(path).unwrap_or_else(|| "N/A".to_owned());
    row![
        budget.name(),
        or_not("spec.minAvailable"),
        or_not("spec.maxUnavailable"),
        budget.int("status.disruptionsAllowed"),
        clock.age(budget),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn budgets_in_numbers_and_percent() {
        let of = "poddisruptionbudgets.policy";
        let budget = r#"{"metadata":{"name":"b"},"spec":{"minAvailable":22},"status":{"disruptionsAllowed":5}}"#;
        assert_eq!(row(of, budget), ["b", "22", "N/A", "5", "<unknown>"]);
        assert_eq!(row(of, r#"{"spec":{"maxUnavailable":"30%"}}"#)[1..4], ["N/A", "30%", "0"]);
    }
}
