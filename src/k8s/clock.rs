//! When a revision was written: etcd does not say, but Kubernetes does.
//!
//! Nodes and components renew a Lease every few seconds, with the time in its value. Each renewal is a revision, so any
//! other revision lies between two of them.

use super::{
    key::Key,
    meta::{Meta, Moment},
    seal::Ring,
};
use crate::etcd::Snapshot;

/// The renewals of a keyspace's Leases, as a clock for its revisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// Revisions and times, both never falling.
    points: Vec<(i64, Moment)>,
}

/// Between which moments something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gap {
    /// Not before this one; unknown ahead of the first renewal.
    pub after: Option<Moment>,
    /// Not behind this one; unknown behind the last renewal.
    pub before: Option<Moment>,
}

impl Gap {
    /// How wide it is, in nanoseconds.
    #[must_use]
    pub fn width(&self) -> Option<i128> {
        Some(self.before?.nanoseconds().saturating_sub(self.after?.nanoseconds()))
    }
}

impl Clock {
    /// The clock of a keyspace. A node whose clock is wrong does not set it: times that would have to run backwards are
    /// left out, as few as possible.
    #[must_use]
    pub fn of(snapshot: &Snapshot<'_>, ring: &Ring) -> Self {
        let scan = snapshot.keyspace.scan(
            &snapshot.fresh_walk(),
            || (),
            Vec::new,
            |(), _, _| {},
            |(), points, record| {
                let renewed = || {
                    Key::new(record.kv.key).object().filter(|object| object.resource == "leases")?;
                    Meta::read(&ring.open(record.kv.key, record.kv.value).ok()?).ok()?.newest
                };
                // of all keys only these are worth a closer look
                if !record.tombstone && record.kv.key.windows(8).any(|part| part == b"/leases/") {
                    points.extend(renewed().map(|moment| (record.revision.main, moment)));
                }
            },
        );
        Self::from_points(scan.map_or_else(Vec::new, |scan| scan.leave().1.concat()))
    }

    fn from_points(points: Vec<(i64, Moment)>) -> Self {
        // The longest run that never falls: `ends` holds, by length, the run that ends earliest.
        let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::with_capacity(points.len()));
        let time = |at: usize| points.get(at).map(|(_, moment)| *moment);
        for (at, (_, moment)) in points.iter().enumerate() {
            let length = ends.partition_point(|end| time(*end) <= Some(*moment));
            before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
            match ends.get_mut(length) {
                Some(end) => *end = at,
                None => ends.push(at),
            }
        }
        let run = std::iter::successors(ends.last().copied(), |at| before.get(*at).copied().flatten());
        let mut points: Vec<_> = run.filter_map(|at| points.get(at).copied()).collect();
        points.reverse();
        Self { points }
    }

    /// When the revision `main` was written.
    #[must_use]
    pub fn gap(&self, main: i64) -> Gap {
        let behind = self.points.partition_point(|(revision, _)| *revision <= main);
        let last = behind.checked_sub(1).and_then(|at| self.points.get(at));
        let before = last.filter(|(revision, _)| *revision == main).or_else(|| self.points.get(behind));
        Gap { after: last.map(|(_, moment)| *moment), before: before.map(|(_, moment)| *moment) }
    }

    /// The last revision that is known to be written at or before `moment`, and the gap to the next that is not.
    #[must_use]
    pub fn revision(&self, moment: Moment) -> Option<(i64, Gap)> {
        let behind = self.points.partition_point(|(_, at)| *at <= moment);
        let (revision, after) = self.points.get(behind.checked_sub(1)?)?;
        let before = self.points.get(behind).map(|(_, moment)| *moment);
        Some((*revision, Gap { after: Some(*after), before }))
    }

    /// The first moment and the last, if there are any.
    #[must_use]
    pub fn span(&self) -> Option<(Moment, Moment)> {
        Some((self.points.first()?.1, self.points.last()?.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment { seconds, nanos: 0 }
    }

    fn clock(points: &[(i64, i64)]) -> Clock {
        Clock::from_points(points.iter().map(|(revision, seconds)| (*revision, at(*seconds))).collect())
    }

    #[test]
    fn a_revision_lies_between_two_renewals() {
        let clock = clock(&[(10, 100), (20, 110), (30, 120)]);
        let gap = |after: Option<i64>, before: Option<i64>| Gap { after: after.map(at), before: before.map(at) };
        assert_eq!(clock.gap(5), gap(None, Some(100)));
        assert_eq!(clock.gap(20), gap(Some(110), Some(110)));
        assert_eq!(clock.gap(25), gap(Some(110), Some(120)));
        assert_eq!(clock.gap(31), gap(Some(120), None));
        assert_eq!(clock.gap(25).width(), Some(10_000_000_000));
        assert_eq!(clock.revision(at(99)), None);
        assert_eq!(clock.revision(at(115)), Some((20, gap(Some(110), Some(120)))));
        assert_eq!(clock.revision(at(500)), Some((30, gap(Some(120), None))));
        assert_eq!(Clock::default().gap(7), Gap::default());
    }

    #[test]
    fn a_clock_that_is_wrong_does_not_set_it() {
        let clock = clock(&[(1, 100), (2, 9_000), (3, 101), (4, 9_002), (5, 3), (6, 102), (7, 103)]);
        assert_eq!(clock.points.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [1, 3, 6, 7]);
    }
}
