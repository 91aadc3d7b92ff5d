//! What the entries did that the db holds: the records that a compaction has removed from the db since, and that the
//! log can still show, although it does not begin with the first entry.
//!
//! An entry has no revision, and it does not say what it did. So the entries are followed backwards, from the last one,
//! whose state is the db's:
//!
//! ```text
//! entries    95 put a  96 if a is of 40 put a  97 if b is of 0 put b  98 delete c    the db: b of 43, compacted at 44
//! revisions  40 <----- 40 or 41? <------------ 43 <------------------ 44 or nothing? <- the last is 44
//! ```
//!
//! Where an entry may have had several results, each is followed as a way of its own. A way is dropped where it
//! contradicts a record in the db, or a condition of an earlier entry: *if b still has revision 43* shows, where it
//! holds, that an entry before has put b at 43. What all ways have in common is certain.
//!
//! `key_state` what is known of a key · `step` what an entry may do · `ground` the db · `way` one entry back ·
//! `search` all ways · `records` what is found.

mod ground;
mod key_state;
mod records;
mod retraced;
mod search;
mod step;
mod way;

pub use retraced::Retraced;

use hashbrown::HashSet;

use self::{
    ground::Ground,
    records::Records,
    search::Search,
    step::{Leases, Step},
};
use super::{AddedRecords, Request, Snapshot, added::AddedWriter, request::Op};
use crate::{
    Code, Result,
    source::Source,
    wal::{Entry, EntryKind, Log},
};

/// An entry that may change keys.
struct LogStep<'a> {
    entry: Entry<'a>,
    step: Step<'a>,
}

impl<'a> Snapshot<'a> {
    /// This snapshot with the records that only the log shows; as it is where that shows none.
    ///
    /// # Errors
    /// When there is no room for the records.
    pub(super) fn retraced(mut self, source: &'a Source, log: &Log<'a>) -> Result<Self> {
        let last = self.log.map_or(0, |log| log.from);
        let entries = before(log.entries(), last);
        let doubtful = self.findings.list().iter().any(|finding| finding.code == Code::LogOfAnother);
        let refused = self.state.auth.enabled || !self.state.alarms.is_empty();
        // What the db holds may be of entries that were overwritten.
        let overwritten = log.replaced_among(entries).next().is_some();
        if entries.is_empty() || doubtful || refused || overwritten {
            return Ok(self);
        }
        let mut writer = AddedWriter::new(source.spool());
        if let Some(retraced) = self.retrace(entries, &mut writer) {
            if retraced.first <= retraced.last {
                self.keyspace.earlier = AddedRecords::new(source.keep(writer.finish()?)?);
                self.keyspace.earlier_from = Some(retraced.first);
            }
            self.retraced = Some(retraced);
        }
        Ok(self)
    }

    /// Follows `entries`, up to the last one that the db holds, and writes the records that the db lacks.
    fn retrace(&self, entries: &[Entry<'a>], writer: &mut AddedWriter) -> Option<Retraced<'a>> {
        let mut leases = Leases::new(self.state.leases.iter().map(|lease| lease.id));
        let (mut changes, mut named) = (Vec::new(), HashSet::new());
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Normal) {
            let op = match Request::of(entry) {
                Ok(Some(request)) => request.op,
                Ok(None) => continue,
                Err(_) => Op::Unknown(0),
            };
            let step = Step::of(&op);
            leases.add(changes.len(), &op, step.as_ref());
            named.extend(step.iter().flat_map(Step::keys));
            changes.extend(step.map(|step| LogStep { entry: *entry, step }));
        }
        let (mut ground, keys) = Ground::new(self, &named, changes.len(), leases);
        ground.find_puts(changes.iter().map(|change| &change.step).enumerate(), &keys);
        let mut search = Search::new(&ground, keys, changes.len());
        for (at, change) in changes.iter().enumerate().rev() {
            if !search.back(at, &change.step).ok()? {
                break;
            }
        }
        let (did, decided) = search.into_did();
        let after = ground.dropped.saturating_add(1);
        let first = did.last().map_or(after, |did| did.revision.min(after));
        let mut records = Records::new(writer, &ground, decided);
        for did in did.iter().rev() {
            if let Some(change) = changes.get(did.at).filter(|_| did.revision <= ground.dropped) {
                records.add(&change.entry, &change.step, did);
            }
        }
        let partial = records.partial;
        let unsure = changes.get(..decided).unwrap_or_default();
        let until = unsure.last().map_or(0, |change| change.entry.index);
        let keys = unsure.iter().flat_map(|change| change.step.ranges()).collect();
        Some(Retraced { first, last: ground.dropped, unsure: unsure.len() as u64, until, partial, keys })
    }
}

/// The entries up to `last`, without those before a gap.
pub(super) fn before<'e, 'a>(entries: &'e [Entry<'a>], last: u64) -> &'e [Entry<'a>] {
    let until = entries.partition_point(|entry| entry.index <= last);
    let entries = entries.get(..until).unwrap_or_default();
    let mut next = last.checked_add(1);
    let leads_here = |entry: &&Entry<'a>| {
        next = next.and_then(|next| next.checked_sub(1)).filter(|next| *next == entry.index);
        next.is_some()
    };
    let reached = entries.iter().rev().take_while(leads_here).count();
    entries.get(until.saturating_sub(reached)..).unwrap_or_default()
}
