//! HorizontalPodAutoscalers of `autoscaling/v2` as `autoscaling/v1` (`pkg/apis/autoscaling/v1/conversion.go`): what v1
//! has no field for is in annotations, as JSON.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::document::at;
use crate::k8s::{self, Release};

/// Whether a stored version of a built-in resource can be served in another one.
pub(super) fn is_known(group: &str, plural: &str, stored: &str, served: &str) -> bool {
    (group, plural, stored, served) == ("autoscaling", "horizontalpodautoscalers", "v2", "v1")
}

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
/// Annotations of a conversion that are not kept.
const DROPPED: [&str; 6] = [
    METRICS,
    CURRENT,
    CONDITIONS,
    BEHAVIOR,
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];

/// The first release whose behavior has a tolerance.
const TOLERANCE: Release = Release::new(33);

/// The object as v1.
///
/// # Errors
/// When it has what this code does not know how to convert; the reason.
pub(super) fn to_v1(object: &k8s::Value<'_>, release: Release) -> Result<k8s::Value<'static>, String> {
    let mut object: Value = serde_json::from_str(&object.to_json()).map_err(|error| error.to_string())?;
    let list = |path: &str| at(&object, path).as_array().cloned().unwrap_or_default();
    let (metrics, current) = (list("/spec/metrics"), list("/status/currentMetrics"));
    let is_cpu = |metric: &&Value| *at(metric, "/type") == "Resource" && *at(metric, "/resource/name") == "cpu";
    let utilization = |metric: &Value, of: &str| at(metric, &format!("/resource/{of}/averageUtilization")).clone();
    let (target, others): (Vec<_>, Vec<_>) =
        metrics.iter().partition(|metric| is_cpu(metric) && utilization(metric, "target").is_number());
    let others = others.into_iter().map(|of| metric(of, "target")).collect::<Result<Vec<_>, _>>()?;
    let statuses = current.iter().map(|of| metric(of, "current")).collect::<Result<Vec<_>, _>>()?;
    let conditions: Vec<_> = list("/status/conditions")
        .iter()
        .map(|of| Value::Object(picked(of, &["type", "status", "lastTransitionTime", "reason", "message"])))
        .collect();
    let behavior = Some(at(&object, "/spec/behavior")).filter(|of| !of.is_null()).map(|of| behavior(of, release));

    let mut annotations = at(&object, "/metadata/annotations").as_object().cloned().unwrap_or_default();
    annotations.retain(|name, _| !DROPPED.contains(&name.as_str()));
    for (name, list) in [(METRICS, others), (CURRENT, statuses), (CONDITIONS, conditions)] {
        if !list.is_empty() {
            annotations.insert(name.to_owned(), Value::Array(list).to_string().into());
        }
    }
    if let Some(behavior) = behavior {
        annotations.insert(BEHAVIOR.to_owned(), behavior.to_string().into());
    }
    let mut spec = picked(at(&object, "/spec"), &["scaleTargetRef", "minReplicas", "maxReplicas"]);
    if let Some(metric) = target.first() {
        spec.insert("targetCPUUtilizationPercentage".to_owned(), utilization(metric, "target"));
    }
    let fields = ["observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas"];
    let mut status = picked(at(&object, "/status"), &fields);
    for name in ["currentReplicas", "desiredReplicas"] {
        status.entry(name).or_insert_with(|| json!(0));
    }
    // of several, the last one
    let mut used = current.iter().filter(is_cpu).map(|metric| utilization(metric, "current"));
    if let Some(used) = used.rfind(Value::is_number) {
        status.insert("currentCPUUtilizationPercentage".to_owned(), used);
    }
    let Some(root) = object.as_object_mut() else { return Err("it is no object".to_owned()) };
    root.insert("apiVersion".to_owned(), json!("autoscaling/v1"));
    root.insert("spec".to_owned(), Value::Object(spec));
    root.insert("status".to_owned(), Value::Object(status));
    if let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) {
        match annotations.is_empty() {
            true => drop(metadata.shift_remove("annotations")),
            false => drop(metadata.insert("annotations".to_owned(), Value::Object(annotations))),
        }
    }
    Ok(own(object))
}

/// Those of the fields that are there.
fn picked(object: &Value, fields: &[&str]) -> Map<String, Value> {
    let field = |name: &&str| Some(((*name).to_owned(), object.get(*name).filter(|value| !value.is_null())?.clone()));
    fields.iter().filter_map(field).collect()
}

/// Where each kind of metric is, and its fields in v1 in the order of Go's type: `@` stands for `target` in a spec and
/// `current` in a status. What ends with `!` cannot be left out, and what ends with `?` cannot in a status.
const METRIC: [(&str, &[&str]); 5] = [
    ("object", &["target", "metricName", "@Value!", "selector", "averageValue"]),
    ("pods", &["metricName", "@AverageValue!", "selector"]),
    ("resource", &["name", "@AverageUtilization", "@AverageValue?"]),
    ("containerResource", &["name", "@AverageUtilization", "@AverageValue?", "container"]),
    ("external", &["metricName", "metricSelector", "@Value?", "@AverageValue"]),
];

/// `MetricSpec`, whose values are in `target`, or `MetricStatus`, whose values are in `current`.
fn metric(metric: &Value, values: &str) -> Result<Value, String> {
    let mut out = picked(metric, &["type"]);
    for (member, fields) in METRIC {
        let source = at(metric, &format!("/{member}"));
        if !source.is_null() {
            out.insert(member.to_owned(), Value::Object(source_of(source, fields, values)));
        }
    }
    let mut names = metric.as_object().into_iter().flat_map(Map::keys);
    let unknown = names.find(|name| *name != "type" && METRIC.iter().all(|(member, _)| member != name));
    match unknown {
        Some(name) => Err(format!("autoscaling/v1 has no metric of the kind {name:?}; autoscaling/v2 has the object")),
        None => Ok(Value::Object(out)),
    }
}

/// The source of a metric, or its status.
fn source_of(source: &Value, fields: &[&str], values: &str) -> Map<String, Value> {
    let mut of = Map::new();
    for field in fields {
        let needed = field.ends_with('!') || field.ends_with('?') && values == "current";
        let field = field.trim_end_matches(['!', '?']);
        let value = match field {
            "target" => Value::Object(picked(at(source, "/describedObject"), &["kind", "name", "apiVersion"])),
            "metricName" => at(source, "/metric/name").clone(),
            "selector" | "metricSelector" => at(source, "/metric/selector").clone(),
            "@Value" => at(source, &format!("/{values}/value")).clone(),
            "@AverageValue" | "averageValue" => at(source, &format!("/{values}/averageValue")).clone(),
            "@AverageUtilization" => at(source, &format!("/{values}/averageUtilization")).clone(),
            name => at(source, &format!("/{name}")).clone(),
        };
        let value = if value.is_null() && needed { json!("0") } else { value };
        if !value.is_null() {
            of.insert(field.replace('@', values), value);
        }
    }
    of
}

/// The behavior, with the names of Go's fields: an API server writes its internal type.
fn behavior(of: &Value, release: Release) -> Value {
    let field = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let policy = |of: &Value| json!({"Type": field(of, "type"), "Value": field(of, "value"), "PeriodSeconds": field(of, "periodSeconds")});
    let rules = |name: &str| {
        let Some(of) = of.get(name).filter(|of| !of.is_null()) else { return Value::Null };
        let policies = of.get("policies").and_then(Value::as_array);
        let policies = policies.map_or(Value::Null, |all| all.iter().map(policy).collect());
        let mut rules = json!({
            "StabilizationWindowSeconds": field(of, "stabilizationWindowSeconds"),
            "SelectPolicy": field(of, "selectPolicy"), "Policies": policies,
        });
        if let Some(rules) = rules.as_object_mut().filter(|_| release >= TOLERANCE) {
            rules.insert("Tolerance".to_owned(), field(of, "tolerance"));
        }
        rules
    };
    json!({"ScaleUp": rules("scaleUp"), "ScaleDown": rules("scaleDown")})
}

/// A document as objects have it.
fn own(value: Value) -> k8s::Value<'static> {
    match value {
        Value::Null => k8s::Value::Null,
        Value::Bool(is) => k8s::Value::Bool(is),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => k8s::Value::Int(whole),
            None => k8s::Value::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => k8s::Value::Str(Cow::Owned(text)),
        Value::Array(elements) => k8s::Value::List(elements.into_iter().map(own).collect()),
        Value::Object(members) => k8s::Value::Object(k8s::Map::from_unsorted(
            members.into_iter().map(|(name, value)| (Cow::Owned(name), own(value))).collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_v1_has_no_field_for_is_in_annotations() {
        let object = json!({
            "metadata": {"name": "x", "annotations": {"keep": "1", METRICS: "old"}},
            "spec": {
                "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "x"},
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
                    {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
                ],
                "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}},
            },
            "status": {
                "currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 10, "averageValue": "3m"}}},
                ],
            },
        });
        let converted = to_v1(&own(object.clone()), Release::new(36)).unwrap();
        let converted: Value = serde_json::from_str(&converted.to_json()).unwrap();
        assert_eq!(converted["spec"]["targetCPUUtilizationPercentage"], 60);
        assert_eq!(converted["status"]["currentCPUUtilizationPercentage"], 10);
        let want = json!({
            "keep": "1",
            METRICS: r#"[{"type":"Pods","pods":{"metricName":"hits","targetAverageValue":"5"}}]"#,
            CURRENT: r#"[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":10,"currentAverageValue":"3m"}}]"#,
            BEHAVIOR: concat!(
                r#"{"ScaleUp":{"StabilizationWindowSeconds":null,"SelectPolicy":null,"Policies":[{"Type":"Pods","Value":4,"#,
                r#""PeriodSeconds":60}],"Tolerance":null},"ScaleDown":null}"#
            ),
        });
        assert_eq!(converted["metadata"]["annotations"], want);
        let mut unknown = object;
        unknown["spec"]["metrics"][1]["moon"] = json!({});
        assert!(to_v1(&own(unknown), Release::new(36)).unwrap_err().contains("moon"));
    }
}
