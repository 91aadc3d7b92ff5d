//! The names of resources, as users type them (`po`, `Pod`, `deployments.apps`) and as etcd's keys have them
//! (`minions`).

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{
    builtin::{builtin, group_of},
    nearest::nearest,
    resource::Resource,
    table::table,
};

/// The resources of one keyspace: the built-in ones and those that its CustomResourceDefinitions define.
#[derive(Debug, Clone)]
pub struct Resources {
    all: Vec<Resource>,
    /// The places in `all`, by group and plural name: each change and each line of a list asks for one.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Default for Resources {
    fn default() -> Self {
        let all = builtin().to_vec();
        let mut resources =
            Self { places: HashTable::with_capacity(all.len()), all, hasher: DefaultHashBuilder::default() };
        (0..resources.all.len()).for_each(|place| resources.note(place));
        resources
    }
}

impl Resources {
    /// Adds a resource; of two with the same full name the later is kept. Custom ones are in the order of discovery: by
    /// group.
    pub(crate) fn add(&mut self, resource: Resource) {
        let name = |resource: &Resource| (resource.group.clone(), resource.plural.clone());
        if let Some(have) = self.place(&resource.group, &resource.plural).and_then(|place| self.all.get_mut(place)) {
            *have = resource;
            return;
        }
        let custom = self.all.get(builtin().len()..).unwrap_or_default();
        let at = custom.partition_point(|have| name(have) < name(&resource));
        let place = self.all.len().saturating_sub(custom.len()).saturating_add(at);
        self.places.iter_mut().filter(|other| **other >= place).for_each(|other| *other = other.saturating_add(1));
        self.all.insert(place, resource);
        self.note(place);
    }

    /// Enters the resource at `place`, if it is the first of its name.
    fn note(&mut self, place: usize) {
        let Self { all, places, hasher } = self;
        let hash = |place: &usize| {
            all.get(*place).map_or(0, |resource| hasher.hash_one((&*resource.group, &*resource.plural)))
        };
        let is_same = |other: &usize| {
            all.get(*other).zip(all.get(place)).is_some_and(|(a, b)| a.plural == b.plural && a.group == b.group)
        };
        places.entry(hash(&place), is_same, hash).or_insert(place);
    }

    fn place(&self, group: &str, plural: &str) -> Option<usize> {
        let is_named = |place: &usize| self.all.get(*place).is_some_and(|r| r.plural == plural && r.group == group);
        self.places.find(self.hasher.hash_one((group, plural)), is_named).copied()
    }

    /// All resources, built-in ones first.
    #[must_use]
    pub fn all(&self) -> &[Resource] {
        &self.all
    }

    /// The resources that `KIND` names, as [`Resources::meant`], without the version.
    #[must_use]
    pub fn find(&self, kind: &str) -> Vec<&Resource> {
        self.meant(kind).into_iter().map(|(resource, _)| resource).collect()
    }

    /// The resources that `KIND` names: plural, singular, kind or short name in any case, alone or as `NAME.GROUP` or
    /// `NAME.VERSION.GROUP`, or else a category such as `all`; and the version in it.
    ///
    /// As in kubectl, a full name has priority over a short one, an exact group over one with that prefix, and a
    /// built-in resource over a custom one of the same name.
    #[must_use]
    pub fn meant<'k>(&self, kind: &'k str) -> Vec<(&Resource, Option<&'k str>)> {
        let (word, rest) = kind.split_once('.').unwrap_or((kind, ""));
        if let Some((version, group)) = rest.split_once('.')
            && let Some(resource) = self.first(word, |resource| is_version(resource, version, group))
        {
            return vec![(resource, Some(version))];
        }
        if let Some(resource) = self.called(word, rest) {
            return vec![(resource, None)];
        }
        let members = self.all.iter().filter(|resource| resource.categories.iter().any(|category| category == kind));
        members.map(|resource| (resource, None)).collect()
    }

    /// The resource that `word` names in a group, in one with that prefix, or, without a group, in any.
    fn called(&self, word: &str, group: &str) -> Option<&Resource> {
        let of_group = || self.first(word, |resource| is_group(resource, group));
        let begins = || self.first(word, |resource| resource.group.starts_with(group));
        if group.is_empty() { begins() } else { of_group().or_else(begins) }
    }

    /// The first resource that `word` names and `fits`.
    fn first(&self, word: &str, fits: impl Fn(&Resource) -> bool) -> Option<&Resource> {
        let ways: [fn(&Resource, &str) -> bool; 3] = [Resource::is_named, Resource::is_short_for, Resource::is_kind];
        ways.iter().find_map(|way| self.all.iter().find(|resource| way(resource, word) && fits(resource)))
    }

    /// Whether each of `KIND[,KIND...]` names a resource.
    #[must_use]
    pub fn has_all(&self, kinds: &str) -> bool {
        kinds.split(',').all(|kind| !self.meant(kind).is_empty())
    }

    /// The plural name of the resource nearest to a misspelt name.
    #[must_use]
    pub fn nearest(&self, kind: &str) -> Option<String> {
        let mut names = Vec::new();
        for resource in &self.all {
            let plural = resource.plural.to_string();
            names.push((plural.clone(), plural.clone()));
            names.push((resource.full_name(), resource.full_name()));
            names.push((resource.kind.to_lowercase(), plural.clone()));
            names.push((resource.kind_name(), resource.full_name()));
            names.extend(resource.short.iter().map(|short| (short.to_string(), plural.clone())));
        }
        let near = nearest(kind, names.iter().map(|(name, _)| name.as_str()))?;
        names.iter().find(|(name, _)| name == near).map(|(_, meant)| meant.clone())
    }

    /// The resource of this plural name and group.
    #[must_use]
    pub fn get(&self, group: &str, plural: &str) -> Option<&Resource> {
        self.all.get(self.place(group, plural)?)
    }
}

/// Whether a resource is, or was once, of `group`: Events and Ingresses had two, and are stored once.
fn is_group(resource: &Resource, group: &str) -> bool {
    resource.group == group || former(resource).any(|api_version| group_of(api_version) == group)
}

/// Whether a resource has, or had once, this version of `group`, or, without one, of any.
fn is_version(resource: &Resource, version: &str, group: &str) -> bool {
    let here = group.is_empty() || resource.group == group;
    here && resource.versions.iter().any(|have| have.name == version)
        || former(resource).any(|api_version| api_version.split_once('/') == Some((group, version)))
}

/// The API versions that a built-in resource has, in all the groups that it ever had.
fn former(resource: &Resource) -> impl Iterator<Item = &'static str> + '_ {
    let is_builtin = builtin().iter().any(|have| have.plural == resource.plural && have.group == resource.group);
    let kinds = table().kinds().iter().filter(move |kind| is_builtin && kind.plural == Some(&*resource.plural));
    kinds.map(|kind| kind.api_version)
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
            ("pods.v1.", "pods"),
            ("deployments.v1.", "deployments.apps"),
            ("deployments.a", "deployments.apps"),
            ("deploy.ap", "deployments.apps"),
            ("Deployment.v1beta1.extensions", "deployments.apps"),
        ] {
            assert_eq!(found(&resources, kind), [want], "{kind}");
        }
        for none in ["pods.apps", "nothing", "deployments.v9.apps", "deployments.v9.", "ALL"] {
            assert!(found(&resources, none).is_empty(), "{none}");
        }
        assert_eq!(found(&resources, "all").len(), 10);
        assert_eq!(resources.find("no")[0].stored, "minions");
        assert_eq!(resources.find("deploy")[0].kind_name(), "deployment.apps");
    }

    /// The resource of a definition.
    fn custom(group: &str, plural: &str, kind: &str, more: &str) -> Resource {
        let names = format!(r#""plural":"{plural}","kind":"{kind}"{more}"#);
        let versions = r#"[{"name":"v1"},{"name":"v2"}]"#;
        let crd =
            format!(r#"{{"spec":{{"group":"{group}","scope":"Cluster","names":{{{names}}},"versions":{versions}}}}}"#);
        Resource::of_definition(&decode(crd.as_bytes()).unwrap().value).unwrap()
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
        let mut resources = Resources::default();
        resources.add(custom("acme.io", "widgets", "Widget", r#","shortNames":["wd"]"#));
        assert_eq!(found(&resources, "wd"), ["widgets.acme.io"]);
        assert_eq!(found(&resources, "widget.v1.acme.io"), ["widgets.acme.io"]);
        assert_eq!(resources.meant("wd.v2.acme.io")[0].1, Some("v2"));
        assert_eq!(resources.meant("wd.acme")[0].1, None);
        assert!(!resources.find("Widgets")[0].namespaced);
    }

    #[test]
    fn a_group_goes_before_one_that_begins_so() {
        let mut resources = Resources::default();
        for group in ["apps.corp.example", "acme.io", "appsx.io"] {
            resources.add(custom(group, "deployments", "Deployment", r#","singular":"deploy-it","shortNames":["po"]"#));
        }
        resources.add(custom("acme.io", "po", "Pole", ""));
        for (kind, want) in [
            ("deployments.apps", "deployments.apps"),
            ("deployments.v1.apps", "deployments.apps"),
            ("deployments.apps.", "deployments.apps.corp.example"),
            ("deployments.apps.corp", "deployments.apps.corp.example"),
            ("deployments.appsx", "deployments.appsx.io"),
            ("deployments.a", "deployments.apps"),
            ("deployments.ac", "deployments.acme.io"),
            ("deployments.v2.acme.io", "deployments.acme.io"),
            ("deployments", "deployments.apps"),
            ("deploy-it", "deployments.acme.io"),
            // a full name has priority over a short one
            ("po", "po.acme.io"),
            ("pole", "po.acme.io"),
        ] {
            assert_eq!(found(&resources, kind), [want], "{kind}");
        }
        assert_eq!(resources.all().last().unwrap().full_name(), "deployments.appsx.io");
    }
}
