//! Requests for certificates, and bundles of trust.

use super::{
    Builtin, Clock, Row, clock,
    fields::{Fields, condition},
    format_labels, row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "certificatesigningrequests" => {
            Builtin("Name, Age, SignerName, Requestor, RequestedDuration, Condition", signing_request)
        }
        "clustertrustbundles" => Builtin("Name, SignerName", trust_bundle),
        "podcertificaterequests" => {
            let columns = "Name, PodName, ServiceAccountName, NodeName, SignerName, State, UnverifiedUserAnnotations";
            Builtin(columns, pod_request)
        }
        _ => return None,
    })
}

/// `printCertificateSigningRequest`.
fn signing_request(request: &Value<'_>, clock: Clock) -> Row {
    row![
        request.name(),
        clock.age(request),
        request.text_or("spec.signerName", "<none>"),
        request.text("spec.username"),
        request.int_at("spec.expirationSeconds").map_or_else(|| "<none>".to_owned(), clock::seconds),
        status(request),
    ]
}

/// `extractCSRStatus`.
fn status(request: &Value<'_>) -> String {
    let conditions = request.list("status.conditions");
    let has = |kind: &str| condition(conditions, kind).is_some();
    let mut status = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied".to_owned(),
        (false, true) => "Approved".to_owned(),
        (false, false) => "Pending".to_owned(),
    };
    if has("Failed") {
        status.push_str(",Failed");
    }
    let issued = match request.find("status.certificate") {
        Some(Value::Bytes(bytes)) => !bytes.is_empty(),
        Some(Value::Str(base64)) => !base64.is_empty(),
        _ => false,
    };
    if issued {
        status.push_str(",Issued");
    }
    status
}

/// `printClusterTrustBundle`.
fn trust_bundle(bundle: &Value<'_>, _: Clock) -> Row {
    row![bundle.name(), bundle.text_or("spec.signerName", "<none>")]
}

/// `printPodCertificateRequest`.
fn pod_request(request: &Value<'_>, _: Clock) -> Row {
    let conditions = request.list("status.conditions").iter().rev().map(|condition| condition.text("type"));
    let mut states = conditions.filter(|kind| matches!(*kind, "Issued" | "Denied" | "Failed"));
    row![
        request.name(),
        request.text("spec.podName"),
        request.text("spec.serviceAccountName"),
        request.text("spec.nodeName"),
        request.text("spec.signerName"),
        states.next().unwrap_or("Pending"),
        format_labels(request.map("spec.unverifiedUserAnnotations")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn a_request_is_pending_approved_or_denied() {
        let shown = |conditions: &[&str], rest: &str| {
            let conditions: Vec<_> = conditions.iter().map(|kind| format!(r#"{{"type":"{kind}"}}"#)).collect();
            let text = format!(
                r#"{{"metadata":{{"name":"r"}},"spec":{{"username":"u","expirationSeconds":7200}},
                "status":{{"conditions":[{}]{rest}}}}}"#,
                conditions.join(",")
            );
            row("certificatesigningrequests.certificates.k8s.io", &text)
        };
        assert_eq!(shown(&[], ""), ["r", "<unknown>", "<none>", "u", "120m", "Pending"]);
        assert_eq!(shown(&["Approved"], "")[5], "Approved");
        assert_eq!(shown(&["Approved", "Denied"], "")[5], "Denied");
        assert_eq!(shown(&["Approved", "Failed"], r#","certificate":"QQ==""#)[5], "Approved,Failed,Issued");
        assert_eq!(shown(&["Approved"], r#","certificate":"""#)[5], "Approved");
    }

    #[test]
    fn what_pods_ask_for() {
        let text = r#"{"metadata":{"name":"r"},"spec":{"signerName":"s","podName":"p","unverifiedUserAnnotations":{"a":"b"}},
            "status":{"conditions":[{"type":"Odd"},{"type":"Issued","status":"True"}]}}"#;
        let of = |plural: &str| format!("{plural}.certificates.k8s.io");
        assert_eq!(row(&of("podcertificaterequests"), text), ["r", "p", "", "", "s", "Issued", "a=b"]);
        assert_eq!(row(&of("podcertificaterequests"), "{}")[5..], ["Pending", "<none>"]);
        assert_eq!(row(&of("clustertrustbundles"), text), ["r", "s"]);
    }
}
