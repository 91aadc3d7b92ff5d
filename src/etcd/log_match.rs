//! Checks whether a log that was named separately continues from a db. A cluster that was restored from the same backup
//! may have the same ids, and a member that a later leader overruled has the ids of the cluster: so the entries that
//! both should hold are compared, too.

use super::{Snapshot, boot::known_term, log_overlap::Overlap, retrace};
use crate::{
    Error, Result,
    bytes::{counted_are, excerpt},
    document::Id,
    source::Source,
    wal::{ConfChangeKind, Entry, EntryKind, Log},
};

/// The number of puts without a trace in the db that prove a difference: fewer may have been refused, or deleted and
/// compacted since.
pub(super) const ENOUGH: usize = 8;

const OTHER: &str = "the log belongs to another cluster, to this cluster before a restore, or to a member whose entries a later leader replaced: use the log of another member, or the backup without a log";

impl<'a> Snapshot<'a> {
    /// Checks that `log` continues from this db, as far as the two show it.
    ///
    /// # Errors
    /// The reason why it does not continue from this db.
    pub(crate) fn check_log_match(&self, source: &Source, log: &Log<'a>) -> Result<()> {
        let no = |what: String, hint: &str| {
            let what = format!("{}: {what}", source.name());
            Err(Error::refused(what).hinted(hint))
        };
        let Some(index) = self.state.meta.consistent_index.filter(|index| *index > 0) else {
            let hint = "only a db with meta/consistent_index can be rolled forward";
            return no("it does not record which entries of the log it holds".to_owned(), hint);
        };
        let entries = log.entries();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return no("the log has no entries".to_owned(), "name the folder that holds the log of this member");
        };
        if first.index > index.saturating_add(1) {
            let (missing, first) = (first.index.saturating_sub(index).saturating_sub(1), first.index);
            let what = format!(
                "it holds the entries up to {index}, and the log begins at {first}: {} missing",
                counted_are(missing, "entry", "")
            );
            return no(what, "use an older copy of the log, or a newer backup");
        }
        if last.index < index {
            let what = format!("it holds the entries up to {index}, and the log ends at {}", last.index);
            return no(what, "the log is older than the backup, or another cluster's");
        }
        let (before, after) = entries.split_at(entries.partition_point(|entry| entry.index <= index));
        self.check_terms(log, index, before, after).or_else(|what| no(what, OTHER))?;
        // Entries before a gap were replaced by a snapshot from the leader; they need not have been committed.
        let before = retrace::before(entries, index);
        self.check_members(log, index, before).or_else(|what| no(what, OTHER))?;
        let head = self.head().map_err(|finding| source.damaged(finding))?;
        let overlap = Overlap::of(self, before, log.replaced(), head);
        if let Some((entry, key, revision)) = overlap.differs {
            let key = excerpt(&key);
            let what = format!(
                "entry {entry} of the log puts {key}, but revision {revision}, which should be this change, is a different one"
            );
            return no(what, OTHER);
        }
        if let Some((entry, key)) = overlap.lacks {
            let what = format!(
                "entry {entry} of the log is the last that puts {}, and the backup does not hold that value",
                excerpt(&key)
            );
            return no(what, OTHER);
        }
        let unfound = overlap.unfound;
        if overlap.found == 0 && overlap.puts >= ENOUGH {
            let what =
                format!("none of the {} values that earlier entries of the log put is in the backup", overlap.puts);
            return no(what, OTHER);
        }
        if unfound >= ENOUGH && unfound > overlap.found.saturating_mul(4) {
            let what = format!(
                "{unfound} of the {} values that earlier entries of the log put are not in the backup",
                overlap.puts
            );
            return no(what, OTHER);
        }
        Ok(())
    }

    /// Checks the terms: they never decrease, and the last entry that the db holds has the same term in both.
    fn check_terms(&self, log: &Log<'_>, index: u64, before: &[Entry<'_>], after: &[Entry<'_>]) -> Result<(), String> {
        let Some(own) = known_term(&self.state) else { return Ok(()) };
        let at = before.last().filter(|entry| entry.index == index).map(|entry| entry.term);
        let at = at.or_else(|| log.snapshots().iter().find(|s| s.index == index).map(|s| s.term));
        if let Some(term) = at.filter(|term| *term != own) {
            return Err(format!("entry {index} has term {own} there, and term {term} in the log"));
        }
        let later = before.iter().find(|entry| entry.term > own);
        match later.or_else(|| after.iter().find(|entry| entry.term < own)) {
            Some(entry) => Err(format!(
                "entry {index}, its last, has term {own}, and entry {} of the log has term {}",
                entry.index, entry.term
            )),
            None => Ok(()),
        }
    }

    /// Checks the members: the backup has to know the member of the log, and those that were added before.
    fn check_members(&self, log: &Log<'_>, index: u64, before: &[Entry<'_>]) -> Result<(), String> {
        let state = &self.state;
        if state.members.is_empty() {
            return Ok(());
        }
        let own = log.metadata().map(|metadata| metadata.node_id);
        let later = |id| log.entries().iter().any(|entry| entry.index > index && added(entry) == Some(id));
        let stranger = own.filter(|id| !state.has_listed(*id) && !later(*id));
        match stranger.or_else(|| before.iter().filter_map(added).find(|id| !state.has_listed(*id))) {
            Some(id) => Err(format!("the log names member {id:x}, which is not in the backup")),
            None => Ok(()),
        }
    }
}

/// The member that `entry` adds, if etcd did not refuse the addition.
pub(super) fn added(entry: &Entry<'_>) -> Option<Id> {
    let change = entry.conf_change().ok().filter(|_| entry.kind == EntryKind::ConfChange)?;
    let adds = matches!(change.kind, ConfChangeKind::AddNode | ConfChangeKind::AddLearner);
    adds.then_some(change.node_id)
}
