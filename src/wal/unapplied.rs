//! How far the log is ahead of the db.

use super::{log::Log, raft::Entry};

/// The entries that the db does not hold yet, by what becomes of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending<'l, 'a> {
    /// The entries that etcd applies when it starts.
    pub sure: &'l [Entry<'a>],
    /// The entries after those. The other members decide whether they are applied.
    pub unsure: &'l [Entry<'a>],
    /// Number of entries that nothing leads to: entries before them are missing.
    pub lost: usize,
}

impl Pending<'_, '_> {
    /// How many there are.
    #[must_use]
    pub(crate) fn counts(&self) -> Unapplied {
        Unapplied {
            applied_at_start: self.sure.len() as u64,
            past_commit: self.unsure.len() as u64,
            after_gap: self.lost as u64,
        }
    }
}

/// The entries that the db does not hold yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unapplied {
    /// Number of entries that etcd applies when it starts.
    pub applied_at_start: u64,
    /// Number of entries after those. The other members decide; a client may have got the answer that they are written.
    pub past_commit: u64,
    /// Number of entries that nothing leads to: entries before them are missing.
    pub after_gap: u64,
}

impl Unapplied {
    /// The number of those that something leads to.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.applied_at_start.saturating_add(self.past_commit)
    }
}

impl<'a> Log<'a> {
    /// What is in the log and not in a db whose consistent index is `consistent_index`, with so many `voters`
    /// (learners do not count; see [`Log::voters`]).
    ///
    /// A member that is the only voter elects itself at its start, and what a leader has on its disk is then held by
    /// a majority: it commits all of its log (`raft.maybeCommit`), whatever commit the hard state on disk has.
    /// Among several it takes part in what the others agree on; only what it knew to be committed is sure, and that
    /// is all that it had applied, too: a hard state is not written for its commit alone.
    #[must_use]
    pub(crate) fn pending(&self, consistent_index: u64, voters: usize) -> Pending<'_, 'a> {
        let new = self.entries().partition_point(|entry| entry.index <= consistent_index);
        let new = self.entries().get(new..).unwrap_or_default();
        let mut last = Some(consistent_index);
        let leads_on = |entry: &&Entry<'a>| {
            last = last.and_then(|last| last.checked_add(1)).filter(|next| *next == entry.index);
            last.is_some()
        };
        let reached = new.iter().take_while(leads_on).count();
        let reached = new.get(..reached).unwrap_or_default();
        let sure = if voters == 1 { reached.len() } else { reached.partition_point(|e| e.index <= self.commit()) };
        let lost = new.len().saturating_sub(reached.len());
        let (sure, unsure) = reached.split_at_checked(sure).unwrap_or((reached, &[]));
        Pending { sure, unsure, lost }
    }
}
