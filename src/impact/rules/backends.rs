//! Webhooks, APIServices and CustomResourceDefinitions: what the API server calls, and what it serves.

use std::collections::BTreeSet;

use super::{
    super::{
        danger::Subject,
        inventory::{Id, Inventory, KnownObject},
        kinds::{API_SERVICE, DEFINITION, MUTATING, NODE, POD, SERVICE, VALIDATING},
    },
    sides::Sides,
};
use crate::k8s::Value;

/// The configurations of clients in an object that calls webhooks: of those that may not fail, or of all.
fn clients<'i>(known: &'i KnownObject<'_>, all: bool) -> Vec<(&'i str, &'i Value<'static>)> {
    let conversion = known.at(&["spec", "conversion", "webhook", "clientConfig"]).map(|client| ("", client));
    let fails = |hook: &&Value<'_>| hook.get("failurePolicy").and_then(Value::as_str) != Some("Ignore");
    let hooks = known.list(&["webhooks"]).iter().filter(|hook| all || fails(hook)).filter_map(|hook| {
        Some((hook.get("name").and_then(Value::as_str).unwrap_or_default(), hook.get("clientConfig")?))
    });
    conversion.into_iter().chain(hooks).collect()
}

pub(super) fn webhooks(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let mut all = Vec::new();
    for kind in [DEFINITION, MUTATING, VALIDATING].into_iter().filter(|kind| sides.now.has(kind)) {
        for (id, known) in sides.backup.each(kind) {
            let services = clients(known, false).into_iter().filter_map(|(_, client)| client.get("service"));
            let lost: BTreeSet<_> = services.filter_map(|service| lost_backend(sides, id, known, service)).collect();
            all.extend(lost.into_iter().map(|why| Subject::new(id, &[why])));
        }
    }
    all
}

pub(super) fn api_services(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let lost = sides.backup.each(API_SERVICE).filter(|_| sides.now.has(API_SERVICE)).filter_map(|(id, known)| {
        let why = lost_backend(sides, id, known, known.at(&["spec", "service"])?)?;
        Some(Subject::new(id, &[why]))
    });
    lost.collect()
}

/// Why the backend of an object is not there after the restore, unless that is so now, too.
fn lost_backend<'i>(
    sides: Sides<'i>,
    id: &Id<'i>,
    known: &'i KnownObject<'i>,
    service: &'i Value<'static>,
) -> Option<String> {
    let text = |name: &str| service.get(name).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("namespace"), text("name"));
    if name.is_empty() {
        return None;
    }
    let why = missing(sides.backup, sides.now, namespace, name)?;
    let is_new = sides.is_changed(id, known) || missing(sides.now, sides.now, namespace, name).is_none();
    is_new.then(|| format!("{why}: service/{name} -n {namespace}"))
}

/// What of a backend is missing in `of`: the Service, any pod that it selects, or the Nodes of these pods in
/// `machines`.
fn missing<'i>(
    of: &'i Inventory<'i>,
    machines: &'i Inventory<'i>,
    namespace: &'i str,
    name: &'i str,
) -> Option<&'static str> {
    let Some(service) = of.find(SERVICE, namespace, name) else {
        return of.has(SERVICE).then_some("no such service");
    };
    let selector =
        service.at(&["spec", "selector"]).and_then(Value::as_object).filter(|selector| !selector.is_empty())?;
    let selects = |pod: &KnownObject<'_>| {
        let label = |name: &str| pod.at(&["metadata", "labels"])?.get(name);
        selector.iter().all(|(name, value)| label(name) == Some(value))
    };
    let mut pods = of.each(POD).filter(|(id, pod)| id.namespace == namespace && selects(pod)).peekable();
    if pods.peek().is_none() {
        return of.has(POD).then_some("no pod");
    }
    let on_a_node = |pod: &'i KnownObject<'i>| machines.find(NODE, "", pod.text(&["spec", "nodeName"])).is_some();
    let any = !machines.has(NODE) || pods.any(|(_, pod)| on_a_node(pod));
    (!any).then_some("its pods are on no Node that is there now")
}

pub(super) fn ca_bundles(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let mut all = Vec::new();
    for kind in [API_SERVICE, DEFINITION, MUTATING, VALIDATING] {
        for (id, then, now) in sides.both(kind) {
            const OF_API: &[&str] = &["spec", "caBundle"];
            let mut names = BTreeSet::new();
            if then.at(OF_API) != now.at(OF_API) {
                names.insert("");
            }
            let newer = clients(now, true);
            for (name, client) in clients(then, true) {
                let other = newer.iter().find(|(of, _)| *of == name);
                if other.is_some_and(|(_, other)| other.get("caBundle") != client.get("caBundle")) {
                    names.insert(name);
                }
            }
            all.extend(names.into_iter().map(|name| Subject::new(id, &[name])));
        }
    }
    all
}

pub(super) fn definitions(sides: Sides<'_>) -> Vec<Subject<'_>> {
    let mut all = Vec::new();
    for (id, then, now) in sides.both(DEFINITION) {
        let versions = |known: &'_ KnownObject<'_>| -> BTreeSet<String> {
            known.list(&["versions"]).iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let lost: Vec<_> = versions(now).difference(&versions(then)).cloned().collect();
        if !lost.is_empty() {
            all.push(Subject::new(id, &[format!("without {}", lost.join(", "))]));
        }
    }
    all
}
