//! The times that a log covers.

use crate::k8s::Moment;

/// An API server writes events all the time. So files that begin within so many nanoseconds after the end of another
/// are one log that was rotated; between others, files are missing. A busy server fills one in less than a minute.
const ROTATED: i128 = 10_000_000_000;

/// The times at which the first and the last event of each file were written, those that are one log as one; ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cover(Vec<(Moment, Moment)>);

impl Cover {
    /// That of files with these times.
    pub(super) fn of(mut files: Vec<(Moment, Moment)>) -> Self {
        files.sort_unstable();
        let mut cover = Vec::<(Moment, Moment)>::new();
        for (first, last) in files {
            match cover.last_mut() {
                Some((_, end)) if first.nanoseconds().saturating_sub(end.nanoseconds()) <= ROTATED => {
                    *end = last.max(*end);
                }
                _ => cover.push((first, last)),
            }
        }
        Self(cover)
    }

    /// Whether it covers all of the time from `first` to `last`.
    pub(super) fn holds(&self, first: Moment, last: Moment) -> bool {
        self.0.iter().any(|(from, to)| *from <= first && last <= *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_one_log_and_missing_ones_a_hole() {
        let at = |minute: u32, second: u32| Moment::parse(&format!("2026-11-21T02:{minute:02}:{second:02}Z")).unwrap();
        let cover = Cover::of(vec![(at(10, 10), at(20, 0)), (at(30, 0), at(40, 0)), (at(1, 0), at(10, 0))]);
        assert!(cover.holds(at(1, 0), at(20, 0)) && cover.holds(at(9, 0), at(11, 0)));
        assert!(!cover.holds(at(0, 59), at(2, 0)) && !cover.holds(at(19, 0), at(31, 0)));
        let busy = Cover::of(vec![(at(1, 0), at(1, 50)), (at(2, 40), at(3, 30))]);
        assert!(busy.holds(at(1, 0), at(1, 50)) && !busy.holds(at(1, 40), at(2, 50)));
        let after = |moment: Moment| moment.plus(1000);
        assert!(cover.holds(after(at(30, 0)), at(40, 0)) && !Cover::default().holds(at(1, 0), at(1, 0)));
        assert!(!cover.holds(at(35, 0), after(at(40, 0))));
        assert!(!Cover::of(vec![(after(at(1, 0)), at(2, 0))]).holds(at(1, 0), at(1, 30)));
    }
}
