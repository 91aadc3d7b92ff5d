//! What an answer has to be read with, as `Warning` headers, which clients print.

use super::document::api_version;
use crate::k8s::{Release, Value, precedence};

/// The deprecated versions of built-in kinds: group, version, kind, the minor releases that deprecate and remove it,
/// and what to use instead (`.ci/deprecated.sh`).
static DEPRECATED: &str = include_str!("deprecated.txt");

/// The header's name.
pub(super) const WARNING: &str = "warning";

/// The header of a warning (`NewWarningHeader`).
pub(super) fn header(text: &str) -> String {
    let mut quoted = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    format!("299 - \"{quoted}\"")
}

/// That a version of a built-in kind is deprecated in a release, in the words of an API server (`WarningMessage`).
pub(super) fn deprecated(group: &str, version: &str, kind: &str, release: Release) -> Option<String> {
    let mut lines = DEPRECATED.lines().map(|line| line.splitn(6, ' '));
    lines.find_map(|mut words| {
        let mut next = || words.next().unwrap_or_default();
        let id = [next(), next(), next()];
        let (since, removed, instead) = (next(), next(), next());
        let is_it = id == [if group.is_empty() { "-" } else { group }, version, kind];
        if !is_it || since.parse().is_ok_and(|since: u8| since > release.minor()) {
            return None;
        }
        let removed = if removed == "-" { String::new() } else { format!(", unavailable in v1.{removed}+") };
        let instead = if instead == "-" { String::new() } else { format!("; use {instead}") };
        Some(format!("{} {kind} is deprecated in v1.{since}+{removed}{instead}", api_version(group, version)))
    })
}

/// That a version of a custom kind is deprecated, in the words of its definition or of an API server
/// (`defaultDeprecationWarning`).
pub(super) fn custom(group: &str, version: &str, kind: &str, definition: &Value<'_>) -> Option<String> {
    let versions = definition.at(&["spec", "versions"]).and_then(Value::as_list)?;
    let name = |version: &Value<'_>| version.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is = |version: &Value<'_>, what: &str| version.get(what) == Some(&Value::Bool(true));
    let own = versions.iter().find(|have| name(have) == version)?;
    if !is(own, "deprecated") {
        return None;
    }
    if let Some(text) = own.get("deprecationWarning").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let others = versions.iter().filter(|version| is(version, "served") && !is(version, "deprecated")).map(name);
    let newer = others.filter(|other| precedence(other) < precedence(version));
    let newest = newer.min_by(|a, b| precedence(a).cmp(&precedence(b)));
    let instead = newest.map_or_else(String::new, |newest| format!("; use {group}/{newest} {kind}"));
    Some(format!("{} {kind} is deprecated{instead}", api_version(group, version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_those_of_an_api_server() {
        let of = |group, version, kind, minor| deprecated(group, version, kind, Release::new(minor));
        let endpoints = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
        assert_eq!(of("", "v1", "Endpoints", 33).as_deref(), Some(endpoints));
        assert_eq!(of("", "v1", "Endpoints", 32), None);
        assert_eq!(of("", "v1", "Pod", 36), None);
        let policy = "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, unavailable in v1.25+";
        assert_eq!(of("policy", "v1beta1", "PodSecurityPolicy", 24).as_deref(), Some(policy));
        assert_eq!(header("say \"no\"\\\n"), r#"299 - "say \"no\"\\""#);
    }
}
