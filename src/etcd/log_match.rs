//! Whether a log that was named apart from a db is the one that goes on from it. A cluster that was restored from the
//! same backup may have the same ids: so the entries that both should hold are compared, too.

use hashbrown::HashSet;

use super::{
    Request, Snapshot,
    request::{Op, RequestOp, Txn},
};
use crate::{
    Error, Result,
    source::Source,
    wal::{ConfChangeKind, Entry, EntryKind, Log},
};

/// So many of the last puts that both should hold are looked up.
const LOOKED_UP: usize = 256;
/// Fewer say nothing: they may have been refused, or deleted and compacted since.
const ENOUGH: usize = 8;

type Pairs<'a> = HashSet<(&'a [u8], &'a [u8])>;

impl<'a> Snapshot<'a> {
    /// Makes sure that `log` goes on from this db, as far as can be told.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn check_log_match(&self, source: &Source, log: &Log<'a>) -> Result<()> {
        let no = |what: String, hint: &str| {
            let what = format!("{}: {what}", source.name());
            Err(Error::refused(what).hinted(hint))
        };
        let Some(index) = self.state.meta.consistent_index.filter(|index| *index > 0) else {
            let hint = "only a db with meta/consistent_index can be rolled forward";
            return no("it does not say which entries of a log it holds".to_owned(), hint);
        };
        let entries = log.entries();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return no("the log has no entries".to_owned(), "name the folder with the member's own log");
        };
        if first.index > index.saturating_add(1) {
            let (missing, first) = (first.index.saturating_sub(index).saturating_sub(1), first.index);
            let what =
                format!("it holds the entries up to {index}, and the log begins at {first}: {missing} are missing");
            return no(what, "an older copy of the log, or a newer backup, closes the gap");
        }
        if last.index < index {
            let what = format!("it holds the entries up to {index}, and the log ends at {}", last.index);
            return no(what, "the log is older than the backup, or another cluster's");
        }
        let before = entries.get(..entries.partition_point(|entry| entry.index <= index)).unwrap_or_default();
        let at = before.last().filter(|entry| entry.index == index).map(|entry| entry.term);
        let at = at.or_else(|| log.snapshots().iter().find(|s| s.index == index).map(|s| s.term));
        let other = "the log is of another cluster, or of the same before it was restored";
        if let (Some(own), Some(term)) = (self.state.meta.term.filter(|term| *term > 0), at)
            && own != term
        {
            return no(format!("entry {index} has term {own} there, and term {term} in the log"), other);
        }
        self.check_members(log, before).or_else(|what| no(what, other))?;
        let pairs = puts(before);
        if pairs.len() >= ENOUGH {
            let keys: HashSet<_> = pairs.iter().map(|(key, _)| *key).collect();
            // most keys are none of them: a value is hashed for few
            if !self.any_record(|of| keys.contains(of.kv.key) && pairs.contains(&(of.kv.key, of.kv.value))) {
                let what = format!("of the last {} values that the log has before it, none is in it", pairs.len());
                return no(what, other);
            }
        }
        Ok(())
    }

    /// Whose log it is has to be known, and who was added before.
    fn check_members(&self, log: &Log<'_>, before: &[Entry<'_>]) -> Result<(), String> {
        let state = &self.state;
        if state.members.is_empty() {
            return Ok(());
        }
        let added = |entry: &Entry<'_>| match entry.kind {
            EntryKind::ConfChange => {
                let change = entry.conf_change().ok()?;
                let adds = matches!(change.kind, ConfChangeKind::AddNode | ConfChangeKind::AddLearner);
                adds.then_some(change.node_id)
            }
            _ => None,
        };
        let known = |id: u64| state.member(id).is_some() || state.removed.contains(&id);
        let own = log.metadata().map(|metadata| metadata.node_id);
        let later = |id| log.entries().iter().skip(before.len()).any(|entry| added(entry) == Some(id));
        let stranger = own.filter(|id| !known(*id) && !later(*id));
        match stranger.or_else(|| before.iter().filter_map(added).find(|id| !known(*id))) {
            Some(id) => Err(format!("the log knows member {id:x}, whom the backup does not")),
            None => Ok(()),
        }
    }
}

/// What the last of `entries` put.
fn puts<'a>(entries: &[Entry<'a>]) -> Pairs<'a> {
    let mut pairs = HashSet::new();
    for entry in entries.iter().rev() {
        match Request::of(entry).ok().flatten().map(|request| request.op) {
            Some(Op::Put(put)) if !put.ignore_value => drop(pairs.insert((put.key, put.value))),
            Some(Op::Txn(txn)) => of_txn(txn, &mut pairs),
            _ => {}
        }
        if pairs.len() >= LOOKED_UP {
            break;
        }
    }
    pairs
}

fn of_txn<'a>(txn: Txn<'a>, pairs: &mut Pairs<'a>) {
    for step in txn.success().chain(txn.failure()) {
        match step {
            RequestOp::Put(put) if !put.ignore_value => drop(pairs.insert((put.key, put.value))),
            RequestOp::Txn(inner) => of_txn(inner, pairs),
            _ => {}
        }
    }
}
