//! `--field-selector`: conditions on fields, parsed as by apimachinery's `pkg/fields` and answered as by each kind's
//! `pkg/registry/*/strategy.go`.
//!
//! An API server supports a few fields of each kind. Some of them are no paths of the object, or have a default value;
//! these are here. All others are paths, so any path is accepted: its value is compared as
//! `custom-columns` prints it, and a missing value is empty.

use std::borrow::Cow;

use super::jsonpath::JsonPath;
use crate::{
    Error, Result,
    k8s::{Value, sprint},
};

/// Conditions on fields (`fields.Selector`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
    /// Whether an object was tested.
    used: bool,
}

/// `fields.hasTerm`, `fields.notHasTerm`
#[derive(Debug, Clone, PartialEq)]
struct Term {
    field: String,
    path: JsonPath,
    equal: bool,
    value: String,
    /// Whether some object had the field, or could have had it.
    seen: bool,
}

impl FieldSelector {
    /// Parses a selector; an empty one selects everything (`fields.ParseSelector`).
    ///
    /// # Errors
    /// When it is invalid, in apimachinery's words.
    pub fn parse(text: &str) -> Result<Self> {
        let mut terms = Vec::new();
        for part in split_terms(text).filter(|part| !part.is_empty()) {
            let Some((field, equal, value)) = split_term(part) else {
                let error = usage(format!("invalid selector: '{text}'; can't understand '{part}'"));
                return Err(if part.contains('[') { error.hinted(A_PATH) } else { error });
            };
            let path = JsonPath::relaxed(field).map_err(|error| error.hinted(A_PATH))?;
            let value = unescape(value)?;
            terms.push(Term { field: field.to_owned(), path, equal, value, seen: false });
        }
        Ok(Self { terms, used: false })
    }

    /// The value that a field must have (`Selector.RequiresExactMatch`).
    #[must_use]
    pub fn required(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }

    /// The first field that an API server does not support for an object of this form, of which only `apiVersion` and
    /// `kind` count. A custom kind supports more: those that its definition selects.
    #[must_use]
    pub fn unsupported(&self, form: &Value<'_>, more: &[String]) -> Option<&str> {
        let known = |term: &&Term| special(form, &term.field).is_some() || more.contains(&term.field);
        self.terms.iter().find(|term| !known(term)).map(|term| term.field.as_str())
    }

    /// Whether this object is selected (`Selector.Matches`); records which fields exist.
    pub fn matches(&mut self, object: &Value<'_>) -> bool {
        self.used = true;
        // every term is tested, to record its field
        self.terms.iter_mut().fold(true, |all, term| {
            let named = special(object, &term.field);
            term.seen |= named.is_some() || ANY_KIND.contains(&term.field.as_str());
            let value = named.unwrap_or_else(|| found(&term.path, object));
            term.seen |= !value.is_empty();
            all && (value == term.value) == term.equal
        })
    }

    /// As [`FieldSelector::matches`], without a record of the fields.
    #[must_use]
    pub fn selects(&self, object: &Value<'_>) -> bool {
        self.terms.iter().all(|term| {
            let value = special(object, &term.field).unwrap_or_else(|| found(&term.path, object));
            (value == term.value) == term.equal
        })
    }

    /// Checks that each field is one that an object had or an API server supports.
    ///
    /// # Errors
    /// When one is not: it is misspelled, and objects may have been left out by mistake.
    pub fn finish(&self) -> Result<()> {
        match self.terms.iter().find(|term| self.used && !term.seen) {
            Some(term) => Err(Error::usage(format!("field label not supported: {}", term.field))
                .hinted(format!("no object has such a field; {A_PATH}"))),
            None => Ok(()),
        }
    }
}

/// Fields that an object of any kind may have, whether one has them at the time or not.
const ANY_KIND: [&str; 3] = ["metadata.deletionTimestamp", "metadata.generateName", "metadata.ownerReferences"];

/// What a field is.
const A_PATH: &str = "a field is a path such as status.phase, with conditions in brackets: \
                      --field-selector 'status.conditions[?(@.type==\"Ready\")].status=False'";

fn usage(what: String) -> Error {
    let hint = "as in kubectl: FIELD=VALUE, FIELD!=VALUE, separated by commas; \\, and \\= and \\\\ in a value";
    Error::usage(what).hinted(hint)
}

/// Splits a selector at each comma without a backslash (`splitTerms`). A comma in the brackets of a path is part of it.
fn split_terms(text: &str) -> impl Iterator<Item = &str> {
    let (mut escaped, mut depth, mut in_field) = (false, 0_u32, true);
    text.split(move |c| {
        match c {
            '[' if in_field => depth = depth.saturating_add(1),
            ']' if in_field => depth = depth.saturating_sub(1),
            '=' if depth == 0 => in_field = false,
            _ => {}
        }
        let comma = c == ',' && !escaped && (depth == 0 || !in_field);
        escaped = c == '\\' && !escaped;
        if comma {
            (depth, in_field) = (0, true);
        }
        comma
    })
}

/// Splits a term into field, whether it must be equal, and value (`splitTerm`). In the brackets of a path there may be
/// conditions of its own.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let mut depth = 0_u32;
    let is_operator = |(at, c): &(usize, char)| {
        match c {
            '[' => depth = depth.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (*c == '=' || term.get(*at..).is_some_and(|rest| rest.starts_with("!=")))
    };
    let at = term.char_indices().find(is_operator)?.0;
    let (field, rest) = term.split_at_checked(at)?;
    match rest.strip_prefix("!=") {
        Some(value) => Some((field, false, value)),
        None => Some((field, true, rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?)),
    }
}

/// `UnescapeValue`
fn unescape(value: &str) -> Result<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => c,
                c => {
                    let sequence = c.map_or_else(|| "\\".to_owned(), |c| format!("\\{c}"));
                    return Err(usage(format!("invalid field selector: invalid escape sequence: {sequence}")));
                }
            },
            ',' | '=' => {
                let code = u32::from(c);
                return Err(usage(format!("invalid field selector: unescaped character in value: {code}")));
            }
            c => c,
        });
    }
    Ok(out)
}

/// The value of a field that the API server supports and that is no path, or has a default.
fn special<'v>(object: &'v Value<'_>, field: &str) -> Option<Cow<'v, str>> {
    let name = |value: Option<&'v Value<'_>>| value.and_then(Value::as_str).unwrap_or_default();
    let group = name(object.get("apiVersion")).split_once('/').map_or("", |(group, _)| group);
    if group.contains('.') && !group.ends_with(".k8s.io") {
        return matches!(field, "metadata.name" | "metadata.namespace").then(|| at(object, field));
    }
    Some(match (name(object.get("kind")), field) {
        (_, "metadata.name" | "metadata.namespace") => at(object, field),
        ("Pod", "spec.host") => at(object, "spec.nodeName"),
        ("Pod", "status.podIP") => {
            let first = object.at(&["status", "podIPs"]).and_then(Value::as_list).and_then(<[_]>::first);
            first.map_or_else(|| at(object, field), |first| at(first, "ip"))
        }
        // supported by the API server, and empty for every pod
        ("Pod", "status.podIPs") => Cow::Borrowed(""),
        ("Pod", "spec.hostNetwork") | ("Node", "spec.unschedulable") => or(at(object, field), "false"),
        ("ReplicationController" | "ReplicaSet", "status.replicas") => or(at(object, field), "0"),
        ("Job", "status.successful") => or(at(object, "status.succeeded"), "0"),
        ("Event", "source") => {
            let component = at(object, "source.component");
            if component.is_empty() { at(object, "reportingComponent") } else { component }
        }
        ("Event", "reportingController") => at(object, "reportingComponent"),
        ("Event", _) if field.starts_with("regarding.") => {
            at(object, &field.replacen("regarding", "involvedObject", 1))
        }
        (kind, _) if fields_of(kind).contains(&field) => at(object, field),
        _ => return None,
    })
}

/// Whether a field is one of the paths that the API server supports (`AddFieldLabelConversionFunc` in
/// `pkg/apis/*/conversion.go`); in an object without it the value is empty.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ],
        "Secret" => &["type"],
        "Namespace" => &["status.phase"],
        "Service" => &["spec.clusterIP", "spec.type"],
        "CertificateSigningRequest" | "ClusterTrustBundle" => &["spec.signerName"],
        "PodCertificateRequest" => &["spec.signerName", "spec.podName", "spec.nodeName"],
        "ResourceSlice" => &["spec.nodeName", "spec.driver"],
        "LeaseCandidate" => &["spec.leaseName"],
        _ => &[],
    }
}

fn or<'v>(text: Cow<'v, str>, default: &'static str) -> Cow<'v, str> {
    if text.is_empty() { Cow::Borrowed(default) } else { text }
}

fn at<'v>(object: &'v Value<'_>, path: &str) -> Cow<'v, str> {
    let value = path.split('.').try_fold(object, |value, name| value.get(name));
    value.filter(|value| **value != Value::Null).map(sprint).unwrap_or_default()
}

/// The value at a path; empty for a path that does not fit.
fn found<'v>(path: &JsonPath, object: &Value<'_>) -> Cow<'v, str> {
    let results = path.find_results(object).unwrap_or_default();
    let values = results.iter().flatten().filter(|found| found.value().is_some_and(|value| *value != Value::Null));
    Cow::Owned(values.map(|found| found.text().into_owned()).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn matches(selector: &str, object: &str) -> bool {
        let object = decode(object.as_bytes()).unwrap();
        FieldSelector::parse(selector).unwrap().matches(&object.value)
    }

    #[test]
    fn terms_are_split_at_commas() {
        for (text, want) in [
            ("a", &["a"] as &[&str]),
            ("a=a,b==b,c!=c", &["a=a", "b==b", "c!=c"]),
            (",a=a,", &["", "a=a", ""]),
            (r"k=\,,k2=v2", &[r"k=\,", "k2=v2"]),
            (r"k=\\,k2=v2", &[r"k=\\", "k2=v2"]),
            (r"k=\\\,,k2=v2", &[r"k=\\\,", "k2=v2"]),
            (r"k=\a\b\", &[r"k=\a\b\"]),
            ("함=수,목=록", &["함=수", "목=록"]),
        ] {
            assert_eq!(split_terms(text).collect::<Vec<_>>(), want);
        }
        for (text, want) in [
            ("simple=value", Some(("simple", true, "value"))),
            ("simple==value", Some(("simple", true, "value"))),
            ("simple!=value", Some(("simple", false, "value"))),
            ("", None),
            ("a!b", None),
            ("key=", Some(("key", true, ""))),
            ("=value", Some(("", true, "value"))),
            ("key!value==x", Some(("key!value", true, "x"))),
            ("key=a!=b", Some(("key", true, "a!=b"))),
            ("목=록", Some(("목", true, "록"))),
        ] {
            assert_eq!(split_term(text), want, "{text}");
        }
    }

    #[test]
    fn values_are_unescaped() {
        for (text, want) in
            [("", ""), ("a", "a"), (r"\,", ","), (r"\=\\\,", r"=\,"), ("함=".trim_end_matches('='), "함")]
        {
            assert_eq!(unescape(text).unwrap(), want);
        }
        for text in [r"\a", r"\", "=", ",", r"a\\\"] {
            assert!(unescape(text).is_err(), "{text}");
        }
        let why = |text| FieldSelector::parse(text).unwrap_err().to_string();
        assert_eq!(why("x=a,b"), "invalid selector: 'x=a,b'; can't understand 'b'");
        assert_eq!(why("x==a==b"), "invalid field selector: unescaped character in value: 61");
        assert_eq!(why(r"x=\a"), r"invalid field selector: invalid escape sequence: \a");
        assert_eq!(why("x in (a)"), "invalid selector: 'x in (a)'; can't understand 'x in (a)'");
    }

    #[test]
    fn each_kind_has_its_fields() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"s"},"spec":{"nodeName":"n"},
            "status":{"phase":"Running","podIPs":[{"ip":"10.0.0.1"},{"ip":"::1"}]}}"#;
        let event = r#"{"apiVersion":"v1","kind":"Event","involvedObject":{"kind":"Pod","name":"a"},
            "reportingComponent":"kubelet","source":{},"type":"Normal"}"#;
        let job = r#"{"apiVersion":"batch/v1","kind":"Job","status":{"succeeded":2}}"#;
        let widget = r#"{"apiVersion":"acme.io/v1","kind":"Job","spec":{"n":1.5,"on":true,"x":null},
            "metadata":{"name":"w","labels":{"a.b/c":"d"}},"list":[{"k":"1"},{"k":"2"}]}"#;
        for (selector, object) in [
            ("", pod),
            ("metadata.name=a,metadata.namespace==s,spec.nodeName!=m", pod),
            ("spec.host=n,spec.hostNetwork=false,status.podIP=10.0.0.1", pod),
            ("status.nominatedNodeName=,spec.serviceAccountName=", pod),
            ("source=kubelet,reportingController=kubelet,regarding.name=a,involvedObject.kind=Pod", event),
            ("involvedObject.fieldPath=", event),
            ("status.successful=2", job),
            ("status.successful=0", r#"{"apiVersion":"batch/v1","kind":"Job"}"#),
            ("spec.unschedulable=false", r#"{"apiVersion":"v1","kind":"Node","spec":{}}"#),
            ("status.replicas=0", r#"{"apiVersion":"apps/v1","kind":"ReplicaSet"}"#),
            ("metadata.namespace=,spec.n=1.5,spec.on=true,spec.x=,status.successful=", widget),
            (r"metadata.labels.a\.b/c=d,list[*].k=1\,2,list[0].k=1,list[9].k=", widget),
        ] {
            assert!(matches(selector, object), "{selector}");
        }
        for (selector, object) in
            [("metadata.name!=a", pod), ("status.phase=Running,spec.nodeName=m", pod), ("type=Warning", event)]
        {
            assert!(!matches(selector, object), "{selector}");
        }
    }

    #[test]
    fn a_misspelled_field_is_told() {
        let pod = decode(br#"{"apiVersion":"v1","kind":"Pod","spec":{"x":"y"}}"#).unwrap();
        let finish = |text: &str| {
            let mut selector = FieldSelector::parse(text).unwrap();
            selector.matches(&pod.value);
            selector.finish().map_err(|e| e.to_string())
        };
        assert_eq!(finish("spec.nodeName=n,spec.x!=y"), Ok(()));
        assert_eq!(finish("status.phse!=Running"), Err("field label not supported: status.phse".to_owned()));
    }
}
