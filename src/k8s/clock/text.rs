//! The time of a change as text.

use super::{super::Moment, Gap};

impl Gap {
    /// `2026-11-21T02:04:31.532Z` or later, and how much later at the most: `+8.4s`.
    #[must_use]
    pub fn cells(&self) -> [String; 2] {
        let Some(after) = self.after else { return ["-".to_owned(), String::new()] };
        // the time is cut to milliseconds
        let cut = Moment { nanos: after.nanos / 1_000_000 * 1_000_000, ..after };
        let tenths = |width: i128| width.saturating_add(99_999_999) / 100_000_000;
        let width = Self { after: Some(cut), ..*self }.width().map(tenths);
        [after.millis(), width.map_or(String::new(), |n| format!("+{}.{}s", n / 10, n % 10))]
    }

    /// In words: `at 2026-11-21T02:04:31.532Z or up to 8.4s later`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self.after, self.before, self.cells()) {
            (None, None, _) => "at an unknown time".to_owned(),
            (None, Some(before), _) => format!("at {} or before", before.millis()),
            (_, None, [after, _]) => format!("at {after} or later"),
            (.., [after, width]) => format!("at {after} or up to {} later", width.trim_start_matches('+')),
        }
    }

    /// After a revision: ` (2026-11-21T02:04:31.532Z)`, or ` (by` that time where only the latest is known.
    #[must_use]
    pub fn in_brackets(&self) -> String {
        let by = self.before.map(|at| format!(" ({at} or before)"));
        self.after.map(|at| format!(" ({at})")).or(by).unwrap_or_default()
    }
}
