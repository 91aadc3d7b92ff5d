//! The tables of the built-in kinds (`pkg/printers/internalversion`), one file for each API group.
//!
//! The API server first converts objects to its internal types, which have defaults and one form for fields that had
//! several over time. The functions here read the stored form, and both places of such a field.

mod admission;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod containers;
mod coordination;
mod core;
mod discovery;
mod entry;
mod events;
mod flowcontrol;
mod generic;
mod networking;
mod nodes;
mod pods;
mod policy;
mod rbac;
mod registration;
mod resource;
mod scheduling;
mod services;
mod storage;
mod volumes;

#[cfg(test)]
use super::testing;
use super::{
    Cell, Clock, Column, ColumnType, Row, clock, fields,
    labels::{self, format_labels},
};
use crate::k8s::Value;
pub(super) use entry::RowOf;
use entry::{Builtin, row};

/// The columns of a built-in kind, and the function for its rows. A kind without a printer of its own shows its name
/// and creation time.
pub(super) fn printer(group: &str, plural: &str) -> (Vec<Column>, RowOf) {
    let Builtin(columns, row) = find(group, plural).unwrap_or_else(generic::printer);
    let columns = columns.split(", ").map(|column| {
        let (column, priority) = column.strip_prefix('+').map_or((column, 0), |column| (column, 1));
        let (name, kind) = column.split_once(':').unwrap_or((column, "string"));
        // of the API server's own definitions this one has no `Format: "name"`
        let is_name = name == "Name" && plural != "storageversionmigrations";
        Column {
            name: name.into(),
            kind: ColumnType::named(kind).unwrap_or_default(),
            format: if is_name { "name".into() } else { "".into() },
            description: "".into(),
            priority,
        }
    });
    (columns.collect(), row)
}

/// The sort key of a kind's rows, before their keys of etcd.
pub(super) fn order(plural: &str) -> Option<fn(&Value<'_>) -> i64> {
    (plural == "flowschemas").then_some(flowcontrol::precedence)
}

fn find(group: &str, plural: &str) -> Option<Builtin> {
    match group {
        "" => core::printer(plural),
        "admissionregistration.k8s.io" => admission::printer(plural),
        "apps" => apps::printer(plural),
        "autoscaling" => autoscaling::printer(plural),
        "batch" => batch::printer(plural),
        "certificates.k8s.io" => certificates::printer(plural),
        "coordination.k8s.io" => coordination::printer(plural),
        "discovery.k8s.io" => discovery::printer(plural),
        "flowcontrol.apiserver.k8s.io" => flowcontrol::printer(plural),
        "networking.k8s.io" => networking::printer(plural),
        "policy" => policy::printer(plural),
        "rbac.authorization.k8s.io" => rbac::printer(plural),
        "resource.k8s.io" => resource::printer(plural),
        "node.k8s.io" | "scheduling.k8s.io" => scheduling::printer(plural),
        "storage.k8s.io" => storage::printer(plural),
        "apiregistration.k8s.io" | "internal.apiserver.k8s.io" | "storagemigration.k8s.io" => {
            registration::printer(plural)
        }
        _ => None,
    }
}
