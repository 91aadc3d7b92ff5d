//! When a revision was written: etcd does not say, but Kubernetes does.
//!
//! Nodes and components renew a Lease every few seconds, with the time in its value. Each renewal is a revision, so any
//! other revision lies between two of them. The time is taken just before it is sent: what comes before a renewal was
//! written by its time, and by as much later as the write took, which is little unless etcd is slow.

use std::collections::HashMap;

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
                    points.extend(renewed().map(|moment| (record.revision.main, moment, record.kv.key)));
                }
            },
        );
        Self::from_points(scan.parts.concat())
    }

    /// Of renewals, each with its Lease's key. A Lease of which most would run backwards is of a wrong clock: all of it is
    /// left out, its first and last renewal too, which nothing else contradicts.
    pub(super) fn from_points(mut points: Vec<(i64, Moment, &[u8])>) -> Self {
        let mut kept: HashMap<&[u8], (usize, usize)> = HashMap::new();
        let run = longest_run(&points);
        points.iter().for_each(|(.., key)| kept.entry(*key).or_default().1 += 1);
        run.iter().filter_map(|at| points.get(*at)).for_each(|(.., key)| kept.entry(*key).or_default().0 += 1);
        points.retain(|(.., key)| kept.get(key).is_some_and(|(kept, all)| kept.saturating_mul(2) > *all));
        let run = longest_run(&points);
        Self { points: run.iter().filter_map(|at| points.get(*at)).map(|(main, at, _)| (*main, *at)).collect() }
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

/// The places of the longest run whose times never fall: `ends` holds, by length, the run that ends earliest.
fn longest_run(points: &[(i64, Moment, &[u8])]) -> Vec<usize> {
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::with_capacity(points.len()));
    let time = |at: usize| points.get(at).map(|(_, moment, _)| *moment);
    for (at, (_, moment, _)) in points.iter().enumerate() {
        let length = ends.partition_point(|end| time(*end) <= Some(*moment));
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let run = std::iter::successors(ends.last().copied(), |at| before.get(*at).copied().flatten());
    let mut run: Vec<_> = run.collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment { seconds, nanos: 0 }
    }

    fn clock(points: &[(i64, i64)]) -> Clock {
        Clock::from_points(points.iter().map(|(revision, seconds)| (*revision, at(*seconds), &b"node"[..])).collect())
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

    /// One node is right, one an hour ahead and one behind; these two renew first and last.
    #[test]
    fn a_clock_that_is_wrong_does_not_set_it() {
        let (right, ahead, behind) = (&b"a"[..], &b"b"[..], &b"c"[..]);
        let points = [
            (1, 3, behind),
            (2, 100, right),
            (3, 9_000, ahead),
            (4, 101, right),
            (5, 4, behind),
            (6, 9_002, ahead),
            (7, 102, right),
            (8, 5, behind),
            (9, 103, right),
            (10, 9_004, ahead),
        ];
        let clock = Clock::from_points(points.iter().map(|(main, seconds, key)| (*main, at(*seconds), *key)).collect());
        assert_eq!(clock.points.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [2, 4, 7, 9]);
    }
}
