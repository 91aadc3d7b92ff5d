//! The names of resources: what people type (`po`, `Pod`, `deployments.apps`) and what etcd's keys say (`minions`).

use std::{borrow::Cow, sync::OnceLock};

use hashbrown::HashMap;

use super::{
    table::table,
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
    /// The versions of its API within the group, in the order of discovery. Of a built-in kind all that Kubernetes 1.20
    /// to 1.37 had, of a custom one those of its definition.
    pub versions: Vec<ApiVersion>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `deploy`.
    pub short: Vec<Cow<'static, str>>,
    /// `all`, for what `get all` shows.
    pub categories: Vec<Cow<'static, str>>,
    /// What its keys begin with, between the API server's prefix and the next slash: `deployments`, `services/specs`.
    pub stored: Cow<'static, str>,
}

impl Resource {
    /// `deployments.apps`, or `pods`.
    #[must_use]
    pub fn full_name(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `deployment.apps`, or `pod`: what kubectl writes before the slash and the name.
    #[must_use]
    pub fn singular_name(&self) -> String {
        qualified(&self.singular, &self.group)
    }

    /// Whether an API server serves it: of the kinds that are known, ImageReviews are only sent to webhooks.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.preferred().is_some()
    }

    /// The version that a client asks for that names none: of those that are served, the first in discovery.
    #[must_use]
    pub fn preferred(&self) -> Option<&ApiVersion> {
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

    /// Whether this is what a person means by `word`, without its group.
    fn is_called(&self, word: &str) -> bool {
        let names = [&self.plural, &self.singular, &self.kind];
        names.into_iter().chain(&self.short).any(|name| name.eq_ignore_ascii_case(word))
    }
}

/// The versions of a definition's `spec`. v1beta1 may have a single one, by its name.
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

/// The resources of one keyspace: the built-in ones and those that its CustomResourceDefinitions define.
#[derive(Debug, Clone)]
pub struct Resources(Vec<Resource>);

impl Default for Resources {
    fn default() -> Self {
        Self(builtin().to_vec())
    }
}

impl Resources {
    /// Adds one; of two with the same full name the later stays.
    pub fn add(&mut self, resource: Resource) {
        self.0.retain(|have| have.plural != resource.plural || have.group != resource.group);
        self.0.push(resource);
    }

    /// All of them, built-in ones first.
    #[must_use]
    pub fn all(&self) -> &[Resource] {
        &self.0
    }

    /// What a person means by `KIND`: plural, singular, kind or short name in any case, `NAME.GROUP`,
    /// `NAME.VERSION.GROUP` (the version is not looked at, one form is stored) or a category such as `all`.
    #[must_use]
    pub fn find(&self, kind: &str) -> Vec<&Resource> {
        let (word, rest) = kind.split_once('.').unwrap_or((kind, ""));
        let group = rest.split_once('.').filter(|(v, _)| is_version(v)).map_or(rest, |(_, group)| group);
        let called = self.0.iter().filter(|r| r.is_called(word));
        let found: Vec<_> = called.filter(|r| rest.is_empty() || in_group(r, group)).collect();
        match found.first() {
            // a built-in one wins over a custom one of the same name, as in kubectl
            Some(first) if rest.is_empty() => vec![*first],
            Some(_) => found,
            None => self.0.iter().filter(|r| r.categories.iter().any(|c| c == kind)).collect(),
        }
    }

    /// The resource of this plural name and group.
    #[must_use]
    pub fn get(&self, group: &str, plural: &str) -> Option<&Resource> {
        self.0.iter().find(|r| r.plural == plural && r.group == group)
    }
}

/// `v1`, `v2beta1`.
fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a resource is also served by `group`: Events and Ingresses had two, and are stored once. A group may be
/// shortened from its end, as kubectl allows.
fn in_group(resource: &Resource, group: &str) -> bool {
    let fits = |have: &str| have == group || have.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    fits(&resource.group)
        || table().kinds().iter().any(|k| k.plural == Some(&*resource.plural) && fits(group_of(k.api_version)))
}

fn group_of(api_version: &'static str) -> &'static str {
    split(api_version).0
}

/// Group and version: of `apps/v1` `apps` and `v1`, of `v1` nothing and `v1`.
fn split(api_version: &'static str) -> (&'static str, &'static str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The built-in resources, each once, under the group it is known by today.
pub(super) fn builtin() -> &'static [Resource] {
    static BUILTIN: OnceLock<Vec<Resource>> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        let mut all: Vec<Resource> = Vec::new();
        for entry in table().kinds() {
            let (group, version) = split(entry.api_version);
            let Some(plural) = entry.plural else { continue };
            let never_stored = matches!(plural, "evictions" | "componentstatuses");
            let version = ApiVersion { name: version.into(), served: group != "imagepolicy.k8s.io", stored: false };
            if let Some(have) = all.iter_mut().find(|r| r.plural == plural && r.group == group) {
                have.versions.push(version);
                continue;
            }
            let stored_elsewhere =
                all.iter().any(|r| r.plural == plural) && matches!(group, "extensions" | "events.k8s.io");
            if never_stored || stored_elsewhere {
                continue;
            }
            let (short, all_category) = nicknames(plural);
            let resource = Resource {
                group: group.into(),
                plural: plural.into(),
                singular: entry.kind.to_lowercase().into(),
                kind: entry.kind.into(),
                versions: vec![version],
                namespaced: entry.namespaced,
                short: short.split(' ').filter(|s| !s.is_empty()).map(Cow::Borrowed).collect(),
                categories: if all_category { vec!["all".into()] } else { Vec::new() },
                stored: stored_as(group, plural),
            };
            // the deprecated group came first in the alphabet
            all.retain(|r| r.plural != plural || r.group != "extensions");
            all.push(resource);
        }
        for resource in &mut all {
            resource.versions.sort_by(|a, b| precedence(&a.name).cmp(&precedence(&b.name)));
        }
        all
    })
}

/// The built-in resource whose keys begin as `key` does behind the API server's prefix, and what follows: of
/// `services/specs/shop/web` the Services, and `shop/web`.
pub(super) fn stored_under(key: &str) -> Option<(&'static Resource, &str)> {
    static BY_PATH: OnceLock<HashMap<&str, &Resource>> = OnceLock::new();
    let by_path = BY_PATH.get_or_init(|| {
        let mut by_path = HashMap::new();
        for resource in builtin() {
            // of two the first in the table
            by_path.entry(&*resource.stored).or_insert(resource);
        }
        by_path
    });
    // one part or two: no resource's path is the beginning of another one's
    let mut slashes = key.match_indices('/').map(|(at, _)| at).take(2);
    slashes.find_map(|at| Some((*by_path.get(key.get(..at)?)?, key.get(at.checked_add(1)?..)?)))
}

/// `pkg/kubeapiserver/default_storage_factory_builder.go`, and what stores under its group as custom resources do.
fn stored_as(group: &'static str, plural: &'static str) -> Cow<'static, str> {
    match (group, plural) {
        (_, "nodes") => "minions".into(),
        (_, "services") => "services/specs".into(),
        (_, "endpoints") => "services/endpoints".into(),
        (_, "replicationcontrollers") => "controllers".into(),
        (_, "ingresses") => "ingress".into(),
        (_, "podsecuritypolicies") => "podsecuritypolicy".into(),
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", _) => format!("{group}/{plural}").into(),
        _ => plural.into(),
    }
}

/// Short names, and whether it is in the category `all` (`pkg/registry/*/*/storage`).
fn nicknames(plural: &str) -> (&'static str, bool) {
    match plural {
        "pods" => ("po", true),
        "services" => ("svc", true),
        "replicationcontrollers" => ("rc", true),
        "deployments" => ("deploy", true),
        "daemonsets" => ("ds", true),
        "statefulsets" => ("sts", true),
        "replicasets" => ("rs", true),
        "horizontalpodautoscalers" => ("hpa", true),
        "cronjobs" => ("cj", true),
        "jobs" => ("", true),
        "configmaps" => ("cm", false),
        "endpoints" => ("ep", false),
        "events" => ("ev", false),
        "limitranges" => ("limits", false),
        "namespaces" => ("ns", false),
        "nodes" => ("no", false),
        "persistentvolumeclaims" => ("pvc", false),
        "persistentvolumes" => ("pv", false),
        "resourcequotas" => ("quota", false),
        "serviceaccounts" => ("sa", false),
        "customresourcedefinitions" => ("crd crds", false),
        "certificatesigningrequests" => ("csr", false),
        "ingresses" => ("ing", false),
        "networkpolicies" => ("netpol", false),
        "poddisruptionbudgets" => ("pdb", false),
        "podsecuritypolicies" => ("psp", false),
        "priorityclasses" => ("pc", false),
        "storageclasses" => ("sc", false),
        "volumeattributesclasses" => ("vac", false),
        "ipaddresses" => ("ip", false),
        "clustertrustbundles" => ("ctb", false),
        _ => ("", false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::decode;

    fn found(resources: &Resources, kind: &str) -> Vec<String> {
        resources.find(kind).iter().map(|r| r.full_name()).collect()
    }

    #[test]
    fn people_name_resources_as_they_like() {
        let resources = Resources::default();
        for (kind, want) in [
            ("po", "pods"),
            ("Pod", "pods"),
            ("deploy", "deployments.apps"),
            ("deployments.apps", "deployments.apps"),
            ("Deployment.v1.apps", "deployments.apps"),
            ("deployments.extensions", "deployments.apps"),
            ("ing", "ingresses.networking.k8s.io"),
            ("ingresses.networking", "ingresses.networking.k8s.io"),
            ("events.events.k8s.io", "events"),
            ("ep", "endpoints"),
            ("crd", "customresourcedefinitions.apiextensions.k8s.io"),
            ("psp", "podsecuritypolicies.policy"),
        ] {
            assert_eq!(found(&resources, kind), [want], "{kind}");
        }
        assert!(found(&resources, "pods.apps").is_empty() && found(&resources, "nothing").is_empty());
        assert_eq!(found(&resources, "all").len(), 10);
        assert_eq!(resources.find("no")[0].stored, "minions");
        assert_eq!(resources.find("deploy")[0].singular_name(), "deployment.apps");
    }

    #[test]
    fn keys_tell_their_resource() {
        let all: Vec<_> = builtin().iter().map(|r| &*r.stored).collect();
        for path in &all {
            assert!(path.split('/').count() <= 2, "{path}");
            assert!(!all.iter().any(|other| other.starts_with(&format!("{path}/"))), "{path}");
            let key = format!("{path}/a/b");
            let first = all.iter().position(|other| other == path).unwrap();
            assert_eq!(stored_under(&key), Some((&builtin()[first], "a/b")), "{path}");
        }
        for none in ["", "pods", "services/a/b", "acme.io/widgets/a", "podsa/b"] {
            assert_eq!(stored_under(none), None, "{none}");
        }
    }

    /// The versions of a resource, the stored one with `*`, those that are not served in parentheses.
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
            ("imagereviews", &["(v1alpha1)"]),
        ] {
            assert_eq!(versions(resources.find(kind)[0]), want, "{kind}");
        }
        let unserved = resources.all().iter().filter(|resource| !resource.is_served());
        assert_eq!(unserved.map(Resource::full_name).collect::<Vec<_>>(), ["imagereviews.imagepolicy.k8s.io"]);
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

    #[test]
    fn definitions_add_resources() {
        let crd = br#"{"spec":{"group":"acme.io","scope":"Cluster","names":{"plural":"widgets","kind":"Widget","shortNames":["wd"]}}}"#;
        let mut resources = Resources::default();
        resources.add(Resource::of_definition(&decode(crd).unwrap().value).unwrap());
        assert_eq!(found(&resources, "wd"), ["widgets.acme.io"]);
        assert_eq!(found(&resources, "widget.v1.acme.io"), ["widgets.acme.io"]);
        assert!(!resources.find("Widgets")[0].namespaced);
    }
}
