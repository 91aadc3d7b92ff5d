//! One resource: its names, and the versions of its API.

use std::borrow::Cow;

use super::{
    value::Value,
    version::{ApiVersion, precedence},
};

/// One resource, as `kubectl api-resources` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `apps`; empty for the core group.
    pub group: Cow<'static, str>,
    /// `deployments`.
    pub plural: Cow<'static, str>,
    /// `deployment`.
    pub singular: Cow<'static, str>,
    /// `Deployment`.
    pub kind: Cow<'static, str>,
    /// The versions of its API within the group, in the order of discovery: for a built-in kind all that Kubernetes
    /// 1.20 to 1.37 had, for a custom one those of its definition.
    pub versions: Vec<ApiVersion>,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// `deploy`.
    pub short: Vec<Cow<'static, str>>,
    /// `all` for the resources that `get all` shows.
    pub categories: Vec<Cow<'static, str>>,
    /// The part of its keys after the API server's prefix: `deployments`, `services/specs`.
    pub stored: Cow<'static, str>,
}

impl Resource {
    /// `deployments.apps`, or `pods`.
    #[must_use]
    pub fn full_name(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `deployment.apps`, or `pod`: what kubectl writes before the slash and the name, the KIND in lower case.
    #[must_use]
    pub fn kind_name(&self) -> String {
        qualified(&self.kind.to_lowercase(), &self.group)
    }

    /// The version for a client that names none: of those that are served, the first in discovery.
    #[must_use]
    pub(crate) fn preferred(&self) -> Option<&ApiVersion> {
        self.versions.iter().find(|version| version.served)
    }

    /// The resource that a stored CustomResourceDefinition defines, v1 or v1beta1.
    #[must_use]
    pub fn of_definition(definition: &Value<'_>) -> Option<Self> {
        let spec = definition.get("spec")?;
        let text = |path: &[&str]| spec.at(path).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let texts = |path: &[&str]| -> Vec<Cow<'static, str>> {
            let list = spec.at(path).and_then(Value::as_list).unwrap_or_default();
            list.iter().filter_map(Value::as_str).map(|t| Cow::Owned(t.to_owned())).collect()
        };
        let (group, plural, kind) = (text(&["group"])?, text(&["names", "plural"])?, text(&["names", "kind"])?);
        Some(Self {
            stored: format!("{group}/{plural}").into(),
            singular: text(&["names", "singular"]).unwrap_or_else(|| kind.to_lowercase()).into(),
            versions: versions_of(spec),
            namespaced: text(&["scope"]).is_none_or(|scope| scope != "Cluster"),
            short: texts(&["names", "shortNames"]),
            categories: texts(&["names", "categories"]),
            group: group.into(),
            plural: plural.into(),
            kind: kind.into(),
        })
    }

    /// Whether `word` is its plural or singular name, in any case.
    pub(super) fn is_named(&self, word: &str) -> bool {
        self.plural.eq_ignore_ascii_case(word) || self.singular.eq_ignore_ascii_case(word)
    }

    /// Whether `word` is one of its short names, in any case.
    pub(super) fn is_short_for(&self, word: &str) -> bool {
        self.short.iter().any(|name| name.eq_ignore_ascii_case(word))
    }

    /// Whether `word` is its kind, in any case.
    pub(super) fn is_kind(&self, word: &str) -> bool {
        self.kind.eq_ignore_ascii_case(word)
    }
}

/// The versions in a definition's `spec`. v1beta1 may have a single one, by its name.
fn versions_of(spec: &Value<'_>) -> Vec<ApiVersion> {
    let name = |of: &Value<'_>, field| of.get(field).and_then(Value::as_str).map(|name| Cow::Owned(name.to_owned()));
    let is = |of: &Value<'_>, flag, or| of.get(flag).map_or(or, |is| *is == Value::Bool(true));
    let listed = spec.get("versions").and_then(Value::as_list).unwrap_or_default().iter();
    let mut versions: Vec<_> = listed
        .filter_map(|of| {
            Some(ApiVersion {
                name: name(of, "name")?,
                served: is(of, "served", true),
                stored: is(of, "storage", false),
            })
        })
        .collect();
    if versions.is_empty() {
        versions.extend(name(spec, "version").map(|name| ApiVersion { name, served: true, stored: true }));
    }
    versions.sort_by(|a, b| precedence(&a.name).cmp(&precedence(&b.name)));
    versions
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::{Resources, decode};

    /// The versions of a resource as text: the stored one with `*`, those that are not served in parentheses.
    fn versions(resource: &Resource) -> Vec<String> {
        let shown = |v: &ApiVersion| match (v.served, v.stored) {
            (true, stored) => format!("{}{}", v.name, if stored { "*" } else { "" }),
            (false, stored) => format!("({}{})", v.name, if stored { "*" } else { "" }),
        };
        resource.versions.iter().map(shown).collect()
    }

    #[test]
    fn resources_have_versions() {
        let resources = Resources::default();
        for (kind, want) in [
            ("pods", &["v1"] as &[&str]),
            ("deployments", &["v1", "v1beta2", "v1beta1"]),
            ("horizontalpodautoscalers", &["v2", "v1", "v2beta2", "v2beta1"]),
            ("ingresses", &["v1", "v1beta1"]),
            ("events", &["v1"]),
        ] {
            assert_eq!(versions(resources.find(kind)[0]), want, "{kind}");
        }
        assert!(resources.all().iter().all(|resource| resource.preferred().is_some()));
    }

    #[test]
    fn definitions_have_versions() {
        let of = |spec: &str| {
            let text = format!(r#"{{"spec":{{"group":"a.io","names":{{"plural":"ws","kind":"W"}},{spec}}}}}"#);
            let resource = Resource::of_definition(&decode(text.as_bytes()).unwrap().value).unwrap();
            (versions(&resource), resource.preferred().map(|version| version.name.to_string()))
        };
        let several = r#""versions":[{"name":"v1alpha1","served":true,"storage":true},{"name":"v2","served":false,
            "storage":false},{"name":"v1","served":true,"storage":false},{"served":true}]"#;
        assert_eq!(of(several), (["(v2)", "v1", "v1alpha1*"].map(str::to_owned).to_vec(), Some("v1".to_owned())));
        assert_eq!(of(r#""version":"v1beta1""#), (vec!["v1beta1*".to_owned()], Some("v1beta1".to_owned())));
        assert_eq!(of(r#""versions":[3,null]"#), (Vec::new(), None));
    }
}
