//! Checks whether a log that was named separately continues from a db. A cluster that was restored from the same backup
//! may have the same ids, and a member that a later leader overruled has the ids of the cluster: so the entries that
//! both should hold are compared, too.

use super::{Snapshot, boot::known_term, log_overlap::Overlap, retrace};
use crate::{
    Error, Result,
    bytes::counted_are,
    document::Id,
    source::Source,
    wal::{ConfChangeKind, Entry, EntryKind, Log},
};

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
        if let Some(what) = self.contradicted(source, log, true)? {
            return no(what, OTHER);
        }
        Ok(())
    }

    /// Why `log` did not write this db, as far as the two show it: by the terms, with `members` by the members, and by
    /// the entries that both hold.
    ///
    /// # Errors
    /// When the newest records of the db cannot be reached.
    pub(super) fn contradicted(&self, source: &Source, log: &Log<'a>, members: bool) -> Result<Option<String>> {
        let index = self.state.meta.consistent_index.unwrap_or(0);
        let entries = log.entries();
        let (before, after) = entries.split_at(entries.partition_point(|entry| entry.index <= index));
        if let Err(what) = self.check_terms(log, index, before, after) {
            return Ok(Some(what));
        }
        // Entries before a gap were replaced by a snapshot from the leader; they need not have been committed.
        let before = retrace::before(entries, index);
        if members && let Err(what) = self.check_members(log, index, before) {
            return Ok(Some(what));
        }
        let head = self.head().map_err(|finding| source.damaged(finding))?;
        let overlap = Overlap::of(self, log, before, head);
        Ok(overlap.contradiction().or_else(|| overlap.most_unfound()))
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
