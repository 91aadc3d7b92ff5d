//! Dynamic resource allocation.

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "deviceclasses" | "resourceclaimtemplates" => Builtin("Name, Age", named),
        "devicetaintrules" => Builtin("Name, Key, Value, Effect, TimeAdded, Age", device_taint),
        "resourceclaims" => Builtin("Name, State, Age", resource_claim),
        "resourceslices" => Builtin("Name, Node, Driver, Pool, Age", resource_slice),
        "resourcepoolstatusrequests" => {
            let columns =
                "Name, Driver, Total, Available, Allocated, Unavailable, Errors, Pools:integer, Status, Completed";
            Builtin(columns, pool_status_request)
        }
        _ => return None,
    })
}

/// `printDeviceClass`, `printResourceClaimTemplate`.
fn named(object: &Value<'_>, clock: Clock) -> Row {
    row![object.name(), clock.age(object)]
}

/// `printDeviceTaint`.
fn device_taint(rule: &Value<'_>, clock: Clock) -> Row {
    let taint = rule.find("spec.taint").unwrap_or(&Value::Null);
    let added = taint.find("timeAdded").map(|_| clock.since(taint.time("timeAdded")));
    row![
        rule.name(),
        taint.text("key"),
        taint.text("value"),
        taint.text("effect"),
        added.unwrap_or_default(),
        clock.age(rule),
    ]
}

/// `printResourceClaim`.
fn resource_claim(claim: &Value<'_>, clock: Clock) -> Row {
    row![claim.name(), claim_state(claim), clock.age(claim)]
}

/// `resourceClaimState`.
fn claim_state(claim: &Value<'_>) -> String {
    let (allocated, reserved) = (claim.find("status.allocation").is_some(), claim.list("status.reservedFor"));
    let states = [
        ("deleted", claim.deleted()),
        ("pending", !allocated && !claim.deleted()),
        ("allocated", allocated),
        ("reserved", allocated && !reserved.is_empty()),
    ];
    states.iter().filter(|(_, is)| *is).map(|(state, _)| *state).collect::<Vec<_>>().join(",")
}

/// `printResourceSlice`.
fn resource_slice(slice: &Value<'_>, clock: Clock) -> Row {
    row![
        slice.name(),
        slice.text("spec.nodeName"),
        slice.text("spec.driver"),
        slice.text("spec.pool.name"),
        clock.age(slice),
    ]
}

/// `printResourcePoolStatusRequest`.
fn pool_status_request(request: &Value<'_>, clock: Clock) -> Row {
    let (conditions, pools) = (request.list("status.conditions"), request.list("status.pools"));
    let ended = conditions.iter().find(|condition| {
        let kind = condition.text("type");
        matches!(kind, "Complete" | "Failed") && condition.text("status") == "True"
    });
    let (count, shown) = (request.int("status.poolCount"), i64::try_from(pools.len()).unwrap_or(i64::MAX));
    let complete = ended.filter(|condition| condition.text("type") == "Complete");
    let status = match (ended, complete) {
        (None, _) => "Pending".to_owned(),
        (Some(_), Some(_)) if count > shown => format!("Complete ({shown}/{count} pools)"),
        (Some(_), Some(_)) => "Complete".to_owned(),
        (Some(_), None) => "Failed".to_owned(),
    };
    let counted = request.find("status").is_some() && !(ended.is_some() && complete.is_none());
    let sum = |field: &str| {
        let sum = pools.iter().fold(0_i64, |sum, pool| sum.saturating_add(pool.int(field)));
        if counted { sum.to_string() } else { "-".to_owned() }
    };
    let errors = pools.iter().filter(|pool| pool.find("validationError").is_some()).count();
    row![
        request.name(),
        request.text("spec.driver"),
        sum("totalDevices"),
        sum("availableDevices"),
        sum("allocatedDevices"),
        sum("unavailableDevices"),
        if counted { errors.to_string() } else { "-".to_owned() },
        count,
        status,
        complete.map_or_else(|| "<none>".to_owned(), |complete| clock.since(complete.time("lastTransitionTime"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    fn of(plural: &str, text: &str) -> Vec<String> {
        row(&format!("{plural}.resource.k8s.io"), text)
    }

    #[test]
    fn claims_are_pending_or_allocated() {
        let state = |meta: &str, status: &str| {
            of("resourceclaims", &format!(r#"{{"metadata":{{{meta}}},"status":{{{status}}}}}"#)).swap_remove(1)
        };
        let gone = r#""deletionTimestamp":"2026-01-01T00:00:00Z""#;
        assert_eq!(state("", ""), "pending");
        assert_eq!(state(gone, ""), "deleted");
        assert_eq!(state("", r#""allocation":{}"#), "allocated");
        assert_eq!(state(gone, r#""allocation":{},"reservedFor":[{}]"#), "deleted,allocated,reserved");
    }

    #[test]
    fn slices_taints_and_pools() {
        let slice = r#"{"metadata":{"name":"s"},"spec":{"nodeName":"n","driver":"d","pool":{"name":"p"}}}"#;
        assert_eq!(of("resourceslices", slice)[..4], ["s", "n", "d", "p"]);
        let rule = r#"{"metadata":{"name":"r"},"spec":{"taint":{"key":"k","value":"v","effect":"NoExecute",
            "timeAdded":"2026-01-01T23:59:00Z"}}}"#;
        assert_eq!(of("devicetaintrules", rule), ["r", "k", "v", "NoExecute", "60s", "<unknown>"]);
        assert_eq!(of("devicetaintrules", "{}")[4], "");
        let pools = |condition: &str| {
            let text = format!(
                r#"{{"metadata":{{"name":"q"}},"spec":{{"driver":"d"}},"status":{{"poolCount":3,"conditions":[
                {{"type":"{condition}","status":"True","lastTransitionTime":"2026-01-01T23:59:00Z"}}],"pools":[
                {{"totalDevices":4,"availableDevices":1,"allocatedDevices":3}},{{"totalDevices":2,"validationError":"x"}}]}}}}"#
            );
            of("resourcepoolstatusrequests", &text)[2..].to_vec()
        };
        assert_eq!(pools("Complete"), ["6", "1", "3", "0", "1", "3", "Complete (2/3 pools)", "60s"]);
        assert_eq!(pools("Failed"), ["-", "-", "-", "-", "-", "3", "Failed", "<none>"]);
        let none = of("resourcepoolstatusrequests", "{}");
        assert_eq!(none[2..], ["-", "-", "-", "-", "-", "0", "Pending", "<none>"]);
    }
}
