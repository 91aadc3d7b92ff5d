//! Holes in a lineage: backups that were not taken.

use serde::Serialize;

use crate::k8s::Moment;

/// A time without backups that is longer than usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Seconds between the two backups around it.
    pub seconds: i64,
    /// Seconds that are usual between two backups.
    pub usual: i64,
    /// The index of the backup after it.
    pub after: usize,
}

/// The gaps between backups of these times, oldest first: those that are longer than one and a half of the median.
#[must_use]
pub fn gaps(times: &[Moment]) -> Vec<Gap> {
    let steps: Vec<i64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(before, after)| after.seconds.saturating_sub(before.seconds))
        .collect();
    let mut sorted: Vec<i64> = steps.iter().copied().filter(|step| *step > 0).collect();
    sorted.sort_unstable();
    // Of two steps neither is the usual one.
    let Some(usual) = sorted.get(sorted.len() / 2).copied().filter(|_| sorted.len() > 2) else { return Vec::new() };
    let long = usual.saturating_add(usual / 2);
    let found = steps.into_iter().enumerate().filter(|(_, step)| *step > long);
    found.map(|(at, seconds)| Gap { seconds, usual, after: at.saturating_add(1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_backup_is_a_gap() {
        let at = |hours: &[i64]| hours.iter().map(|h| Moment { seconds: h * 3600, nanos: 0 }).collect::<Vec<_>>();
        assert_eq!(gaps(&at(&[0, 6, 12, 18, 24])), []);
        assert_eq!(gaps(&at(&[0, 6, 12, 24, 30])), [Gap { seconds: 12 * 3600, usual: 6 * 3600, after: 3 }]);
        assert_eq!(gaps(&at(&[0, 6, 30])), []);
        assert_eq!(gaps(&[]), []);
    }
}
