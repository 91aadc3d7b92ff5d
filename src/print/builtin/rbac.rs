//! Bindings of roles; roles themselves have no printer.

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    let columns = "Name, Role, Age, +Users, +Groups, +ServiceAccounts";
    matches!(plural, "rolebindings" | "clusterrolebindings").then_some(Builtin(columns, binding))
}

/// `printRoleBinding`, `printClusterRoleBinding`.
fn binding(binding: &Value<'_>, clock: Clock) -> Row {
    // `rbac.SubjectsStrings`
    let subjects = |kind: &str| {
        let subjects = binding.list("subjects").iter().filter(|subject| subject.text("kind") == kind);
        let names = subjects.map(|subject| match kind {
            "ServiceAccount" => format!("{}/{}", subject.text("namespace"), subject.text("name")),
            _ => subject.text("name").to_owned(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    row![
        binding.name(),
        format!("{}/{}", binding.text("roleRef.kind"), binding.text("roleRef.name")),
        clock.age(binding),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn bindings_list_their_subjects_by_kind() {
        let binding = r#"{"metadata":{"name":"b"},"roleRef":{"kind":"Role","name":"r"},"subjects":[
            {"kind":"User","name":"u1"},{"kind":"User","name":"u2"},{"kind":"Group","name":"g"},{"kind":"Odd","name":"o"},
            {"kind":"ServiceAccount","namespace":"n","name":"sa"}]}"#;
        for of in ["rolebindings", "clusterrolebindings"] {
            let row = row(&format!("{of}.rbac.authorization.k8s.io"), binding);
            assert_eq!(row, ["b", "Role/r", "<unknown>", "u1, u2", "g", "n/sa"]);
        }
    }
}
