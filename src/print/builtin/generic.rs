//! Kinds without a printer of their own.

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

/// `rest.NewDefaultTableConvertor`: Roles, ClusterRoles, LimitRanges, CustomResourceDefinitions and others.
pub(super) fn printer() -> Builtin {
    Builtin("Name, Created At:date", created)
}

fn created(object: &Value<'_>, _: Clock) -> Row {
    let created = object.time("metadata.creationTimestamp");
    row![object.name(), created.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |created| created.to_string())]
}
