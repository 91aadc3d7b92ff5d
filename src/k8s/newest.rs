//! The newest time in a backup, by the clocks that agree.
//!
//! A record's times are lower bounds: it was written after them, if the clock was right. [`Clock`] finds the right
//! ones; a time that is little past its newest is accepted too.

use super::{
    clock::{Clock, Unsure},
    meta::{Meta, Moment},
    seal::Ring,
};
use crate::etcd::Record;

/// Clocks of one cluster may differ by this many seconds.
const SLACK: i64 = 60;

/// The newest time in some records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newest {
    /// The newest time that no clock contradicts.
    pub time: Option<Moment>,
    /// Later times, of which it is not known whether they are right.
    pub unsure: Option<Unsure>,
}

impl Newest {
    /// Finds it in `records`, oldest first.
    #[must_use]
    pub(crate) fn of<'r, 'a: 'r>(records: impl IntoIterator<Item = &'r Record<'a>>, ring: &Ring) -> Self {
        let records: Vec<_> = records.into_iter().collect();
        let clock = Clock::of_records(records.iter().copied(), ring);
        let latest = clock.newest().map(|sure| sure.seconds.saturating_add(SLACK));
        let times = records.iter().filter_map(|record| {
            let opened = ring.open(record.kv.key, record.kv.value).ok()?;
            Meta::read_times(&opened).ok()?.newest()
        });
        let time = times.filter(|time| latest.is_none_or(|latest| time.seconds <= latest)).max();
        Self { time, unsure: clock.unsure() }
    }

    /// In words, where a later time may be the right one.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let (time, Unsure { revision, newest }) = (self.time?, self.unsure?);
        Some(format!(
            "the newest time may be {newest} instead of {time}: revision {revision} holds it, and no other time in the backup shows whether that clock was right"
        ))
    }
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::{KeyValue, Revision};

    const YEAR_2099: i64 = 4_078_771_200;

    /// Records of the revisions 1, 2, ... by kind, name and seconds since 1970.
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
            let name = written[at].1;
            let key = Box::leak(format!("/registry/leases/kube-node-lease/{name}").into_boxed_str()).as_bytes();
            let value = Box::leak(value.clone().into_boxed_str()).as_bytes();
            Record {
                revision: Revision::first(at as i64 + 1),
                tombstone: false,
                kv: KeyValue { key, value, version: 2, ..KeyValue::default() },
                bucket_key: b"",
                message: b"",
                offset: 0,
            }
        };
        let records: Vec<_> = values.iter().enumerate().map(record).collect();
        Newest::of(&records, &Ring::default()).time.map(|moment| moment.seconds)
    }

    #[test]
    fn the_newest_time_is_one_that_the_clocks_agree_on() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("Pod", "a", 100)]), Some(100));
        assert_eq!(of(&[("Lease", "n1", 100)]), Some(100));
        // A record without a new time does not lower the newest time.
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
