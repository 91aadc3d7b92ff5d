//! The changes whose requests are looked for.

use std::collections::HashMap;

use super::{cover::Cover, event::Event};
use crate::{
    etcd::Revision,
    k8s::{Gap, Key, Moment},
};

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The object was created.
    Create,
    /// The object was changed.
    Update(Deletion),
    /// The object was created or changed.
    Put(Deletion),
    /// The object was deleted.
    Delete,
}

/// Whether a request to delete an object made an update of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It did not: the object is not being deleted, or its deletion is as it was.
    No,
    /// It did: the update sets `metadata.deletionTimestamp`.
    Yes,
    /// Nothing shows whether it did, or who deletes the object a second time may have.
    Perhaps,
}

/// A change that is looked for.
#[derive(Debug, Clone)]
pub(super) struct WantedChange {
    pub(super) revision: Revision,
    pub(super) is_asked: bool,
    act: Act,
    /// The revision of the object before.
    before: Option<i64>,
    gap: Gap,
    group: String,
}

/// How a request may belong to a change, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// The answer holds the revision.
    Exact,
    /// The answer holds the revision, but the change was written shortly before or after the request.
    Near,
    /// The request names the revision before. It may have changed nothing.
    Before,
    Object,
    /// The request may have changed nothing: it may have been a dry run, or has failed.
    Perhaps,
    Kind,
}

impl Match {
    /// The match of a request that may have changed nothing.
    pub(super) fn perhaps(self) -> Self {
        match self {
            Self::Exact | Self::Near => self,
            Self::Before | Self::Object | Self::Perhaps | Self::Kind => Self::Perhaps,
        }
    }
}

/// The changes whose requests are looked for.
#[derive(Debug, Default)]
pub struct Wanted {
    pub(super) changes: Vec<WantedChange>,
    /// Whether of a kind only some objects are looked for.
    pub(super) is_part: bool,
    /// By resource, namespace and name.
    objects: HashMap<(String, String, String), Vec<usize>>,
    /// By resource and namespace.
    kinds: HashMap<(String, String), Vec<usize>>,
}

/// How far the clocks of the API servers may be apart where the log names the revision, and how long after a failure a
/// change may be written, in nanoseconds.
const SLACK: i128 = 10_000_000_000;

/// Resources that are served by more than one group.
const SEVERAL: [&str; 7] =
    ["events", "ingresses", "networkpolicies", "deployments", "daemonsets", "replicasets", "podsecuritypolicies"];

impl Wanted {
    /// No changes. `is_part` says that of a kind in a namespace not all objects' changes will be added: so it is not
    /// known which of them a request made that names no object.
    #[must_use]
    pub fn new(is_part: bool) -> Self {
        Self { is_part, ..Self::default() }
    }

    /// Adds the change of `key` at `revision`, which was written in `gap`; `before` is the revision of its value
    /// before. A change that is not asked for gets no answer, but a request may have made it instead of another. Keys
    /// that are no objects' are left out.
    pub fn add(&mut self, key: &[u8], revision: Revision, act: Act, before: Option<i64>, gap: Gap, is_asked: bool) {
        let Key::Object(object) = Key::new(key) else { return };
        let at = self.changes.len();
        let group = object.group.as_deref().unwrap_or_default().to_owned();
        self.changes.push(WantedChange { revision, is_asked, act, before, gap, group });
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
        let (revision, before) = (event.revision(), event.before());
        // what etcd does after the API server gave up
        let late = if event.has_failed() { SLACK } else { 0 };
        let to = |of: &WantedChange| {
            let is_group = of.group == event.object_ref.api_group || SEVERAL.contains(&resource);
            is_group && of.may_be_by(event) && of.is_within(times, [0, late])
        };
        let all = |places: Option<&Vec<usize>>, how: Match| {
            let places = places.into_iter().flatten();
            let changes = places.filter_map(|at| Some((*at, self.changes.get(*at)?)));
            let found: Vec<_> =
                changes.filter(|(_, of)| to(of)).map(|(at, of)| (at, of.match_of(event, how))).collect();
            found
        };
        if name.is_empty() {
            return all(self.kinds.get(&(resource.to_owned(), namespace.to_owned())), Match::Kind);
        }
        let places = self.objects.get(&(resource.to_owned(), namespace.to_owned(), name.to_owned()));
        let here = || places.into_iter().flatten().filter_map(|at| Some((*at, self.changes.get(*at)?)));
        // an earlier life of the cluster had the same revisions
        let exact = here().find(|(_, of)| {
            revision == Some(of.revision.main) && of.is_answered_by(event) && of.is_within(times, [SLACK; 2])
        });
        if let Some((at, of)) = exact {
            return vec![(at, if of.is_within(times, [0; 2]) { Match::Exact } else { Match::Near })];
        }
        // the answer names another revision: of a change that is not wanted, or of none
        if revision.is_some() && event.verb != "delete" {
            return Vec::new();
        }
        // what names the revision before made the change after it, or none
        let next = here().find(|(_, of)| before.is_some() && of.updated() == before && to(of));
        if let Some((at, _)) = next {
            return vec![(at, Match::Before)];
        }
        let mut found = all(places, Match::Object);
        if let Some(revision) = revision {
            // a deletion made no change before the one that its answer holds
            let is_after = |of: &WantedChange| of.revision.main >= revision;
            found.retain(|(at, _)| self.changes.get(*at).is_some_and(is_after));
        }
        if before.is_some() {
            found.retain(|(at, _)| self.changes.get(*at).is_none_or(|of| of.updated().is_none()));
        }
        found
    }
}

impl WantedChange {
    fn may_be_by(&self, event: &Event<'_>) -> bool {
        let of_object = event.object_ref.subresource.is_empty();
        match (self.act, event.verb.as_ref()) {
            (Act::Create, "create") => of_object,
            // `kubectl apply --server-side` makes what is not there, and is answered so
            (Act::Create, "patch" | "update") => of_object && (event.has_created() || event.has_failed()),
            // a deletion that waits only sets its time
            (Act::Update(deletion) | Act::Put(deletion), "delete" | "deletecollection") => deletion != Deletion::No,
            // a binding
            (Act::Update(_), "create") => !of_object,
            (Act::Update(_) | Act::Put(_), _) => true,
            // who removes the last finalizer deletes; so does an eviction
            (Act::Delete, "create") => event.object_ref.subresource == "eviction",
            (Act::Delete, _) => true,
            _ => false,
        }
    }

    /// The match of a request about it of which the log has no answer with its revision.
    fn match_of(&self, event: &Event<'_>, how: Match) -> Match {
        // who deletes again changes the finalizers at most
        let is_again = matches!(self.act, Act::Update(Deletion::Perhaps) | Act::Put(Deletion::Perhaps));
        if is_again && event.is_deletion() { how.perhaps() } else { how }
    }

    /// Whether an answer with the revision of the change is the answer of the request that made it. A deletion may be
    /// answered with the object as it was before: with the revision of an update that another request made. So is a
    /// second one, which only waits.
    fn is_answered_by(&self, event: &Event<'_>) -> bool {
        let is_by_this = !matches!(self.act, Act::Update(of) | Act::Put(of) if of != Deletion::Yes);
        self.may_be_by(event) && (is_by_this || event.verb != "delete")
    }

    /// Whether the log covers the time in which another request may have made the change: from the state before it to
    /// `until`, or the state after it.
    pub(super) fn is_covered(&self, cover: &Cover, until: Option<Moment>) -> bool {
        let until = [self.gap.before, until].into_iter().flatten().min();
        self.gap.after.zip(until).is_some_and(|(after, until)| cover.holds(after, until))
    }

    /// Whether a request whose answer has the revision is certainly the one: no other is answered so, whenever it was.
    pub(super) fn is_proved(&self) -> bool {
        matches!(self.act, Act::Create | Act::Delete)
    }

    /// The revision that an update certainly followed.
    fn updated(&self) -> Option<i64> {
        self.before.filter(|_| matches!(self.act, Act::Update(_)))
    }

    /// Whether it was written while a request was running, or at most so many nanoseconds before it and after it.
    fn is_within(&self, (received, completed): (Moment, Moment), [before, after]: [i128; 2]) -> bool {
        let from = received.nanoseconds().saturating_sub(before);
        let to = completed.nanoseconds().saturating_add(after);
        self.gap.after.is_none_or(|after| after.nanoseconds() <= to)
            && self.gap.before.is_none_or(|before| before.nanoseconds() >= from)
    }
}
