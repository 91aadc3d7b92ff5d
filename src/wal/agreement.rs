//! The logs of several members of one cluster, compared: what a majority holds was agreed on, or may have been,
//! whatever commit the hard states on disk have; what no majority can hold never was.
//!
//! Of two logs the one whose last entry has the higher term, or with the same term the higher index, would be elected
//! (`raft.isUpToDate`): every entry that was agreed on is in it, when a majority of the voters is there. An entry of
//! the same index and term is the same in both, and so is all before it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{log::Log, raft::Entry};
use crate::document::Id;

/// What is known of an entry that one member alone does not know to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreed {
    /// A majority of the voters holds it, or one of them knew that it was committed.
    Yes,
    /// No majority can hold it.
    No,
    /// The voters that are missing decide.
    Open,
}

/// Entries that the same number of members hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The index of the first entry.
    pub first: u64,
    /// The index of the last entry.
    pub last: u64,
    /// The number of voters that hold them.
    #[serde(rename = "heldBy")]
    pub by: usize,
    /// Whether the entries were agreed on.
    pub agreed: Agreed,
}

/// The logs of several members of one cluster, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The place of the log that would be elected.
    pub keep: usize,
    /// The number of voters in the cluster.
    pub voters: usize,
    /// The number of them whose logs were compared.
    pub here: usize,
    /// The entries of the log to keep that are past its own commit, in order.
    pub held: Vec<Held>,
    /// For each other log that holds entries that are not in it: its place, and the first of them.
    pub overruled: Vec<(usize, u64)>,
    /// The places of the logs that are damaged.
    pub damaged: Vec<usize>,
}

impl Agreement {
    /// Compares `logs`, each with whether it is damaged: what such a log lacks, it may have had. The entries
    /// up to `committed` are known to be; `voters` are who votes where the log to keep does not have it.
    ///
    /// # Errors
    /// Why they cannot be compared.
    pub(crate) fn of(logs: &[(Log<'_>, bool)], committed: u64, voters: &BTreeSet<Id>) -> Result<Self, String> {
        let ids: Vec<_> =
            logs.iter().map(|(log, _)| log.metadata().map(|whose| (whose.cluster_id, whose.node_id))).collect();
        let Some(ids) = ids.into_iter().collect::<Option<Vec<_>>>() else {
            return Err("a log does not name its member".to_owned());
        };
        if let Some((cluster, _)) = ids.iter().find(|(cluster, _)| Some(*cluster) != ids.first().map(|first| first.0)) {
            return Err(format!(
                "one log is of cluster {:x}, another of {cluster:x}",
                ids.first().map_or(Id::NONE, |id| id.0)
            ));
        }
        let distinct: BTreeSet<_> = ids.iter().collect();
        if distinct.len() < ids.len() {
            return Err("two of the logs are of one member".to_owned());
        }
        // A member that has just received a snapshot has no entries after it.
        let end = |log: &Log<'_>| {
            let last = log.entries().last().map_or((0, 0), |last| (last.term, last.index));
            log.newest_snapshot().map_or(last, |snapshot| last.max((snapshot.term, snapshot.index)))
        };
        let best = logs.iter().enumerate().max_by_key(|(at, (log, _))| (end(log), std::cmp::Reverse(*at)));
        let Some((keep, (best, damaged))) = best else { return Err("there is no log".to_owned()) };
        if *damaged {
            return Err("the log with the newest entries is damaged".to_owned());
        }
        let voters = best.voters().unwrap_or_else(|| voters.clone());
        let votes = |(_, id): &(&(Log<'_>, bool), &(Id, Id))| voters.contains(&id.1);
        let here: Vec<_> = logs.iter().zip(&ids).filter(votes).map(|(log, _)| log).collect();
        let majority = (voters.len() / 2).saturating_add(1);
        if here.len() < majority {
            return Err(format!("{} of {} voters are here, which is no majority", here.len(), voters.len()));
        }
        // What is damaged and the voters that are missing may both have held what the others do not.
        let whole = here.iter().filter(|(_, damaged)| !damaged).count();
        let missing = voters.len().saturating_sub(whole);
        if whole < majority {
            return Err(format!("{whole} of {} voters have a whole log, which is no majority", voters.len()));
        }
        let committed = logs.iter().map(|(log, _)| log.commit()).fold(committed, u64::max);
        let (_, last) = end(best);
        if committed > last {
            return Err(format!("entry {committed} was committed, and the newest log ends at entry {last}"));
        }
        let mut held: Vec<Held> = Vec::new();
        for entry in best.entries().iter().filter(|entry| entry.index > best.commit()) {
            let by = here.iter().filter(|(log, _)| holds(log, entry)).count();
            let agreed = if by >= majority || entry.index <= committed {
                Agreed::Yes
            } else if by.saturating_add(missing) < majority {
                Agreed::No
            } else {
                Agreed::Open
            };
            match held.last_mut().filter(|last| (last.by, last.agreed) == (by, agreed)) {
                Some(last) => last.last = entry.index,
                None => held.push(Held { first: entry.index, last: entry.index, by, agreed }),
            }
        }
        let overruled = logs.iter().enumerate().filter_map(|(at, (log, _))| {
            let other = log.entries().iter().find(|entry| !holds(best, entry))?;
            Some((at, other.index))
        });
        let damaged = logs.iter().enumerate().filter_map(|(at, (_, damaged))| damaged.then_some(at));
        Ok(Self {
            keep,
            voters: voters.len(),
            here: here.len(),
            held,
            overruled: overruled.collect(),
            damaged: damaged.collect(),
        })
    }

    /// The result in lines for people; `names` are the names of the logs.
    #[must_use]
    pub fn lines(&self, names: &[String]) -> Vec<String> {
        let Self { keep, voters, here, held, overruled, damaged } = self;
        let name = |at: usize| names.get(at).map_or("", String::as_str);
        let mut lines = vec![format!("{here} of {voters} voters are here")];
        lines.extend(
            damaged.iter().map(|at| format!("{}: its log is damaged, and may have held more entries", name(*at))),
        );
        lines.extend(held.iter().map(|held| held.line(*voters)));
        if held.is_empty() {
            lines.push("no entry is past the last commit on disk".to_owned());
        }
        lines.extend(overruled.iter().map(|(at, first)| {
            let what = "are not in the log to keep: a later leader replaced them";
            format!("{}: its entries from {first} on {what}", name(*at))
        }));
        lines.push(format!("keep {}", name(*keep)));
        lines
    }

    /// The last entry that was agreed on, when it is known of all whether they were; `None` when it is not, or no entry
    /// is past the commit of the log to keep.
    #[must_use]
    pub(crate) fn last_agreed(&self) -> Option<u64> {
        let open = self.held.iter().any(|held| held.agreed == Agreed::Open);
        let agreed = self.held.iter().rev().find(|held| held.agreed == Agreed::Yes);
        let before = self.held.first()?.first.saturating_sub(1);
        (!open).then(|| agreed.map_or(before, |held| held.last))
    }
}

impl Held {
    fn line(&self, voters: usize) -> String {
        let Self { first, last, by, agreed } = *self;
        let which = if first == last {
            format!("entry {first} is")
        } else {
            format!("each of the entries {first} to {last} is")
        };
        let agreed = match agreed {
            Agreed::Yes if by > voters / 2 => "a majority, so committed",
            Agreed::Yes => "but committed, as one of the members recorded",
            Agreed::No => "no majority can have had it, so never committed",
            Agreed::Open => "only the missing members can show whether it was committed",
        };
        format!("{which} in the logs of {by} of {voters} voters: {agreed}")
    }
}

/// Whether the log holds the entry, or begins after it.
fn holds(log: &Log<'_>, entry: &Entry<'_>) -> bool {
    let entries = log.entries();
    if entries.first().is_none_or(|first| entry.index < first.index) {
        return entry.index <= log.commit();
    }
    let found = entries.binary_search_by_key(&entry.index, |entry| entry.index);
    found.ok().and_then(|at| entries.get(at)).is_some_and(|same| same.term == entry.term)
}
