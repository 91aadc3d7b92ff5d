//! The changes whose requests are looked for.

use std::collections::HashMap;

use super::event::Event;
use crate::{
    etcd::Revision,
    k8s::{Gap, Key, Moment},
};

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was made or changed.
    Put,
    /// It was removed.
    Delete,
}

/// A change that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) revision: Revision,
    act: Act,
    /// The revision of the object before.
    before: Option<i64>,
    gap: Gap,
    group: String,
}

/// How a request may belong to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Exact,
    Object,
    Kind,
}

/// The changes whose requests are looked for.
#[derive(Debug, Default)]
pub struct Wanted {
    pub(super) changes: Vec<Change>,
    /// By resource, namespace and name.
    objects: HashMap<(String, String, String), Vec<usize>>,
    /// By resource and namespace.
    kinds: HashMap<(String, String), Vec<usize>>,
}

/// Resources that are served by more than one group.
const SEVERAL: [&str; 7] =
    ["events", "ingresses", "networkpolicies", "deployments", "daemonsets", "replicasets", "podsecuritypolicies"];

impl Wanted {
    /// Adds the change of `key` at `revision`, which was written in `gap`; `before` is the revision of its value before.
    /// Keys that are no objects' are left out.
    pub fn add(&mut self, key: &[u8], revision: Revision, act: Act, before: Option<i64>, gap: Gap) {
        let Key::Object(object) = Key::new(key) else { return };
        let at = self.changes.len();
        let group = object.group.as_deref().unwrap_or_default().to_owned();
        self.changes.push(Change { revision, act, before, gap, group });
        let (resource, namespace) = (object.resource.to_string(), object.namespace.unwrap_or_default().to_owned());
        self.objects.entry((resource.clone(), namespace.clone(), object.name.to_owned())).or_default().push(at);
        self.kinds.entry((resource, namespace)).or_default().push(at);
    }

    /// The changes that a request may have made.
    pub(super) fn matches(&self, event: &Event<'_>) -> Vec<(usize, Match)> {
        let Some(times) = event.times() else { return Vec::new() };
        let (resource, namespace, name) = (event.object_ref.resource.as_ref(), event.namespace(), event.name());
        // a Namespace is in itself
        let namespace = if resource == "namespaces" { "" } else { namespace };
        let to = |of: &Change| {
            let is_group = of.group == event.object_ref.api_group || SEVERAL.contains(&resource);
            is_group && of.may_be_by(event) && of.is_in(times)
        };
        let all = |places: Option<&Vec<usize>>, how: Match| {
            let places = places.into_iter().flatten();
            let changes = places.filter_map(|at| Some((*at, self.changes.get(*at)?)));
            let found: Vec<_> = changes.filter(|(_, of)| to(of)).map(|(at, _)| (at, how)).collect();
            found
        };
        if name.is_empty() {
            return all(self.kinds.get(&(resource.to_owned(), namespace.to_owned())), Match::Kind);
        }
        let places = self.objects.get(&(resource.to_owned(), namespace.to_owned(), name.to_owned()));
        let (revision, before) = (event.revision(), event.before());
        let is_exact = |of: &Change| {
            revision == Some(of.revision.main)
                || revision.is_none()
                    && before.is_some()
                    && before == of.before
                    && matches!(of.act, Act::Update | Act::Put)
        };
        let exact = places.into_iter().flatten().copied().find(|at| self.changes.get(*at).is_some_and(is_exact));
        match exact {
            Some(at) => vec![(at, Match::Exact)],
            // the answer names another revision: of a change that is not wanted, or of none
            None if revision.is_some() && event.verb != "delete" => Vec::new(),
            None => all(places, Match::Object),
        }
    }
}

impl Change {
    fn may_be_by(&self, event: &Event<'_>) -> bool {
        let of_object = event.object_ref.subresource.is_empty();
        match (self.act, event.verb.as_ref()) {
            (Act::Create, "create") => of_object,
            // `kubectl apply --server-side` makes what is not there, and is answered so
            (Act::Create, "patch" | "update") => of_object && event.has_created(),
            // a binding; and a deletion that waits only sets its time
            (Act::Update, "create") => !of_object,
            (Act::Update | Act::Put, _) => true,
            // who removes the last finalizer deletes; so does an eviction
            (Act::Delete, "create") => event.object_ref.subresource == "eviction",
            (Act::Delete, _) => true,
            _ => false,
        }
    }

    fn is_in(&self, (received, completed): (Moment, Moment)) -> bool {
        self.gap.after.is_none_or(|after| after <= completed) && self.gap.before.is_none_or(|before| before >= received)
    }
}
