//! The names of resources: what people type (`po`, `Pod`, `deployments.apps`) and what etcd's keys say (`minions`).

use super::{
    builtin::{builtin, group_of},
    nearest::nearest,
    resource::Resource,
    table::table,
};

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

    /// The plural name of the resource that was meant by a misspelt name.
    #[must_use]
    pub fn nearest(&self, kind: &str) -> Option<String> {
        let mut names = Vec::new();
        for resource in &self.0 {
            let plural = resource.plural.to_string();
            names.push((plural.clone(), plural.clone()));
            names.push((resource.full_name(), resource.full_name()));
            names.push((resource.kind.to_lowercase(), plural.clone()));
            names.push((resource.singular_name(), resource.full_name()));
            names.extend(resource.short.iter().map(|short| (short.to_string(), plural.clone())));
        }
        let near = nearest(kind, names.iter().map(|(name, _)| name.as_str()))?;
        names.iter().find(|(name, _)| name == near).map(|(_, meant)| meant.clone())
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
    fn misspelt_names_are_near_those_that_there_are() {
        let resources = Resources::default();
        for (word, want) in [
            ("deploymets", Some("deployments")),
            ("Deploymnet", Some("deployments")),
            ("pdos", Some("pods")),
            ("scv", Some("services")),
            ("deployments.app", Some("deployments.apps")),
            ("misspelt.db", None),
        ] {
            assert_eq!(resources.nearest(word).as_deref(), want, "{word}");
        }
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
