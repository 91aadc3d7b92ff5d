//! The newest time in a backup, by the clocks that agree.
//!
//! A record's times are lower bounds: it was written when they had passed, if the clock was right. Renewals of Leases show
//! which clocks are ([`Clock`]). A time is left out when a later revision was renewed before it, and so is one at the end
//! that a single record gives, more than [`LONE`] seconds past all others.

use std::collections::HashSet;

use super::{
    clock::Clock,
    meta::{Meta, Moment},
};
use crate::etcd::Record;

/// Clocks of one cluster may differ by this many seconds.
const SLACK: i64 = 60;
/// No component of a running cluster is silent for this many seconds.
const LONE: i64 = 3600;

/// A time in a record.
#[derive(Clone, Copy)]
struct Seen<'a> {
    main: i64,
    key: &'a [u8],
    time: Moment,
    clock: Writer,
}

/// Whose clock a time is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// The program that renews a Lease.
    Renewal,
    /// The program that reports an Event, besides the API server.
    Event,
    /// The API server.
    Server,
}

/// The newest time in `records`, oldest first, that no clock contradicts.
pub(super) fn newest<'r, 'a: 'r>(records: impl IntoIterator<Item = &'r Record<'a>>) -> Option<Moment> {
    let seen: Vec<_> = records.into_iter().filter_map(Seen::of).collect();
    let of = |clock: Writer| seen.iter().filter(move |seen| seen.clock == clock);
    let clock = clock(&of(Writer::Renewal).copied().collect::<Vec<_>>());
    let renewed = clock.span().map(|(_, last)| last);
    let fits = |seen: &&Seen<'_>| clock.gap(seen.main).before.is_none_or(|next| seen.time <= later(next, SLACK));
    let (far, near): (Vec<&Seen<'_>>, Vec<_>) =
        of(Writer::Server).filter(fits).partition(|seen| renewed.is_some_and(|last| seen.time > later(last, LONE)));
    let far = Some(far).filter(|far| far.iter().map(|seen| seen.key).collect::<HashSet<_>>().len() > 1);
    let served = near.into_iter().chain(far.into_iter().flatten()).map(|seen| seen.time).max();
    let sure = renewed.max(served);
    let reported = of(Writer::Event).map(|seen| seen.time);
    sure.max(reported.filter(|time| sure.is_none_or(|sure| *time <= later(sure, SLACK))).max())
}

/// The clock of these renewals. Nothing comes after the last one to contradict it: far past all others, and the only one
/// of its Lease, it is left out.
fn clock(renewals: &[Seen<'_>]) -> Clock {
    let of = |renewals: &[Seen<'_>]| {
        Clock::from_points(renewals.iter().map(|seen| (seen.main, seen.time, seen.key)).collect())
    };
    if let Some((last, others)) = renewals.split_last()
        && others.iter().all(|other| other.key != last.key)
    {
        let clock = of(others);
        if clock.span().is_some_and(|(_, end)| last.time > later(end, LONE)) {
            return clock;
        }
    }
    of(renewals)
}

fn later(moment: Moment, seconds: i64) -> Moment {
    Moment { seconds: moment.seconds.saturating_add(seconds), ..moment }
}

impl<'a> Seen<'a> {
    fn of(record: &Record<'a>) -> Option<Self> {
        let meta = Meta::read(record.kv.value).ok()?;
        let clock = match &*meta.kind {
            "Lease" => Writer::Renewal,
            "Event" => Writer::Event,
            _ => Writer::Server,
        };
        Some(Self { main: record.revision.main, key: record.kv.key, time: meta.newest?, clock })
    }
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{KeyValue, Revision};

    const YEAR_2099: i64 = 4_078_771_200;

    /// Kind, name and seconds since 1970, as records of the revisions 1, 2, ...
    fn of(written: &[(&str, &str, i64)]) -> Option<i64> {
        let json = |(kind, name, seconds): &(&str, &str, i64)| {
            let time = Moment { seconds: *seconds, nanos: 0 };
            let times = match *kind {
                "Lease" => format!(r#""metadata":{{"name":"{name}"}},"spec":{{"renewTime":"{time}"}}"#),
                "Event" => format!(r#""metadata":{{"name":"{name}"}},"lastTimestamp":"{time}""#),
                _ => format!(r#""metadata":{{"name":"{name}","creationTimestamp":"{time}"}}"#),
            };
            let group = if *kind == "Lease" { "coordination.k8s.io/v1" } else { "v1" };
            format!(r#"{{"kind":"{kind}","apiVersion":"{group}",{times}}}"#)
        };
        let values: Vec<_> = written.iter().map(json).collect();
        let record = |(at, value): (usize, &'_ String)| {
            let value = Box::leak(value.clone().into_boxed_str()).as_bytes();
            Record {
                revision: Revision::first(at as i64 + 1),
                tombstone: false,
                kv: KeyValue { key: written[at].1.as_bytes(), value, ..KeyValue::default() },
                bucket_key: b"",
                message: b"",
                offset: 0,
            }
        };
        let records: Vec<_> = values.iter().enumerate().map(record).collect();
        newest(&records).map(|moment| moment.seconds)
    }

    #[test]
    fn the_newest_time_is_one_that_the_clocks_agree_on() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("Pod", "a", 100)]), Some(100));
        assert_eq!(of(&[("Lease", "n1", 100)]), Some(100));
        // A record without a new time takes nothing back.
        assert_eq!(of(&[("Pod", "a", 100), ("Pod", "b", 90), ("Secret", "c", 7), ("Secret", "d", 8)]), Some(100));
        assert_eq!(of(&[("Lease", "n1", 100), ("Pod", "a", 103), ("Lease", "n2", 102), ("Pod", "b", 5)]), Some(103));
    }

    #[test]
    fn a_node_with_a_wrong_clock_does_not_set_it() {
        let right = [("Lease", "n1", 100), ("Lease", "n2", 102), ("Lease", "n1", 110), ("Lease", "n2", 112)];
        let wrong = ("Lease", "n3", YEAR_2099);
        let with = |at: usize, more: &[(&'static str, &'static str, i64)]| {
            let mut all = right.to_vec();
            all.splice(at..at, more.iter().copied());
            of(&all)
        };
        for at in 0..=right.len() {
            assert_eq!(with(at, &[wrong]), Some(112), "{at}");
            assert_eq!(with(at, &[wrong, ("Event", "late", YEAR_2099)]), Some(112), "{at}");
            assert_eq!(with(at, &[("Pod", "late", YEAR_2099)]), Some(112), "{at}");
        }
        // Renewed first, in between and last.
        assert_eq!(
            of(&[wrong, right[0], right[1], wrong, right[2], right[3], ("Lease", "n3", YEAR_2099 + 10)]),
            Some(112)
        );
    }

    #[test]
    fn a_cluster_that_was_down_for_a_day_goes_on() {
        let before = [("Lease", "n1", 100), ("Lease", "n2", 102)];
        let after = [("Pod", "a", 90_000), ("ConfigMap", "b", 90_001)];
        assert_eq!(of(&[&before[..], &after].concat()), Some(90_001));
        assert_eq!(of(&[&before[..], &after, &[("Lease", "n1", 90_002)]].concat()), Some(90_002));
    }
}
