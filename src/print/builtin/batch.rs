//! Jobs and CronJobs.

use super::{
    Builtin, Clock, Row, clock, containers,
    fields::{Fields, is_true},
    labels::format_selector,
    row,
};
use crate::k8s::Value;

pub(super) fn printer(plural: &str) -> Option<Builtin> {
    Some(match plural {
        "jobs" => Builtin("Name, Status, Completions, Duration, Age, +Containers, +Images, +Selector", job),
        "cronjobs" => {
            let columns = "Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, +Containers, +Images, \
                +Selector";
            Builtin(columns, cron_job)
        }
        _ => return None,
    })
}

/// `printJob`.
fn job(job: &Value<'_>, clock: Clock) -> Row {
    let [names, images] = containers::of_template(job);
    row![
        job.name(),
        status(job),
        completions(job),
        duration(job, clock),
        clock.age(job),
        names,
        images,
        format_selector(job.find("spec.selector")),
    ]
}

fn status(job: &Value<'_>) -> &'static str {
    let conditions = job.list("status.conditions");
    let first = |names: &[&'static str]| names.iter().copied().find(|name| is_true(conditions, name));
    let ended = first(&["Complete", "Failed"]).or_else(|| job.deleted().then_some("Terminating"));
    ended.or_else(|| first(&["Suspended", "FailureTarget", "SuccessCriteriaMet"])).unwrap_or("Running")
}

fn completions(job: &Value<'_>) -> String {
    let succeeded = job.int("status.succeeded");
    match (job.int_at("spec.completions"), job.int("spec.parallelism")) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(job: &Value<'_>, clock: Clock) -> String {
    match (job.time("status.startTime"), job.time("status.completionTime")) {
        (None, _) => String::new(),
        (Some(start), Some(end)) => clock::between(start, end),
        (start, None) => clock.since(start),
    }
}

/// `printCronJob`.
fn cron_job(job: &Value<'_>, clock: Clock) -> Row {
    let template = job.find("spec.jobTemplate").unwrap_or(&Value::Null);
    let [names, images] = containers::of_template(template);
    let last = job.find("status.lastScheduleTime").map(|_| clock.since(job.time("status.lastScheduleTime")));
    row![
        job.name(),
        job.text("spec.schedule"),
        job.find("spec.timeZone").and_then(Value::as_str).unwrap_or("<none>"),
        if job.flag_at("spec.suspend") == Some(true) { "True" } else { "False" },
        job.list("status.active").len(),
        last.unwrap_or_else(|| "<none>".to_owned()),
        clock.age(job),
        names,
        images,
        format_selector(template.find("spec.selector")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;

    #[test]
    fn jobs() {
        let shown = |meta: &str, spec: &str, status: &str| {
            let text = format!(r#"{{"metadata":{{"name":"j"{meta}}},"spec":{{{spec}}},"status":{{{status}}}}}"#);
            row("jobs.batch", &text)[1..4].to_vec()
        };
        let condition = |kind: &str, status: &str| format!(r#""conditions":[{{"type":"{kind}","status":"{status}"}}]"#);
        assert_eq!(shown("", r#""completions":2"#, r#""succeeded":1"#), ["Running", "1/2", ""]);
        assert_eq!(shown("", r#""parallelism":3"#, ""), ["Running", "0/1 of 3", ""]);
        assert_eq!(shown("", r#""parallelism":1"#, ""), ["Running", "0/1", ""]);
        let ended = r#""startTime":"2026-01-01T00:00:00Z","completionTime":"2026-01-01T00:05:03Z""#;
        assert_eq!(shown("", "", ended)[2], "5m3s");
        assert_eq!(shown("", "", r#""startTime":"2026-01-01T22:00:00Z""#)[2], "120m");
        for kind in ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"] {
            assert_eq!(shown("", "", &condition(kind, "True"))[0], kind);
            assert_eq!(shown("", "", &condition(kind, "False"))[0], "Running");
        }
        let deleted = r#","deletionTimestamp":"2026-01-01T00:00:00Z""#;
        assert_eq!(shown(deleted, "", &condition("Suspended", "True"))[0], "Terminating");
        assert_eq!(shown(deleted, "", &condition("Failed", "True"))[0], "Failed");
    }

    #[test]
    fn cron_jobs() {
        let job = r#"{"metadata":{"name":"c","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"schedule":"0 5 * * *",
            "suspend":true,"timeZone":"Etc/UTC","jobTemplate":{"spec":{"selector":{"matchLabels":{"a":"b"}},
            "template":{"spec":{"containers":[{"name":"x","image":"y"}]}}}}},
            "status":{"active":[{},{}],"lastScheduleTime":"2026-01-01T23:00:00Z"}}"#;
        let want = ["c", "0 5 * * *", "Etc/UTC", "True", "2", "60m", "24h", "x", "y", "a=b"];
        assert_eq!(row("cronjobs.batch", job), want);
        assert_eq!(row("cronjobs.batch", "{}")[2..6], ["<none>", "False", "0", "<none>"]);
    }
}
