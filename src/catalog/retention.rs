//! Which backups of a cluster are kept.

use std::collections::BTreeSet;

use crate::k8s::Moment;

/// How many are kept: the last ones, and the last one of each of the last hours, days, weeks and months that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The newest.
    pub last: usize,
    /// Hours.
    pub hourly: usize,
    /// Days, in UTC.
    pub daily: usize,
    /// Weeks, from Monday on, in UTC.
    pub weekly: usize,
    /// Months, in UTC.
    pub monthly: usize,
}

/// What becomes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is kept, for these reasons.
    Kept(Vec<&'static str>),
    /// It may be removed.
    Removed,
}

/// The number of the hour, day, week or month of a time.
type Period = fn(Moment) -> i64;

impl Keep {
    /// Whether nothing at all would be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The fate of each of the good backups of one identity, by their times. The newest is kept in any case, and those
    /// whose time is not known.
    #[must_use]
    pub fn decide(&self, times: &[Option<Moment>]) -> Vec<Fate> {
        let mut order: Vec<usize> = (0..times.len()).collect();
        let time = |at: usize| times.get(at).copied().flatten();
        // Of two of the same time the later named is the newer one.
        order.sort_by_key(|at| std::cmp::Reverse((time(*at), *at)));
        let mut reasons: Vec<Vec<&'static str>> = vec![Vec::new(); times.len()];
        let mut keep = |at: usize, why: &'static str| {
            if let Some(reasons) = reasons.get_mut(at) {
                reasons.push(why);
            }
        };
        order.first().into_iter().for_each(|at| keep(*at, "newest"));
        (0..times.len()).filter(|at| time(*at).is_none()).for_each(|at| keep(at, "no time"));
        order.iter().take(self.last).for_each(|at| keep(*at, "last"));
        let periods: [(usize, &'static str, Period); 4] = [
            (self.hourly, "hourly", |of| of.seconds.div_euclid(3600)),
            (self.daily, "daily", |of| day(of)),
            // 1970 began on a Thursday.
            (self.weekly, "weekly", |of| day(of).saturating_add(3).div_euclid(7)),
            (self.monthly, "monthly", month),
        ];
        for (count, why, period) in periods {
            let mut seen = BTreeSet::new();
            for at in &order {
                let Some(time) = time(*at) else { continue };
                if seen.len() < count && seen.insert(period(time)) {
                    keep(*at, why);
                }
            }
        }
        reasons.into_iter().map(|why| if why.is_empty() { Fate::Removed } else { Fate::Kept(why) }).collect()
    }
}

fn day(of: Moment) -> i64 {
    of.seconds.div_euclid(24 * 3600)
}

fn month(of: Moment) -> i64 {
    let stamp = jiff::Timestamp::from_second(of.seconds).unwrap_or_default();
    let date = stamp.to_zoned(jiff::tz::TimeZone::UTC);
    i64::from(date.year()).saturating_mul(12).saturating_add(date.month().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(texts: &[&str]) -> Vec<Option<Moment>> {
        texts.iter().map(|text| Moment::parse(&format!("{text}:00Z"))).collect()
    }

    fn kept(keep: Keep, texts: &[&str]) -> Vec<usize> {
        let fates = keep.decide(&times(texts));
        (0..fates.len()).filter(|at| fates[*at] != Fate::Removed).collect()
    }

    #[test]
    fn the_newest_of_each_period_is_kept() {
        let row = ["2026-11-01T00:00", "2026-11-01T06:00", "2026-11-02T00:00", "2026-11-02T06:00", "2026-12-07T00:00"];
        let keep = |keep| kept(keep, &row);
        assert_eq!(keep(Keep { last: 2, ..Keep::default() }), [3, 4]);
        assert_eq!(keep(Keep { daily: 2, ..Keep::default() }), [3, 4]);
        assert_eq!(keep(Keep { daily: 3, ..Keep::default() }), [1, 3, 4]);
        assert_eq!(keep(Keep { monthly: 2, ..Keep::default() }), [3, 4]);
        // 2026-11-01 is a Sunday, the 2nd a Monday.
        assert_eq!(keep(Keep { weekly: 9, ..Keep::default() }), [1, 3, 4]);
        assert_eq!(keep(Keep { hourly: 4, ..Keep::default() }), [1, 2, 3, 4]);
        assert_eq!(keep(Keep::default()), [4]);
    }

    proptest! {
        #[test]
        fn the_newest_is_never_removed(seconds in prop::collection::vec(prop::option::of(0_i64..9_000_000), 1..40),
            counts in prop::array::uniform5(0_usize..5)) {
            let [last, hourly, daily, weekly, monthly] = counts;
            let times: Vec<_> = seconds.iter().map(|of| of.map(|seconds| Moment { seconds, nanos: 0 })).collect();
            let fates = Keep { last, hourly, daily, weekly, monthly }.decide(&times);
            let newest = (0..times.len()).max_by_key(|at| (times[*at], *at)).unwrap();
            prop_assert!(matches!(fates[newest], Fate::Kept(_)));
            let kept = fates.iter().filter(|fate| **fate != Fate::Removed).count();
            prop_assert!(kept >= last.min(times.len()));
            for (time, fate) in times.iter().zip(&fates) {
                prop_assert!(time.is_some() || matches!(fate, Fate::Kept(_)));
            }
        }
    }
}
