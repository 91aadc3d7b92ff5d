//! Times as users write them.

use crate::{
    Error, Result,
    k8s::{Clock, Moment},
};

/// A time as the user typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// A time on the calendar.
    At(Moment),
    /// Nanoseconds before the newest time in the backup.
    Back(i64),
}

impl From<Moment> for Time {
    fn from(moment: Moment) -> Self {
        Self::At(moment)
    }
}

impl Time {
    /// The accepted forms of a time, for messages.
    pub const FORMS: &str = "a time such as 2026-11-21T02:04:00Z, \"2026-11-21 02:04\" (UTC), 2026-11-21, or -10m (before \
         the newest time in the backup)";

    /// Parses RFC 3339; a date, or a date and time without a zone, in UTC; or `-10m`, `-1h30m`, `-2d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('-') {
            let span: jiff::Span = text.parse().ok()?;
            let days = jiff::SpanRelativeTo::days_are_24_hours();
            let nanos = span.to_duration(days).ok()?.as_nanos().checked_neg()?;
            return Some(Self::Back(i64::try_from(nanos).ok()?));
        }
        Moment::parse(text).or_else(|| in_utc(text)).map(Self::At)
    }

    /// Makes sure that the time it counts back from is known.
    pub(super) fn check(self, clock: &Clock) -> Result<()> {
        let Some((unsure, newest)) = clock.unsure().zip(clock.newest()).filter(|_| matches!(self, Self::Back(_)))
        else {
            return Ok(());
        };
        let what = format!(
            "it is not certain from which time to count back: {newest}, or {} of revision {}",
            unsure.newest, unsure.revision
        );
        Err(Error::not_found(what).hinted("name a time such as 2026-11-21T02:04:00Z, or a revision"))
    }

    /// The moment, by a backup's clock; `None` when it is relative to the newest time and there is none.
    #[must_use]
    pub(crate) fn moment(self, clock: &Clock) -> Option<Moment> {
        match self {
            Self::At(moment) => Some(moment),
            Self::Back(nanos) => Some(clock.newest()?.plus(nanos.checked_neg()?)),
        }
    }
}

fn in_utc(text: &str) -> Option<Moment> {
    // jiff ignores a zone here
    let time = text.get("2026-11-21".len()..)?;
    if !time.bytes().all(|byte| byte.is_ascii_digit() || b"Tt :.".contains(&byte)) {
        return None;
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    let stamp = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Moment { seconds: stamp.as_second(), nanos: stamp.subsec_nanosecond() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_many_ways() {
        let at = |text: &str| match Time::parse(text) {
            Some(Time::At(moment)) => Some(moment.millis()),
            _ => None,
        };
        for (text, want) in [
            ("2026-11-21T02:04:00Z", "2026-11-21T02:04:00.000Z"),
            ("2026-11-21T02:04:00.5+01:00", "2026-11-21T01:04:00.500Z"),
            ("2026-11-21T02:04+01:00", "2026-11-21T01:04:00.000Z"),
            ("2026-11-21T02:04:00", "2026-11-21T02:04:00.000Z"),
            ("2026-11-21 02:04", "2026-11-21T02:04:00.000Z"),
            ("2026-11-21", "2026-11-21T00:00:00.000Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(want), "{text}");
        }
        let seconds = 1_000_000_000;
        for (text, want) in [("-10m", 600), ("-1h30m", 5400), ("-2d", 172_800), ("-90s", 90)] {
            assert_eq!(Time::parse(text), Some(Time::Back(want * seconds)), "{text}");
        }
        for text in ["", "-", "noon", "10m", "2026-11-21T02:04+26:00", "2026-11-21T02:04 CET", "2026-13-01", "--10m"] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
