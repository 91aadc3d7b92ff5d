//! The Events about an object.

use std::collections::HashMap;

use super::Cluster;
use crate::{
    etcd::KeyValue,
    k8s::{Key, Object, Value},
};

/// An Event about an object (`corev1.Event`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// The time when it was last seen, as stored.
    pub last: String,
    /// `Normal`, `Warning`.
    pub severity: String,
    /// `FailedScheduling`.
    pub reason: String,
    /// The program that reported it.
    pub from: String,
    /// Number of times it was seen.
    pub count: i64,
    /// The message.
    pub message: String,
}

/// The Events of a keyspace, by what they are about. Each namespace is read once when its objects come one after the
/// other, as in a listing; one at a time is in memory.
#[derive(Debug)]
pub struct Events<'c, 'a> {
    cluster: &'c Cluster<'a>,
    stored: HashMap<&'a str, Vec<KeyValue<'a>>>,
    read: Option<(String, OfNamespace)>,
}

/// The Events of one namespace.
#[derive(Debug, Default)]
struct OfNamespace {
    by_uid: HashMap<String, Vec<Event>>,
    /// Events without a uid, by kind and name.
    by_name: HashMap<(String, String), Vec<Event>>,
    unreadable: usize,
}

impl<'c, 'a> Events<'c, 'a> {
    /// Finds the Events of `cluster`; they are read when they are asked for.
    #[must_use]
    pub fn of(cluster: &'c Cluster<'a>) -> Self {
        let mut stored: HashMap<_, Vec<_>> = HashMap::new();
        let is_event = |key| Key::new(key).object().is_some_and(|key| key.resource == "events");
        for kv in cluster.view.matching(is_event) {
            if let Some(namespace) = Key::new(kv.key).object().and_then(|key| key.namespace) {
                stored.entry(namespace).or_default().push(kv);
            }
        }
        Self { cluster, stored, read: None }
    }

    /// The Events about `object`, oldest first, and the number of unreadable Events that may be about it.
    pub fn about(&mut self, object: &Object<'_>) -> (Vec<Event>, usize) {
        // Events about cluster-scoped objects are in `default`.
        let namespace = Some(object.namespace()).filter(|ns| !ns.is_empty()).unwrap_or("default");
        let is_read = self.read.as_ref().is_some_and(|(read, _)| read == namespace);
        if !is_read {
            self.read = Some((namespace.to_owned(), self.read(namespace)));
        }
        let Some((_, read)) = &self.read else { return (Vec::new(), 0) };
        let uid = text(&object.value, &["metadata", "uid"]);
        let by_name = read.by_name.get(&(object.kind().to_owned(), object.name().to_owned()));
        let by_uid = read.by_uid.get(&uid);
        let mut events: Vec<_> = by_uid.into_iter().chain(by_name).flatten().cloned().collect();
        events.sort();
        (events, read.unreadable)
    }

    fn read(&self, namespace: &str) -> OfNamespace {
        let mut of = OfNamespace::default();
        for kv in self.stored.get(namespace).into_iter().flatten() {
            let Ok(event) = self.cluster.ring.object(kv.key, kv.value) else {
                of.unreadable = of.unreadable.saturating_add(1);
                continue;
            };
            let about = |path: &str| text(&event.value, &["involvedObject", path]);
            let uid = about("uid");
            let list = if uid.is_empty() {
                of.by_name.entry((about("kind"), about("name"))).or_default()
            } else {
                of.by_uid.entry(uid).or_default()
            };
            list.push(Event::of(&event.value));
        }
        of
    }
}

impl Event {
    fn of(event: &Value<'_>) -> Self {
        let first = |paths: &[&[&str]]| paths.iter().map(|path| text(event, path)).find(|text| !text.is_empty());
        let count = |path: &[&str]| match event.at(path) {
            Some(Value::Int(count)) => Some(*count),
            _ => None,
        };
        let times = [&["series", "lastObservedTime"][..], &["lastTimestamp"], &["eventTime"], &["firstTimestamp"]];
        Self {
            last: first(&times).unwrap_or_default(),
            severity: text(event, &["type"]),
            reason: text(event, &["reason"]),
            from: first(&[&["source", "component"], &["reportingComponent"]]).unwrap_or_default(),
            count: count(&["series", "count"]).or_else(|| count(&["count"])).unwrap_or(1).max(1),
            message: text(event, &["message"]),
        }
    }
}

fn text(value: &Value<'_>, path: &[&str]) -> String {
    value.at(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}
