//! Webhooks and policies of admission.

use super::{Builtin, Clock, Row, fields::Fields, labels::debug_selector, row};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
            Builtin("Name, Webhooks:integer, Age", webhooks)
        }
        "mutatingadmissionpolicies" => Builtin("Name, Mutations:integer, ParamKind, Age", mutating_policy),
        "validatingadmissionpolicies" => Builtin("Name, Validations:integer, ParamKind, Age", validating_policy),
        "mutatingadmissionpolicybindings" | "validatingadmissionpolicybindings" => {
            Builtin("Name, PolicyName, ParamRef, Age", binding)
        }
        _ => return None,
    })
}

/// `printMutatingWebhook`, `printValidatingWebhook`.
fn webhooks(configuration: &Value<'_>, clock: Clock) -> Row {
    row![configuration.name(), configuration.list("webhooks").len(), clock.age(configuration)]
}

/// `printMutatingAdmissionPolicy`.
fn mutating_policy(policy: &Value<'_>, clock: Clock) -> Row {
    row![policy.name(), policy.list("spec.mutations").len(), param_kind(policy), clock.age(policy)]
}

/// `printValidatingAdmissionPolicy`.
fn validating_policy(policy: &Value<'_>, clock: Clock) -> Row {
    row![policy.name(), policy.list("spec.validations").len(), param_kind(policy), clock.age(policy)]
}

fn param_kind(policy: &Value<'_>) -> String {
    let kind = policy.find("spec.paramKind");
    kind.map_or_else(|| "<unset>".to_owned(), |kind| format!("{}/{}", kind.text("apiVersion"), kind.text("kind")))
}

/// `printMutatingAdmissionPolicyBinding`, `printValidatingAdmissionPolicyBinding`.
fn binding(binding: &Value<'_>, clock: Clock) -> Row {
    row![binding.name(), binding.text("spec.policyName"), param_ref(binding), clock.age(binding)]
}

fn param_ref(binding: &Value<'_>) -> String {
    let Some(param) = binding.find("spec.paramRef") else { return "<unset>".to_owned() };
    match (param.text("name"), param.find("selector")) {
        ("", None) => "<unset>".to_owned(),
        ("", Some(selector)) => debug_selector(selector),
        (name, _) => format!("{}/{name}", param.text_or("namespace", "*")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn policies_and_their_bindings() {
        let policy = r#"{"metadata":{"name":"p"},"spec":{"validations":[{}],"mutations":[{},{}],
            "paramKind":{"apiVersion":"acme.io/v1","kind":"Limit"}}}"#;
        let of = |resource: &str| format!("{resource}.admissionregistration.k8s.io");
        assert_eq!(row(&of("validatingadmissionpolicies"), policy), ["p", "1", "acme.io/v1/Limit", "<unknown>"]);
        assert_eq!(row(&of("mutatingadmissionpolicies"), policy), ["p", "2", "acme.io/v1/Limit", "<unknown>"]);
        assert_eq!(row(&of("mutatingadmissionpolicies"), "{}")[2], "<unset>");
        for (param, want) in [
            (r#"{"name":"n","namespace":"shop"}"#, "shop/n"),
            (r#"{"name":"n"}"#, "*/n"),
            ("{}", "<unset>"),
            ("null", "<unset>"),
            (
                r#"{"selector":{"matchLabels":{"a":"b"}}}"#,
                "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}",
            ),
        ] {
            let text = format!(r#"{{"spec":{{"policyName":"p","paramRef":{param}}}}}"#);
            assert_eq!(row(&of("validatingadmissionpolicybindings"), &text)[1..3], ["p", want]);
            assert_eq!(row(&of("mutatingadmissionpolicybindings"), &text)[2], want);
        }
        let hooks = r#"{"metadata":{"name":"h"},"webhooks":[{},{},{}]}"#;
        assert_eq!(row(&of("mutatingwebhookconfigurations"), hooks), ["h", "3", "<unknown>"]);
    }
}
