//! Kinds of the API server itself: APIServices, StorageVersions and their migrations.

use super::{
    Builtin, Clock, Row,
    fields::{Fields, condition, list_with_more, qualified},
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "apiservices" => Builtin("Name, Service, Available, Age", api_service),
        "storageversions" => Builtin("Name, CommonEncodingVersion, StorageVersions, Age", storage_version),
        "storageversionmigrations" => Builtin("Name, Resource, Status", migration),
        _ => return None,
    })
}

/// kube-aggregator's `REST.ConvertToTable`.
fn api_service(service: &Value<'_>, clock: Clock) -> Row {
    let backend = service.find("spec.service").map(|s| format!("{}/{}", s.text("namespace"), s.text("name")));
    let available = condition(service.list("status.conditions"), "Available");
    let available = available.map_or_else(
        || "Unknown".to_owned(),
        |condition| match (condition.text("status"), condition.text("reason")) {
            (status @ "True", _) | (status, "") => status.to_owned(),
            (status, reason) => format!("{status} ({reason})"),
        },
    );
    row![service.name(), backend.unwrap_or_else(|| "Local".to_owned()), available, clock.age(service)]
}

/// `printStorageVersion`.
fn storage_version(version: &Value<'_>, clock: Clock) -> Row {
    // `formatStorageVersions`
    let servers = version.list("status.storageVersions").iter();
    let servers: Vec<_> = servers.map(|s| format!("{}={}", s.text("apiServerID"), s.text("encodingVersion"))).collect();
    row![
        version.name(),
        version.find("status.commonEncodingVersion").and_then(Value::as_str).unwrap_or("<unset>"),
        list_with_more(&servers, 3),
        clock.age(version),
    ]
}

/// `printStorageVersionMigration`.
fn migration(migration: &Value<'_>, _: Clock) -> Row {
    let conditions = migration.list("status.conditions").iter().filter(|c| c.text("status") == "True");
    let mut states = conditions.map(|condition| condition.text("type"));
    let state = states.rfind(|kind| matches!(*kind, "Running" | "Failed" | "Succeeded"));
    let resource = qualified(migration.text("spec.resource.resource"), migration.text("spec.resource.group"));
    row![migration.name(), resource, state.unwrap_or("Unknown")]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn services_of_the_aggregator() {
        let of = "apiservices.apiregistration.k8s.io";
        let shown = |status: &str, reason: &str| {
            let condition = format!(r#"{{"type":"Available","status":"{status}","reason":"{reason}"}}"#);
            let text = format!(
                r#"{{"metadata":{{"name":"s"}},"spec":{{"service":{{"namespace":"n","name":"m"}}}},
                "status":{{"conditions":[{condition}]}}}}"#
            );
            row(of, &text)[1..3].to_vec()
        };
        assert_eq!(shown("True", "Passed"), ["n/m", "True"]);
        assert_eq!(shown("False", "MissingEndpoints"), ["n/m", "False (MissingEndpoints)"]);
        assert_eq!(shown("False", "")[1], "False");
        assert_eq!(row(of, "{}")[1..3], ["Local", "Unknown"]);
    }

    #[test]
    fn storage_versions_and_their_migration() {
        let version = r#"{"metadata":{"name":"v"},"status":{"commonEncodingVersion":"v1","storageVersions":[
            {"apiServerID":"a","encodingVersion":"v1"},{"apiServerID":"b","encodingVersion":"v2"}]}}"#;
        let of = "storageversions.internal.apiserver.k8s.io";
        assert_eq!(row(of, version), ["v", "v1", "a=v1,b=v2", "<unknown>"]);
        assert_eq!(row(of, "{}")[1..3], ["<unset>", "<unset>"]);
        let migration = r#"{"metadata":{"name":"m"},"spec":{"resource":{"group":"apps","resource":"deployments"}},
            "status":{"conditions":[{"type":"Running","status":"False"},{"type":"Succeeded","status":"True"}]}}"#;
        let of = "storageversionmigrations.storagemigration.k8s.io";
        assert_eq!(row(of, migration), ["m", "deployments.apps", "Succeeded"]);
        assert_eq!(row(of, "{}")[2], "Unknown");
    }
}
