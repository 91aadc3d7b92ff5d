//! Leases.

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "leases" => Builtin("Name, Holder, Age", lease),
        "leasecandidates" => Builtin("Name, LeaseName, BinaryVersion, EmulationVersion, Age", lease_candidate),
        _ => return None,
    })
}

/// `printLease`.
fn lease(lease: &Value<'_>, clock: Clock) -> Row {
    row![lease.name(), lease.text("spec.holderIdentity"), clock.age(lease)]
}

/// `printLeaseCandidate`.
fn lease_candidate(candidate: &Value<'_>, clock: Clock) -> Row {
    row![
        candidate.name(),
        candidate.text("spec.leaseName"),
        candidate.text("spec.binaryVersion"),
        candidate.text("spec.emulationVersion"),
        clock.age(candidate),
    ]
}
