//! The version of an object that the target serves: the stored one, another with the same schema, or none.
//!
//! ```text
//! custom resources   the stored version if its definition serves it, else the storage version, else the first in
//!                    discovery; conversion None means that only apiVersion differs. A webhook's conversion is not
//!                    known.
//! built-in kinds     the stored version if it is stable, else the newest stable one that has the object's fields
//! ```
//!
//! Where a field means something else in the other version, or has another default, the API server's conversion is done
//! here (`pkg/apis/*/v1beta*/{conversion,defaults}.go`); what the other version would refuse is left out.

use super::{
    change::Change,
    left_out::{LeftOut, Why},
    neighbours::{Definition, Neighbours},
    prune::prune,
};
use crate::k8s::{Map, ObjectKey, Promotion, Value};

/// A selector that no Pod of a PodDisruptionBudget matches (`policy.NonV1beta1MatchNoneSelector`).
const MATCHES_NONE: (&str, &str) = ("pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match", "Exists");

/// Converts an object to a version that the target serves, and to the fields of that version. Returns the changes.
///
/// # Errors
/// The reason why there is no such version.
pub(super) fn settle(
    neighbours: &Neighbours<'_, '_>,
    key: &ObjectKey<'_>,
    object: &mut Value<'_>,
) -> Result<Vec<Change>, LeftOut> {
    let group = key.group.as_deref().unwrap_or_default();
    if let Some(definition) = neighbours.defined(group, &key.resource) {
        return custom(neighbours, definition, object);
    }
    if text(object, "kind") == "CustomResourceDefinition" {
        acceptable(object)?;
    }
    let Some(to) = promoted(object)? else { return Ok(Vec::new()) };
    let (stored, kind) = (text(object, "apiVersion").to_owned(), text(object, "kind").to_owned());
    let Some(root) = object.as_object_mut() else { return Ok(Vec::new()) };
    match (stored.as_str(), kind.as_str()) {
        ("policy/v1beta1", "PodDisruptionBudget") => budget(root),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration") => priority_level(root),
        ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            webhooks(root)?;
        }
        _ => {}
    }
    root.insert("apiVersion", Value::str(to));
    Ok(vec![Change::Version { stored, exported: to.to_owned() }])
}

/// Converts a custom resource.
fn custom(
    neighbours: &Neighbours<'_, '_>,
    definition: &Definition<'_>,
    object: &mut Value<'_>,
) -> Result<Vec<Change>, LeftOut> {
    let stored = text(object, "apiVersion").to_owned();
    let mut changes = Vec::new();
    if let Some(version) = version_for(definition, &stored)? {
        let exported = format!("{}/{version}", definition.resource.group);
        if let Some(root) = object.as_object_mut() {
            root.insert("apiVersion", Value::Str(exported.clone().into()));
        }
        changes.push(Change::Version { stored, exported });
    }
    let version = text(object, "apiVersion").rsplit('/').next().unwrap_or_default().to_owned();
    let gone = neighbours.schema(definition, &version).map_or_else(Vec::new, |schema| prune(object, schema));
    if !gone.is_empty() {
        changes.push(Change::Pruned(gone));
    }
    Ok(changes)
}

/// The version in which an object that is stored as `api_version` is served, if it is another.
///
/// # Errors
/// When no version is served, or only a webhook can convert to one.
fn version_for<'d>(definition: &'d Definition<'_>, api_version: &str) -> Result<Option<&'d str>, LeftOut> {
    let stored = api_version.rsplit('/').next().unwrap_or_default();
    let mut served = definition.resource.versions.iter().filter(|version| version.served);
    if served.clone().any(|version| version.name == stored) {
        return Ok(None);
    }
    let lacks = |what| LeftOut::new(Why::NotServed, format!("stored as {api_version}; {what}"));
    let Some(version) = served.clone().find(|version| version.stored).or_else(|| served.next()) else {
        return Err(lacks("its CustomResourceDefinition serves no version"));
    };
    if definition.webhook {
        return Err(lacks(
            "only the conversion webhook of its CustomResourceDefinition converts it to a version that is served",
        ));
    }
    Ok(Some(&version.name))
}

/// The served version of a built-in kind, if it differs from the object's.
fn promoted(object: &Value<'_>) -> Result<Option<&'static str>, LeftOut> {
    let stored = text(object, "apiVersion");
    let what = match Promotion::of(object) {
        Promotion::Served => return Ok(None),
        Promotion::To(version) => return Ok(Some(version)),
        Promotion::Differs { served, field } => format!("stored as {stored}; {served} has no field {field}"),
        Promotion::Unserved => format!("stored as {stored}, and no version of the kind is stable"),
    };
    Err(LeftOut::new(Why::NotServed, what))
}

/// Checks that apiextensions.k8s.io/v1 accepts a new definition; errors in its schema are known from its status.
fn acceptable(object: &Value<'_>) -> Result<(), LeftOut> {
    let list = |path: &[&str]| object.at(path).and_then(Value::as_list).unwrap_or_default();
    let no_schema = |version: &&Value<'_>| version.at(&["schema", "openAPIV3Schema"]).is_none();
    let broken = |condition: &&Value<'_>| {
        text(condition, "type") == "NonStructuralSchema" && text(condition, "status") == "True"
    };
    let what = if object.at(&["spec", "preserveUnknownFields"]) == Some(&Value::Bool(true)) {
        "its preserveUnknownFields is true".to_owned()
    } else if let Some(version) = list(&["spec", "versions"]).iter().find(no_schema) {
        format!("its version {} has no schema", text(version, "name"))
    } else if list(&["status", "conditions"]).iter().any(|condition| broken(&condition)) {
        "its schema is not structural".to_owned()
    } else {
        return Ok(());
    };
    Err(LeftOut::new(Why::NotServed, format!("apiextensions.k8s.io/v1 refuses it: {what}")))
}

/// An empty selector selects nothing in v1beta1, and everything in v1.
fn budget(root: &mut Map<'_>) {
    let Some(Value::Object(selector)) = root.get_mut("spec").and_then(|spec| spec.as_object_mut()?.get_mut("selector"))
    else {
        return;
    };
    let (key, exists) = MATCHES_NONE;
    let is_ours = |of: &Value<'_>| text(of, "key") == key;
    let expressions = selector.get("matchExpressions").and_then(Value::as_list).unwrap_or_default();
    let labels = selector.get("matchLabels").and_then(Value::as_object).is_none_or(Map::is_empty);
    if expressions.is_empty() && labels {
        let expression =
            Map::from_unsorted(vec![("key".into(), Value::str(key)), ("operator".into(), Value::str(exists))]);
        selector.insert("matchExpressions", Value::List(vec![Value::Object(expression)]));
    } else if let Some(Value::List(expressions)) = selector.get_mut("matchExpressions") {
        // with the operator DoesNotExist alone it selects everything
        expressions.retain(|expression| !is_ours(expression));
        if expressions.is_empty() {
            selector.remove("matchExpressions");
        }
    }
}

/// Zero shares are the default of 30 in v1beta3, unless an annotation marks the zero as intended; in v1 they are zero.
fn priority_level(root: &mut Map<'_>) {
    const ZERO: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
    let annotations = root.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()?.get_mut("annotations"));
    let is_meant = annotations.and_then(|all| all.as_object_mut()?.remove(ZERO)).is_some();
    let limited = root.get_mut("spec").and_then(|spec| spec.as_object_mut()?.get_mut("limited"));
    let Some(limited) = limited.and_then(Value::as_object_mut) else { return };
    let shares = limited.get("nominalConcurrencyShares").unwrap_or(&Value::Null);
    if !is_meant && matches!(shares, Value::Null | Value::Int(0)) {
        limited.insert("nominalConcurrencyShares", Value::Int(30));
    }
}

/// Sets the defaults of v1beta1 that differ from those of v1, and refuses side effects that v1 refuses.
fn webhooks(root: &mut Map<'_>) -> Result<(), LeftOut> {
    let Some(Value::List(webhooks)) = root.get_mut("webhooks") else { return Ok(()) };
    for webhook in webhooks.iter_mut().filter_map(Value::as_object_mut) {
        let effects = webhook.get("sideEffects").and_then(Value::as_str).unwrap_or("Unknown");
        if !matches!(effects, "None" | "NoneOnDryRun") {
            let what = format!("admissionregistration.k8s.io/v1 refuses sideEffects {effects} of a webhook");
            return Err(LeftOut::new(Why::NotServed, what));
        }
        let defaults = [
            ("admissionReviewVersions", Value::List(vec![Value::str("v1beta1")])),
            ("failurePolicy", Value::str("Ignore")),
            ("matchPolicy", Value::str("Exact")),
            ("timeoutSeconds", Value::Int(30)),
        ];
        for (name, default) in defaults {
            if webhook.get(name).is_none_or(|value| *value == Value::Null) {
                webhook.insert(name, default);
            }
        }
    }
    Ok(())
}

fn text<'o>(object: &'o Value<'_>, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}
