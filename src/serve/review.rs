//! What a client may do: everybody may read, and nobody may write.

use serde_json::json;

use super::{answer::Answer, request::Request, status::Refusal};
use crate::k8s::{self, Value};

/// The verbs that are allowed.
const ALLOWED: [&str; 3] = ["get", "list", "watch"];
/// Why nothing else is.
const WHY: &str = "this is a backup, served by etcdsnap: it can only be read";

/// Answers a review that was posted, in protobuf or JSON, without looking at who asks.
pub(super) fn review(kind: &str, request: &Request) -> Result<Answer, Refusal> {
    let sent =
        k8s::decode(&request.body).map_err(|why| Refusal::bad_request(format!("the body is no {kind}: {why}")))?;
    let text = |path: &[&str]| sent.value.at(path).and_then(Value::as_str).unwrap_or_default();
    let spec = || -> serde_json::Value {
        let spec = sent.value.get("spec").map(Value::to_json).unwrap_or_default();
        serde_json::from_str(&spec).unwrap_or_else(|_| json!({}))
    };
    let document = match kind {
        "SelfSubjectReview" => json!({
            "kind": kind, "apiVersion": "authentication.k8s.io/v1", "metadata": {"creationTimestamp": null},
            "status": {"userInfo": {"username": "etcdsnap", "groups": ["system:authenticated"]}},
        }),
        "SelfSubjectRulesReview" => json!({
            "kind": kind, "apiVersion": "authorization.k8s.io/v1", "metadata": {"creationTimestamp": null},
            "spec": spec(),
            "status": {
                "resourceRules": [{"verbs": ALLOWED, "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            },
        }),
        _ => {
            let verb = match text(&["spec", "resourceAttributes", "verb"]) {
                "" => text(&["spec", "nonResourceAttributes", "verb"]),
                verb => verb,
            };
            let allowed = ALLOWED.contains(&verb);
            let status = if allowed { json!({"allowed": true}) } else { json!({"allowed": false, "reason": WHY}) };
            json!({
                "kind": kind, "apiVersion": "authorization.k8s.io/v1", "metadata": {"creationTimestamp": null},
                "spec": spec(), "status": status,
            })
        }
    };
    Ok(Answer::json(201, document.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::answer::Content;

    fn status(kind: &str, body: &str) -> serde_json::Value {
        let request = Request { body: body.as_bytes().to_vec(), ..Request::default() };
        let Content::Whole(answer) = review(kind, &request).unwrap().content else { panic!("it is short") };
        serde_json::from_slice::<serde_json::Value>(&answer).unwrap()["status"].take()
    }

    #[test]
    fn reading_is_allowed_and_nothing_else() {
        let access = |verb: &str| {
            let body =
                format!(r#"{{"kind":"SelfSubjectAccessReview","spec":{{"resourceAttributes":{{"verb":"{verb}"}}}}}}"#);
            status("SelfSubjectAccessReview", &body)["allowed"].clone()
        };
        assert_eq!(["get", "watch", "create", "*", ""].map(access), [true, true, false, false, false]);
        // as Headlamp sends it, without a kind
        assert_eq!(status("SelfSubjectRulesReview", r#"{"spec":{"namespace":"default"}}"#)["incomplete"], false);
        assert_eq!(status("SelfSubjectReview", "{}")["userInfo"]["username"], "etcdsnap");
        assert!(review("SelfSubjectAccessReview", &Request::default()).is_err());
    }
}
