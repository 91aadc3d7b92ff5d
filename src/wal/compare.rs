//! Two logs, compared entry by entry.

use serde::Serialize;

use super::{log::Log, raft::Entry};
use crate::Finding;

/// Entries of consecutive numbers that compare in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// The index of the first entry.
    pub first: u64,
    /// The index of the last entry.
    pub last: u64,
    /// The term in the first log; `None` when that lacks them. Of what is the same in both, the last one's.
    pub a: Option<u64>,
    /// The term in the second log; `None` when that lacks them.
    pub b: Option<u64>,
    /// Whether both logs hold the same.
    pub same: bool,
}

/// Two logs, compared entry by entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDiff {
    /// All indexes that one of the two holds, in order.
    pub spans: Vec<Span>,
}

/// What `wal --diff -o json` prints.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogDiffDocument<'d> {
    a: &'d str,
    b: &'d str,
    /// Whether no entry that both hold differs.
    same: bool,
    /// The number of entries that only the first holds.
    only_a: u64,
    /// The number of entries that only the second holds.
    only_b: u64,
    spans: &'d [Span],
    /// What is wrong with either: an entry may be missing for it.
    findings: Vec<&'d Finding>,
}

impl LogDiff {
    /// Compares `a` with `b`.
    #[must_use]
    pub fn of(a: &Log<'_>, b: &Log<'_>) -> Self {
        let (mut a, mut b) = (a.entries().iter().peekable(), b.entries().iter().peekable());
        let mut spans: Vec<Span> = Vec::new();
        loop {
            let Some(index) = [a.peek(), b.peek()].into_iter().flatten().map(|entry| entry.index).min() else {
                return Self { spans };
            };
            let (one, other) = (a.next_if(|entry| entry.index == index), b.next_if(|entry| entry.index == index));
            let term = |entry: Option<&Entry<'_>>| entry.map(|entry| entry.term);
            let equal = |(a, b): (&Entry<'_>, &Entry<'_>)| (a.term, a.kind, a.data) == (b.term, b.kind, b.data);
            let same = one.zip(other).is_some_and(equal);
            let span = Span { first: index, last: index, a: term(one), b: term(other), same };
            let continues = |last: &&mut Span| {
                last.last.checked_add(1) == Some(index)
                    && ((same && last.same) || (!same && (last.a, last.b, last.same) == (span.a, span.b, false)))
            };
            match spans.last_mut().filter(continues) {
                Some(last) => (last.last, last.a, last.b) = (index, span.a, span.b),
                None => spans.push(span),
            }
        }
    }

    /// What `wal --diff -o json` prints; `a` and `b` are the names of the logs, and `findings` those about both.
    #[must_use]
    pub fn document<'d>(&'d self, a: &'d str, b: &'d str, findings: Vec<&'d Finding>) -> LogDiffDocument<'d> {
        let count = |is_of: fn(&Span) -> bool| {
            let entries = |span: &Span| span.last.saturating_sub(span.first).saturating_add(1);
            self.spans.iter().filter(|span| is_of(span)).fold(0_u64, |sum, span| sum.saturating_add(entries(span)))
        };
        let (only_a, only_b) = (count(|span| span.b.is_none()), count(|span| span.a.is_none()));
        LogDiffDocument { a, b, same: self.is_same(), only_a, only_b, spans: &self.spans, findings }
    }

    /// Whether the two hold the same, wherever both hold something.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.spans.iter().all(|span| span.same || span.a.is_none() || span.b.is_none())
    }
}
