//! The groups, versions and resources that are served.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{convert, document::api_version, warnings};
use crate::{
    k8s::{ApiVersion, Key, ObjectKey, Release, Resource, Value},
    objects::Cluster,
    print::TablePrinter,
};

/// A resource in one version of a group.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) resource: Resource,
    /// The group under which it is served: that of the resource, but for Events, which are served in two.
    pub(super) group: String,
    pub(super) version: String,
    pub(super) printer: TablePrinter,
    /// Whether a CustomResourceDefinition defines it.
    pub(super) custom: bool,
    /// The fields that its definition lets a client select by.
    pub(super) selectable: Vec<String>,
    pub(super) scale: Option<Scale>,
    /// The schema in its definition.
    pub(super) schema: Option<serde_json::Value>,
    /// Whether its objects are stored in another version, and are converted.
    pub(super) converted: bool,
    /// That the version is deprecated.
    pub(super) deprecated: Option<String>,
}

/// Where a resource has the values of a Scale: paths of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) wanted: Vec<String>,
    pub(super) present: Vec<String>,
    pub(super) selector: Vec<String>,
}

impl Served {
    /// `apps/v1`, or `v1`.
    pub(super) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// Whether it is Events as `events.k8s.io` has them.
    pub(super) fn is_renamed_event(&self) -> bool {
        self.group == EVENTS && self.resource.plural == "events"
    }

    /// Whether `key` is of an object of it.
    pub(super) fn has(&self, key: &ObjectKey<'_>) -> bool {
        key.resource == self.resource.plural
            && key.group.as_deref().is_none_or(|group| group == self.resource.group)
            && key.namespace.is_some() == self.resource.namespaced
    }
}

const EVENTS: &str = "events.k8s.io";

/// A version of a group, with its resources in order of their names.
#[derive(Debug)]
pub(super) struct GroupVersion {
    pub(super) name: String,
    pub(super) resources: Vec<Arc<Served>>,
    priority: i64,
}

/// A group, with its versions in the order of discovery.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) versions: Vec<GroupVersion>,
    priority: i64,
}

/// All that is served, in the order of discovery; the core group is the first.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) groups: Vec<Group>,
}

/// The first object of a resource.
struct Sample {
    /// The part of its key between the prefix and the namespace or name.
    stored: String,
    namespaced: bool,
    kind: String,
    version: String,
}

impl Catalog {
    /// What the backup's own API servers served, as far as it shows: the versions that they have registered as
    /// APIServices, the versions of CustomResourceDefinitions, and those of what is stored.
    ///
    /// A built-in resource is served in the version in which its objects are stored, and in those to which they can be
    /// converted; one without objects in each version that is registered.
    pub(super) fn of(cluster: &Cluster<'_>) -> Self {
        let (samples, registered, release) = (samples(cluster), registered(cluster), cluster.release);
        let mut catalog = Self::default();
        for resource in cluster.resources.all() {
            let definition = definition(cluster, resource);
            if let Some(definition) = &definition {
                for version in resource.versions.iter().filter(|version| version.served) {
                    catalog
                        .add(served(resource, &resource.group, &version.name, Some(definition), release), &registered);
                }
                continue;
            }
            let group = resource.group.to_string();
            let stored = samples.get(&(group.clone(), resource.plural.to_string())).map(|sample| &*sample.version);
            let is_registered = |version: &&ApiVersion| match registered.is_empty() {
                true => resource.preferred() == Some(*version),
                false => registered.contains_key(&(group.clone(), version.name.to_string())),
            };
            let versions = resource.versions.iter().filter(|version| version.served).filter(is_registered);
            let mut versions: Vec<&str> = versions.map(|version| &*version.name).collect();
            if let Some(stored) = stored {
                let name = &resource.plural;
                versions.retain(|version| *version == stored || convert::is_known(&group, name, stored, version));
                if !versions.contains(&stored) {
                    versions.push(stored);
                }
            }
            for version in versions {
                let converted = stored.is_some_and(|stored| stored != version);
                let served = served(resource, &group, version, None, release);
                catalog.add(Served { converted, ..served }, &registered);
            }
            let has_events = registered.contains_key(&(EVENTS.to_owned(), "v1".to_owned())) || registered.is_empty();
            if resource.plural == "events" && group.is_empty() && has_events {
                catalog.add(served(resource, EVENTS, "v1", None, release), &registered);
            }
        }
        for ((group, plural), sample) in &samples {
            if cluster.resources.get(group, plural).is_none() {
                catalog
                    .add(served(&sample.resource(group, plural), group, &sample.version, None, release), &registered);
            }
        }
        catalog.sort();
        catalog
    }

    /// The resource of this group, version and plural name.
    pub(super) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        let group = self.groups.iter().find(|have| have.name == group)?;
        let version = group.versions.iter().find(|have| have.name == version)?;
        version.resources.iter().find(|served| served.resource.plural == plural)
    }

    fn add(&mut self, served: Served, registered: &Registered) {
        let priorities = registered.get(&(served.group.clone(), served.version.clone()));
        // the aggregator does not register itself
        let of_group = if served.group == "apiregistration.k8s.io" { 20_000 } else { 1000 };
        let (of_group, of_version) = priorities.copied().unwrap_or((of_group, 100));
        let at = self.groups.iter().position(|group| group.name == served.group).unwrap_or_else(|| {
            self.groups.push(Group { name: served.group.clone(), versions: Vec::new(), priority: of_group });
            self.groups.len().saturating_sub(1)
        });
        let Some(group) = self.groups.get_mut(at) else { return };
        group.priority = group.priority.max(of_group);
        let at = group.versions.iter().position(|have| have.name == served.version).unwrap_or_else(|| {
            let name = served.version.clone();
            group.versions.push(GroupVersion { name, resources: Vec::new(), priority: of_version });
            group.versions.len().saturating_sub(1)
        });
        if let Some(version) = group.versions.get_mut(at)
            && version.resources.iter().all(|have| have.resource.plural != served.resource.plural)
        {
            version.resources.push(Arc::new(served));
        }
    }

    /// The order of the aggregator (`apiregistration.SortedByGroupAndVersion`).
    fn sort(&mut self) {
        let order = |group: &Group| (!group.name.is_empty(), group.priority.saturating_neg(), group.name.clone());
        self.groups.sort_by_cached_key(order);
        for group in &mut self.groups {
            group.versions.sort_by_cached_key(|version| (version.priority.saturating_neg(), age(&version.name)));
            for version in &mut group.versions {
                version.resources.sort_by(|a, b| a.resource.plural.cmp(&b.resource.plural));
            }
        }
    }
}

/// The place of a version among others of one priority, the stable ones first.
fn age(version: &str) -> (bool, bool, std::cmp::Reverse<String>) {
    (version.contains("alpha"), version.contains("beta"), std::cmp::Reverse(version.to_owned()))
}

/// The priorities of group and version, by their names.
type Registered = BTreeMap<(String, String), (i64, i64)>;

/// The versions that API servers have registered, and serve themselves.
fn registered(cluster: &Cluster<'_>) -> Registered {
    let mut registered = Registered::new();
    for object in cluster.list("apiservices.apiregistration.k8s.io").into_iter().flatten().flatten() {
        let Some(spec) = object.value.get("spec") else { continue };
        let text = |name| spec.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name| match spec.get(name) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        };
        if spec.get("service").is_none_or(|service| *service == Value::Null) {
            let priorities = (number("groupPriorityMinimum"), number("versionPriority"));
            registered.insert((text("group"), text("version")), priorities);
        }
    }
    registered
}

/// The first readable object of each resource, by group and plural name. Where the key does not show the group, the
/// object does.
fn samples(cluster: &Cluster<'_>) -> BTreeMap<(String, String), Sample> {
    let (mut samples, mut seen) = (BTreeMap::new(), HashSet::new());
    for kv in cluster.view.iter() {
        let parsed = Key::new(kv.key);
        let Some(key) = parsed.object() else { continue };
        let id = (key.group.clone(), key.resource.clone());
        if seen.contains(&id) {
            continue;
        }
        let Ok(object) = cluster.object(&kv) else { continue };
        let (group, version) = object.api_version().rsplit_once('/').unwrap_or(("", object.api_version()));
        let Some(stored) = stored(kv.key, key).filter(|_| !version.is_empty() && !object.kind().is_empty()) else {
            continue;
        };
        let (kind, version) = (object.kind().to_owned(), version.to_owned());
        let group = key.group.as_deref().unwrap_or(group).to_owned();
        let sample = Sample { stored, namespaced: key.namespace.is_some(), kind, version };
        samples.entry((group, key.resource.to_string())).or_insert(sample);
        seen.insert((id.0.map(|group| Cow::Owned(group.into_owned())), Cow::Owned(id.1.into_owned())));
    }
    samples
}

/// The part of a key between prefix and namespace or name.
fn stored(etcd_key: &[u8], key: &ObjectKey<'_>) -> Option<String> {
    let text = std::str::from_utf8(etcd_key).ok()?;
    let rest = text.strip_prefix(key.prefix)?.strip_prefix('/')?.strip_suffix(key.name)?.strip_suffix('/')?;
    let rest = match key.namespace {
        Some(namespace) => rest.strip_suffix(namespace)?.strip_suffix('/')?,
        None => rest,
    };
    Some(rest.to_owned())
}

impl Sample {
    /// A resource that is in no table.
    fn resource(&self, group: &str, plural: &str) -> Resource {
        Resource {
            group: group.to_owned().into(),
            plural: plural.to_owned().into(),
            singular: self.kind.to_lowercase().into(),
            kind: self.kind.clone().into(),
            versions: vec![ApiVersion { name: self.version.clone().into(), served: true, stored: true }],
            namespaced: self.namespaced,
            short: Vec::new(),
            categories: Vec::new(),
            stored: self.stored.clone().into(),
        }
    }
}

/// The definition of a custom resource, as v1.
fn definition<'a>(cluster: &Cluster<'a>, resource: &Resource) -> Option<Value<'a>> {
    let kv = cluster.get("customresourcedefinitions.apiextensions.k8s.io", "", &resource.full_name()).ok()??;
    Some(cluster.object(&kv).ok()?.value)
}

fn served(resource: &Resource, group: &str, version: &str, definition: Option<&Value<'_>>, release: Release) -> Served {
    let of_version = definition.and_then(|definition| {
        let versions = definition.at(&["spec", "versions"]).and_then(Value::as_list)?;
        versions.iter().find(|have| have.get("name").and_then(Value::as_str) == Some(version))
    });
    let fields = of_version.and_then(|version| version.get("selectableFields")).and_then(Value::as_list);
    let path = |field: &Value<'_>| {
        let path = field.get("jsonPath").and_then(Value::as_str)?;
        Some(path.trim_start_matches('.').to_owned())
    };
    let scale = match definition {
        Some(_) => of_version.and_then(|version| version.at(&["subresources", "scale"])).map(Scale::of),
        None => Scale::builtin(group, &resource.plural),
    };
    let mut served = Served {
        converted: false,
        resource: resource.clone(),
        group: group.to_owned(),
        version: version.to_owned(),
        printer: TablePrinter::new(resource, definition, Some(version)),
        custom: definition.is_some(),
        selectable: fields.unwrap_or_default().iter().filter_map(path).collect(),
        scale,
        schema: definition.map(|_| {
            let schema = of_version.and_then(|version| version.at(&["schema", "openAPIV3Schema"]));
            let schema = schema.and_then(|schema| serde_json::from_str(&schema.to_json()).ok());
            schema.unwrap_or_else(|| serde_json::json!({"type": "object"}))
        }),
        deprecated: None,
    };
    served.deprecated = match definition {
        Some(definition) => warnings::custom(group, version, &resource.kind, definition),
        None => warnings::deprecated(group, version, &resource.kind, release),
    };
    served
}

impl Scale {
    fn new(wanted: &str, present: &str, selector: &str) -> Self {
        let path = |text: &str| text.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { wanted: path(wanted), present: path(present), selector: path(selector) }
    }

    /// Of the built-in resources that can be scaled.
    fn builtin(group: &str, plural: &str) -> Option<Self> {
        match (group, plural) {
            ("apps", "deployments" | "replicasets" | "statefulsets") | ("", "replicationcontrollers") => {
                Some(Self::new("spec.replicas", "status.replicas", "spec.selector"))
            }
            _ => None,
        }
    }

    /// Of a definition's `subresources.scale`.
    fn of(scale: &Value<'_>) -> Self {
        let text = |name| scale.get(name).and_then(Value::as_str).unwrap_or_default();
        Self::new(text("specReplicasPath"), text("statusReplicasPath"), text("labelSelectorPath"))
    }
}
