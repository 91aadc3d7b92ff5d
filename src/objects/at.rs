//! States by revision or by time, and the revision of a time.

use super::Time;
use crate::{
    Error, Result,
    etcd::Snapshot,
    k8s::{Clock, Gap, Moment, Ring, Unsure},
};

/// A state of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum At {
    /// The last state in the backup.
    #[default]
    Last,
    /// The state at a revision.
    Revision(i64),
    /// The state at a time: the last revision that is known to be written by then.
    Time(Moment),
}

impl At {
    /// The revision of the state; `None` for the last one.
    ///
    /// # Errors
    /// When no revision is known to be written by that time.
    pub fn revision(self, snapshot: &Snapshot<'_>, ring: &Ring) -> Result<Option<i64>> {
        match self {
            Self::Last => Ok(None),
            Self::Revision(revision) => Ok(Some(revision)),
            Self::Time(moment) => Ok(Dated::of(snapshot, ring, moment.into())?.revision()),
        }
    }
}

/// The state of one backup at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dated {
    /// Nothing in the backup is newer than the time: its last state.
    Last {
        /// The newest time in the backup.
        newest: Moment,
    },
    /// The last revision that is known to be written by then.
    Revision {
        /// The revision.
        revision: i64,
        /// The time when it was written.
        gap: Gap,
        /// The first revision that is known to be written later.
        later: Option<i64>,
    },
}

impl Dated {
    /// Finds the state at a time.
    ///
    /// # Errors
    /// When no revision is known to be written by then, or the newest times contradict each other.
    pub fn of(snapshot: &Snapshot<'_>, ring: &Ring, time: Time) -> Result<Self> {
        let clock = Clock::of(snapshot, ring);
        let Some(moment) = time.moment(&clock) else { return Err(no_times()) };
        time.check(&clock)?;
        // the newest time may be cut to whole seconds
        if let Some(newest) = clock.newest().filter(|newest| newest.seconds < moment.seconds) {
            return match clock.unsure() {
                Some(unsure) if moment.seconds <= unsure.newest.seconds => Err(unsure_at(moment, newest, unsure)),
                unsure => Ok(Self::Last { newest: unsure.map_or(newest, |unsure| unsure.newest) }),
            };
        }
        if let Some(revision) = clock.written_by(moment) {
            return Ok(Self::Revision { revision, gap: clock.gap(revision), later: clock.written_after(moment) });
        }
        let what = format!("no revision is known to be written at {moment} or before");
        let hint = match clock.span() {
            Some((first, last)) => {
                format!("the objects in the backup hold times from {first} to {last}; or name a revision")
            }
            None => NO_TIMES.to_owned(),
        };
        Err(Error::not_found(what).hinted(hint))
    }

    /// The revision of the state; `None` for the last one.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        match self {
            Self::Last { .. } => None,
            Self::Revision { revision, .. } => Some(*revision),
        }
    }
}

fn unsure_at(moment: Moment, newest: Moment, Unsure { revision, newest: unsure }: Unsure) -> Error {
    let before = revision.saturating_sub(1);
    Error::not_found(format!(
        "it is not certain which revision was the last at {moment}: revision {revision} has the time {unsure}, and the newest other time is {newest}; either that clock was wrong, or nothing was written in between"
    ))
    .hinted(format!("--rev {before} is the state before it; without --at the last state is shown"))
}

/// Whether a revision was certainly written after a time.
fn is_after(revision: i64, time: Moment, clock: &Clock) -> bool {
    clock.gap(revision).after.is_some_and(|after| after > time)
}

fn no_times() -> Error {
    Error::not_found("the backup has no known times").hinted(NO_TIMES)
}

const NO_TIMES: &str = "there are no Kubernetes objects in the backup that hold times; name a revision";

/// One end of a [`Period`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A time.
    Time(Time),
    /// A revision.
    Revision(i64),
}

impl Point {
    /// Reads a revision, or a time as [`Time::parse`] does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = || Time::parse(text).map(Self::Time);
        text.parse().ok().filter(|revision| *revision > 0).map(Self::Revision).or_else(time)
    }

    /// The same, and a duration without a sign, as `kubectl logs --since 10m` takes it: it is before the newest time.
    #[must_use]
    pub fn since(text: &str) -> Option<Self> {
        let back = || Time::parse(&format!("-{}", text.trim())).map(Self::Time);
        Self::parse(text).or_else(back)
    }
}

/// A period of changes between two points, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// The beginning; `None` for the first change.
    pub since: Option<Point>,
    /// The end; `None` for the last change.
    pub until: Option<Point>,
}

impl Period {
    /// Makes sure that the period is one, and that a backup can know what changed in it. `window` is that of the backup
    /// ([`super::Cluster::window`]).
    ///
    /// # Errors
    /// When it ends before it begins; it has a time, and none is known; it counts back from the newest time, which is
    /// not certain; or it is before or after the window.
    pub fn check(&self, clock: &Clock, (first, last): (i64, i64)) -> Result<()> {
        for point in [self.since, self.until] {
            if let Some(Point::Time(time)) = point {
                time.check(clock)?;
            }
        }
        let by_time = |point| matches!(point, Some(Point::Time(_)));
        if clock.newest().is_none() && (by_time(self.since) || by_time(self.until)) {
            return Err(no_times());
        }
        if self.is_reversed(clock) {
            return Err(Error::usage("--since is later than --until: no change can be in that period"));
        }
        let outside =
            |what| Err(Error::not_found(what).hinted(format!("the backup holds the changes {first} to {last}")));
        match self.until {
            Some(Point::Revision(until)) if until < first => outside(format!("revision {until} has been compacted")),
            Some(Point::Time(until))
                if first > 1 && until.moment(clock).is_some_and(|until| is_after(first, until, clock)) =>
            {
                outside("what changed up to the time of --until has been compacted".to_owned())
            }
            _ => match self.since {
                Some(Point::Revision(since)) if since > last && last > 0 => {
                    outside(format!("revision {since} is a future revision"))
                }
                _ => Ok(()),
            },
        }
    }

    /// Whether it certainly ends before it begins.
    fn is_reversed(&self, clock: &Clock) -> bool {
        let Some((since, until)) = self.since.zip(self.until) else { return false };
        match (since, until) {
            (Point::Revision(since), Point::Revision(until)) => since > until,
            (Point::Time(since), Point::Time(until)) => since.moment(clock) > until.moment(clock),
            (Point::Revision(since), Point::Time(until)) => {
                until.moment(clock).is_some_and(|until| is_after(since, until, clock))
            }
            (Point::Time(since), Point::Revision(until)) => {
                let before = clock.gap(until).before.zip(since.moment(clock));
                before.is_some_and(|(before, since)| before < since)
            }
        }
    }

    /// Whether a revision may be in the period. Times are known within bounds only: a revision counts if it may have
    /// been written in the period.
    #[must_use]
    pub fn may_hold(&self, revision: i64, clock: &Clock) -> bool {
        let gap = clock.gap(revision);
        let since = self.since.is_none_or(|since| match since {
            Point::Revision(from) => revision >= from,
            Point::Time(from) => gap.before.is_none_or(|before| Some(before) >= from.moment(clock)),
        });
        since
            && self.until.is_none_or(|until| match until {
                Point::Revision(to) => revision <= to,
                Point::Time(to) => to.moment(clock).is_none_or(|to| gap.after.is_none_or(|after| after <= to)),
            })
    }
}
