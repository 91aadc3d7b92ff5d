//! Whether one keyspace continues from another, or both were written after a restore from an older one.

use super::{NewestByKey, Snapshot};

impl Snapshot<'_> {
    /// Whether this keyspace continues from the last state of `older`: its records of that time are those of `older`.
    /// `None` where they have no record in common, or `older` is not older. Reads all records of both once.
    #[must_use]
    pub fn continues(&self, older: &Self) -> Option<bool> {
        let (end, head) = (older.head().ok()?, self.head().ok()?);
        (end <= head).then(|| self.newest_until(end).agrees_with(&older.newest_until(end)))?
    }

    /// The newest record of each key up to the revision `end`.
    fn newest_until(&self, end: i64) -> NewestByKey<'_> {
        let until = |record: &super::Record<'_>| record.revision.main <= end && !record.is_bump();
        self.keyspace.newest(&self.fresh_walk(), || (), |(), record| until(record)).shared
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
