//! HorizontalPodAutoscalers, which were stored in four versions.

use std::borrow::Cow;

use super::{Builtin, Clock, Row, fields::Fields, row};
use crate::k8s::{self, Map, Value};

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    let columns = "Name, Reference, Targets, MinPods, MaxPods, Replicas, Age";
    (plural == "horizontalpodautoscalers").then_some(Builtin(columns, autoscaler))
}

/// `printHorizontalPodAutoscaler`.
fn autoscaler(autoscaler: &Value<'_>, clock: Clock) -> Row {
    let target = autoscaler.find("spec.scaleTargetRef").unwrap_or(&Value::Null);
    row![
        autoscaler.name(),
        format!("{}/{}", target.text("kind"), target.text("name")),
        targets(autoscaler),
        // a string in the API server too
        autoscaler.int_at("spec.minReplicas").unwrap_or(1).to_string(),
        autoscaler.int("spec.maxReplicas"),
        autoscaler.int("status.currentReplicas"),
        clock.age(autoscaler),
    ]
}

fn targets(autoscaler: &Value<'_>) -> String {
    let (mut specs, mut statuses) =
        (autoscaler.list("spec.metrics").to_vec(), autoscaler.list("status.currentMetrics").to_vec());
    // v1 has a place for CPU only and the rest in annotations (`Convert_v1_HorizontalPodAutoscaler_To_autoscaling_...`)
    let kept = |name: &str| {
        format!("{{\"list\":{}}}", autoscaler.annotation(&format!("autoscaling.alpha.kubernetes.io/{name}")))
    };
    let (kept_specs, kept_statuses) = (kept("metrics"), kept("current-metrics"));
    if autoscaler.text("apiVersion") == "autoscaling/v1" {
        let (other, current) = (list_of(&kept_specs), list_of(&kept_statuses));
        specs = other.unwrap_or_default();
        specs.extend(
            autoscaler.int_at("spec.targetCPUUtilizationPercentage").map(|n| cpu("targetAverageUtilization", n)),
        );
        let measured = autoscaler.int_at("status.currentCPUUtilizationPercentage");
        let measured = measured.map(|n| cpu("currentAverageUtilization", n));
        statuses = current.unwrap_or_else(|| measured.into_iter().collect());
    }
    if specs.is_empty() {
        specs.push(cpu("targetAverageUtilization", 80));
    }
    format_metrics(&specs, &statuses)
}

fn list_of(text: &str) -> Option<Vec<Value<'_>>> {
    Some(k8s::decode(text.as_bytes()).ok()?.value.list("list").to_vec())
}

/// The metric of v1's percentage of CPU.
fn cpu(field: &'static str, percent: i64) -> Value<'static> {
    let object = |entries: Vec<(&'static str, Value<'static>)>| {
        Value::Object(Map::from_unsorted(entries.into_iter().map(|(k, v)| (Cow::Borrowed(k), v)).collect()))
    };
    let resource = object(vec![("name", Value::str("cpu")), (field, Value::Int(percent))]);
    object(vec![("type", Value::str("Resource")), ("resource", resource)])
}

/// `formatHPAMetrics`: two metrics, and the number of the others.
fn format_metrics(specs: &[Value<'_>], statuses: &[Value<'_>]) -> String {
    const MOST: usize = 2;
    let shown = specs.iter().enumerate().take(MOST).map(|(index, spec)| metric(spec, statuses.get(index)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match specs.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

/// The current and the target value of one metric.
fn metric(spec: &Value<'_>, status: Option<&Value<'_>>) -> String {
    const UNKNOWN: &str = "<unknown>";
    let source = match spec.text("type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let spec = spec.find(source).unwrap_or(&Value::Null);
    let status = status.and_then(|status| status.find(source));
    let average = amount(spec, "target", "averageValue");
    let current = |what: &str| status.and_then(|status| amount(status, "current", what));
    // a missing Quantity is a nil pointer, and printed as `<nil>`
    let nil_or = |value: Option<String>| value.unwrap_or_else(|| "<nil>".to_owned());
    let measured = |what: &str| if status.is_some() { nil_or(current(what)) } else { UNKNOWN.to_owned() };
    let or_unknown = |value: Option<String>| value.unwrap_or_else(|| UNKNOWN.to_owned());
    match (source, average) {
        ("external" | "object", Some(average)) => format!("{}/{average} (avg)", or_unknown(current("averageValue"))),
        ("external" | "object", None) => format!("{}/{}", measured("value"), nil_or(amount(spec, "target", "value"))),
        ("pods", average) => format!("{}/{}", measured("averageValue"), nil_or(average)),
        (_, Some(average)) => format!("{}: {}/{average}", spec.text("name"), measured("averageValue")),
        (_, None) => {
            let percent = |value: Option<String>| value.map(|value| format!("{value}%"));
            let target = percent(amount(spec, "target", "averageUtilization")).unwrap_or_else(|| "<auto>".to_owned());
            format!("{}: {}/{target}", spec.text("name"), or_unknown(percent(current("averageUtilization"))))
        }
    }
}

/// A quantity: in v2 `target.averageValue`, before `targetAverageValue` (in an Object metric: `averageValue`).
fn amount(source: &Value<'_>, side: &str, what: &str) -> Option<String> {
    let mut capital = what.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let old = || source.scalar(&format!("{side}{capital}"));
    let bare = || if what == "averageValue" { source.scalar(what) } else { None };
    source.scalar(&format!("{side}.{what}")).or_else(old).or_else(bare)
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    fn targets(text: &str) -> String {
        row("horizontalpodautoscalers.autoscaling", text).swap_remove(2)
    }

    fn v2(metrics: &str, current: &str) -> String {
        targets(&format!(r#"{{"spec":{{"metrics":[{metrics}]}},"status":{{"currentMetrics":[{current}]}}}}"#))
    }

    #[test]
    fn metrics_of_every_type() {
        for (kind, spec, status, without, with) in [
            (
                "pods",
                r#""target":{"averageValue":"100m"}"#,
                r#""current":{"averageValue":"50m"}"#,
                "<unknown>/100m",
                "50m/100m",
            ),
            ("object", r#""target":{"value":"100m"}"#, r#""current":{"value":"50m"}"#, "<unknown>/100m", "50m/100m"),
            (
                "object",
                r#""target":{"averageValue":"100m"}"#,
                r#""current":{"averageValue":"50m"}"#,
                "<unknown>/100m (avg)",
                "50m/100m (avg)",
            ),
            ("external", r#""target":{"value":"100m"}"#, r#""current":{"value":"50m"}"#, "<unknown>/100m", "50m/100m"),
            (
                "external",
                r#""target":{"averageValue":"100m"}"#,
                r#""current":{"averageValue":"50m"}"#,
                "<unknown>/100m (avg)",
                "50m/100m (avg)",
            ),
            (
                "resource",
                r#""name":"cpu","target":{"averageUtilization":80}"#,
                r#""current":{"averageUtilization":50}"#,
                "cpu: <unknown>/80%",
                "cpu: 50%/80%",
            ),
            (
                "resource",
                r#""name":"cpu","target":{"averageValue":"100m"}"#,
                r#""current":{"averageValue":"50m"}"#,
                "cpu: <unknown>/100m",
                "cpu: 50m/100m",
            ),
            (
                "containerResource",
                r#""name":"cpu","target":{}"#,
                r#""current":{}"#,
                "cpu: <unknown>/<auto>",
                "cpu: <unknown>/<auto>",
            ),
            // in the form of versions before v2
            (
                "resource",
                r#""name":"cpu","targetAverageUtilization":80"#,
                r#""currentAverageUtilization":50"#,
                "cpu: <unknown>/80%",
                "cpu: 50%/80%",
            ),
            ("pods", r#""targetAverageValue":"100m""#, r#""currentAverageValue":"50m""#, "<unknown>/100m", "50m/100m"),
            ("object", r#""targetValue":"100m""#, r#""currentValue":"50m""#, "<unknown>/100m", "50m/100m"),
            // no target at all
            ("pods", "", "", "<unknown>/<nil>", "<nil>/<nil>"),
        ] {
            let name = kind.replacen(|_: char| true, &kind.chars().take(1).collect::<String>().to_uppercase(), 1);
            let of = |inner: &str| format!(r#"{{"type":"{name}","{kind}":{{{inner}}}}}"#);
            assert_eq!(v2(&of(spec), ""), without);
            assert_eq!(v2(&of(spec), &of(status)), with);
        }
        let cpu = r#"{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":80}}}"#;
        assert_eq!(v2(&[cpu; 4].join(","), ""), "cpu: <unknown>/80%, cpu: <unknown>/80% + 2 more...");
        assert_eq!(v2(r#"{"type":"Odd"}"#, ""), "<unknown type>");
        assert_eq!(v2("", ""), "cpu: <unknown>/80%");
    }

    #[test]
    fn the_first_version_keeps_metrics_in_annotations() {
        let v1 = |annotations: &str| {
            targets(&format!(
                r#"{{"apiVersion":"autoscaling/v1","metadata":{{"annotations":{{{annotations}}}}},
                "spec":{{"targetCPUUtilizationPercentage":60}},"status":{{"currentCPUUtilizationPercentage":30}}}}"#
            ))
        };
        assert_eq!(v1(""), "cpu: 30%/60%");
        let spec = r#"[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"hits\",\"targetAverageValue\":\"5\"}}]"#;
        let both = format!(r#""autoscaling.alpha.kubernetes.io/metrics":"{spec}""#);
        assert_eq!(v1(&both), "<nil>/5, cpu: <unknown>/60%".replacen("<nil>", "<unknown>", 1));
        assert_eq!(v1(r#""autoscaling.alpha.kubernetes.io/metrics":"no JSON""#), "cpu: 30%/60%");
    }
}
