//! Finding the log again after a frame whose length cannot be trusted, and how much may be looked through for that.

use super::layout::{FRAME, RawRecord};

/// All frames of a segment together may ask for so many times its length: those of a whole log ask for it once, and
/// each that is damaged once more for what it claims.
const TIMES: usize = 16;

/// Looks for the next two frames of a segment whose checksums fit each other: 32 bits that garbage does not have.
///
/// Answers are kept, so that every place is looked at once, and what is summed up, here and for each frame, is drawn
/// from one budget, as frames that overlap could ask for the square of the segment's length.
#[derive(Debug)]
pub(super) struct Search {
    /// In bytes; `None` once it did not reach.
    budget: Option<usize>,
    last: Option<Answer>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    from: usize,
    found: Option<usize>,
}

impl Search {
    /// For a segment of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { budget: Some(bytes.saturating_mul(TIMES)), last: None }
    }

    /// Whether so many bytes may be looked through.
    pub(super) fn draw(&mut self, bytes: usize) -> bool {
        self.budget = self.budget.and_then(|left| left.checked_sub(bytes));
        self.budget.is_some()
    }

    /// Whether more was asked for than there was: then nothing is found any more.
    pub(super) fn is_used_up(&self) -> bool {
        self.budget.is_none()
    }

    /// Whether a record is at `at` that fits the running checksum `sum` before it.
    pub(super) fn follows(&mut self, file: &[u8], at: usize, sum: u32) -> bool {
        RawRecord::exact(file, at).is_some_and(|(record, _)| self.draw(record.data.len()) && record.follows(sum))
    }

    /// The first offset at or after `from` where the log continues.
    pub(super) fn find(&mut self, file: &[u8], from: usize) -> Option<usize> {
        if let Some(last) = self.last
            && last.from <= from
            && last.found.is_none_or(|found| found >= from)
        {
            return last.found;
        }
        let from = from.checked_next_multiple_of(FRAME)?;
        let holds = |at: &usize| match RawRecord::exact(file, *at) {
            Some((first, next)) => self.follows(file, next, first.crc),
            None => false,
        };
        let found = (from..file.len()).step_by(FRAME).find(holds);
        self.last = Some(Answer { from, found });
        found
    }
}
