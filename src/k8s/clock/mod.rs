//! Times of revisions: etcd does not record them, but Kubernetes' objects hold times.
//!
//! An API server sets `creationTimestamp`, the times in `managedFields` and `deletionTimestamp`, in whole seconds; the
//! holder of a Lease sets `renewTime`, in microseconds. All of them are set before the object is written:
//!
//! ```text
//!  version 7 written      version 8: read 7 ─> set the time T ─> written
//!  ───────┼──────────────────────────────────────────┼─────────────┼────────> time
//!     at T or before                                 T         at T or later
//! ```
//!
//! So a time is a lower bound for its revision and all later ones. A time that is new in version 8 is an upper bound
//! for the revision of version 7 and all earlier ones. For its own revision it is one with [`LONGEST_REQUEST`] added.

mod log;
mod points;
mod run;
mod text;

use std::{borrow::Borrow, hash::BuildHasher as _};

use hashbrown::DefaultHashBuilder;

pub use self::points::Unsure;

use self::{
    points::{Hashed, Point, Times, points},
    run::Leases,
};
use super::{meta::Moment, seal::Ring};
use crate::etcd::{LogRecord, Record, Snapshot};

/// The longest time of a request to the API server (`--request-timeout`, 60 s by default), in nanoseconds: an object in
/// which it sets a time is written by then.
const LONGEST_REQUEST: i64 = 60_000_000_000;

/// The times in a keyspace's objects, as a clock for its revisions. It never runs backwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// Revisions and the times at or after which each was written; both rise.
    after: Vec<(i64, Moment)>,
    /// Revisions and the times at or before which each was written; both rise.
    before: Vec<(i64, Moment)>,
    /// The end that is left out of these two.
    unsure: Option<Unsure>,
}

/// The moments between which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gap {
    /// At this time or later; `None` before the first time that is known.
    pub after: Option<Moment>,
    /// At this time or before; `None` where nothing later is known.
    pub before: Option<Moment>,
}

impl Gap {
    /// The width in nanoseconds.
    #[must_use]
    pub fn width(&self) -> Option<i128> {
        Some(self.before?.nanoseconds().saturating_sub(self.after?.nanoseconds()))
    }
}

impl Clock {
    /// The clock of a keyspace. Reads all records. A machine whose clock is wrong does not set it: a Lease's time
    /// counts where the API server's own time in the same record agrees, and times that would have to run backwards are
    /// left out, as few as possible.
    #[must_use]
    pub fn of(snapshot: &Snapshot<'_>, ring: &Ring) -> Self {
        let hasher = DefaultHashBuilder::default();
        let scan = snapshot.keyspace.scan(
            &snapshot.fresh_walk(),
            || (),
            Vec::new,
            |(), _, _| {},
            |(), times, record| times.extend(Times::of(record, ring).map(|times| (hasher.hash_one(times.key), times))),
        );
        let mut parts: Vec<Vec<Hashed<'_>>> = scan.parts;
        if snapshot.keyspace.earlier_from.is_some() {
            parts = vec![parts.concat()];
            parts.iter_mut().for_each(|part| part.sort_by_key(|(_, times)| times.revision));
        }
        Self::from_parts(&parts)
    }

    /// The clock of a few records, in order of their revisions.
    #[must_use]
    pub(crate) fn of_records<'a, R: Borrow<Record<'a>>>(records: impl IntoIterator<Item = R>, ring: &Ring) -> Self {
        Self::from_times(records.into_iter().filter_map(|record| Times::of(record.borrow(), ring)))
    }

    /// The times that may be later than [`Clock::newest`].
    #[must_use]
    pub fn unsure(&self) -> Option<Unsure> {
        self.unsure
    }

    /// The clock of a member's log: its revisions are the places of the records, from 0 on. Encrypted objects have no
    /// times.
    #[must_use]
    pub fn of_log<'a>(records: impl IntoIterator<Item = LogRecord<'a>>) -> Self {
        Self::from_times((0..).zip(records).flat_map(|(at, record)| log::times(at, &record)))
    }

    fn from_times<'a>(times: impl Iterator<Item = Times<'a>>) -> Self {
        let hasher = DefaultHashBuilder::default();
        Self::from_parts(&[times.map(|times| (hasher.hash_one(times.key), times)).collect()])
    }

    fn from_parts(parts: &[Vec<Hashed<'_>>]) -> Self {
        let mut leases = Leases::default();
        parts.iter().flatten().for_each(|(_, times)| leases.add(times));
        let points = run::consistent(points(parts));
        let (mut rising, mut before): (Vec<Point<'_>>, _) = (Vec::new(), Vec::new());
        for point in points {
            before.extend(upper_bounds(&point));
            if rising.last().is_none_or(|last| last.at < point.at) {
                rising.push(point);
            }
        }
        let (kept, unsure) = run::without_lone_end(&rising, &leases);
        rising.truncate(kept);
        let after = rising.iter().map(|point| (point.revision, point.at)).collect();
        before.sort_unstable_by_key(|(revision, at)| (*revision, std::cmp::Reverse(*at)));
        let mut lowest = None;
        before.reverse();
        before.retain(|(_, at)| {
            let lower = lowest.is_none_or(|lowest| *at < lowest);
            lowest = if lower { Some(*at) } else { lowest };
            lower
        });
        before.reverse();
        Self { after, before, unsure }
    }

    /// The moments between which the revision `main` was written.
    #[must_use]
    pub fn gap(&self, main: i64) -> Gap {
        let after = self.after.partition_point(|(revision, _)| *revision <= main).checked_sub(1);
        let after = after.and_then(|at| self.after.get(at)).map(|(_, at)| *at);
        let before = self.before.get(self.before.partition_point(|(revision, _)| *revision < main));
        match (after, before.map(|(_, at)| *at)) {
            // clocks of two machines that differ a little: either may be right
            (Some(after), Some(before)) if after > before => Gap { after: Some(before), before: Some(after) },
            (after, before) => Gap { after, before },
        }
    }

    /// The last revision that is known to be written at or before `moment`.
    #[must_use]
    pub fn written_by(&self, moment: Moment) -> Option<i64> {
        let known = self.before.partition_point(|(_, at)| *at <= moment);
        self.before.get(known.checked_sub(1)?).map(|(revision, _)| *revision)
    }

    /// The first revision that is known to be written after `moment`.
    #[must_use]
    pub fn written_after(&self, moment: Moment) -> Option<i64> {
        self.after.get(self.after.partition_point(|(_, at)| *at <= moment)).map(|(revision, _)| *revision)
    }

    /// The first time and the last, if there are any.
    #[must_use]
    pub fn span(&self) -> Option<(Moment, Moment)> {
        Some((self.after.first()?.1, self.after.last()?.1))
    }

    /// The newest time, without those of [`Clock::unsure`].
    #[must_use]
    pub fn newest(&self) -> Option<Moment> {
        Some(self.span()?.1)
    }
}

/// Bounds on revisions by the times in one record.
fn upper_bounds(point: &Point<'_>) -> impl Iterator<Item = (i64, Moment)> {
    let read = point.read.map(|revision| (revision, point.until));
    let own = point.is_new.then(|| (point.revision, point.until.plus(LONGEST_REQUEST)));
    read.into_iter().chain(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Moment {
        Moment { seconds, nanos: 0 }
    }

    /// Versions of one Lease without managedFields, renewed at these revisions and times.
    fn lease(key: &'static [u8], renewed: &[(i64, i64)]) -> Vec<Times<'static>> {
        let one = |(revision, seconds): &(i64, i64)| Times {
            key,
            revision: *revision,
            create_revision: 1,
            stamped: None,
            is_created: false,
            deleted: None,
            renewed: Some(at(*seconds)),
        };
        renewed.iter().map(one).collect()
    }

    fn clock(leases: Vec<Vec<Times<'static>>>) -> Clock {
        let mut all = leases.concat();
        all.sort_by_key(|times| times.revision);
        Clock::from_times(all.into_iter())
    }

    /// A write before a Lease's renewal may come after the time in it was set: the next renewal is the bound.
    #[test]
    fn a_revision_lies_between_two_times() {
        let clock = clock(vec![lease(b"a", &[(10, 100), (20, 110), (30, 120)])]);
        let micro = |seconds| Moment { seconds, nanos: 1000 };
        assert_eq!(clock.gap(5), Gap { after: None, before: Some(micro(110)) });
        assert_eq!(clock.gap(10), Gap { after: Some(at(100)), before: Some(micro(110)) });
        assert_eq!(clock.gap(11), Gap { after: Some(at(100)), before: Some(micro(120)) });
        assert_eq!(clock.gap(20), Gap { after: Some(at(110)), before: Some(micro(120)) });
        // the last one: no request takes longer
        assert_eq!(clock.gap(25), Gap { after: Some(at(110)), before: Some(micro(180)) });
        assert_eq!(clock.gap(31), Gap { after: Some(at(120)), before: None });
        assert_eq!((clock.written_by(at(110)), clock.written_by(at(111))), (None, Some(10)));
        assert_eq!((clock.written_after(at(110)), clock.written_after(at(120))), (Some(30), None));
        assert_eq!(Clock::default().gap(7), Gap::default());
    }

    /// One node's clock is right, one an hour fast and one an hour slow; these two renew first and last.
    #[test]
    fn a_clock_that_is_wrong_does_not_set_it() {
        let right = lease(b"a", &[(2, 100), (4, 101), (7, 102), (9, 103)]);
        let ahead = lease(b"b", &[(3, 9_000), (6, 9_002), (10, 9_004)]);
        let slow = lease(b"c", &[(1, 3), (5, 4), (8, 5)]);
        let clock = clock(vec![right, ahead, slow]);
        assert_eq!(clock.after.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [2, 4, 7, 9]);
        assert_eq!(clock.newest(), Some(at(103)));
    }

    /// The only Lease is of a node whose clock is in the year 2099; the API server's clock is right.
    #[test]
    fn the_api_server_is_believed_rather_than_a_node() {
        let mut node = lease(b"node", &[(10, 4_073_000_000), (20, 4_073_000_010), (30, 4_073_000_020)]);
        for (times, seconds) in node.iter_mut().zip([100, 110, 120]) {
            times.stamped = Some(at(seconds));
        }
        let clock = clock(vec![node]);
        assert_eq!(clock.newest(), Some(at(120)));
        assert_eq!(clock.gap(20), Gap { after: Some(at(110)), before: Some(at(121)) });
    }

    /// A time in whole seconds may be up to 0.999 s too early.
    #[test]
    fn whole_seconds_are_padded() {
        let of = |key: &'static [u8], revision, version, seconds| Times {
            key,
            revision,
            create_revision: if key == b"a" { 10 } else { 11 },
            stamped: Some(at(seconds)),
            is_created: version == 1,
            deleted: None,
            renewed: None,
        };
        // a write that set no new time gives no bound for the one before it
        let clock = Clock::from_times(
            [of(b"a", 10, 1, 100), of(b"b", 11, 1, 100), of(b"b", 12, 2, 100), of(b"a", 13, 2, 102)].into_iter(),
        );
        assert_eq!(clock.gap(10), Gap { after: Some(at(100)), before: Some(at(103)) });
        assert_eq!(clock.gap(11), Gap { after: Some(at(100)), before: Some(at(161)) });
        assert_eq!(clock.gap(12), Gap { after: Some(at(100)), before: Some(at(163)) });
    }
}
