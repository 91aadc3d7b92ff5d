//! Events.

use super::{Clock, Row, fields::Fields, row};
use crate::k8s::Value;

/// The columns of [`event`].
pub(super) const COLUMNS: &str = "Last Seen, Type, Reason, Object, +Subobject, +Source, Message, +First Seen, +Count, \
    +Name";

/// `printEvent`.
pub(super) fn event(event: &Value<'_>, clock: Clock) -> Row {
    let first = clock.since(event.time("firstTimestamp").or_else(|| event.time("eventTime")));
    let mut last = event.time("lastTimestamp").map_or_else(|| first.clone(), |last| clock.since(Some(last)));
    let mut count = event.int("count").max(1);
    if let Some(series) = event.find("series") {
        last = clock.since(series.time("lastObservedTime"));
        count = series.int("count");
    }
    let kind = event.text("involvedObject.kind").to_lowercase();
    let object = match event.text("involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    row![
        last,
        event.text("type"),
        event.text("reason"),
        object,
        event.text("involvedObject.fieldPath"),
        source(event),
        event.text("message").trim(),
        first,
        count,
        event.name(),
    ]
}

/// `formatEventSource`.
fn source(event: &Value<'_>) -> String {
    let component = event.text_or("source.component", event.text("reportingComponent"));
    match event.text_or("source.host", event.text("reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn events_old_and_new() {
        let old = r#"{"metadata":{"name":"e.1"},"type":"Warning","reason":"Failed","count":6,"message":"\tno\nway ",
            "involvedObject":{"kind":"Pod","name":"web","fieldPath":"spec.containers{c}"},
            "source":{"component":"kubelet","host":"node-a"},"firstTimestamp":"2026-01-01T23:50:00Z",
            "lastTimestamp":"2026-01-01T23:59:57Z"}"#;
        let want = [
            "3s",
            "Warning",
            "Failed",
            "pod/web",
            "spec.containers{c}",
            "kubelet, node-a",
            "no\nway",
            "10m",
            "6",
            "e.1",
        ];
        assert_eq!(row("events", old), want);
        let new = r#"{"metadata":{"name":"e.2"},"eventTime":"2026-01-01T23:55:00.000000Z","involvedObject":{"kind":"Node"},
            "reportingComponent":"scheduler","reportingInstance":"","source":{}}"#;
        assert_eq!(row("events", new), ["5m", "", "", "node", "", "scheduler", "", "5m", "1", "e.2"]);
        let series = r#"{"metadata":{"name":"e.3"},"eventTime":"2026-01-01T23:55:00.000000Z","count":1,
            "series":{"count":9,"lastObservedTime":"2026-01-01T23:59:00.000000Z"}}"#;
        let row = row("events", series);
        assert_eq!((row[0].as_str(), row[7].as_str(), row[8].as_str()), ("60s", "5m", "9"));
    }
}
