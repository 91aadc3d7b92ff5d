//! Finding the log again behind a frame whose length cannot be trusted.

use super::layout::{FRAME, RawRecord};

/// Looks for the next two frames of a file whose checksums fit each other: 32 bits that garbage does not have.
///
/// Answers are kept, so that every place is looked at once, and what is summed up on the way is bounded by the size
/// of the log, as records that overlap could ask for its square.
#[derive(Debug)]
pub(super) struct Search {
    budget: usize,
    last: Option<Answer>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    segment: usize,
    from: usize,
    found: Option<usize>,
}

impl Search {
    pub(super) fn new(bytes_in_log: usize) -> Self {
        Self { budget: bytes_in_log.saturating_mul(2), last: None }
    }

    /// The first place at or behind `from` where the log goes on.
    pub(super) fn find(&mut self, segment: usize, file: &[u8], from: usize) -> Option<usize> {
        if let Some(last) = self.last
            && last.segment == segment
            && last.from <= from
            && last.found.is_none_or(|found| found >= from)
        {
            return last.found;
        }
        let from = from.checked_next_multiple_of(FRAME)?;
        let found = (from..file.len()).step_by(FRAME).find(|at| self.holds(file, *at));
        self.last = Some(Answer { segment, from, found });
        found
    }

    fn holds(&mut self, file: &[u8], at: usize) -> bool {
        let Some((first, next)) = RawRecord::exact(file, at) else { return false };
        let Some((second, _)) = RawRecord::exact(file, next) else { return false };
        let Some(left) = self.budget.checked_sub(second.data.len()) else { return false };
        self.budget = left;
        second.follows(first.crc)
    }
}
