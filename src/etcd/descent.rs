//! Whether one keyspace continues from another, or both were written after a restore from an older one.

use super::{AddedRecords, Keyspace, NewestByKey, Record, Snapshot};
use crate::Findings;

/// A restore with a higher revision (`--bump-revision`), by the empty record that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bump {
    /// The revision of the newest record before it: the restored state is of this revision or a later one.
    pub kept: i64,
    /// The revision that it was raised to.
    pub revision: i64,
}

impl Snapshot<'_> {
    /// Whether this keyspace continues from the last state of `older`: its records of that time are those of `older`,
    /// all of them where it is not compacted since, and each later one can follow what `older` has of its key. `None`
    /// where nothing connects the two, or `older` is not older. Reads all records of both once; neither is damaged.
    #[must_use]
    pub(crate) fn continues(&self, older: &Self) -> Option<bool> {
        let (end, head) = (older.head().ok()?, self.head().ok()?);
        if end > head {
            return None;
        }
        let (before, known) = (self.newest_until(end), older.newest_until(end));
        let agrees = before.agrees_with(&known);
        let lacks = self.keyspace.compacted() <= end && known.agrees_with(&before) == Some(false);
        if lacks || agrees == Some(false) {
            return Some(false);
        }
        let follows = self.follows(&known, end);
        if follows == Some(false) { Some(false) } else { agrees.or(follows) }
    }

    /// Whether each record after the revision `end` can follow what `known` has of its key, the newest up to there.
    /// `None` where none is of a key that was live.
    fn follows(&self, known: &NewestByKey<'_>, end: i64) -> Option<bool> {
        let mut common = false;
        let followed = self.each_record_from(end.saturating_add(1), &mut Findings::default(), |record| {
            let (is_put, written) = (!record.tombstone && !record.is_bump(), record.kv.generation());
            if is_put && written.version > 0 {
                let earlier = known.live_record(record.kv.key).map(|newest| newest.kv().generation());
                common |= written.create_revision <= end;
                return if written.can_follow(earlier, end) { Ok(()) } else { Err(()) };
            }
            Ok(())
        });
        if followed.is_err() { Some(false) } else { common.then_some(true) }
    }

    /// The restores with a higher revision that this keyspace went through, in order.
    #[must_use]
    pub(crate) fn bumps(&self) -> Vec<Bump> {
        let (mut bumps, mut kept) = (Vec::new(), 0);
        if !self.records(<[u8]>::is_empty).iter().any(Record::is_bump) {
            return bumps;
        }
        // What cannot be read was reported when it was loaded.
        let _: Result<(), ()> = self.each_record(&mut Findings::default(), |record| {
            let revision = record.revision.main;
            if record.is_bump() {
                bumps.push(Bump { kept, revision });
            }
            kept = revision;
            Ok(())
        });
        bumps
    }

    /// The newest record of each key up to the revision `end`, without what only a log holds of compacted revisions:
    /// of some keys it may not show the newest.
    fn newest_until(&self, end: i64) -> NewestByKey<'_> {
        let until = |record: &Record<'_>| record.revision.main <= end && !record.is_bump();
        let keyspace = Keyspace { earlier: AddedRecords::default(), ..self.keyspace };
        keyspace.newest(&self.fresh_walk(), || (), |(), record| until(record)).shared
    }
}

#[allow(clippy::arithmetic_side_effects)]
#[cfg(test)]
mod tests {
    use super::*;

    fn image(fixture: &str) -> Vec<u8> {
        let mut bytes = std::fs::read(format!("fixtures/{fixture}")).unwrap();
        bytes.truncate(bytes.len() - 32);
        bytes
    }

    #[test]
    fn a_later_backup_continues_from_an_earlier_one() {
        let [early, late, other] = ["kube.db", "kube-later.db", "etcd-3.6.db"].map(image);
        let [early, late, other] = [&early, &late, &other].map(|image| Snapshot::open(image).unwrap());
        assert_eq!(late.continues(&early), Some(true));
        assert_eq!(late.continues(&late), Some(true));
        // `older` continues only in that order.
        assert_eq!(early.continues(&late), None);
        assert_eq!(late.continues(&other), Some(false));
    }
}
