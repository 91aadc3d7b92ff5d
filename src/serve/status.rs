//! Errors as a `metav1.Status`, in the words of the API server where it has the same.

use serde_json::json;

use super::answer::Answer;

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// What it is about: name, group, kind, which may be empty.
    details: [String; 3],
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Default::default() }
    }

    /// The request makes no sense.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// There is no such object (`NewNotFound`).
    pub(super) fn no_object(group: &str, plural: &str, name: &str) -> Self {
        let full = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        let details = [name.to_owned(), group.to_owned(), plural.to_owned()];
        Self { details, ..Self::new(404, "NotFound", format!("{full} {name:?} not found")) }
    }

    /// There is no such path (`NewGenericServerResponse`).
    pub(super) fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// What is asked for is not in a backup.
    pub(super) fn no_resource_for(message: &str) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// The client does not show the token (`NewUnauthorized`).
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// A write, or what a mask hides.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message)
    }

    /// The client accepts no form that there is (`NewNotAcceptable`).
    pub(super) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json";
        Self::new(406, "NotAcceptable", message)
    }

    /// The revision has been compacted.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The revision is a future one (`NewTooLargeResourceVersionError`).
    pub(super) fn too_large(revision: i64, head: i64) -> Self {
        let message = format!("Too large resource version: {revision}, current: {head}");
        Self::new(504, "Timeout", message)
    }

    /// The backup cannot answer: it changed, or holds what cannot be read.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// The Status as JSON.
    pub(super) fn document(&self) -> Vec<u8> {
        let [name, group, kind] = &self.details;
        let mut details = serde_json::Map::new();
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        if self.reason == "Timeout" {
            let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
            details.insert("causes".to_owned(), json!([cause]));
            details.insert("retryAfterSeconds".to_owned(), json!(1));
        }
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": details, "code": self.code,
        });
        status.to_string().into_bytes()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let answer = Self::json(refusal.code, refusal.document());
        if refusal.code == 504 { answer.with("retry-after", "1") } else { answer }
    }
}
