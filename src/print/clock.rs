//! Ages and durations as text (`k8s.io/apimachinery/pkg/util/duration`).

use super::fields::Fields;
use crate::k8s::{Moment, Value};

/// The time that ages count from: the newest in the backup, if there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock(pub Option<Moment>);

impl Clock {
    /// The age of an object.
    pub(super) fn age(self, object: &Value<'_>) -> String {
        self.since(object.time("metadata.creationTimestamp"))
    }

    /// The time since a moment, as text (`translateTimestampSince`, `translateMicroTimestampSince`).
    #[must_use]
    pub fn since(self, then: Option<Moment>) -> String {
        self.elapsed(then).unwrap_or_else(|| "<unknown>".to_owned())
    }

    /// The time since a moment; `None` without one.
    pub(super) fn elapsed(self, then: Option<Moment>) -> Option<String> {
        Some(human_duration(nanos_between(then?, self.0?)))
    }
}

/// Go's `Time.Sub`, which stops at the longest Duration.
fn nanos_between(from: Moment, to: Moment) -> i64 {
    let nanos = |moment: Moment| i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanos);
    let between = nanos(to) - nanos(from);
    i64::try_from(between).unwrap_or(if between < 0 { i64::MIN } else { i64::MAX })
}

/// The time from one moment to another.
pub(super) fn between(from: Moment, to: Moment) -> String {
    human_duration(nanos_between(from, to))
}

/// A duration of `seconds`.
pub(super) fn seconds(seconds: i64) -> String {
    human_duration(seconds.saturating_mul(1_000_000_000))
}

/// `duration.HumanDuration`: two or three significant digits.
fn human_duration(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let pair = |big: i64, unit: char, small: i64, of: char| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{of}"),
    };
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 60 * 2 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        () if minutes < 60 * 3 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => pair(days, 'd', hours % 24, 'h'),
        () if hours < 24 * 365 * 2 => format!("{days}d"),
        () if hours < 24 * 365 * 8 => pair(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_tells_durations() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, want) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (599, "9m59s"),
            (600, "10m"),
            (179 * 60 + 59, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 60, "3h1m"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (48 * HOUR - 1, "47h"),
            (48 * HOUR, "2d"),
            (49 * HOUR, "2d1h"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (2 * 365 * DAY - 1, "729d"),
            (2 * 365 * DAY, "2y"),
            (2 * 365 * DAY + DAY, "2y1d"),
            (8 * 365 * DAY - 1, "7y364d"),
            (8 * 365 * DAY, "8y"),
            (1000 * 365 * DAY, "292y"),
        ] {
            assert_eq!(super::seconds(seconds), want, "{seconds}");
        }
        let moment = |seconds, nanos| Moment { seconds, nanos };
        assert_eq!(between(moment(0, 999_999_999), moment(121, 0)), "2m");
        assert_eq!(Clock(None).since(Some(moment(0, 0))), "<unknown>");
        assert_eq!(Clock(Some(moment(7, 0))).since(None), "<unknown>");
        assert_eq!(Clock(Some(moment(i64::MAX, 0))).since(Some(moment(i64::MIN, 0))), "292y");
    }
}
