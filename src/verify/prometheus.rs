//! Reports as metrics: a text file for Prometheus' node_exporter (`--collector.textfile`).

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use jiff::Timestamp;

use super::{
    report::{Report, Verdict},
    together::Together,
};

/// A metric's name and meaning. All are gauges.
type Gauge = (&'static str, &'static str);

const RUN: Gauge = ("etcdsnap_verify_timestamp_seconds", "When the backups were verified.");
const BACKUPS: Gauge = ("etcdsnap_backups", "Number of files by verdict; unread: no backup, or not readable.");
const GOOD: Gauge = ("etcdsnap_has_good_backup", "Whether the cluster has a good backup.");
const AGE: Gauge =
    ("etcdsnap_newest_good_age_seconds", "Age of the newest time in the newest good backup, when it was verified.");
const TIME: Gauge = ("etcdsnap_newest_good_timestamp_seconds", "Newest time in the newest good backup.");
const SIZE: Gauge = ("etcdsnap_newest_good_size_bytes", "Size of the newest good backup.");
const REVISION: Gauge = ("etcdsnap_newest_good_revision", "Revision of the newest good backup.");
const VERDICT: Gauge = ("etcdsnap_newest_verdict", "1 for the verdict on the newest backup, good or not.");

/// The metrics of backups that were verified at `now`.
#[must_use]
pub fn metrics(together: &Together<'_>, now: Timestamp) -> String {
    let mut text = String::new();
    let now = now.as_second();
    gauge(&mut text, RUN, [(vec![], now)]);
    let mut counts: BTreeMap<&str, i64> = ["good", "doubtful", "damaged", "unread"].map(|verdict| (verdict, 0)).into();
    for report in &together.reports {
        let count = counts.entry(verdict(report)).or_default();
        *count = count.saturating_add(1);
    }
    gauge(&mut text, BACKUPS, counts.into_iter().map(|(verdict, n)| (vec![("verdict", verdict)], n)));
    let clusters = together.newest_good();
    let good = clusters.iter().map(|(identity, report)| (vec![cluster(*identity)], i64::from(report.is_some())));
    gauge(&mut text, GOOD, good);
    let newest = |value: &dyn Fn(&Report) -> Option<i64>| -> Vec<_> {
        let with = clusters.iter().filter_map(|(identity, report)| Some((*identity, value((*report)?)?)));
        with.map(|(identity, value)| (vec![cluster(identity)], value)).collect()
    };
    let time = |report: &Report| report.portrait.newest.time.map(|newest| newest.seconds);
    gauge(&mut text, AGE, newest(&|report| Some(now.saturating_sub(time(report)?))));
    gauge(&mut text, TIME, newest(&time));
    gauge(&mut text, SIZE, newest(&|report| i64::try_from(report.total_size?).ok()));
    gauge(&mut text, REVISION, newest(&|report| report.last_revision()));
    // reports are newest first
    let first = clusters.iter().filter_map(|(identity, _)| {
        let report = together
            .reports
            .iter()
            .find(|report| report.unread.is_none() && report.portrait.identity.as_deref() == *identity)?;
        Some((vec![cluster(*identity), ("path", &report.path), ("verdict", verdict(report))], 1))
    });
    gauge(&mut text, VERDICT, first);
    text
}

fn cluster(identity: Option<&str>) -> (&'static str, &str) {
    ("cluster", identity.unwrap_or_default())
}

fn verdict(report: &Report) -> &'static str {
    report.verdict().map_or("unread", Verdict::name)
}

fn gauge<'l>(
    text: &mut String,
    (name, help): Gauge,
    samples: impl IntoIterator<Item = (Vec<(&'l str, &'l str)>, i64)>,
) {
    // writing to a string does not fail
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{} {value}", Labels(&labels));
    }
}

/// `{name="value",...}`, with the escapes of the text format.
struct Labels<'l>(&'l [(&'l str, &'l str)]);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{}{name}=\"{value}\"", if at == 0 { '{' } else { ',' })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Labels(&[]).to_string(), "");
        assert_eq!(Labels(&[("a", "x\"\\\n"), ("b", "")]).to_string(), "{a=\"x\\\"\\\\\\n\",b=\"\"}");
    }
}
